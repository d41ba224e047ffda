"""Replays: where they go, how attempts are recorded, what holds a run up, and how it ends."""

from __future__ import annotations

import asyncio
import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from relay.config import Route
from relay.control import client
from relay.control.exchange import EngineRequest
from relay.control.messages import (
    CancelRequest,
    Edits,
    PruneRequest,
    ReloadRequest,
    ReplayQuery,
    ReplayRequest,
    ReplayStatus,
    StatusRequest,
)
from relay.delivery import attempt, replay_run, replay_writer, store_writer
from relay.engine import access, engine
from relay.engine.replays import _existing
from relay.errors import Exit, NotFound, RelayError, UsageError
from relay.models import Capture
from relay.store.errors import StoreUnavailable
from tests.relay.engine.test_engine import post
from tests.support.backends import Backend, Wire, answers, backend, bodies, free_port
from tests.support.factories import BODY
from tests.support.receiving import (
    a_post,
    rows,
)
from tests.support.replay_runs import SIGNATURE, deliveries, ended, replayed, settings_for
from tests.support.waiting import until


async def test_a_capture_goes_as_it_came(tmp_path: Path) -> None:
    """Method, target, headers and body byte for byte, the signature with them; recorded as a replay."""
    with backend(answers()) as there:
        settings = settings_for(tmp_path)
        progress = await replayed(settings, ReplayRequest(ranges=((2, 2),), to=(f":{there.port}",)))
    (request,) = there.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /webhooks/lean HTTP/1.1"
    assert lines[1] == b"Host: localhost:%d" % there.port
    assert lines[2:5] == [b"X-Odd: a", b"x-odd: b\xe9", b"Lean-Signature: " + SIGNATURE.encode()]
    assert lines[-1].endswith(b";hop=1;capture=2")
    assert body == BODY
    assert (progress.state, progress.done, progress.delivered, progress.left) == (
        "ended",
        1,
        1,
        0,
    )
    assert deliveries(settings) == [(2, "replay", "ended", None)]
    (attempt,) = rows(
        settings.db,
        "SELECT id, number, outcome, status, verdict, sent_headers, sent_body, body FROM attempts",
    )
    assert attempt[:5] == (progress.attempts[0], 1, "answered", 200, "delivered")
    assert "hop=1;capture=2" in attempt[5]
    assert attempt[6:] == (None, b"ok")


@pytest.mark.slow
async def test_in_order_round_after_round(tmp_path: Path) -> None:
    """One at a time in the order of the ranges; `times` goes through all again; what is gone is left out."""
    with backend(answers()) as there:
        settings = settings_for(tmp_path, captures=250)
        order = ReplayRequest(ranges=((240, 260), (1, 130)), to=(f":{there.port}",), times=2)
        progress = await replayed(settings, order)
    sent = [int(request.split(b";capture=")[1].split(b"\r\n")[0]) for request in there.requests]
    assert sent == [*range(240, 251), *range(1, 131)] * 2
    assert (progress.captures, progress.total, progress.done) == (141, 282, 282)
    assert len(set(progress.attempts)) == 282


@pytest.mark.slow
async def test_records_are_committed_in_groups(tmp_path: Path) -> None:
    """A run of hundreds is a handful of commits: one a page, and one for each group of records."""
    with backend(answers()) as there:
        settings = settings_for(tmp_path, captures=200)
        async with engine.running(settings, receive=False) as running:
            writes = 0
            write = running._writer.write

            async def counted(work: Any, **how: Any) -> Any:
                nonlocal writes
                writes += 1
                return await write(work, **how)

            running._writer.write = counted  # type: ignore[method-assign]
            run = await running.request(ReplayRequest(ranges=((1, 200),), to=(f":{there.port}",)))
            progress = await ended(running.request, run)
    assert progress.done == 200
    assert writes < 4 + 2 + progress.elapsed_s / replay_writer.GROUP_S


