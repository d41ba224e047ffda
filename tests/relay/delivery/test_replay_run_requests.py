"""The requests of a replay: bytes, signatures, order, pace and repeats."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace as with_

from relay.config import SecretSource
from relay.control.messages import (
    CancelRequest,
    Edits,
    PreviewRequest,
    ReplayRequest,
)
from relay.delivery import replay_retries
from relay.engine import access
from relay.errors import UsageError
from relay.lean.signature import sign
from relay.store.read.reader import Reader
from tests.support.backends import Backend, Wire, answers, backend, free_port
from tests.support.factories import BODY, a_capture, insert_all
from tests.support.receiving import (
    rows,
)
from tests.support.replay_runs import SIGNATURE, deliveries, ended, replayed, settings_for
from tests.support.waiting import until


def request_parts(request: bytes) -> tuple[bytes, dict[str, bytes], bytes]:
    """Request line, headers by lower-case name, and body."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    pairs = (line.partition(b": ") for line in lines)
    return first, {name.decode().lower(): value for name, _, value in pairs}, body


async def test_an_edited_capture_is_sent_and_recorded_as_it_was_sent(tmp_path: Path) -> None:
    """A value of the body, a header, method and target differ; the rest is as it came; the log has both."""
    with backend(answers()) as there:
        settings = settings_for(tmp_path)
        edits = Edits(method="PUT", target="/x", set=(("payload.amount", "7.00"),), header=(("A", "b"),))
        order = ReplayRequest(ranges=((1, 1),), to=(f":{there.port}/its/own",), edits=edits)
        progress = await replayed(settings, order)
    line, headers, body = request_parts(there.requests[0])
    changed = BODY.replace(b"100.50", b"7.00")
    assert (line, body, headers["a"]) == (b"PUT /x HTTP/1.1", changed, b"b")
    assert headers["content-length"] == str(len(changed)).encode()
    assert headers["lean-signature"] == SIGNATURE.encode()
    assert progress.stale_signatures == 1
    sent = rows(settings.db, "SELECT sent_method, sent_target, sent_body, sent_headers FROM attempts")
    assert sent[0][:3] == ("PUT", "/x", changed)
    assert '["A","b"]' in sent[0][3]
    with Reader(settings.db) as reader:
        (attempt,) = reader.attempts(1)
        assert (attempt.sent_method, attempt.sent_target, attempt.sent_body) == ("PUT", "/x", changed)
        capture = reader.capture(1)
        assert capture is not None
        assert (capture.method, capture.body) == ("POST", BODY)


