"""Takes webhooks: request -> row -> store -> 200, and nothing else.

Whatever aiohttp's parser accepts becomes a capture and is answered after its COMMIT with a short
fixed text, the same for each method and path: this port shows and controls nothing. Bodies are read
as they come, never decompressed, never parsed into forms. What does not become a capture is a refusal.
"""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from time import time, time_ns
from typing import TYPE_CHECKING, Any

from aiohttp import HttpVersion10, HttpVersion11, StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import istr

from relay.answering import Answers, Reply
from relay.arrival import Judge, Peer, as_capture, with_answer
from relay.connections import Connection, Connections, Limits, answer
from relay.refusals import Refusals
from relay.routing import Routes
from relay.store.trouble import StoreClosed, StoreTrouble
from relay.store.writer import Writer

if TYPE_CHECKING:
    from relay.tls.serving import Serving

TEXT = "stored\n"

ORIGIN = istr("Origin")
SEC_FETCH_SITE = istr("Sec-Fetch-Site")
EXPECT = istr("Expect")

VERSIONS = {HttpVersion11: "1.1", HttpVersion10: "1.0"}

JUDGED_APART_BYTES = 128 * 1024
"""Larger bodies are judged in a thread: HMAC and SHA-256 of 12 MB take 17 ms, without the interpreter."""

RETRY_AFTER_S = 60
"""Lean's own first retry is a minute away (README, "What Lean documents")."""


