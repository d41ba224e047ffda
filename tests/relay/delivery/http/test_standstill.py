"""Attempts while this process stands still: what lay in the socket is read, and no verdict is false."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from relay.delivery.http import sender as module
from relay.delivery.http import standstill
from relay.delivery.http.outcomes import Outcome
from relay.delivery.http.request import destination
from relay.delivery.http.sender import Sender, SendResult
from relay.delivery.http.standstill import Standstill, awake_and_asleep
from tests.support.backends import OK, Backend, Wire, answers, backend, says
from tests.support.sending import (
    Run,
    a_request,
)
from tests.support.waiting import until

STANDS_S = 0.6


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tenths of seconds stand for seconds."""
    monkeypatch.setattr(standstill, "TICK_S", 0.02)
    monkeypatch.setattr(standstill, "LATE_S", STANDS_S / 2)
    monkeypatch.setattr(module, "ANSWER_WITHIN_S", STANDS_S / 2)
    monkeypatch.setattr("relay.lean.schedule.ANSWER_WITHIN_S", STANDS_S / 2)


@pytest.fixture
def released() -> Iterator[Backend]:
    """A backend that answers once it is told to."""

    def waits(there: Backend, wire: Wire) -> None:
        there.take(wire)
        there.released.wait(20)
        wire.send(OK)

    with backend(waits) as there:
        yield there


def stand_still(for_s: float = STANDS_S) -> None:
    """As if the process had been stopped and continued: the loop does not run, and bytes come meanwhile."""
    time.sleep(for_s)


@asynccontextmanager
async def sending(
    there: Backend, timeout_s: float, sender: Sender | None = None
) -> AsyncIterator[asyncio.Task[SendResult]]:
    """A try whose request has arrived."""
    to = destination(there.url)
    async with sender or Sender() as one, asyncio.TaskGroup() as tasks:
        yield (task := tasks.create_task(one.send(a_request(to), to, timeout_s=timeout_s)))
        await task


def test_a_response_that_lay_in_the_socket(run: Run, released: Backend) -> None:
    """It is read although the try's time has run out meanwhile, and "not within 10 s" is not said."""

    async def stopped() -> SendResult:
        async with sending(released, STANDS_S / 2) as task:
            await until(lambda: released.requests, "the request")
            released.released.set()
            stand_still()
        return task.result()

    tried = run(stopped())
    assert (tried.outcome, tried.status) == (Outcome.ANSWERED, 200)
    assert tried.verdict.word is None
    assert "this relay was stalled" in tried.verdict.reason
    assert "whether it arrived within 10 s is not known" in tried.verdict.reason


def test_no_response_and_a_standstill(run: Run) -> None:
    """A backend has the whole of its time while somebody listens; then it is late, and no sooner."""

    async def stopped() -> SendResult:
        async with sending(there, STANDS_S) as task:
            await until(lambda: there.requests, "the request")
            stand_still()
            assert not task.done()
        return task.result()

    with backend(says(b"")) as there:
        tried = run(stopped())
    assert tried.outcome is Outcome.TIMEOUT
    assert tried.elapsed_s >= 1.8 * STANDS_S
    assert tried.verdict.word == "retry"


def test_a_connection_that_breaks_while_the_machine_sleeps(run: Run) -> None:
    """Nobody knows what became of the request: no verdict."""
    slept = 0.0

    async def sleeps() -> SendResult:
        nonlocal slept
        sender = Sender(Standstill(lambda: awake_and_asleep() + slept))
        async with sending(there, 10.0, sender) as task:
            await until(lambda: there.requests, "the request")
            slept = 3600.0
            there.released.set()
        return task.result()

    def breaks(there: Backend, wire: Wire) -> None:
        there.take(wire)
        there.released.wait(20)
        wire.reset()

    with backend(breaks) as there:
        tried = run(sleeps())
    assert tried.outcome is Outcome.RESET
    assert tried.verdict.word is None
    assert "was stalled for 3600 s" in tried.verdict.reason


def test_a_loop_that_is_only_busy(run: Run) -> None:
    """Less than a second says nothing: the verdict is as ever."""

    async def busy() -> SendResult:
        to = destination(there.url)
        async with Sender() as sender, asyncio.TaskGroup() as tasks:
            task = tasks.create_task(sender.send(a_request(to), to))
            await until(lambda: there.requests, "the request")
            stand_still(STANDS_S / 6)
        return task.result()

    with backend(answers()) as there:
        assert run(busy()).verdict.word == "delivered"


def test_a_timer_waits_for_what_the_loop_missed(run: Run) -> None:
    """A call that was due while the loop stood still comes as much later; without that, at its time."""

    async def timed() -> tuple[float, float]:
        loop, still = asyncio.get_running_loop(), Standstill()
        with still.watch() as watch:
            called = loop.create_future()
            begun = time.monotonic()
            watch.after(STANDS_S / 4, lambda: called.set_result(time.monotonic() - begun))
            stand_still()
            late_s = await called
            called = loop.create_future()
            begun = time.monotonic()
            watch.after(0.01, lambda: called.set_result(time.monotonic() - begun))
            return late_s, await called

    late_s, at_once_s = run(timed())
    assert late_s >= STANDS_S * 1.9
    assert at_once_s < STANDS_S / 2
