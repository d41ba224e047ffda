"""What makes a delivery wait, and how long: targets that only seem to be up, clocks that are set, sleep."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from time import monotonic, time
from typing import Any

import pytest
from aiohttp import web

from relay.config import Route, Settings
from relay.control.messages import PauseRequest, ResumeRequest, StatusRequest
from relay.delivery import attempt, target_queue, wakeup
from relay.delivery.clock import Clock
from relay.delivery.http import connect
from relay.delivery.http.outcomes import Outcome
from relay.delivery.http.request import OutgoingRequest, destination
from relay.delivery.http.sender import Sender, SendResult, not_sent
from relay.delivery.http.standstill import awake_and_asleep
from relay.delivery.target_queue import DeliveryPolicy, TargetQueue
from tests.relay.engine.test_engine import post
from tests.relay.store.write.test_client import a_row, a_writer
from tests.support import backends
from tests.support.backends import Wire
from tests.support.forwarding import (
    Backend,
    an_engine,
    attempts,
    backend,
    numbers,
    settings_for,
    states,
)
from tests.support.receiving import (
    a_post,
    executed,
    rows,
)
from tests.support.waiting import until

__all__ = ["backend"]

HOUR_S = 3600.0


@contextmanager
def a_port_proxy(port: int) -> Iterator[None]:
    """As Docker's while a container starts: takes each connection, finds nobody, and closes it unread."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)

    def drop() -> None:
        with suppress(OSError):
            while True:
                taken, _ = listener.accept()
                taken.settimeout(0.02)
                with suppress(TimeoutError):
                    taken.recv(1, socket.MSG_PEEK)
                taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                taken.close()

    thread = threading.Thread(target=drop)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


async def test_a_port_proxy_uses_no_webhook_up(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nobody is behind it the target is down; what came goes out in order when somebody is."""
    monkeypatch.setattr(target_queue, "PROBE_FIRST_S", 0.05)
    settings = settings_for(tmp_path, backend)
    await backend.stop()
    async with an_engine(settings) as running:
        with a_port_proxy(backend.port):
            for number in range(10):
                await post(running.url, a_post(str(number).encode()))

            async def reason() -> str | None:
                status: Any = (await running.request(StatusRequest())).targets[0]
                return str(status.reason) if status.state == "down" else None

            why = None
            async with asyncio.timeout(20):
                while why is None:
                    why = await reason()
            assert "closes them at once" in why or "before anything was sent" in why
            assert attempts(settings.db) == []
        await backend.start()
        await until(lambda: states(settings.db) == ["ended"] * 10, "the queue to drain")
    assert backend.got == numbers(*range(10))
    assert attempts(settings.db) == [("answered", 200, "delivered")] * 10


@pytest.mark.slow
async def test_a_webhook_that_ends_its_backend_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the target is up again each time, and closes on this one each time, it has its attempt."""
    monkeypatch.setattr(target_queue, "PROBE_FIRST_S", 0.02)
    # The backend's thread may be late on a busy machine; one that closes later counts as up.
    monkeypatch.setattr(connect, "CLOSED_AT_ONCE_S", 1.0)
    poison = b"poison"

    def falls_over(there: backends.Backend, wire: Wire) -> None:
        request = there.take(wire)
        if request.endswith(poison):
            with there.lock:
                # After the last fall nobody asks whether it is down: the next webhook finds it up.
                falling.extend([None] * (len(there.requests) <= target_queue.MOST_CLOSED))
            wire.reset()
        else:
            wire.send(backends.OK)

    def restarts(there: backends.Backend, wire: Wire) -> None:
        # The bare connect that follows a fall meets a proxy whose server is gone; the knock a new server.
        with there.lock:
            is_gone = bool(falling)
            falling.clear()
        if is_gone:
            wire.reset()
        else:
            falls_over(there, wire)

    falling: list[None] = []
    with backends.backend(restarts) as there:
        route = Route(to=f":{there.port}/hook", where="--forward-to")
        settings = Settings(db=tmp_path / "relay.db", port=0, forward=(route,))
        async with an_engine(settings) as running:
            for body in (poison, b"1"):
                await post(running.url, a_post(body))
            await until(lambda: states(settings.db) == ["ended"] * 2, "both", 20)
    assert len(there.requests) == target_queue.MOST_CLOSED + 2
    assert attempts(settings.db) == [("reset", None, "retry"), ("answered", 200, "delivered")]


class Clocks:
    """A wall clock and a clock that nobody sets, as a test wants them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set_by_s = 0.0
        self.slept_s = 0.0
        monkeypatch.setattr(target_queue, "Clock", partial(Clock, self.wall, self.passing))
        monkeypatch.setattr(wakeup, "LOOK_EVERY_S", 0.02)

    def wall(self) -> float:
        return time() + self.set_by_s + self.slept_s

    def passing(self) -> float:
        return awake_and_asleep() + self.slept_s


@pytest.mark.slow
async def test_a_clock_that_is_set_back_stops_no_retry(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next try comes as many seconds later as it was to come, and the row says so by the new clock."""
    clocks = Clocks(monkeypatch)

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=500 if len(backend.got) == 1 else 200)

    backend.answer = answer
    settings = replace(settings_for(tmp_path, backend), retry="fast")
    async with an_engine(settings) as running:
        await post(running.url, a_post(b"0"))
        await until(lambda: len(attempts(settings.db)) == 1, "the first try")
        begun = monotonic()
        clocks.set_by_s = -4 * HOUR_S

        def is_moved() -> bool:
            ((due_at,),) = rows(settings.db, "SELECT due_at FROM deliveries")
            return bool(due_at / 1e6 < time() - 3 * HOUR_S)

        await until(is_moved, "the time by the new clock")
        await until(lambda: states(settings.db) == ["ended"], "the second try")
        assert monotonic() - begun < 5
    assert backend.got == numbers(0, 0)


