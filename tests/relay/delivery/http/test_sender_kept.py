"""A connection for each try, and which are kept for the next: those whose backend says for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.delivery.http import sender as module
from relay.delivery.http.outcomes import Outcome
from relay.delivery.http.request import destination
from relay.delivery.http.sender import Sender, SendResult
from relay.delivery.http.standstill import awake_and_asleep
from tests.support import backends
from tests.support.backends import KEPT, OK, Backend, Wire, backend
from tests.support.sending import (
    Run,
    a_request,
)
from tests.support.waiting import until


@contextmanager
def tries(run: Run, there: Backend) -> Iterator[Callable[[], SendResult]]:
    """Tries with one sender, one after the other."""
    to = destination(there.url)
    sender = run(_make())
    try:
        yield lambda: run(sender.send(a_request(to), to))
    finally:
        run(sender.close())


async def _make() -> Sender:
    return Sender()


def test_each_try_has_a_connection_of_its_own(run: Run) -> None:
    """A backend that closes soon after its response, and does not say so, costs no try."""

    def closes_soon(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.send(OK)
        wire.over.wait(0.002)

    with backend(closes_soon) as there, tries(run, there) as again:
        sent = [again() for _ in range(40)]
        assert {(tried.outcome, tried.reused, tried.verdict.word) for tried in sent} == {
            (Outcome.ANSWERED, False, "delivered")
        }
        assert len(there.requests) == there.connections == 40
        assert all(b"\r\nConnection: close\r\n" in request for request in there.requests)


def test_a_connection_is_kept_where_its_backend_says_for_how_long(run: Run) -> None:
    """Tries one after the other share it."""
    with backend(backends.answers(KEPT)) as there, tries(run, there) as again:
        assert [again().reused for _ in range(4)] == [False, True, True, True]
        assert there.connections == 1


def test_the_last_second_of_the_time_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection is not used in it: its backend may just be closing. Sleep of the machine counts."""
    now = awake_and_asleep()
    monkeypatch.setattr(module, "awake_and_asleep", lambda: now)
    with backend(backends.answers(KEPT)) as there, tries(run, there) as again:
        again()
        now += 3.9
        assert again().reused
        now += 4.1
        assert not again().reused
    one = KEPT.replace(b"timeout=5", b"timeout=1")
    with backend(backends.answers(one)) as there, tries(run, there) as again:
        assert [again().reused for _ in range(2)] == [False, False]


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        KEPT.replace(b"timeout=5, max=100", b"max=100"),
        KEPT.replace(b"timeout=5", b"timeout=soon"),
        KEPT.replace(b"Keep", b"Connection: close\r\nKeep"),
        KEPT.replace(b"/1.1", b"/1.0"),
        KEPT + b"surplus",
    ],
)
def test_a_connection_that_must_not_be_kept(run: Run, answer: bytes) -> None:
    """No time named, Connection: close, HTTP/1.0 or bytes behind the answer: the next has a new one."""
    with backend(backends.answers(answer)) as there, tries(run, there) as again:
        assert [again().reused for _ in range(3)] == [False, False, False]
        assert there.connections == 3


def test_a_kept_connection_that_was_closed_meanwhile(run: Run) -> None:
    """It is noticed before a byte is written: the try goes over a new one, and nothing is sent twice."""
    with backend(backends.answers_once(KEPT)) as there, tries(run, there) as again:
        for number in range(1, 6):
            tried = again()
            assert (tried.outcome, tried.reused) == (Outcome.ANSWERED, False)
            run(until(lambda number=number: there.ended == number, "the backend has closed"))  # type: ignore[misc]
        assert len(there.requests) == there.connections == 5


def test_bytes_nobody_asked_for(run: Run) -> None:
    """What a backend says between two requests is never taken for an answer."""

    def talks(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.send(KEPT)
        there.released.wait(10)
        wire.send(b"HTTP/1.1 500 Forged\r\nContent-Length: 0\r\n\r\n")
        with there.lock:
            there.ended += 1
        wire.hang()

    with backend(talks) as there, tries(run, there) as again:
        assert again().status == 200
        there.released.set()
        run(until(lambda: there.ended, "the forged answer is sent"))
        tried = again()
        assert (tried.status, tried.reused) == (200, False)


def test_a_kept_connection_that_ends_under_the_request(run: Run) -> None:
    """A request that was written is not written again; what Lean would have got nobody knows."""

    def one_and_a_half(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.send(KEPT)
        there.take(wire)

    with backend(one_and_a_half) as there, tries(run, there) as again:
        assert again().status == 200
        tried = again()
        assert (tried.outcome, tried.reused, tried.target_down) == (Outcome.CLOSED, True, False)
        assert "it may not have seen the request" in str(tried.error)
        assert tried.verdict.word is None
        assert "its own connection" in tried.verdict.reason
        assert len(there.requests) == 2
        assert there.connections == 1


def test_an_idle_connection_is_let_go(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that nobody needs is closed before a backend would close it."""
    monkeypatch.setattr(module, "LONGEST_KEEP_ALIVE_S", 0.02)

    async def idle() -> None:
        to = destination(there.url)
        async with Sender() as sender:
            await sender.send(a_request(to), to)
            await until(lambda: there.ended == 1, "the connection ends")
            assert not (await sender.send(a_request(to), to)).reused

    with backend(backends.answers(KEPT)) as there:
        run(idle())


def test_tries_at_once(run: Run) -> None:
    """Tries at the same time have a connection each, which the next ones share."""

    async def eight() -> None:
        to = destination(there.url)
        async with Sender() as sender:
            for _ in range(5):
                sent = [sender.send(a_request(to), to) for _ in range(8)]
                assert {one.status for one in await asyncio.gather(*sent)} == {200}

    with backend(backends.answers(KEPT)) as there:
        run(eight())
        assert there.connections == 8
        assert len(there.requests) == 40


def test_targets_do_not_share(run: Run) -> None:
    """A connection made without checking a certificate is not used for a destination that checks it."""

    async def both() -> list[SendResult]:
        url = f"https://localhost:{there.port}"
        async with Sender() as sender:
            ways = (destination(url, insecure=True), destination(url))
            return [await sender.send(a_request(to), to) for to in ways]

    ca = backends.authority(Path.cwd())
    with backend(backends.answers(KEPT), tls=ca.context("localhost")) as there:
        assert [tried.outcome for tried in run(both())] == [Outcome.ANSWERED, Outcome.TLS_FAILED]
