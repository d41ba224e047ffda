"""A store that hangs, as a disk can: the writing process stands still, and nothing else may wait for it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest

from relay.cli.listen.command import _listen
from relay.config import Route, Settings
from relay.control import client
from relay.control.exchange import EngineRequest, action_of
from relay.control.lock import holder
from relay.control.messages import (
    ForwardRequest,
    NoteRequest,
    PauseRequest,
    PruneRequest,
    ReloadRequest,
    ReplayRequest,
    ResumeRequest,
    StarRequest,
    StatusRequest,
    VerifyRequest,
)
from relay.engine import engine
from relay.engine.engine import Engine
from relay.errors import RelayError
from relay.store.write.recorder import WriteTimeouts
from tests.support.receiving import (
    a_post,
    read_answer,
    rows,
)
from tests.support.waiting import until

SOON_S = 10.0
"""Twice what it takes on a quiet machine; without a limit it would be for ever."""

NOWHERE = Route(to=":9", when="type:nothing", where="forward[0]")
"""A target that nothing is sent to."""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience is short, so that each test is."""
    monkeypatch.setattr("relay.store.write.client.WriteTimeouts", lambda: WriteTimeouts(answer_s=1.0))
    monkeypatch.setattr("relay.engine.maintenance.STORE_WITHIN_S", 0.5)
    monkeypatch.setattr("relay.engine.maintenance.SLICE_WITHIN_S", 0.5)
    monkeypatch.setattr("relay.engine.forwarding.STORE_WITHIN_S", 0.5)


@asynccontextmanager
async def hung(folder: Path, **changes: Any) -> AsyncIterator[tuple[Engine, int]]:
    """An engine whose store took one capture and then hangs; and the writing process."""
    settings = replace(Settings(db=folder / "data" / "relay.db", port=0), **changes)
    pid = None
    try:
        async with (
            asyncio.timeout(30),  # An end that waits for the store would never come.
            engine.running(settings, receive=True, reread=lambda: settings) as running,
        ):
            assert b" 200 " in await post(running, a_post())
            pid = running._writer.pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            yield running, pid
    finally:
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


async def post(running: Engine, data: bytes) -> bytes:
    assert running.url is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", int(running.url.rpartition(":")[2]))
    try:
        writer.write(data)
        return await read_answer(reader)
    finally:
        writer.close()


def refused() -> bytes:
    return a_post(headers=[("Origin", "https://x.example")])


@pytest.mark.slow
async def test_callers_are_answered_whatever_else_waits_for_the_store(tmp_path: Path) -> None:
    """A refusal waits to be written, and captures are given up in time all the same; late heads are cut."""
    async with hung(tmp_path) as (running, pid):
        assert b" 403 " in await post(running, refused())
        # Its row is on its way to the process that stands still.
        await until(lambda: running.refusals.unwritten == 0, "the refusal to be taken for writing")
        begun = monotonic()
        answer = await post(running, a_post())
        assert b" 503 " in answer
        assert monotonic() - begun < SOON_S
        assert b" 503 " in await post(running, a_post())
        os.kill(pid, signal.SIGCONT)
        await until(lambda: running._writer.trouble is None, "the store to answer")
        assert b" 200 " in await post(running, a_post())
        await until(lambda: bool(rows(running.settings.db, "SELECT 1 FROM refusals")), "the refusal's row")
    found = rows(running.settings.db, "SELECT answer, count(*) FROM captures GROUP BY answer")
    assert dict(found)[200] == 2
    assert set(dict(found)) <= {200, 503}


@pytest.mark.slow
async def test_status_says_that_the_store_does_not_answer(tmp_path: Path) -> None:
    """Within two seconds, again and again, while the store has said nothing of any trouble itself."""
    async with hung(tmp_path, forward=()) as (running, pid):
        for _ in range(3):
            begun = monotonic()
            status = await client.request(running.settings.db, StatusRequest())
            assert monotonic() - begun < SOON_S
            assert status.store.state == "store-slow"
            assert "has not answered" in str(status.store.detail)
        assert len(running._writer._jobs) < 4  # Questions to a store that hangs do not pile up.
        os.kill(pid, signal.SIGCONT)  # The end is another test's.


@pytest.mark.slow
async def test_what_waits_is_counted_while_the_store_hangs(tmp_path: Path) -> None:
    """Counting needs no turn of the process that writes, so webhooks never wait for it."""
    route = Route(to=":9", where="forward[0]")
    async with hung(tmp_path, forward=(route,)) as (running, pid):
        (target,) = (await client.request(running.settings.db, StatusRequest())).targets
        assert target.waiting == 1
        os.kill(pid, signal.SIGCONT)