@pytest.mark.slow
async def test_sleep_brings_one_try_and_no_storm(
    tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After four hours of it the next try comes at once, and those that follow keep Lean's distances."""
    clocks = Clocks(monkeypatch)
    came = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal came
        came += 1
        return web.Response(status=500 if came < 4 else 200)

    backend.answer = answer
    settings = replace(settings_for(tmp_path, backend), retry="lean", time_scale=0.005)
    async with an_engine(settings) as running:
        await post(running.url, a_post(b"0"))
        await until(lambda: len(attempts(settings.db)) == 1, "the first try")
        clocks.slept_s = 4 * HOUR_S
        await until(lambda: states(settings.db) == ["ended"], "the last try")
    begun = [at / 1e6 for (at,) in rows(settings.db, "SELECT started_at FROM attempts ORDER BY number")]
    gaps = [later - earlier for earlier, later in pairwise(begun[1:])]
    # 1, 2 and 5 minutes after the first, in two hundredths: 0.3 s and 0.9 s apart, from begin to begin.
    assert len(gaps) == 2
    assert gaps[0] >= 0.299
    assert gaps[1] >= 0.899


@pytest.mark.slow
async def test_a_clock_that_ran_ahead_parks_nothing(tmp_path: Path, backend: Backend) -> None:
    """What was to be tried again in ten years goes within the policy's longest wait; status says when."""
    settings = replace(settings_for(tmp_path, backend), retry="lean", time_scale=0.0002)
    ten_years_us = 10 * 365 * 86_400 * 1_000_000
    async with an_engine(settings) as running:
        await running.request(PauseRequest())
        await post(running.url, a_post(b"0"))
        ahead = f"UPDATE deliveries SET due_at = due_at + {ten_years_us}"
        await running._writer.write(partial(executed, sql=ahead))
    async with an_engine(replace(settings, time_scale=1.0)) as running:
        await running.request(ResumeRequest())

        def is_near() -> bool:
            ((due_at,),) = rows(settings.db, "SELECT due_at FROM deliveries")
            return bool(due_at / 1e6 < time() + 3.1 * HOUR_S)

        await until(is_near, "a time within reach")
        (target,) = (await running.request(StatusRequest())).targets
        assert target.next_at is not None
    async with an_engine(settings):
        await until(lambda: states(settings.db) == ["ended"], "the delivery")
    assert backend.got == numbers(0)


async def test_a_late_end_that_reads_more_wakes_the_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that held up nothing any more ends just when a webhook comes, and its record reads that."""
    monkeypatch.setattr(attempt, "HOLDS_UP_S", 0.01)
    go_on, sent = asyncio.Event(), list[bytes]()

    async def send(sender: Sender, request: OutgoingRequest, *_: Any, **__: Any) -> SendResult:
        sent.append(request.body)
        await go_on.wait()
        return not_sent(Outcome.FAULT, "-")

    monkeypatch.setattr(Sender, "send", send)
    target = "http://localhost:1/hook"
    async with a_writer(tmp_path / "relay.db") as writer:
        policy = DeliveryPolicy(instance="x")
        queue = TargetQueue(writer, Sender(), target, destination(target), policy)
        await writer.add(a_row(body=b"1"), (target,))
        async with asyncio.TaskGroup() as group:
            group.create_task(queue.run())
            await until(lambda: sent == [b"1"] and queue._is_resting, "it to rest beside the first")
            await writer.add(a_row(body=b"2"), (target,))
            go_on.set()
            queue.notice()
            await until(lambda: sent == [b"1", b"2"], "the second", 10)
            queue.stop()
