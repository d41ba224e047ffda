"""One outgoing try: what the backend sees byte for byte, and each way of failing by its name."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from relay import sender as module
from relay.models import Headers
from relay.outcomes import Outcome
from relay.outgoing import HOP_BY_HOP, OURS, Destination, Outgoing, destination, outgoing
from relay.sender import Sender, Tried, not_sent, reachable
from tests import backends
from tests.backends import OK, Authority, Backend, Behaviour, Wire, backend, free_port
from tests.factories import a_capture
from tests.relay.test_outgoing import HEADERS

T = TypeVar("T")
Loop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Callable[[Coroutine[Any, Any, T]], T]]:
    """Runs a coroutine on each of the two loops that the relay runs on; no task may be left behind."""
    with asyncio.Runner(loop_factory=request.param) as runner:

        async def whole(coroutine: Coroutine[Any, Any, T]) -> T:
            async with asyncio.timeout(20):
                result = await coroutine
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return result

        yield lambda coroutine: runner.run(whole(coroutine))


Run = Callable[[Coroutine[Any, Any, Any]], Any]


def a_request(to: Destination, **changes: Any) -> Outgoing:
    return outgoing(a_capture(**changes), to, instance="here")


async def one_try(
    text: str, timeout_s: float = 10.0, ca_file: Path | None = None, insecure: bool = False, **changes: Any
) -> Tried:
    """Send one capture to a target with a sender of its own."""
    to = destination(text, ca_file=ca_file, insecure=insecure)
    async with Sender() as sender:
        return await sender.send(a_request(to, **changes), to, timeout_s=timeout_s)


async def until(holds: Callable[[], object], what: str) -> None:
    """Wait for the condition, not for a time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 10
    while not holds():
        assert loop.time() < deadline, f"still waiting for {what}"
        await asyncio.sleep(0.005)


# -- what the backend sees -----------------------------------------------------------------------


def parsed(request: bytes) -> tuple[str, Headers, bytes]:
    """The request line, headers and body that stood on the wire."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    return line, tuple((name, value) for name, _, value in (text.partition(": ") for text in fields)), body


def test_a_backend_sees_what_came() -> None:
    """Method, target, body and headers arrive byte for byte, with one length and nothing hop-by-hop."""
    with backend(backends.answers()) as there, asyncio.Runner() as runner:
        to = destination(there.url)
        sender = Sender()

        @given(
            HEADERS,
            st.binary(max_size=200),
            st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20),
            st.sampled_from(["POST", "PUT", "GET", "M-SEARCH"]),
        )
        @settings(deadline=None, max_examples=150)
        def compare(headers: Headers, body: bytes, target: str, method: str) -> None:
            request = a_request(to, headers=headers, body=body, target="/" + target, method=method)
            tried = runner.run(sender.send(request, to))
            assert (tried.outcome, tried.status) == (Outcome.ANSWERED, 200)
            line, seen, seen_body = parsed(there.requests.pop())
            assert line == f"{method} /{target} HTTP/1.1"
            assert seen_body == body
            assert seen == request.headers
            nominated = {
                option.strip().lower()
                for name, value in headers
                if name.lower() == "connection"
                for option in value.split(",")
            }
            never = HOP_BY_HOP | OURS | nominated
            assert [pair for pair in seen if pair[0].lower() not in OURS] == [
                pair for pair in headers if pair[0].lower() not in never
            ]
            lengths = [value for name, value in seen if name.lower() == "content-length"]
            assert lengths in ([str(len(body))], [] if not body else None)

        try:
            compare()
        finally:
            runner.run(sender.close())
        assert there.requests == []
        assert there.connections == 1, "every example went over the same connection"


def test_a_large_body_arrives_whole(run: Run) -> None:
    """Ten MiB go out unchanged."""
    body = bytes(range(256)) * 4096 * 10
    with backend(backends.answers()) as there:
        tried = run(one_try(there.url, body=body))
        assert tried.status == 200
        assert parsed(there.requests[0])[2] == body


def test_a_header_that_connection_named_is_told(run: Run) -> None:
    """A signature that the capture's Connection header named is gone, and the try says so."""
    headers = (("Host", "a"), ("Connection", "lean-signature"), ("lean-signature", "sha512=ab"))
    with backend(backends.answers()) as there:
        tried = run(one_try(there.url, headers=headers))
        assert tried.outcome is Outcome.ANSWERED
        assert tried.note is not None
        assert "lean-signature" in tried.note
        assert b"lean-signature" not in there.requests[0]


