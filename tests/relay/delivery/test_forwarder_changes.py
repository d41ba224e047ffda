"""The forwarder while things change: pauses, restarts, reloads, and the death of the writing process."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from relay.config import Route
from relay.control import client
from relay.control.messages import ForwardRequest, PauseRequest, ReloadRequest, ResumeRequest, StatusRequest
from relay.delivery import store_writer
from relay.engine import engine
from relay.errors import UsageError
from relay.store.write import changes
from tests.relay.engine.test_engine import post
from tests.support.forwarding import Backend, an_engine, backend, numbers, settings_for, states
from tests.support.receiving import (
    a_post,
    executed,
    rows,
)
from tests.support.waiting import until

__all__ = ["backend"]


@pytest.mark.slow
async def test_pause_holds_and_resume_lets_go(tmp_path: Path, backend: Backend) -> None:
    """While paused captures wait; afterwards they go in order; status tells."""
    settings = settings_for(tmp_path, backend)
    async with an_engine(settings) as running:
        assert (await client.request(settings.db, PauseRequest())).targets[0].state == "paused"
        for number in range(5):
            await post(running.url, a_post(str(number).encode()))
        assert (await client.request(settings.db, StatusRequest())).targets[0].waiting == 5
        assert backend.got == []
        await client.request(settings.db, ResumeRequest())
        await until(lambda: states(settings.db) == ["ended"] * 5, "the deliveries")
    assert backend.got == numbers(*range(5))


@pytest.mark.slow
async def test_what_waits_survives_a_restart(tmp_path: Path, backend: Backend) -> None:
    """Captures that waited for a target when the engine stopped are sent by the next one, in order."""
    settings = settings_for(tmp_path, backend)
    await backend.stop()
    async with an_engine(settings) as running:
        for number in range(5):
            await post(running.url, a_post(str(number).encode()))
    assert states(settings.db) == ["queued"] * 5
    await backend.start()
    async with an_engine(settings):
        await until(lambda: states(settings.db) == ["ended"] * 5, "the deliveries")
    assert backend.got == numbers(*range(5))


@pytest.mark.slow
async def test_a_pause_outlives_a_restart(
    tmp_path: Path, backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    """A pause outlives a restart of the engine, which logs it, and ends with `resume`."""
    settings = settings_for(tmp_path, backend)
    async with an_engine(settings) as running:
        await running.request(PauseRequest())
        await post(running.url, a_post(b"0"))
    async with an_engine(settings) as running:
        assert "forwarding has been paused since " in caplog.text
        assert "and 1 delivery is waiting; run `lean-relay resume` to continue" in caplog.text
        await post(running.url, a_post(b"1"))
        status = await running.request(StatusRequest())
        assert [(target.state, target.waiting) for target in status.targets] == [("paused", 2)]
        assert backend.got == []
        await running.request(ResumeRequest())
        await until(lambda: states(settings.db) == ["ended"] * 2, "the deliveries")
    caplog.clear()
    async with an_engine(settings) as running:
        await post(running.url, a_post(b"2"))
        await until(lambda: states(settings.db) == ["ended"] * 3, "the third")
    assert "paused" not in caplog.text
    assert backend.got == numbers(0, 1, 2)


@pytest.mark.slow
async def test_pause_and_resume_at_any_moment(tmp_path: Path, backend: Backend) -> None:
    """However often it is held and let go: each capture goes once, in order, and none is left behind."""
    settings = settings_for(tmp_path, backend)
    async with an_engine(settings) as running:

        def more_than(count: int) -> bool:
            return len(backend.got) > count

        async def toggle() -> None:
            while len(backend.got) < 150:
                await client.request(settings.db, PauseRequest())
                await until(lambda: "sending" not in states(settings.db), "the one on its way to end")
                held = len(backend.got)
                await post(running.url, a_post(b"x"))
                assert len(backend.got) == held
                await client.request(settings.db, ResumeRequest())
                await until(partial(more_than, held), "it to go on")

        await asyncio.gather(toggle(), *(post(running.url, a_post(b"x")) for _ in range(150)))
        await until(lambda: set(states(settings.db)) == {"ended"}, "all deliveries")
        assert len(backend.got) == len(states(settings.db))
    sent = rows(settings.db, "SELECT delivery_id FROM attempts ORDER BY id")
    assert sent == sorted(sent)


async def test_targets_come_and_go_on_reload(tmp_path: Path, backend: Backend) -> None:
    """A new target gets what comes from then on; what waits for one that is gone is parked, tries go on."""
    other = Backend()
    await other.start()
    go_on = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return web.Response()

    backend.answer = answer
    settings = settings_for(tmp_path, backend)
    fresh = settings_for(tmp_path, other)
    try:
        async with engine.running(settings, receive=True, reread=lambda: fresh) as running:
            for number in range(3):
                await post(running.url, a_post(str(number).encode()))
            await until(lambda: len(backend.got) == 1, "the first try")
            result = await running.request(ReloadRequest())
            assert (result.after_restart, result.parked) == ([], 2)
            await post(running.url, a_post(b"3"))
            await until(lambda: states(settings.db)[3] == "ended", "the one to the new target")
            assert states(settings.db) == ["sending", "parked", "parked", "ended"]
            go_on.set()
            await until(lambda: states(settings.db)[0] == "ended", "the try that was on its way")
            status = await running.request(StatusRequest())
            assert [(each.state, each.parked) for each in status.targets] == [
                ("up", 0),
                ("not configured", 2),
            ]
            fresh = settings
            assert (await running.request(ReloadRequest())).parked == 0
            await running.request(ForwardRequest(ids=[2, 3]))
            await until(lambda: set(states(settings.db)) == {"ended"}, "what was parked")
    finally:
        await other.end()
    assert (backend.got, other.got) == (numbers(0, 1, 2), numbers(3))


async def test_captures_queued_in_slices_go_to_the_targets_of_now(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload between two slices: nothing is left queued for a target that is gone."""
    other = Backend()
    await other.start()
    settings = settings_for(tmp_path, backend)
    fresh = settings_for(tmp_path, other)
    monkeypatch.setattr(changes, "CHANGED_AT_ONCE", 1)
    try:
        async with engine.running(settings, receive=True, reread=lambda: fresh) as running:
            await running.request(PauseRequest())
            for number in range(3):
                await post(running.url, a_post(str(number).encode()))
            await running.request(ReloadRequest())
            fresh = settings
            await running.request(ReloadRequest())
            assert states(settings.db) == ["parked"] * 3
            fresh = settings_for(tmp_path, other)
            queuing = asyncio.ensure_future(running.request(ForwardRequest(ids=[1, 2, 3])))
            await asyncio.sleep(0)  # It has begun to write the first.
            await running.request(ReloadRequest())
            result = await queuing
            assert (result.queued, result.released) == (2, 1)
            await running.request(ResumeRequest())
            await until(lambda: "queued" not in states(settings.db), "what can be sent")
            await running.request(ForwardRequest(ids=[1]))
            await until(lambda: set(states(settings.db)) == {"ended"}, "the first")
    finally:
        await other.end()
    assert (backend.got, sorted(other.got)) == ([], numbers(0, 1, 2))