@pytest.mark.slow
async def test_signed_again_by_name_or_by_the_one_that_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the secret asked for; without a name by the one that signed the capture, else the preferred one."""
    secrets = {"sandbox": b"1", "production": b"2"}
    sources = []
    for name, secret in secrets.items():
        monkeypatch.setenv(f"SECRET_{name}", secret.decode())
        sources.append(SecretSource(name=name, env=f"SECRET_{name}", where="here"))
    with backend(answers()) as there:
        settings = settings_for(tmp_path, secrets=tuple(sources))
        with closing(sqlite3.connect(settings.db)) as log, log:
            log.execute("UPDATE captures SET signature = 'valid', signed_by = 'production' WHERE id = 1")
        edits = Edits(set=(("payload.amount", "7.00"),))
        order = ReplayRequest(ranges=((1, 2),), to=(f":{there.port}",), edits=edits)
        progress = await replayed(settings, with_(order, resign=True))
        await replayed(settings, with_(order, resign="sandbox"))
        with pytest.raises(UsageError, match="no secret called 'other'"):
            await replayed(settings, with_(order, resign="other"))
        with pytest.raises(UsageError, match="no webhook secret is configured"):
            await replayed(replace(settings, secrets=()), with_(order, resign=True))
    changed = BODY.replace(b"100.50", b"7.00")
    signatures = [request_parts(request)[1]["lean-signature"].decode() for request in there.requests]
    names = ("production", "sandbox", "sandbox", "sandbox")
    assert signatures == [sign(changed, secrets[name]) for name in names]
    assert progress.stale_signatures == 0


async def test_what_cannot_be_edited_or_sent_is_an_attempt_that_says_why(tmp_path: Path) -> None:
    """A wrong path or an invalid head is recorded with its reason; the other replays go on."""
    with backend(answers()) as there:
        settings = settings_for(tmp_path)
        with closing(sqlite3.connect(settings.db)) as log, log:
            log.execute("UPDATE captures SET body = CAST('{}' AS BLOB) WHERE id = 2")
            log.execute("UPDATE captures SET method = 'A B' WHERE id = 3")
        edits = Edits(set=(("payload.amount", "7.00"),))
        order = ReplayRequest(ranges=((1, 3),), to=(f":{there.port}",), edits=edits)
        progress = await replayed(settings, order)
    assert (progress.state, progress.delivered, progress.failed) == ("ended", 1, 2)
    assert len(there.requests) == 1
    found = rows(settings.db, "SELECT outcome, error FROM attempts ORDER BY id")
    assert [outcome for outcome, _ in found] == ["answered", "unsendable", "unsendable"]
    assert found[1][1] == "capture 2: the body has no payload.amount"
    assert found[2][1] == "'A B' is not a valid method"


async def test_what_would_be_sent_is_shown_without_sending(tmp_path: Path) -> None:
    """`preview` gives the request byte for byte, for each target; a fault in an edit is an error."""
    with backend(answers()) as there:
        settings = settings_for(tmp_path)
        order = ReplayRequest(ranges=((1, 2),), to=(f":{there.port}", ":1/x"), edits=Edits(body=b"\xff"))
        async with access.connect(settings) as send:
            shown = await send(PreviewRequest(order))
            wrong = with_(order, edits=Edits(set=(("nothing", "1"),)))
            with pytest.raises(UsageError, match="capture 1: the body has no nothing"):
                await send(PreviewRequest(wrong))
            run = await send(with_(order, to=(f":{there.port}",)))
            await ended(send, run)
    previews = shown.requests
    assert [(each.capture_id, each.to.rpartition(":")[2], each.target) for each in previews] == [
        (1, str(there.port), "/webhooks/lean"),
        (1, "1/x", "/x"),
        (2, str(there.port), "/webhooks/lean"),
        (2, "1/x", "/x"),
    ]
    sent = [request_parts(request) for request in there.requests]
    assert len(sent) == 2
    for preview, (line, headers, body) in zip(previews[::2], sent, strict=True):
        assert f"{preview.method} {preview.target} HTTP/1.1".encode() == line
        assert {name.lower(): value.encode("latin-1") for name, value in preview.headers} == headers
        assert (preview.body, preview.signature_is_stale) == (body, True) == (b"\xff", True)


def order_of(there: Backend) -> list[int]:
    return [int(request.split(b";capture=")[1].split(b"\r\n")[0]) for request in there.requests]


@pytest.mark.slow
async def test_an_order_of_chance_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    """Each round has everything once, in another order; the seed decides it."""
    seen: list[list[int]] = []
    for seed in (1, 1, 2):
        with backend(answers()) as there:
            folder = tmp_path / str(len(seen))
            folder.mkdir()
            settings = settings_for(folder, captures=30)
            order = ReplayRequest(ranges=((1, 30),), to=(f":{there.port}",), shuffle=seed, times=2)
            await replayed(settings, order)
            seen.append(order_of(there))
    assert seen[0] == seen[1] != seen[2]
    first, second = seen[0][:30], seen[0][30:]
    assert sorted(first) == sorted(second) == list(range(1, 31))
    assert first != second


@pytest.mark.slow
async def test_at_a_rate_or_as_far_apart_as_they_came(tmp_path: Path) -> None:
    """So many begin in a second and no more; `original` keeps the gaps between arrivals."""
    with backend(answers()) as there:
        settings = settings_for(tmp_path, captures=11)
        order = ReplayRequest(ranges=((1, 11),), to=(f":{there.port}",))
        progress = await replayed(settings, with_(order, rate=100))
        assert progress.elapsed_s >= 0.1
        with closing(sqlite3.connect(settings.db)) as log, log:
            log.execute("UPDATE captures SET received_at = 1000000000000000 + id * 20000")
        progress = await replayed(settings, with_(order, rate="original"))
        assert progress.elapsed_s >= 0.2
    started = rows(settings.db, "SELECT started_at FROM attempts ORDER BY id")[11:]
    gaps = [after - before for (before,), (after,) in pairwise(started)]
    assert min(gaps) > 0


async def test_until_delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is tried again, in order, until it is answered as Lean wants; an absent target is waited for."""
    monkeypatch.setattr(replay_retries, "FIRST_S", 0.01)
    asked = 0

    def behave(there: Backend, wire: Wire) -> None:
        nonlocal asked
        while True:
            there.take(wire)
            asked += 1
            status = b"200 OK" if asked % 3 == 0 else b"500 No"
            wire.send(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status)

    with backend(behave) as there:
        settings = settings_for(tmp_path)
        order = ReplayRequest(ranges=((1, 2),), to=(f":{there.port}",), until_delivered=True)
        progress = await replayed(settings, order)
        assert order_of(there) == [1, 1, 1, 2, 2, 2]
    assert (progress.done, progress.delivered, len(progress.attempts)) == (2, 2, 6)
    assert rows(settings.db, "SELECT number, status FROM attempts ORDER BY id") == [
        (1, 500), (2, 500), (3, 200), (1, 500), (2, 500), (3, 200)
    ]  # fmt: skip
    assert [(state, reason) for _, _, state, reason in deliveries(settings)] == [("ended", None)] * 2
    async with access.connect(settings) as send:
        run = await send(with_(order, to=(f":{free_port()}",)))
        await until(lambda: len(rows(settings.db, "SELECT 1 FROM attempts")) > 8, "tries of one that is away")
        await send(CancelRequest(run=run.run))
        progress = await ended(send, run)
        assert (progress.state, progress.tried, progress.done) == ("cancelled", 1, 0)
    assert rows(settings.db, "SELECT DISTINCT state, reason FROM deliveries WHERE id > 2") == [
        ("ended", "interrupted: cancelled"),
        ("ended", "not sent: cancelled"),
    ]


