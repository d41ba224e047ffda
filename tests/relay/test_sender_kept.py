"""Connections kept from one try to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay import sender as module
from relay.outcomes import Outcome
from relay.outgoing import destination
from relay.sender import Sender, Tried
from tests import backends
from tests.backends import OK, Backend, Wire, backend
from tests.relay.sending import Run, a_request, until


@contextmanager
def tries(run: Run, there: Backend) -> Iterator[Callable[[], Tried]]:
    """Tries with one sender, one after the other."""
    to = destination(there.url)
    sender = run(_make())
    try:
        yield lambda: run(sender.send(a_request(to), to))
    finally:
        run(sender.close())


async def _make() -> Sender:
    return Sender()


def test_a_connection_is_kept(run: Run) -> None:
    """Tries one after the other share a connection."""
    with backend(backends.answers()) as there, tries(run, there) as again:
        assert [again().kept for _ in range(4)] == [False, True, True, True]
        assert there.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"surplus",
    ],
)
def test_a_connection_that_must_not_be_kept(run: Run, answer: bytes) -> None:
    """After Connection: close, HTTP/1.0 or bytes behind the answer the next try has a new connection."""
    with backend(backends.answers(answer)) as there, tries(run, there) as again:
        assert [again().kept for _ in range(3)] == [False, False, False]
        assert there.connections == 3


def test_a_kept_connection_that_was_closed_meanwhile(run: Run) -> None:
    """It is noticed before a byte is written: the try goes over a new one, and nothing is sent twice."""
    with backend(backends.answers_once()) as there, tries(run, there) as again:
        for number in range(1, 6):
            tried = again()
            assert (tried.outcome, tried.kept) == (Outcome.ANSWERED, False)
            run(until(lambda number=number: there.ended == number, "the backend has closed"))  # type: ignore[misc]
        assert len(there.requests) == there.connections == 5


def test_bytes_nobody_asked_for(run: Run) -> None:
    """What a backend says between two requests is never taken for an answer."""

    def talks(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.send(OK)
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
        assert (tried.status, tried.kept) == (200, False)


def test_a_kept_connection_that_ends_under_the_request(run: Run) -> None:
    """A request that was written is not written again: the try fails and says what may be."""

    def one_and_a_half(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.send(OK)
        there.take(wire)

    with backend(one_and_a_half) as there, tries(run, there) as again:
        assert again().status == 200
        tried = again()
        assert (tried.outcome, tried.kept, tried.before_any_byte) == (Outcome.CLOSED, True, False)
        assert "kept from an earlier try" in str(tried.error)
        assert len(there.requests) == 2
        assert there.connections == 1


def test_an_idle_connection_is_let_go(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that nobody needs is closed before a backend would close it."""
    monkeypatch.setattr(module, "IDLE_S", 0.02)

    async def idle() -> None:
        to = destination(there.url)
        async with Sender() as sender:
            await sender.send(a_request(to), to)
            await until(lambda: there.ended == 1, "the connection ends")
            assert not (await sender.send(a_request(to), to)).kept

    with backend(backends.answers()) as there:
        run(idle())


def test_tries_at_once(run: Run) -> None:
    """Tries at the same time have a connection each, which the next ones share."""

    async def eight() -> None:
        to = destination(there.url)
        async with Sender() as sender:
            for _ in range(5):
                sent = [sender.send(a_request(to), to) for _ in range(8)]
                assert {one.status for one in await asyncio.gather(*sent)} == {200}

    with backend(backends.answers()) as there:
        run(eight())
        assert there.connections == 8
        assert len(there.requests) == 40


def test_targets_do_not_share(run: Run) -> None:
    """A connection made without checking a certificate is not used for a destination that checks it."""

    async def both() -> list[Tried]:
        url = f"https://localhost:{there.port}"
        async with Sender() as sender:
            ways = (destination(url, insecure=True), destination(url))
            return [await sender.send(a_request(to), to) for to in ways]

    ca = backends.authority(Path.cwd())
    with backend(backends.answers(), tls=ca.context("localhost")) as there:
        assert [tried.outcome for tried in run(both())] == [Outcome.ANSWERED, Outcome.TLS_FAILED]
