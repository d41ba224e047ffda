"""One client connection: reads requests one at a time, has each handled, writes the response.

Bytes after a request wait until it has its response, large bodies until there is room for them. Deadlines use
the listener's clock, which stops while this process cannot read. The receiver handles complete requests.
"""

from __future__ import annotations

import asyncio
import logging
import select
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

from aiohttp import hdrs
from aiohttp.http_parser import RawRequestMessage
from aiohttp.tcp_helpers import tcp_keepalive

from relay.receiver.body_budget import SMALL_BYTES, Budget
from relay.receiver.failures import refusal_of
from relay.receiver.framing import Body, ChunkedBody, Malformed
from relay.receiver.heads import VERSIONS, HeadReader, body_of
from relay.receiver.intake import Peer
from relay.receiver.limits import ReceiverLimits
from relay.receiver.refusals import Refusals
from relay.receiver.request import Request
from relay.receiver.responses import Encoder, Refused, Response

log = logging.getLogger("relay.receiver")

REST_BYTES = 64 * 1024
"""Bytes that may wait after the current request before reading pauses."""


class ListenerState(Protocol):
    """The parts that all connections of a listener share."""

    loop: asyncio.AbstractEventLoop
    limits: ReceiverLimits
    refusals: Refusals
    budget: Budget
    encoder: Encoder
    closing: bool
    now: float

    handle: Callable[[Request, Peer], Awaitable[Response]]
    objection: Callable[[RawRequestMessage, str | None, int | None], Refused | None]
    unanswered: Callable[[int], None]
    peer_of: Callable[[object, str | None], Peer]

    def add(self, connection: Connection) -> None: ...
    def remove(self, connection: Connection) -> None: ...
    def give_back(self, request: Request) -> None: ...
    def too_large(self, size: int) -> Refused: ...