async def test_retried_on_lean_s_schedule(tmp_path: Path) -> None:
    """What is not delivered is sent again on the clock, holds up nothing, and ends with the seventh."""
    asked: dict[int, int] = {}

    def behave(there: Backend, wire: Wire) -> None:
        number = int(there.take(wire).split(b";capture=")[1].split(b"\r\n")[0])
        asked[number] = asked.get(number, 0) + 1
        is_good = number == 2 or (number == 1 and asked[number] == 3)
        status = b"200 OK" if is_good else b"500 No"
        wire.send(b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)

    with backend(behave) as there:
        settings = settings_for(tmp_path)
        order = ReplayRequest(ranges=((1, 3),), to=(f":{there.port}",), retries=0.00001)
        progress = await replayed(settings, order)
        assert order_of(there)[:3] != [1, 1, 1], "the next are not held up"
    assert (progress.state, progress.delivered, progress.failed) == ("ended", 2, 1)
    assert asked == {1: 3, 2: 1, 3: 7}
    found = rows(
        settings.db,
        "SELECT capture_id, number, verdict FROM attempts JOIN deliveries ON deliveries.id = delivery_id"
        " ORDER BY capture_id, attempts.id",
    )
    assert found == [
        (1, 1, "retry"),
        (1, 2, "retry"),
        (1, 3, "delivered"),
        (2, 1, "delivered"),
        *((3, number, "retry") for number in range(1, 8)),
    ]
    assert {state for _, _, state, _ in deliveries(settings)} == {"ended"}


async def test_a_pause_before_a_retry_ends_with_its_run(tmp_path: Path) -> None:
    """An hour's pause ends at once on a cancel, and so does the wait for a target that is away."""
    settings = settings_for(tmp_path)
    order = ReplayRequest(ranges=((1, 3),), to=(f":{free_port()}",), retries=60.0)
    async with access.connect(settings) as send:
        run = await send(order)
        await until(lambda: len(rows(settings.db, "SELECT 1 FROM attempts")) == 3, "the first attempts")
        assert rows(settings.db, "SELECT DISTINCT state FROM deliveries") == [("queued",)]
        await send(CancelRequest(run=run.run))
        progress = await ended(send, run)
    assert (progress.state, progress.tried, progress.done) == ("cancelled", 3, 0)
    assert rows(settings.db, "SELECT DISTINCT state, reason FROM deliveries") == [
        ("ended", "interrupted: cancelled")
    ]
    with pytest.raises(UsageError, match="exclude each other"):
        await replayed(settings, with_(order, until_delivered=True))


@pytest.mark.slow
async def test_large_bodies_come_a_few_at_a_time(tmp_path: Path) -> None:
    """Hundreds of megabytes to send do not stand in memory together."""
    with backend(answers()) as there:
        settings = settings_for(tmp_path, captures=0)
        size = 3 * 1024 * 1024
        with closing(sqlite3.connect(settings.db, isolation_level=None)) as log:
            insert_all(log, (a_capture(number, body=bytes(size)) for number in range(1, 31)))
        most = 0

        def watch(wire_body: bytes) -> None:
            nonlocal most
            most = max(most, tracemalloc.get_traced_memory()[0])

        there.requests = Watched(watch)
        tracemalloc.start()
        try:
            progress = await replayed(settings, ReplayRequest(ranges=((1, 30),), to=(f":{there.port}",)))
        finally:
            tracemalloc.stop()
    assert progress.delivered == 30
    assert most < 45 * 1024 * 1024


class Watched(list[bytes]):
    """Requests that are looked at and not kept."""

    def __init__(self, look: Callable[[bytes], None]) -> None:
        self._look = look

    def append(self, request: bytes) -> None:
        self._look(request)