@pytest.mark.parametrize("retries", [None, 0.00001])
async def test_a_commit_that_nobody_heard_of_is_not_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, retries: float | None
) -> None:
    """As where the writing process dies before it answers: each delivery and each attempt is there once."""
    monkeypatch.setattr(store_writer, "REPEAT_AFTER_S", 0.001)
    with backend(answers(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")) as there:
        settings = settings_for(tmp_path)
        async with engine.running(settings, receive=False) as running:
            write = running._writer.write
            done: set[Any] = set()

            async def unheard(work: Any, **how: Any) -> Any:
                result = await write(work, **how)
                if work not in done:
                    done.add(work)
                    raise StoreUnavailable("store-failing", "the process that writes the database ended")
                return result

            monkeypatch.setattr(running._writer, "write", unheard)
            order = ReplayRequest(ranges=((1, 3),), to=(f":{there.port}",), times=2, retries=retries)
            progress = await ended(running.request, await running.request(order))
            monkeypatch.setattr(running._writer, "write", write)
    assert progress.done == 6
    assert [state for _, _, state, _ in deliveries(settings)] == ["ended"] * 6
    assert rows(settings.db, "SELECT id FROM attempts ORDER BY id") == [
        (number,) for number in sorted(progress.attempts)
    ]
    assert len(progress.attempts) == len(there.requests)


async def test_as_many_at_once_as_asked(tmp_path: Path) -> None:
    """With a concurrency of three, three are on their way together, and not four; they are `sending`."""

    def behave(there: Backend, wire: Wire) -> None:
        while True:
            there.take(wire)
            there.released.wait(20)
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with backend(behave) as there:
        settings = settings_for(tmp_path, captures=5)
        async with access.connect(settings) as send:
            order = ReplayRequest(ranges=((1, 5),), to=(f":{there.port}",), concurrency=3)
            run = await send(order)
            await until(lambda: len(there.requests) == 3, "three requests")
            states = [state for _, _, state, _ in deliveries(settings)]
            await until(
                lambda: (
                    sorted(state for _, _, state, _ in deliveries(settings))
                    == ["queued"] * 2 + ["sending"] * 3
                ),
                f"three on their way and two that wait, not {states}",
            )
            assert len(there.requests) == 3
            there.released.set()
            assert (await ended(send, run)).done == 5


async def test_without_a_target_of_its_own_it_goes_where_it_would_go_now(tmp_path: Path) -> None:
    """The configured targets, each with its filter; what no target takes is skipped and counted."""
    with backend(answers()) as one, backend(answers()) as two:
        settings = settings_for(tmp_path, f":{one.port}")
        takes_none = Route(to=f":{two.port}", when="method:PUT", where="--forward-to")
        settings = replace(settings, forward=(*settings.forward, takes_none))
        progress = await replayed(settings, ReplayRequest(ranges=((1, 3),)))
    assert (len(one.requests), len(two.requests)) == (3, 0)
    assert (progress.total, progress.done, progress.skipped, progress.left) == (6, 3, 3, 0)


async def test_no_answer_of_a_backend_ends_a_run(tmp_path: Path) -> None:
    """A 500 and a connection that is closed without a word are attempts like others; the run goes on."""

    def behave(there: Backend, wire: Wire) -> None:
        if b"capture=2\r\n" not in there.take(wire):
            wire.send(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with backend(behave) as there:
        settings = settings_for(tmp_path)
        progress = await replayed(settings, ReplayRequest(ranges=((1, 3),), to=(f":{there.port}",)))
    assert (progress.state, progress.done, progress.failed) == ("ended", 3, 3)
    failed = "500 is not 200: the backend failed"
    assert [reason for _, _, _, reason in deliveries(settings)] == [failed, "no response arrived", failed]
    assert rows(settings.db, "SELECT outcome FROM attempts") == [("answered",), ("closed",), ("answered",)]


async def test_a_target_that_is_not_there_ends_the_run(tmp_path: Path) -> None:
    """One try shows it; the rest ends unsent, with the reason in each delivery."""
    port = free_port()
    settings = settings_for(tmp_path)
    progress = await replayed(settings, ReplayRequest(ranges=((1, 3),), to=(f":{port}",)))
    why = f"could not reach http://localhost:{port}: nothing listens on port {port}"
    assert (progress.state, progress.reason) == ("unreachable", why)
    assert (progress.done, progress.failed, progress.left) == (1, 1, 2)
    assert [state for _, _, state, _ in deliveries(settings)] == ["ended"] * 3
    assert {reason for _, _, _, reason in deliveries(settings)[1:]} == {f"not sent: {why}"}
    assert rows(settings.db, "SELECT outcome FROM attempts") == [("refused",)]


@pytest.mark.slow
async def test_one_target_that_is_not_there_keeps_nothing_from_the_other(tmp_path: Path) -> None:
    """What is left for the absent one is not tried; the other gets everything."""
    port = free_port()
    with backend(answers()) as there:
        settings = settings_for(tmp_path, captures=150)
        order = ReplayRequest(ranges=((1, 150),), to=(f":{port}", f":{there.port}"))
        progress = await replayed(settings, order)
    assert len(there.requests) == 150
    assert (progress.state, progress.done, progress.left) == ("unreachable", 151, 149)
    assert {state for _, _, state, _ in deliveries(settings)} == {"ended"}


async def test_cancelled_while_a_backend_hangs(tmp_path: Path) -> None:
    """It ends soon; what hung is `interrupted`, what waited `not sent`, and nothing is sent afterwards."""

    def behave(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.hang()

    with backend(behave) as there:
        settings = settings_for(tmp_path, captures=150)
        async with access.connect(settings) as send:
            run = await send(ReplayRequest(ranges=((1, 150),), to=(f":{there.port}",)))
            await until(lambda: len(there.requests) == 1, "the first request")
            await send(CancelRequest(run=run.run))
            progress = await ended(send, run)
            assert (progress.state, progress.reason, progress.done) == ("cancelled", "cancelled", 0)
            assert progress.tried == 1, "its request went out"
            found = deliveries(settings)
            assert {state for _, _, state, _ in found} == {"ended"}
            assert found[0][3] == "interrupted: cancelled"
            assert {reason for _, _, _, reason in found[1:]} == {"not sent: cancelled"}
        assert len(there.requests) == 1


async def test_a_hanging_answer_holds_up_the_next_for_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the next goes, and the answer is only awaited."""
    monkeypatch.setattr(attempt, "HOLDS_UP_S", 0.05)
    with backend(hangs_until_released) as there:
        settings = settings_for(tmp_path)
        async with access.connect(settings) as send:
            run = await send(ReplayRequest(ranges=((1, 3),), to=(f":{there.port}",)))
            await until(lambda: len(there.requests) == 3, "all three")
            there.released.set()
            assert (await ended(send, run)).delivered == 3


async def test_few_hang_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of as many as may be awaited holds up the next for as long as it hangs."""
    monkeypatch.setattr(attempt, "HOLDS_UP_S", 0.05)
    monkeypatch.setattr(replay_run, "MOST_IN_FLIGHT", 2)
    over = 0
    given_up = replay_run.ReplayRun._overdue

    def counted(run: replay_run.ReplayRun, job: Any) -> None:
        nonlocal over
        given_up(run, job)
        over += 1

    monkeypatch.setattr(replay_run.ReplayRun, "_overdue", counted)
    with backend(hangs_until_released) as there:
        settings = settings_for(tmp_path)
        async with engine.running(settings, receive=False) as running:
            run = await running.request(ReplayRequest(ranges=((1, 3),), to=(f":{there.port}",)))
            await until(lambda: over == 2, "the time of two")
            assert running._replays._runs[run.run]._room.locked()
            assert len(there.requests) == 2
            there.released.set()
            assert (await ended(running.request, run)).delivered == 3


def hangs_until_released(there: Backend, wire: Wire) -> None:
    there.take(wire)
    there.released.wait(20)
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


async def test_an_engine_that_ends_ends_its_replays(tmp_path: Path) -> None:
    """No delivery is left as if it were still to be sent."""

    def behave(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.hang()

    with backend(behave) as there:
        settings = settings_for(tmp_path)
        async with access.connect(settings) as send:
            await send(ReplayRequest(ranges=((1, 3),), to=(f":{there.port}",)))
            await until(lambda: len(there.requests) == 1, "the first request")
    assert [reason.partition(":")[0] for _, _, _, reason in deliveries(settings)] == [
        "interrupted",
        "not sent",
        "not sent",
    ]


@pytest.mark.slow
async def test_a_replay_that_died_is_never_sent_again(tmp_path: Path) -> None:
    """Rows of an engine that was killed end as interrupted, with a receiver or without one."""
    for receive in (True, False):
        folder = tmp_path / str(receive)
        folder.mkdir()
        with backend(answers()) as there:
            settings = settings_for(folder, f":{there.port}")
            with closing(sqlite3.connect(settings.db)) as log, log:
                for state in ("queued", "sending"):
                    log.execute(
                        "INSERT INTO deliveries (capture_id, target, kind, state, created_at, due_at)"
                        f" VALUES (1, 'http://localhost:{there.port}', 'replay', '{state}', 1, 1)"
                    )
            async with engine.running(settings, receive=receive):
                assert {(state, reason) for _, _, state, reason in deliveries(settings)} == {
                    ("ended", "interrupted: the engine ended meanwhile")
                }
        assert there.requests == []


@pytest.mark.slow
async def test_live_deliveries_go_on_beside_a_replay_that_hangs(tmp_path: Path) -> None:
    """A hanging replay to the same backend holds up no live delivery, and counts for nothing that waits."""

    def behave(there: Backend, wire: Wire) -> None:
        while b"capture=1\r\n" not in there.take(wire):
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        wire.hang()

    with backend(behave) as there:
        settings = settings_for(tmp_path, f":{there.port}")
        async with engine.running(settings, receive=True) as running:
            await client.request(settings.db, ReplayRequest(ranges=((1, 3),)))
            await until(lambda: len(there.requests) == 1, "the replay")
            assert b" 200 " in await post(running.url, a_post())
            await until(lambda: len(there.requests) == 2, "the live delivery")
            status = await client.request(settings.db, StatusRequest())
            assert [run.state for run in status.replays] == ["running"]
            await until(
                lambda: rows(settings.db, "SELECT state FROM deliveries WHERE kind = 'live'") == [("ended",)],
                "its end",
            )
            (target,) = (await client.request(settings.db, StatusRequest())).targets
            assert (target.waiting, target.state) == (0, "up")


@pytest.mark.slow
async def test_never_to_itself(tmp_path: Path) -> None:
    """Its own listener and its public URL are no targets; a capture that came from it goes no further."""
    settings = settings_for(tmp_path, public_url="https://relay.test/in")
    async with engine.running(settings, receive=True) as running:
        assert running.url is not None
        for target in (running.url, f":{running.url.rpartition(':')[2]}/x", "https://relay.test"):
            with pytest.raises(UsageError, match="is this relay itself"):
                await running.request(ReplayRequest(ranges=((1, 1),), to=(target,)))
        with backend(answers()) as there:
            mark = f"{running._instance};hop=1;capture=1"
            await post(running.url, a_post(headers=[("X-Lean-Relay", mark)]))
            run = await running.request(ReplayRequest(ranges=((4, 4),), to=(f":{there.port}",)))
            assert (await ended(running.request, run)).failed == 1
        assert there.requests == []
    assert rows(settings.db, "SELECT outcome FROM attempts") == [("loop",)]


class Written(EngineRequest[ReplayStatus], frozen=True, tag="replay"):
    """The same action with parameters of any form."""

    ranges: Any
    speed: int = 0
    times: int = 1


async def test_what_cannot_be_ordered(tmp_path: Path) -> None:
    """No target, no such target, no capture, no such run, a shape that is none: each says so."""
    settings = settings_for(tmp_path)
    async with engine.running(settings, receive=False) as running:
        with pytest.raises(UsageError, match="--to"):
            await running.request(ReplayRequest(ranges=((1, 1),)))
        with pytest.raises(UsageError, match="--to: 'nonsense' is not a valid target"):
            await running.request(ReplayRequest(ranges=((1, 1),), to=("nonsense",)))
        with pytest.raises(UsageError, match="its host cannot be written in ASCII"):
            await running.request(ReplayRequest(ranges=((1, 1),), to=("http://ä..b/",)))
        with pytest.raises(NotFound):
            await running.request(ReplayRequest(ranges=((7, 9),), to=(":1",)))
        with pytest.raises(NotFound, match="has no replay 5"):
            await running.request(CancelRequest(run=5))
        for wrong in (Written("1"), Written([[1, 1]], speed=3), Written([[1, 1]], times=0)):
            with pytest.raises(RelayError, match="cannot read this request") as refused:
                await client.request(settings.db, wrong)
            assert refused.value.exit_code == Exit.USAGE


async def test_few_runs_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more than the bound is refused with a word, and goes once another has ended."""
    monkeypatch.setattr("relay.engine.replays.MOST_RUNNING", 1)

    def behave(there: Backend, wire: Wire) -> None:
        there.take(wire)
        there.released.wait(20)
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with backend(behave) as there:
        settings = settings_for(tmp_path)
        order = ReplayRequest(ranges=((1, 1),), to=(f":{there.port}",))
        async with access.connect(settings) as send:
            first = await send(order)
            with pytest.raises(RelayError, match="already"):
                await send(order)
            there.released.set()
            await ended(send, first)
            second = await send(order)
            assert (await ended(send, second)).done == 1
            assert [run.run for run in (await send(ReplayQuery())).runs] == [1, 2]


@contextmanager
def planning(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Replays whose captures are being looked up, until the event is set."""
    go_on = Event()

    def existing(db: Path, ranges: Sequence[tuple[int, int]]) -> array[int]:
        go_on.wait(60)
        return _existing(db, ranges)

    monkeypatch.setattr("relay.engine.replays._existing", existing)
    try:
        yield go_on
    finally:
        go_on.set()


async def test_a_reload_while_a_replay_is_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes where the routes led when it was asked for: they and its targets are of one moment."""
    with backend(answers()) as there, backend(answers()) as other:
        settings = settings_for(tmp_path, f":{there.port}")
        fresh = settings
        async with engine.running(settings, receive=True, reread=lambda: fresh) as running:
            with planning(monkeypatch) as go_on:
                begun = asyncio.ensure_future(running.request(ReplayRequest(ranges=((1, 3),))))
                await asyncio.sleep(0)  # Its routes are read.
                fresh = replace(settings, forward=(Route(to=f":{other.port}", where="--forward-to"),))
                await running.request(ReloadRequest())
                go_on.set()
                progress = await ended(running.request, await begun)
    assert (progress.state, progress.delivered) == ("ended", 3)
    assert (len(there.requests), len(other.requests)) == (3, 0)


async def test_what_changes_while_a_replay_is_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two that are planned at once only as many run as may; an engine that ends begins none."""
    monkeypatch.setattr("relay.engine.replays.MOST_RUNNING", 1)
    with backend(lambda there, wire: wire.hang()) as there:
        settings = settings_for(tmp_path)
        order = ReplayRequest(ranges=((1, 1),), to=(f":{there.port}",))
        async with engine.running(settings, receive=False) as running:
            with planning(monkeypatch) as go_on:
                begun = [asyncio.ensure_future(running.request(order)) for _ in range(2)]
                await asyncio.sleep(0)
                go_on.set()
                results = await asyncio.gather(*begun, return_exceptions=True)
            assert sorted(type(each).__name__ for each in results) == ["RelayError", "ReplayStatus"]
            with planning(monkeypatch) as go_on:
                late = asyncio.ensure_future(running.request(order))
                await asyncio.sleep(0)
                running._replays.stop()
                go_on.set()
                with pytest.raises(RelayError, match="the engine is stopping"):
                    await late


async def test_an_unforeseen_error_ends_a_run_without_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They may quote what was to be sent; what it was and where is said, and nothing is left queued."""

    def unforeseen(capture: Capture, edited: Capture) -> bool:
        raise LookupError(f"not foreseen: {edited.body!r}")

    monkeypatch.setattr("relay.delivery.replay_jobs.is_signature_stale", unforeseen)
    settings = settings_for(tmp_path)
    edits = Edits(set=(("payload.amount", "7.00"),))
    run = await replayed(settings, ReplayRequest(ranges=((1, 3),), to=(":1",), edits=edits))
    assert run.state == "failed"
    assert run.reason is not None
    assert run.reason.startswith("internal error, please report it: LookupError in unforeseen:")
    assert "LookupError" in caplog.text
    assert "not foreseen" not in caplog.text
    assert deliveries(settings) == []


async def test_removed_while_it_is_on_its_way(tmp_path: Path) -> None:
    """Captures that are pruned under a run are no fault: what is left of it goes on."""

    def behave(there: Backend, wire: Wire) -> None:
        while True:
            there.take(wire)
            there.released.wait(20)
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with backend(behave) as there:
        settings = settings_for(tmp_path)
        async with access.connect(settings) as send:
            run = await send(ReplayRequest(ranges=((1, 3),), to=(f":{there.port}",)))
            await until(lambda: len(there.requests) == 1, "the first request")
            assert (await send(PruneRequest(ranges=[(1, 2)], starred_too=True))).removed == 2
            there.released.set()
            progress = await ended(send, run)
    assert (progress.state, progress.done, len(progress.attempts)) == ("ended", 3, 1)
    assert bodies(there) == [BODY] * 3
    assert [capture for capture, _, _, _ in deliveries(settings)] == [3]