@pytest.mark.slow
@pytest.mark.parametrize(
    "request_",
    [
        StarRequest([1], starred=True),
        NoteRequest([1], "x"),
        PruneRequest([(1, 1)]),
        VerifyRequest([(1, "valid", "x")]),
        ForwardRequest([1]),
        PauseRequest(),
        ResumeRequest(),
    ],
    ids=lambda request: action_of(type(request)),
)
async def test_an_action_that_needs_the_store_gives_up(tmp_path: Path, request_: EngineRequest[Any]) -> None:
    """Whoever asks hears why, with the store's word; nobody waits for a disk."""
    async with hung(tmp_path, forward=(NOWHERE,)) as (running, pid):
        begun = monotonic()
        with pytest.raises(RelayError) as slow:
            await client.request(running.settings.db, request_)
        assert slow.value.word == "store-slow"
        assert monotonic() - begun < SOON_S
        os.kill(pid, signal.SIGCONT)


@pytest.mark.slow
async def test_settings_are_read_again_while_the_store_hangs(tmp_path: Path) -> None:
    """`reload` needs the store only where targets change, and then says that it did not answer."""
    async with hung(tmp_path) as (running, pid):
        result = await asyncio.wait_for(running.request(ReloadRequest()), 2.0)
        assert result.after_restart == []
        running._reread = lambda: replace(running.settings, forward=(NOWHERE,), respond=202)
        with pytest.raises(RelayError) as slow:
            await asyncio.wait_for(running.request(ReloadRequest()), 2.0)
        assert slow.value.word == "store-slow"
        assert running.settings.respond == 202
        os.kill(pid, signal.SIGCONT)


@pytest.mark.slow
async def test_the_end_comes_in_time(tmp_path: Path) -> None:
    """The engine ends within 5 s and its database is free; what was not stored was answered 503."""
    async with hung(tmp_path) as (running, pid):
        assert b" 403 " in await post(running, refused())
        answers = [asyncio.ensure_future(post(running, a_post())) for _ in range(3)]
        await until(lambda: running._writer.waiting == 3, "the captures to be on their way")
        begun = monotonic()
    assert monotonic() - begun < SOON_S
    assert [b" 503 " in answer for answer in await asyncio.gather(*answers)] == [True] * 3
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert holder(running.settings.db) is None
    async with engine.running(running.settings, receive=True) as after:
        assert b" 200 " in await post(after, a_post())


async def test_a_start_that_waits_for_the_disk_can_be_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM before the engine is ready ends it too, and the writing process with it."""
    silent = [sys.executable, "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr("relay.store.write.lifetime.own_module", lambda name: silent)
    monkeypatch.setattr("relay.cli.listen.shutdown.BY_FORCE_AFTER_S", 3600.0)
    settings = Settings(db=tmp_path / "data" / "relay.db", port=0)
    task = asyncio.ensure_future(_listen(settings, lambda: settings, json=False, behind=None))

    def started() -> list[psutil.Process]:
        return [child for child in psutil.Process().children() if "time.sleep(600)" in child.cmdline()[-2]]

    await until(lambda: bool(started()), "the writing process to start")
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(task, 5.0) == 0
    assert started() == []
    assert holder(settings.db) is None


@pytest.mark.slow
async def test_attempts_that_cannot_be_recorded_do_not_hold_up_the_end(tmp_path: Path) -> None:
    """Live and replayed ones, with responses that come while the store hangs; the next engine goes on."""
    gate = asyncio.Event()
    begun: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.append(await reader.readuntil(b"\r\n\r\n"))
        await gate.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = Settings(
            db=tmp_path / "relay.db", port=0, forward=(Route(to=f":{port}", where="forward[0]"),)
        )
        async with engine.running(settings, receive=True) as running:
            assert b" 200 " in await post(running, a_post())
            await running.request(ReplayRequest(ranges=((1, 1),), to=(f":{port}",)))
            await until(lambda: len(begun) == 2, "both attempts to begin")
            pid = running._writer.pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            gate.set()
            await until(lambda: len(running._writer._jobs) >= 2, "both records to wait for the store")
            at = monotonic()
        assert monotonic() - at < SOON_S
        async with engine.running(settings, receive=True) as after:
            sent = "SELECT 1 FROM attempts WHERE verdict = 'delivered'"
            await until(lambda: bool(rows(after.settings.db, sent)), "the delivery to be made again")
        found = rows(settings.db, "SELECT kind, state FROM deliveries ORDER BY kind")
    assert found == [("live", "ended"), ("replay", "ended")]


@pytest.mark.slow
async def test_an_action_under_way_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """A change that waits for the store is given up with it, and its caller gets an error.

    Nor do changes whose callers gave up before: their work still waits for the store.
    """
    async with hung(tmp_path, forward=(NOWHERE,)) as (running, _):
        changes: list[EngineRequest[Any]] = [NoteRequest([1], "x"), PruneRequest([(1, 1)]), PauseRequest()]
        for given_up in changes:
            with pytest.raises(RelayError, match="did not answer within"):
                await client.request(running.settings.db, given_up)
        before = len(running._writer._jobs)
        assert before > 0
        star = asyncio.ensure_future(client.request(running.settings.db, StarRequest(ids=[1], starred=True)))
        await until(lambda: len(running._writer._jobs) > before, "the change to be on its way")
        begun = monotonic()
    assert monotonic() - begun < SOON_S
    with pytest.raises(RelayError):
        await star