class Connection(asyncio.Protocol):
    """A connection, plain or inside TLS."""

    def __init__(self, listener: ListenerState, tls: str | None = None) -> None:
        """
        Args:
            tls: TLS facts as JSON text; None for plain HTTP.
        """
        self.listener = listener
        self.tls = tls
        self.peer = Peer("", "", None)
        self.transport: asyncio.Transport | None = None
        self.incomplete_since: float | None = None
        """Time at which an incomplete head or body began, by the listener's clock; None without one."""
        self.dropped = False
        self.task: asyncio.Future[Any] | None = None
        """Handles the current request."""
        self._heads = HeadReader(listener.loop)
        self._request: Request | None = None
        """The request whose body is being read."""
        self._body: Body
        self._refused: Refused | None = None
        """Refusal to send once its small body has been read; the body is not kept."""
        self._continued = False
        self._waits = False
        """Whether it waits for room in the budget."""
        self._began = 0.0
        self._rest = b""
        """Bytes received after the current request."""
        self._paused = False
        self._full = False
        """The client does not read its responses."""
        self._eof = False
        self._over = False
        """No more requests are read."""
        self._since = listener.now
        """Time at which it became idle, began to wait for room, or ended."""
        self._spared = False

    # -- called by the loop --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        tcp_keepalive(self.transport)
        self.peer = self.listener.peer_of(transport.get_extra_info("peername"), self.tls)
        self.incomplete_since = self.listener.now
        self.listener.add(self)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        if self._busy():
            self._rest += data
            if len(self._rest) > REST_BYTES:
                self._pause()
            return
        self._read(data)

    def eof_received(self) -> bool:
        """The client sends no more; on plain HTTP it may still wait for its response."""
        self._eof = True
        in_hand = self.task is not None or self._waits or bool(self._rest)
        if self.tls is None and not self._over and in_hand:
            return True
        if self.task is None:
            self._hang_up()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self._full = False
        if self.task is None:
            self._hang_up()
            self.listener.remove(self)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self.task is None:
            self._next()

    # -- reading -------------------------------------------------------------------------------

    def _busy(self) -> bool:
        """Whether received bytes have to wait."""
        return self.task is not None or self._waits or self._full

    @property
    def spoke(self) -> bool:
        """Whether part of an incomplete request was received."""
        return self._request is not None or self._heads.begun

    def _read(self, data: bytes) -> None:
        """Read bytes up to the end of a request that has to be handled."""
        try:
            while not self._over:
                if self._request is None:
                    found = self._heads.feed(data) if data else None
                    if found is None:
                        break
                    message, data = found
                    if self._take(message, data):
                        return
                    if not self._begin(message):
                        self._rest = data
                        return
                rest = self._body.feed(data)
                if self._body.size > self.listener.limits.max_body:
                    self.refuse(self.listener.too_large(self._body.size))
                    return
                if rest is None:
                    self._go_on()
                    break
                data = rest
                if self._end_of_request():
                    self._rest = data
                    return
        except Malformed as error:
            self.refuse(Refused(400, "malformed", str(error)))
            return
        if self.incomplete_since is None and self.spoke:
            self.incomplete_since = self.listener.now

    def _take(self, message: RawRequestMessage, data: bytes) -> bool:
        """Handle a plain request at once; return whether it is one (`relay.receiver.fast_connection`)."""
        return False

    def _begin(self, message: RawRequestMessage) -> bool:
        """Refuse a head, or prepare for its body; return whether the body can be read now."""
        body, length = body_of(message)
        version = VERSIONS.get(message.version)
        refused = self.listener.objection(message, version, length)
        if refused is not None:
            small = length is not None and length <= min(SMALL_BYTES, self.listener.limits.max_body)
            if version is None or not small or hdrs.EXPECT in message.headers:
                self.refuse(refused, version or "1.1")
                return False
        self._refused = refused
        self._request = Request(message, version or "1.1")
        self._body = body
        self._continued = False
        self._began = self.listener.now
        if length is not None and length > SMALL_BYTES:
            self._ask_for_room(length)
        return not self._waits

    def _go_on(self) -> None:
        """Prepare for more of a body."""
        request, body = self._request, self._body
        assert request is not None
        if not self._continued:
            self._continued = True
            expects = request.message.headers.get(hdrs.EXPECT, "").lower() == "100-continue"
            if expects and request.version == "1.1" and self.transport is not None and not body.size:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if request.room is None and isinstance(body, ChunkedBody) and body.size > SMALL_BYTES:
            self._ask_for_room(self.listener.limits.max_body)

    def _end_of_request(self) -> bool:
        """Start handling a whole request; return whether the bytes after it have to wait."""
        request, body = self._request, self._body
        assert request is not None
        self._request = None
        self._spared = False
        self.incomplete_since = None
        if self._refused is not None:
            refused, self._refused = self._refused, None
            self._note(refused)
            self._write(refused.response, request)
            self._since = self.listener.now
            return False
        request.body = body.take()
        if request.room is not None:
            self.listener.budget.shrink(request.room, len(request.body))
        self.task = self.listener.loop.create_task(self._handle(request), name="request")
        return True

    def _ask_for_room(self, size: int) -> None:
        request = self._request
        assert request is not None
        request.room, there = self.listener.budget.ask(size, self._admitted)
        if not there:
            self._waits = True
            self._since = self.listener.now
            self._pause()

    def _admitted(self) -> None:
        """Continue with room for the body; its time limit starts now."""
        self._waits = False
        self._began = self.listener.now
        self.listener.loop.call_soon(self._next)

    # -- answering -----------------------------------------------------------------------------

    async def _handle(self, request: Request) -> None:
        try:
            response = await self.listener.handle(request, self.peer)
        except (Exception, asyncio.CancelledError) as error:
            response = self._refused_by(error)
        finally:
            self.listener.give_back(request)
            self.task = None
        self._finish(response, request)

    def _refused_by(self, error: BaseException) -> Response:
        """Count a request that was not stored, and return its response."""
        refused = refusal_of(error, self.peer.address)
        self._note(refused)
        return refused.response

    def _finish(self, response: Response, request: Request) -> None:
        """Write the response to a handled request, and continue."""
        if not self._write(response, request) and response.capture_id is not None:
            self.listener.unanswered(response.capture_id)
        self._since = self.listener.now
        self._next()

    def _next(self) -> None:
        """Continue with bytes received meanwhile."""
        if self._busy():
            return
        if not self._over:
            rest, self._rest = self._rest, b""
            if rest or self._request is not None:
                self._read(rest)
            if self._busy():
                return
            if self._eof or self.transport is None:
                self._hang_up()
        if self._paused and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()
        if self.transport is None:
            self.listener.remove(self)

    def _write(self, response: Response, request: Request) -> bool:
        """Write a response, close the connection where needed, and return whether it could be written."""
        transport, message = self.transport, request.message
        written = transport is not None and not transport.is_closing()
        is_last = message.should_close or message.method == "CONNECT"
        close = is_last or response.close or self.listener.closing
        if written:
            assert transport is not None
            head = message.method == "HEAD"
            if response.usual and not close and not head and request.version == "1.1":
                transport.write(self.listener.encoder.usual())
            else:
                transport.write(
                    self.listener.encoder.encoded(
                        response, version=request.version, close=close, body=not head
                    )
                )
        if close:
            self._close_after_response(
                "internal" if response.close else "malformed" if is_last else "shutting-down"
            )
        return written

    def _close_after_response(self, reason: str) -> None:
        """Close the connection.

        Args:
            reason: why bytes that came after the request are refused.
        """
        unread = len(self._rest.strip(b"\r\n"))
        self._rest = b""
        if unread:
            self._note(Refused(0, reason, f"{unread} bytes came after the last request of its connection"))
        self._end(unread=bool(unread))

    def refuse(self, refused: Refused, version: str = "1.1") -> None:
        """Count and answer a refused request, then close the connection: the start of the next is unknown."""
        self._note(refused)
        request = self._request
        self._forget()
        if self.transport is not None and not self.transport.is_closing():
            if request is not None:
                version = request.version
            self.transport.write(self.listener.encoder.encoded(refused.response, version=version, close=True))
        self._end(unread=True)

    # -- ending --------------------------------------------------------------------------------

    def drop(self, reason: str, detail: str) -> None:
        """Close the connection now, and count the reason."""
        self._note(Refused(0, reason, detail))
        self.end()

    def end(self) -> None:
        """Close the connection now, and count nothing."""
        self.dropped = self._over = True
        self._forget()
        if self.transport is not None:
            self.transport.close()

    def overdue(self, now: float) -> None:
        """Close it if it took too long; called a few times a second."""
        if self.task is not None or self.transport is None or not self._is_late(now):
            return
        if not self._spared and self._unread():
            self._spared = True
            return
        limits = self.listener.limits
        if self._over:
            self.transport.abort()
        elif self._waits:
            self.refuse(Refused(503, "overloaded", "too many bytes of bodies were arriving at once"))
        elif self._request is not None:
            came = f"{self._body.size} bytes of a body came in {now - self._began:.0f} s, and then too little"
            self.refuse(Refused(408, "body-timeout", came))
        elif self._heads.begun:
            self.refuse(
                Refused(408, "head-timeout", f"the head of a request took longer than {limits.head_s:g} s")
            )
        else:
            self.end()

    def _is_late(self, now: float) -> bool:
        limits = self.listener.limits
        if self._over:
            return now - self._since > limits.linger_s
        if self._waits:
            return now - self._since > limits.room_s
        if self._request is not None:
            allowed = min(limits.body_s, limits.body_grace_s + self._body.size / limits.least_rate)
            return now - self._began > allowed
        if self.incomplete_since is not None:
            return now - self.incomplete_since > limits.head_s
        return now - self._since > limits.idle_s

    def _unread(self) -> bool:
        """Whether bytes have arrived that the loop had no time to read."""
        assert self.transport is not None
        if self._paused or self.transport.is_closing():  # Inside TLS a closing transport may have no socket.
            return False
        made: Any = self.transport.get_extra_info("socket")
        poll = select.poll()
        poll.register(made.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def _hang_up(self) -> None:
        """The client has gone, and no request is being handled."""
        if not self._over:
            if self._request is not None:
                self._note(
                    Refused(
                        400, "hung-up", f"the caller disconnected after {self._body.size} bytes of a body"
                    )
                )
            elif self._heads.begun:
                self._note(Refused(400, "hung-up", "the caller disconnected within the head of a request"))
        self._over = True
        self._forget()
        if self.transport is not None:
            self.transport.close()

    def _end(self, *, unread: bool) -> None:
        """Read no more requests. A close with `unread` bytes would be a reset, and lose the response."""
        self._over = True
        self._since = self.listener.now
        transport = self.transport
        if transport is None:
            return
        if self._eof or not unread:
            transport.close()
            return
        if self._paused:
            self._paused = False
            transport.resume_reading()
        if transport.can_write_eof():
            transport.write_eof()

    def _forget(self) -> None:
        """Drop the read part of an incomplete request."""
        request, self._request = self._request, None
        self._heads = HeadReader(self.listener.loop)
        self._waits = False
        self._rest = b""
        self.incomplete_since = None
        if request is not None:
            self._body.take()
            self.listener.give_back(request)

    def _pause(self) -> None:
        if not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()

    def _note(self, refused: Refused) -> None:
        self.listener.refusals.note(self.peer.address, refused.reason, refused.detail)
