"""Backends that fail in every way: each by its name, none hangs, nothing is sent twice."""

from __future__ import annotations

import pytest

from relay.delivery.http import response as module
from relay.delivery.http.outcomes import Outcome
from tests.support import backends
from tests.support.backends import CHUNKED, Authority, Backend, Behaviour, Wire, backend
from tests.support.sending import Run, one_try


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
    "silent": (SAYS(b""), Outcome.TIMEOUT, None, "timed out after 0.6 s; no response was received"),
    "half-a-head": (
        SAYS(b"HTTP/1.1 200 OK\r\nX:"),
        Outcome.TIMEOUT,
        None,
        "timed out after 0.6 s; 19 bytes of",
    ),
    "half-a-body": (SAYS(HALF), Outcome.TIMEOUT, 200, "48 bytes of the response were received"),
    "dribbles-for-ever": (_dribbles_for_ever, Outcome.TIMEOUT, 200, "timed out after 0.6 s; "),
    "100-and-nothing": (SAYS(b"HTTP/1.1 100 Continue\r\n\r\n"), Outcome.TIMEOUT, None, "25 bytes"),
    "resets-unanswered": (
        _then_reset(b""),
        Outcome.RESET,
        None,
        "reset the connection without a response; it may have seen the request",
    ),
    "resets-in-the-head": (
        _then_reset(b"HTTP/1.1 200 OK\r\n"),
        Outcome.RESET,
        None,
        "after 17 bytes of the response",
    ),
    "resets-in-the-body": (_then_reset(HALF), Outcome.RESET, 200, "after 48 bytes of the response"),
    "closes-unheard": (
        backends.closes_unheard,
        Outcome.CLOSED,
        None,
        "closed the connection without a response; it may have seen the request",
    ),
    "closes-in-the-head": (backends.answers_once(b"HTTP/1.1 2"), Outcome.CLOSED, None, "after 10 bytes"),
    "closes-in-its-first-word": (backends.answers_once(b"HT"), Outcome.CLOSED, None, "after 2 bytes"),
    "closes-in-the-body": (
        backends.answers_once(HALF),
        Outcome.CLOSED,
        200,
        "after 48 bytes of the response",
    ),
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
        "has invalid chunked framing",
    ),
    "ssh": (
        _greets(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
        Outcome.NOT_HTTP,
        None,
        "begins with 'SSH-2.0-OpenSSH_9.2p1'",
    ),
    "garbage": (SAYS(b"\x1b]0;x\x07" * 9), Outcome.NOT_HTTP, None, "begins with '␛]0;x␇"),
    "http-0.9": (SAYS(b"<html>hello</html>"), Outcome.NOT_HTTP, None, "begins with '<html>hello</html>'"),
    "http-2": (SAYS(b"\0\0\x12\x04\0\0\0\0\0" + b"\0" * 18), Outcome.NOT_HTTP, None, "only HTTP/2"),
    "tls": (SAYS(b"\x15\x03\x01\0\x02\x02\x0a"), Outcome.NOT_HTTP, None, "use https://"),
    "endless-body": (
        _floods(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        Outcome.TOO_LARGE,
        200,
        "larger than 2 MiB",
    ),
    "endless-chunks": (
        _floods(CHUNKED, b"1;" + b"x" * 999 + b"\r\ny\r\n"),
        Outcome.TOO_LARGE,
        200,
        "larger than 2 MiB",
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
        "101 interim responses",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_bad_backends(run: Run, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of failure has its word and a sentence to act on; none hangs, none is sent twice."""
    behave, outcome, status, words = BAD[name]
    monkeypatch.setattr(module, "MOST_RESPONSE_BYTES", 2 * 1024 * 1024)
    timeout_s = 0.6 if outcome is Outcome.TIMEOUT else 10.0
    with backend(behave) as there:
        tried = run(one_try(there.url, timeout_s))
        # Where it closed without a word, a bare connect asked whether it does so with each.
        assert there.connections == (2 if "may have seen the request" in str(tried.error) else 1)
        assert len(there.requests) <= 1
    assert (tried.outcome, tried.status) == (outcome, status)
    assert tried.error is not None
    assert words in tried.error
    assert tried.error.isprintable()
    assert tried.verdict.word == "retry"
    assert not tried.target_down
    if status == 200:
        assert "200 was received, but not the whole response" in tried.verdict.reason


@pytest.mark.parametrize(
    "name", ["silent", "resets-in-the-body", "closes-unheard", "closes-in-the-body", "endless-body"]
)
def test_bad_backends_behind_tls(run: Run, ca: Authority, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS changes no word of how a try ended."""
    behave, outcome, status, _ = BAD[name]
    monkeypatch.setattr(module, "MOST_RESPONSE_BYTES", 2 * 1024 * 1024)
    with backend(behave, tls=ca.context("localhost")) as there:
        tried = run(one_try(f"https://localhost:{there.port}", 0.6 if name == "silent" else 10.0, ca.ca_file))
    assert (tried.outcome, tried.status, tried.target_down) == (outcome, status, False)


BROKEN_HEADS: dict[str, tuple[bytes, int | None, str, bytes]] = {
    "chunked-twice": (
        b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nno\r\n0\r\n\r\n",
        500,
        "there are 2 Transfer-Encoding headers",
        b"no",
    ),
    "identity": (
        b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nno",
        500,
        "Transfer-Encoding is 'identity', but only chunked is supported",
        b"no",
    ),
    "gzip-coding": (
        b"HTTP/1.1 503 Later\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n\x1f\x8b\r\n0\r\n\r\n",
        503,
        "'gzip, chunked', but only chunked is supported",
        b"\x1f\x8b",
    ),
    "two-lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        200,
        "several different Content-Length headers",
        b"ab",
    ),
    "empty-length": (
        b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok",
        200,
        "Content-Length is not a number",
        b"ok",
    ),
    "no-number": (
        b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n",
        200,
        "Content-Length is not a number",
        b"",
    ),
    "no-colon": (
        b"HTTP/1.1 500 Oops\r\nX: 1\r\nnothing\r\n\r\nno",
        500,
        "header line 2 has no colon",
        b"no",
    ),
    "blank-before-the-colon": (
        b"HTTP/1.1 500 Oops\r\nX : 1\r\nContent-Length: 2\r\n\r\nno",
        500,
        "header line 1 has a blank before the colon",
        b"no",
    ),
    "no-name": (b"HTTP/1.1 500 Oops\r\n: 1\r\n\r\nno", 500, "header line 1 has no name", b"no"),
    "slash-in-a-name": (b"HTTP/1.1 500 Oops\r\nX/Y: 1\r\n\r\n", 500, "an invalid character in its name", b""),
    "escape-in-a-name": (
        b"HTTP/1.1 200 OK\r\nX Y\x1b[2J: 1\r\n\r\n",
        200,
        "an invalid character in its name",
        b"",
    ),
    "nul-in-a-value": (
        b"HTTP/1.1 500 Oops\r\nX: a\0b\r\n\r\nno",
        500,
        "the value of X has an invalid character",
        b"no",
    ),
    "switches": (
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        101,
        "it switches protocols without being asked to",
        b"",
    ),
    "blank-line-first": (
        b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        200,
        "an empty line",
        b"ok",
    ),
    "status-099": (b"HTTP/1.1 099 ?\r\n\r\n", None, "no status from 100 to 599", b""),
}


@pytest.mark.parametrize("name", BROKEN_HEADS)
def test_a_broken_head_has_its_status_all_the_same(
    run: Run, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status, headers and body are kept; what is broken is said in our words; 200 has no verdict then."""
    monkeypatch.setattr(module, "REST_WITHIN_S", 0.2)
    answer, status, words, body = BROKEN_HEADS[name]
    with backend(SAYS(answer)) as there:
        tried = run(one_try(there.url))
        assert there.connections == 1
    assert (tried.outcome, tried.status, tried.body) == (Outcome.NOT_HTTP, status, body)
    assert words in str(tried.error)
    assert str(tried.error).startswith(
        f"{status} was received, but its head is malformed: " if status else "a response was received"
    )
    assert str(tried.error).isprintable()
    assert "bytearray" not in str(tried.error)
    assert tried.headers is not None
    assert len(tried.headers) == len(answer.strip().split(b"\r\n\r\n")[0].split(b"\r\n")) - 1
    assert tried.verdict.word == (None if status == 200 else "retry")
    if status == 200:
        assert "whether Lean would accept it is not known" in tried.verdict.reason
    elif status is not None:
        assert f"{status} is not 200" in tried.verdict.reason


def test_a_broken_head_in_crumbs(run: Run) -> None:
    """However it is cut into segments, it is read the same."""

    def dribbles(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.dribble(b"\r\nHTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno")

    with backend(dribbles) as there:
        tried = run(one_try(there.url))
    assert (tried.status, tried.body, tried.headers) == (500, b"no", (("Content-Length", "2"),))
