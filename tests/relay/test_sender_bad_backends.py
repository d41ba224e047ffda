"""Backends that fail in every way: each by its name, none hangs, nothing is sent twice."""

from __future__ import annotations

import pytest

from relay import sender as module
from relay.outcomes import Outcome
from tests import backends
from tests.backends import CHUNKED, Authority, Backend, Behaviour, Wire, backend
from tests.relay.sending import Run, one_try


def _then_reset(data: bytes) -> Behaviour:
    def behave(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.send(data)
        wire.reset()

    return behave


def _floods(head: bytes, more: bytes) -> Behaviour:
    def behave(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.send(head)
        wire.flood(more)

    return behave


def _dribbles_for_ever(there: Backend, wire: Wire) -> None:
    there.take(wire)
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n")
    wire.dribble(b"x" * 90000)


def _greets(data: bytes) -> Behaviour:
    def behave(there: Backend, wire: Wire) -> None:
        wire.send(data)
        wire.hang()

    return behave


SAYS = backends.says
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nonly this"

BAD: dict[str, tuple[Behaviour, Outcome, int | None, str]] = {
    "silent": (SAYS(b""), Outcome.TIMEOUT, None, "timed out after 0.6 s; nothing of an answer came"),
    "half-a-head": (
        SAYS(b"HTTP/1.1 200 OK\r\nX:"),
        Outcome.TIMEOUT,
        None,
        "timed out after 0.6 s; 19 bytes of",
    ),
    "half-a-body": (SAYS(HALF), Outcome.TIMEOUT, 200, "48 bytes of the answer came"),
    "dribbles-for-ever": (_dribbles_for_ever, Outcome.TIMEOUT, 200, "timed out after 0.6 s; "),
    "100-and-nothing": (SAYS(b"HTTP/1.1 100 Continue\r\n\r\n"), Outcome.TIMEOUT, None, "25 bytes"),
    "resets-unanswered": (_then_reset(b""), Outcome.RESET, None, "reset the connection without an answer"),
    "resets-in-the-head": (
        _then_reset(b"HTTP/1.1 200 OK\r\n"),
        Outcome.RESET,
        None,
        "after 17 bytes of the answer",
    ),
    "resets-in-the-body": (_then_reset(HALF), Outcome.RESET, 200, "after 48 bytes of the answer"),
    "closes-unheard": (
        backends.closes_unheard,
        Outcome.CLOSED,
        None,
        "closed the connection without an answer",
    ),
    "closes-in-the-head": (backends.answers_once(b"HTTP/1.1 2"), Outcome.CLOSED, None, "after 10 bytes"),
    "closes-in-its-first-word": (backends.answers_once(b"HT"), Outcome.CLOSED, None, "after 2 bytes"),
    "closes-in-the-body": (backends.answers_once(HALF), Outcome.CLOSED, 200, "after 48 bytes of the answer"),
    "chunks-without-end": (
        backends.answers_once(CHUNKED + b"2\r\nok\r\n"),
        Outcome.CLOSED,
        200,
        "after 54 bytes",
    ),
    "broken-chunks": (
        SAYS(CHUNKED + b"xyz\r\n"),
        Outcome.NOT_HTTP,
        200,
        "broken HTTP: illegal chunk",
    ),
    "two-lengths": (
        SAYS(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        Outcome.NOT_HTTP,
        None,
        "conflicting Content-Length",
    ),
    "no-number": (
        SAYS(b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n"),
        Outcome.NOT_HTTP,
        None,
        "Content-Length",
    ),
    "gzip-coding": (
        SAYS(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
        Outcome.NOT_HTTP,
        None,
        "Transfer-Encoding",
    ),
    "broken-header": (
        SAYS(b"HTTP/1.1 200 OK\r\nX Y\x1b[2J: 1\r\n\r\n"),
        Outcome.NOT_HTTP,
        None,
        "illegal header",
    ),
    "switches": (
        SAYS(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"),
        Outcome.NOT_HTTP,
        None,
        "broken HTTP",
    ),
    "status-099": (SAYS(b"HTTP/1.1 099 ?\r\n\r\n"), Outcome.NOT_HTTP, None, "broken HTTP"),
    "ssh": (
        _greets(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
        Outcome.NOT_HTTP,
        None,
        "begins with 'SSH-2.0-OpenSSH_9.2p1'",
    ),
    "garbage": (SAYS(b"\x1b]0;x\x07" * 9), Outcome.NOT_HTTP, None, "begins with '␛]0;x␇"),
    "http-0.9": (SAYS(b"<html>hello</html>"), Outcome.NOT_HTTP, None, "begins with '<html>hello</html>'"),
    "http-2": (SAYS(b"\0\0\x12\x04\0\0\0\0\0" + b"\0" * 18), Outcome.NOT_HTTP, None, "only HTTP/2"),
    "tls": (SAYS(b"\x15\x03\x01\0\x02\x02\x0a"), Outcome.NOT_HTTP, None, "write https://"),
    "endless-body": (
        _floods(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        Outcome.TOO_LARGE,
        200,
        "within 2 MiB",
    ),
    "endless-chunks": (
        _floods(CHUNKED, b"1;" + b"x" * 999 + b"\r\ny\r\n"),
        Outcome.TOO_LARGE,
        200,
        "within 2 MiB",
    ),
    "endless-head": (
        _floods(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 999),
        Outcome.TOO_LARGE,
        None,
        "larger than 32 KiB",
    ),
    "huge-head": (
        SAYS(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 30_000 + b"Content-Length: 0\r\n\r\n"),
        Outcome.TOO_LARGE,
        None,
        "larger than 32 KiB",
    ),
    "huge-trailer": (
        SAYS(CHUNKED + b"0\r\n" + b"X: y\r\n" * 30_000 + b"\r\n"),
        Outcome.TOO_LARGE,
        200,
        "larger than 32 KiB",
    ),
    "endless-line": (_floods(b"HTTP/1.1 200 ", b"x" * 9999), Outcome.TOO_LARGE, None, "larger than 32 KiB"),
    "1xx-flood": (
        _floods(b"", b"HTTP/1.1 102 Wait\r\n\r\n" * 9),
        Outcome.TOO_LARGE,
        None,
        "101 interim answers",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_backends(run: Run, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of failure has its word and a sentence to act on; none hangs, none is sent twice."""
    behave, outcome, status, words = BAD[name]
    monkeypatch.setattr(module, "MOST_ANSWER_BYTES", 2 * 1024 * 1024)
    timeout_s = 0.6 if outcome is Outcome.TIMEOUT else 10.0
    with backend(behave) as there:
        tried = run(one_try(there.url, timeout_s))
        assert there.connections == 1
        assert len(there.requests) <= 1
    assert (tried.outcome, tried.status) == (outcome, status)
    assert tried.error is not None
    assert words in tried.error
    assert tried.error.isprintable()
    assert tried.verdict.word == "retry"
    assert not tried.before_any_byte
    if status == 200:
        assert "200 came, but not the whole answer" in tried.verdict.reason


@pytest.mark.parametrize(
    "name", ["silent", "resets-in-the-body", "closes-unheard", "closes-in-the-body", "endless-body"]
)
def test_bad_backends_behind_tls(run: Run, ca: Authority, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS changes no word of how a try ended."""
    behave, outcome, status, _ = BAD[name]
    monkeypatch.setattr(module, "MOST_ANSWER_BYTES", 2 * 1024 * 1024)
    with backend(behave, tls=ca.context("localhost")) as there:
        tried = run(one_try(f"https://localhost:{there.port}", 0.6 if name == "silent" else 10.0, ca.ca_file))
    assert (tried.outcome, tried.status, tried.before_any_byte) == (outcome, status, False)