class Refused(Exception):
    """The request does not become a capture; carries the answer."""

    def __init__(self, status: int, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail


class Ack:
    """The usual answer, built once a second and written in one piece.

    Has what aiohttp's server asks of a response: `prepare`, `write_eof`, `keep_alive`. Building a
    `web.Response` for each request costs a tenth of the throughput.
    """

    keep_alive = True

    def __init__(self) -> None:
        self._second = 0
        self._bytes = b""

    async def prepare(self, request: web.BaseRequest) -> None:
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the caller hung up before the answer")
        second = int(time())
        if second != self._second:
            self._second = second
            self._bytes = (
                "HTTP/1.1 200 OK\r\n"
                "Content-Type: text/plain; charset=utf-8\r\n"
                f"Content-Length: {len(TEXT)}\r\n"
                f"Date: {formatdate(second, usegmt=True)}\r\n"
                "Server: lean-relay\r\n"
                f"\r\n{TEXT}"
            ).encode("ascii")
        transport.write(self._bytes)

    async def write_eof(self) -> None:
        """Everything is written."""


class Receiver:
    """What happens to a whole request; `connections.accept` is the factory for `loop.create_server`."""

    def __init__(
        self,
        writer: Writer,
        judge: Judge,
        answers: Answers,
        routes: Routes,
        refusals: Refusals,
        *,
        limits: Limits,
        allow_cross_site: bool = False,
        tls: Serving | None = None,
    ) -> None:
        self.judge = judge
        self.answers = answers
        self.routes = routes
        self.allow_cross_site = allow_cross_site
        self.limits = limits
        self.closing = False
        """Answers end their connection from now on."""
        self._writer = writer
        self._refusals = refusals
        self._in_flight = 0
        self._ack: Any = Ack()
        self.connections = Connections(
            self._handle, peer_of=self._peer, refusals=refusals, limits=limits, tls=tls
        )

    def _peer(self, peername: object, tls: str | None) -> Peer:
        return self.judge.peer(peername, tls)

    async def stop(self, within_s: float) -> None:
        """Answer what is whole, drop what is not, and end all connections; the listener is closed by now."""
        self.closing = True
        self.connections.drop_incomplete()
        self.connections.pre_shutdown()
        await self.connections.handshakes_ended()
        await self.connections.shutdown(within_s)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)
        connection.in_request = True
        try:
            return await self._take(request, connection)
        except Refused as refused:
            if not connection.dropped:
                self._refusals.note(connection.peer.address, refused.reason, refused.detail)
            unavailable = refused.status == 503
            connection.dropped |= not request.content.is_eof()  # What still comes is no new request.
            return answer(
                refused.status,
                f"{refused.reason}\n",
                close=connection.dropped or self.closing,
                retry_after_s=RETRY_AFTER_S if unavailable else None,
            )
        finally:
            connection.in_request = False
            connection.spoke = False
            connection.incomplete_since = None

    async def _take(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        content = request.content
        headers = request.headers
        version = VERSIONS.get(request.version)
        if version is None:
            raise Refused(
                505,
                "http-version",
                f"HTTP/{request.version.major}.{request.version.minor} is not spoken here",
            )
        if not self.allow_cross_site and (ORIGIN in headers or headers.get(SEC_FETCH_SITE) == "cross-site"):
            raise Refused(
                403, "cross-site", "a web page sent this, not a server; allow_cross_site = true lets it in"
            )
        if content.is_eof():  # The body came with its head, as nearly all do: no deadline to keep.
            body = content.read_nowait(-1)
            if len(body) > self.limits.max_body:
                raise self._too_large(len(body))
        else:
            body = await self._read(request, content)
        connection.incomplete_since = None
        if self._in_flight + len(body) > self.limits.bodies_in_flight:
            raise _overloaded()
        self._in_flight += len(body)
        try:
            reply = await self._store(request, connection, version, body)
        finally:
            self._in_flight -= len(body)
        if reply is None:
            if version == "1.1" and request.method != "HEAD" and request.keep_alive and not self.closing:
                return self._ack  # type: ignore[no-any-return]
            return answer(200, TEXT, close=self.closing)
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        return answer(reply.status, f"answered {reply.status} on purpose\n" if reply.status != 200 else TEXT)

    async def _store(
        self, request: web.BaseRequest, connection: Connection, version: str, body: bytes
    ) -> Reply | None:
        """Judge and store one request; the answer where it is not the usual one."""
        judge, now = self.judge.row, time_ns() // 1000
        if len(body) > JUDGED_APART_BYTES:
            row = await asyncio.to_thread(judge, request, now, version, connection.peer, body)
        else:
            row = judge(request, now, version, connection.peer, body)
        reply = None
        if not self.answers.plain:
            reply = self.answers.to(lambda: as_capture(row))
            row = with_answer(row, reply.status, reply.reason)
        targets = self.routes.of(lambda: as_capture(row))
        try:
            await self._writer.add(row, targets)
        except StoreTrouble as trouble:
            raise Refused(503, trouble.reason, trouble.detail) from None
        except StoreClosed:
            raise Refused(503, "shutting-down", "the relay is stopping") from None
        return reply

    async def _read(self, request: web.BaseRequest, content: StreamReader) -> bytes:
        """A body that comes after its head: within size, time, least rate and the budget of all bodies."""
        limits = self.limits
        declared = request.headers.get("Content-Length", "")
        if declared.isdecimal() and int(declared) > limits.max_body:
            raise self._too_large(int(declared))
        asked = request.version == HttpVersion11 and request.headers.get(EXPECT, "").lower() == "100-continue"
        if asked and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        chunks: list[bytes] = []
        size = 0
        now = asyncio.get_running_loop().time
        started = now()
        try:
            async with asyncio.timeout_at(started + min(limits.body_s, limits.body_grace_s)) as timeout:
                while chunk := await content.readany():
                    chunks.append(chunk)
                    size += len(chunk)
                    self._in_flight += len(chunk)
                    if size > limits.max_body:
                        raise self._too_large(size)
                    if self._in_flight > limits.bodies_in_flight:
                        raise _overloaded()
                    allowed = limits.body_grace_s + size / limits.least_rate
                    timeout.reschedule(started + min(limits.body_s, allowed))
        except TimeoutError:
            raise Refused(
                408,
                "body-timeout",
                f"{size} bytes of a body came in {now() - started:.0f} s, and then too little",
            ) from None
        except (ConnectionError, web.RequestPayloadError, HttpProcessingError) as error:
            if request.transport is None or request.transport.is_closing():
                raise Refused(400, "hung-up", f"the caller left after {size} bytes of a body") from error
            raise Refused(400, "malformed", f"the body's framing is broken after {size} bytes") from error
        finally:
            self._in_flight -= size
        return b"".join(chunks)

    def _too_large(self, size: int) -> Refused:
        return Refused(
            413, "too-large", f"a body of {size} bytes or more; --max-body is {self.limits.max_body}"
        )


def _overloaded() -> Refused:
    return Refused(503, "overloaded", "too many bytes of bodies are on their way at once")
