"""One outgoing request: what the backend sees byte for byte, and what is kept of its response."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.delivery.http import response
from relay.delivery.http import sender as module
from relay.delivery.http.outcomes import Outcome
from relay.delivery.http.request import HOP_BY_HOP, OURS, build_request, destination
from relay.delivery.http.sender import Sender, SendResult, not_sent
from relay.models import Headers, Signature
from relay.store.read.reader import Reader
from tests.relay.delivery.http.test_request import HEADERS
from tests.support import backends
from tests.support.backends import CHUNKED, OK, Backend, Behaviour, Wire, backend, free_port
from tests.support.lean_requests import SECRET, signed
from tests.support.receiving import a_receiver
from tests.support.sending import (
    Run,
    a_request,
    one_try,
    parsed,
)
from tests.support.waiting import until

# -- what the backend sees -----------------------------------------------------------------------


@pytest.mark.slow
def test_a_backend_sees_what_came() -> None:
    """Method, target, body and headers arrive byte for byte, with one length and nothing hop-by-hop."""
    with backend(backends.answers(backends.KEPT)) as there, asyncio.Runner() as runner:
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
                *(pair for pair in headers if pair[0].lower() not in never),
                ("Connection", "close"),
            ]
            lengths = [value for name, value in seen if name.lower() == "content-length"]
            assert lengths in ([str(len(body))], [] if not body else None)

        try:
            compare()
        finally:
            runner.run(sender.close())
        assert there.requests == []
        assert there.connections == 1, "every example went over the same connection"


async def test_from_the_door_to_the_backend(tmp_path: Path) -> None:
    """What the receiver stored of odd bytes on the wire reaches the backend with its signature valid."""
    body = b'{"type":"payment.updated","payload":{"amount":100.00,"name":"caf\xc3\xa9"}}\n'
    signature = signed(body)
    head = (
        "POST /a%20b/..//c?x=%zz&y HTTP/1.1\r\nhost: relay\r\nX-One: 1\r\nx-ONE: \xe9\xff\r\nX-Empty:\r\n"
        f"TE: trailers\r\nConnection: keep-alive, TE\r\nLean-Signature:   {signature}  \r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    ).encode("latin-1")
    async with a_receiver(tmp_path, secrets={"default": SECRET.encode()}) as relay:
        assert b" 200 " in await relay.exchange(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        with Reader(relay.db) as reader:
            capture = reader.capture(1)
        assert capture is not None
        assert capture.signature is Signature.VALID
        with backend(backends.answers()) as there:
            to = destination(there.url)
            async with Sender() as sender:
                tried = await sender.send(build_request(capture, to, instance="here"), to)
            assert tried.verdict.word == "delivered"
    assert there.requests == [
        (
            "POST /a%20b/..//c?x=%zz&y HTTP/1.1\r\n"
            f"host: {to.authority}\r\nX-One: 1\r\nx-ONE: \xe9\xff\r\nX-Empty: \r\n"
            f"Lean-Signature: {signature}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\nX-Lean-Relay: here;hop=1;capture=1\r\n\r\n"
        ).encode("latin-1")
        + body
    ]


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
    assert tried.head_s is not None
    assert 0 < tried.head_s <= tried.elapsed_s < 10
    assert not tried.target_down


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
    assert len(tried.body) == response.KEPT_BODY_BYTES


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


def test_a_dribbled_answer_is_heard_out(run: Run) -> None:
    """An answer that comes byte by byte is as good as any."""

    def dribbles(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.dribble(OK)

    with backend(dribbles) as there:
        tried = run(one_try(there.url))
    assert (tried.outcome, tried.status, tried.body) == (Outcome.ANSWERED, 200, b"ok")
    assert tried.head_s is not None
    assert tried.head_s < tried.elapsed_s


def test_an_answer_before_the_body_was_read(run: Run) -> None:
    """A backend that refuses a large body without reading it is heard, though it never takes the rest."""

    def refuses_early(there: Backend, wire: Wire) -> None:
        wire.some()
        wire.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        there.released.wait(10)

    with backend(refuses_early) as there:
        tried = run(one_try(there.url, body=b"x" * 8_000_000))
    assert (tried.outcome, tried.status) == (Outcome.ANSWERED, 413)


@pytest.mark.parametrize("size", [1_000_000, 5_000_000])
def test_an_answer_before_a_close_with_the_body_unread(run: Run, size: int) -> None:
    """A backend that refuses and closes at once, as nginx does, is heard though a write fails."""

    def refuses_and_closes(there: Backend, wire: Wire) -> None:
        wire.some()
        wire.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")

    with backend(refuses_and_closes) as there:
        for _ in range(15):
            tried = run(one_try(there.url, body=b"x" * size))
            assert (tried.outcome, tried.status, tried.body) == (Outcome.ANSWERED, 401, b"no")


@pytest.mark.slow
def test_an_answer_in_crumbs_stops_nobody(run: Run) -> None:
    """While a hundred thousand one-byte chunks are read, others on the loop go on."""
    count = 100_000

    async def meanwhile() -> tuple[SendResult, float]:
        loop, longest = asyncio.get_running_loop(), 0.0
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(one_try(there.url))
            while not sending.done():
                before = loop.time()
                await asyncio.sleep(0)
                longest = max(longest, loop.time() - before)
        return sending.result(), longest

    with backend(backends.says(CHUNKED + b"1\r\nx\r\n" * count + b"0\r\n\r\n")) as there:
        tried, longest = run(meanwhile())
    assert (tried.outcome, tried.body_size) == (Outcome.ANSWERED, count)
    assert longest < tried.elapsed_s / 10


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
    monkeypatch.setattr(module, "ANSWER_WITHIN_S", 0.5)

    def late(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
        wire.dribble(b"x" * 20, every_s=0.05)

    with backend(late) as there:
        tried = run(one_try(there.url))
    assert tried.verdict.word == "delivered"
    assert "Lean does not document whether it waits for that" in tried.verdict.reason


def test_a_try_that_was_never_made() -> None:
    """A loop ends visibly, as a try of its own, and is not the target's fault."""
    tried = not_sent(Outcome.LOOP, "it came from\nhere", number=2)
    assert (tried.outcome, tried.error, tried.target_down) == (Outcome.LOOP, "it came from␊here", False)
    assert (tried.verdict.word, tried.verdict.number) == ("retry", 2)