async def test_a_retry_to_a_target_that_has_come_back_is_made(tmp_path: Path, backend: Backend) -> None:
    """An attempt goes on while its target is removed and added again; its retry waits for no webhook."""
    go_on = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return web.Response(status=500 if len(backend.got) == 1 else 200)

    backend.answer = answer
    settings = settings_for(tmp_path, backend, retry="fast")
    fresh = replace(settings, forward=())
    async with engine.running(settings, receive=True, reread=lambda: fresh) as running:
        await post(running.url, a_post(b"0"))
        await until(lambda: states(settings.db) == ["sending"], "the first attempt")
        await running.request(ReloadRequest())
        fresh = settings
        await running.request(ReloadRequest())
        forwarding = running._forwarding
        assert forwarding is not None
        (queue,) = forwarding._forwarder._queues.values()
        await until(lambda: queue._is_resting, "the target to have nothing to do")
        go_on.set()
        await until(lambda: states(settings.db) == ["ended"], "the retry")
    assert backend.got == numbers(0, 0)


async def test_a_reload_never_leads_in_a_circle(tmp_path: Path, backend: Backend) -> None:
    """A new target that is the listener, on whatever port it got, or none at all: nothing changes."""
    settings = settings_for(tmp_path, backend)
    fresh = settings
    async with engine.running(settings, receive=True, reread=lambda: fresh) as running:
        assert running.url is not None
        for to, words in ((running.url, "this relay itself"), ("http://ä..b/", "in ASCII")):
            fresh = replace(settings, forward=(Route(to=to, when=None, where="forward"),))
            with pytest.raises(UsageError, match=words):
                await running.request(ReloadRequest())
        await post(running.url, a_post(b"0"))
        await until(lambda: states(settings.db) == ["ended"], "the delivery")
    assert backend.got == numbers(0)


@pytest.mark.slow
@pytest.mark.parametrize("in_flight", [1, 4])
async def test_the_death_of_the_writing_process_costs_no_delivery(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch, in_flight: int
) -> None:
    """Records whose commit nobody heard of are made sure of: each capture goes once, all end."""
    monkeypatch.setattr(store_writer, "REPEAT_AFTER_S", 0.05)
    monkeypatch.setattr("relay.store.write.client.PROBE_EVERY_S", 0.05)
    settings = settings_for(tmp_path, backend, in_flight=in_flight)
    async with an_engine(settings) as running:
        await running.request(PauseRequest())
        for _ in range(200):
            await post(running.url, a_post(b"x"))
        await running.request(ResumeRequest())
        for count in (20, 60, 100, 140):
            await until(lambda: len(backend.got) >= count, "some of them")  # noqa: B023
            pid = running._writer.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await until(lambda: running._writer.pid not in (None, pid), "another process")  # noqa: B023
        await until(lambda: states(settings.db) == ["ended"] * 200, "all deliveries", 30)
    assert len(backend.got) == 200
    assert rows(settings.db, "SELECT count(*), count(DISTINCT delivery_id) FROM attempts") == [(200, 200)]


@pytest.mark.slow
async def test_what_a_start_takes_up_is_sent_once(tmp_path: Path, backend: Backend) -> None:
    """Nothing later in a start takes a delivery that is on its way again for one that a crash left."""
    settings = settings_for(tmp_path, backend)
    await backend.stop()
    async with an_engine(settings) as running:
        await post(running.url, a_post(b"0"))
        await running._writer.write(partial(executed, sql="UPDATE deliveries SET state = 'sending'"))
    go_on = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return web.Response()

    backend.answer = answer
    await backend.start()
    async with an_engine(settings):
        await until(lambda: len(backend.got) == 1, "the try")
        await until(lambda: states(settings.db) == ["sending"], "the mark")
        go_on.set()
        await until(lambda: states(settings.db) == ["ended"], "its end")
    assert backend.got == numbers(0)