def test_neither_proxies_nor_cookies(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment is not asked, and a cookie that was set is not sent back."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"

    async def two() -> None:
        to = destination(there.url)
        async with Sender() as sender:
            for _ in range(2):
                assert (await sender.send(a_request(to), to)).status == 200

    with backend(backends.answers(answer)) as there:
        run(two())
        assert there.requests[0] == there.requests[1]


# -- answers -------------------------------------------------------------------------------------


def test_an_answer_is_kept_as_it_came(run: Run) -> None:
    """Status, headers in their order and spelling, body and sizes are what stood on the wire."""
    answer = b"HTTP/1.1 503 Later\r\nX-A: 1\r\nx-a: \xff2\r\nRetry-After: 5\r\nContent-LENGTH: 3\r\n\r\nno\n"
    with backend(backends.answers(answer)) as there:
        tried = run(one_try(there.url))
    assert (tried.outcome, tried.status, tried.error) == (Outcome.ANSWERED, 503, None)
    assert tried.headers == (("X-A", "1"), ("x-a", "\xff2"), ("Retry-After", "5"), ("Content-LENGTH", "3"))
    assert (tried.body, tried.body_size) == (b"no\n", 3)
    assert (tried.verdict.word, tried.verdict.reason) == ("retry", "503 is not 200: the backend is not ready")
    assert tried.started_at.tzinfo is not None
    assert tried.answered_s is not None
    assert 0 < tried.answered_s <= tried.elapsed_s < 10
    assert not tried.before_any_byte


def test_a_compressed_answer_stays_compressed(run: Run) -> None:
    """Nothing is decompressed."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    with backend(backends.answers(answer)) as there:
        assert run(one_try(there.url)).body == b"\x1f\x8b\x08\x00"


def test_of_a_long_answer_the_first_mebibyte_is_kept(run: Run) -> None:
    """The rest is read and counted."""
    size = 3 * 1024 * 1024 + 7
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    with backend(backends.answers(answer)) as there:
        tried = run(one_try(there.url))
    assert tried.outcome is Outcome.ANSWERED
    assert tried.body_size == size
    assert tried.body is not None
    assert len(tried.body) == module.KEPT_BODY_BYTES


def test_a_redirect_is_an_answer(run: Run) -> None:
    """Nobody follows a redirect: where it points gets no connection."""
    with backend(backends.answers()) as elsewhere:
        for status in (301, 302, 303, 307, 308):
            answer = b"HTTP/1.1 %d Go\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n"
            with backend(backends.answers(answer % (status, elsewhere.url.encode()))) as there:
                tried = run(one_try(there.url))
                assert (tried.outcome, tried.status, tried.verdict.word) == (
                    Outcome.ANSWERED,
                    status,
                    "retry",
                )
        assert elsewhere.connections == 0


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

WHOLE: dict[str, tuple[Behaviour, int, bytes]] = {
    "chunked": (
        backends.says(CHUNKED + b"2\r\nok\r\n3;x=y\r\n\r\n!\r\n0\r\nTrailer: z\r\n\r\n"),
        200,
        b"ok\r\n!",
    ),
    "http-1.0-until-close": (backends.answers_once(b"HTTP/1.0 200 OK\r\n\r\nok"), 200, b"ok"),
    "http-1.1-until-close": (backends.answers_once(b"HTTP/1.1 200 OK\r\n\r\nok"), 200, b"ok"),
    "204": (backends.says(b"HTTP/1.1 204 No Content\r\n\r\n"), 204, b""),
    "304-with-a-length": (backends.says(b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n"), 304, b""),
    "no-reason": (backends.says(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), 200, b""),
    "bare-line-feeds": (backends.says(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), 200, b"ok"),
    "100-continue-first": (backends.says(b"HTTP/1.1 100 Continue\r\n\r\n" + OK), 200, b"ok"),
    "103-early-hints": (backends.says(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + OK), 200, b"ok"),
    "more-than-its-length": (backends.says(OK + b"surplus"), 200, b"ok"),
    "599": (backends.says(b"HTTP/1.1 599 ?\r\nContent-Length: 0\r\n\r\n"), 599, b""),
}


@pytest.mark.parametrize("name", WHOLE)
def test_odd_answers_are_answers(run: Run, name: str) -> None:
    """Whatever framing HTTP/1 allows ends where it says, without waiting for more."""
    behave, status, body = WHOLE[name]
    with backend(behave) as there:
        tried = run(one_try(there.url))
    assert (tried.outcome, tried.status, tried.body, tried.error) == (Outcome.ANSWERED, status, body, None)
    assert tried.verdict.word == ("delivered" if status == 200 else "retry")


def test_a_head_has_no_body_behind_it(run: Run) -> None:
    """The answer to HEAD ends with its head, whatever length it tells."""
    with backend(backends.says(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")) as there:
        tried = run(one_try(there.url, method="HEAD", body=b""))
    assert (tried.outcome, tried.status, tried.body) == (Outcome.ANSWERED, 200, b"")


def test_a_granted_connect_ends_there(run: Run) -> None:
    """A CONNECT that is granted is an answer, and no tunnel is used."""
    with backend(backends.says(b"HTTP/1.1 200 OK\r\n\r\n")) as there:
        tried = run(one_try(there.url, method="CONNECT", target="a.test:443", body=b""))
    assert (tried.outcome, tried.status) == (Outcome.ANSWERED, 200)


def test_a_dribbled_answer_is_heard_out(run: Run) -> None:
    """An answer that comes byte by byte is as good as any."""

    def dribbles(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.dribble(OK)

    with backend(dribbles) as there:
        tried = run(one_try(there.url))
    assert (tried.outcome, tried.status, tried.body) == (Outcome.ANSWERED, 200, b"ok")
    assert tried.answered_s is not None
    assert tried.answered_s < tried.elapsed_s


def test_an_answer_before_the_body_was_read(run: Run) -> None:
    """A backend that refuses a large body without reading it is heard, though it never takes the rest."""

    def refuses_early(there: Backend, wire: Wire) -> None:
        wire.some()
        wire.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        there.released.wait(10)

    with backend(refuses_early) as there:
        tried = run(one_try(there.url, body=b"x" * 8_000_000))
    assert (tried.outcome, tried.status) == (Outcome.ANSWERED, 413)


def test_an_answer_that_ends_in_a_reset(run: Run) -> None:
    """A whole answer counts although the connection is reset right behind it."""

    def resets_after(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.send(OK)
        wire.some()  # until the relay has closed its end, or lets go

    def resets_at_once(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        wire.reset()

    for behave in (resets_after, resets_at_once):
        with backend(behave) as there:
            tried = run(one_try(there.url))
        assert (tried.outcome, tried.status) == (Outcome.ANSWERED, 200)


# -- bad backends --------------------------------------------------------------------------------


def _then_reset(data: bytes) -> Behaviour:
    def behave(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.send(data)
        wire.reset()

    return behave


def _closes_unheard(there: Backend, wire: Wire) -> None:
    wire.some()


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
    "closes-unheard": (_closes_unheard, Outcome.CLOSED, None, "closed the connection without an answer"),
    "closes-in-the-head": (backends.answers_once(b"HTTP/1.1 2"), Outcome.CLOSED, None, "after 10 bytes"),
    "closes-in-its-first-word": (backends.answers_once(b"HT"), Outcome.CLOSED, None, "after 2 bytes"),
    "closes-in-the-body": (backends.answers_once(HALF), Outcome.CLOSED, 200, "after 48 bytes of the answer"),
    "chunks-without-end": (
        backends.answers_once(CHUNKED + b"2\r\nok\r\n"),
        Outcome.CLOSED,
        200,
        "after 54 bytes",
    ),
    "broken-chunks": (SAYS(CHUNKED + b"xyz\r\n"), Outcome.NOT_HTTP, 200, "broken HTTP: illegal chunk header"),
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
        "larger than 64 KiB",
    ),
    "endless-line": (_floods(b"HTTP/1.1 200 ", b"x" * 9999), Outcome.TOO_LARGE, None, "larger than 64 KiB"),
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


def test_nothing_listens(run: Run) -> None:
    """A refused connection says which port, and belongs to the target."""
    port = free_port()
    tried = run(one_try(f":{port}"))
    assert (tried.outcome, tried.before_any_byte) == (Outcome.REFUSED, True)
    assert tried.error == f"nothing listens on port {port}"
    assert tried.verdict.word == "retry"


def test_a_name_without_an_address(run: Run) -> None:
    """A name that nobody knows is told from a port where nothing listens."""
    tried = run(one_try("http://nothing.invalid:3000"))
    assert (tried.outcome, tried.before_any_byte) == (Outcome.UNRESOLVED, True)
    assert tried.error is not None
    assert tried.error.startswith("the name nothing.invalid cannot be resolved: ")
    tried = run(one_try(f"http://{'a' * 70}.test:3000"))
    assert tried.outcome is Outcome.UNRESOLVED


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse where Linux lets wait")
def test_a_backend_that_takes_no_connection(run: Run) -> None:
    """A full queue of connections, as behind a breakpoint, is not reachable."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        tried = run(one_try(f"127.0.0.1:{port}", 0.3))
        for sock in waiting:
            sock.close()
    assert (tried.outcome, tried.before_any_byte) == (Outcome.UNREACHABLE, True)
    assert tried.error == f"no connection to port {port} within 0.3 s"


def test_a_network_without_a_way(run: Run) -> None:
    """Any other reason for no connection is told in the system's words."""
    tried = run(one_try("http://255.255.255.255:3000", 2.0))
    assert (tried.outcome, tried.before_any_byte) == (Outcome.UNREACHABLE, True)
    assert tried.error is not None
    assert tried.error.startswith("port 3000 of 255.255.255.255 cannot be reached: ")


# -- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return backends.authority(tmp_path_factory.mktemp("ca"))


def test_tls_by_a_ca_file(run: Run, ca: Authority) -> None:
    """A certificate of a named CA for the right host passes, and the connection is kept."""

    async def two() -> list[Tried]:
        to = destination(f"https://localhost:{there.port}", ca_file=ca.ca_file)
        async with Sender() as sender:
            return [await sender.send(a_request(to, body=b"x" * 300_000), to) for _ in range(2)]

    with backend(backends.answers(), tls=ca.context("localhost", "127.0.0.1")) as there:
        first, second = run(two())
        assert (first.outcome, first.status, first.kept) == (Outcome.ANSWERED, 200, False)
        assert (second.outcome, second.kept) == (Outcome.ANSWERED, True)
        assert there.connections == 1
        assert parsed(there.requests[1])[2] == b"x" * 300_000
        assert run(one_try(f"https://127.0.0.1:{there.port}", ca_file=ca.ca_file)).status == 200
        assert run(one_try(f"https://localhost:{there.port}", insecure=True)).status == 200


TLS_FAULTS: dict[str, tuple[Callable[[Authority], ssl.SSLContext], str]] = {
    "wrong-name": (
        lambda ca: ca.context("other.test", "10.0.0.1"),
        "the certificate is for other.test, 10.0.0.1, not localhost",
    ),
    "expired": (lambda ca: ca.context("localhost", days=(-9, -2)), "does not pass: certificate has expired"),
    "not-yet": (lambda ca: ca.context("localhost", days=(2, 9)), "certificate is not yet valid"),
    "self-signed": (lambda ca: ca.context("localhost", self_signed=True), "or use --insecure"),
}


@pytest.mark.parametrize("name", TLS_FAULTS)
def test_tls_faults(run: Run, ca: Authority, name: str) -> None:
    """A certificate that does not pass is named with its fault, before a byte of the request is sent."""
    make, words = TLS_FAULTS[name]
    with backend(backends.answers(), tls=make(ca)) as there:
        tried = run(one_try(f"https://localhost:{there.port}", ca_file=ca.ca_file))
        assert there.requests == []
        assert (tried.outcome, tried.before_any_byte) == (Outcome.TLS_FAILED, True)
        assert tried.error is not None
        assert tried.error.startswith("TLS failed: ")
        assert words in tried.error
        assert run(one_try(f"https://localhost:{there.port}", insecure=True)).status == 200


def test_an_unknown_authority(run: Run, ca: Authority) -> None:
    """Without the CA file its certificates do not pass."""
    with backend(backends.answers(), tls=ca.context("localhost")) as there:
        tried = run(one_try(f"https://localhost:{there.port}"))
        assert tried.outcome is Outcome.TLS_FAILED
        assert "name the CA that signed it" in str(tried.error)


def test_a_ca_file_that_is_none(run: Run, tmp_path: Path) -> None:
    """A CA file that is missing or holds no certificate is the fault that is named."""
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("missing.pem", "empty.pem"):
        with backend(backends.answers()) as there:
            tried = run(one_try(f"https://localhost:{there.port}", ca_file=tmp_path / name))
        assert (tried.outcome, tried.before_any_byte) == (Outcome.TLS_FAILED, True)
        assert name in str(tried.error)


def test_tls_and_plain_text_mixed_up(run: Run, ca: Authority) -> None:
    """https:// to a plain port and http:// to a TLS port say what to write instead."""
    plain_answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"

    def plain(there: Backend, wire: Wire) -> None:
        wire.some()
        wire.send(plain_answer)

    with backend(plain) as there:
        tried = run(one_try(f"https://localhost:{there.port}", insecure=True))
        assert (tried.outcome, tried.before_any_byte) == (Outcome.TLS_FAILED, True)
        assert "does not speak TLS; write http://" in str(tried.error)
    with backend(_closes_unheard) as there:
        tried = run(one_try(f"https://localhost:{there.port}", insecure=True))
        assert tried.outcome is Outcome.TLS_FAILED
        assert "does it speak TLS?" in str(tried.error)
    with backend(backends.answers(), tls=ca.context("localhost")) as there:
        tried = run(one_try(there.url))
        assert tried.outcome in (Outcome.NOT_HTTP, Outcome.CLOSED, Outcome.RESET)


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


def test_a_client_certificate_that_is_asked_for(run: Run, ca: Authority) -> None:
    """A backend that wants a client certificate refuses after the handshake, and that is TLS too."""
    context = ca.context("localhost")
    context.verify_mode = ssl.CERT_REQUIRED
    with backend(backends.answers(), tls=context) as there:
        tried = run(one_try(f"https://localhost:{there.port}", ca_file=ca.ca_file))
    assert tried.outcome in (Outcome.TLS_FAILED, Outcome.RESET)
    assert tried.status is None


def test_a_handshake_that_never_ends(run: Run) -> None:
    """A port that takes the connection and says nothing to TLS fails in time."""
    with backend(lambda there, wire: wire.hang()) as there:
        tried = run(one_try(f"https://localhost:{there.port}", 0.3, insecure=True))
        assert (tried.outcome, tried.before_any_byte) == (Outcome.TLS_FAILED, True)
        assert tried.error == f"TLS failed: port {there.port} did not finish the handshake within 0.3 s"


# -- kept connections ----------------------------------------------------------------------------


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


# -- lifetimes and the rest ----------------------------------------------------------------------


def test_a_cancelled_try_lets_go(run: Run) -> None:
    """Cancelling ends the connection at once."""

    async def cancel() -> None:
        to = destination(there.url)
        async with Sender() as sender:
            sending = asyncio.ensure_future(sender.send(a_request(to), to))
            await until(lambda: there.requests, "the request arrives")
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            await until(lambda: there.ended == 1, "the connection ends")

    with backend(backends.says(b"")) as there:
        run(cancel())


def test_closing_twice_and_sending_after(run: Run) -> None:
    """A closed sender sends nothing; closing it again is nothing."""

    async def close() -> None:
        to = destination(there.url)
        sender = Sender()
        assert (await sender.send(a_request(to), to)).status == 200
        await sender.close()
        await sender.close()
        with pytest.raises(RuntimeError, match="closed"):
            await sender.send(a_request(to), to)

    with backend(backends.answers()) as there:
        run(close())


def test_a_late_body_is_told(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """A 200 in time whose body took longer than Lean waits is delivered, with what is not known."""
    monkeypatch.setattr(module, "ANSWER_WITHIN_S", 0.01)

    def late(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        wire.dribble(b"x" * 20)

    with backend(late) as there:
        tried = run(one_try(there.url))
    assert tried.verdict.word == "delivered"
    assert "whether Lean waits for that is not documented" in tried.verdict.reason


def test_a_try_that_was_never_made() -> None:
    """A loop ends visibly, as a try of its own, and is not the target's fault."""
    tried = not_sent(Outcome.LOOP, "it came from\nhere", number=2)
    assert (tried.outcome, tried.error, tried.before_any_byte) == (Outcome.LOOP, "it came from␊here", False)
    assert (tried.verdict.word, tried.verdict.number) == ("retry", 2)


def test_reachable(run: Run, ca: Authority) -> None:
    """A probe connects, with TLS where the URL says so, sends nothing, and says why not."""
    with backend(backends.answers()) as there:
        assert run(reachable(destination(there.url))) is None
        assert there.requests == []
    with backend(backends.answers(), tls=ca.context("localhost")) as there:
        url = f"https://localhost:{there.port}"
        assert run(reachable(destination(url, ca_file=ca.ca_file))) is None
        assert "TLS failed" in str(run(reachable(destination(url))))
    assert "nothing listens" in str(run(reachable(destination(f":{free_port()}"))))
