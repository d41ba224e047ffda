"""A connection that takes plain requests a short way: no task, and no object for the request or its response.

A plain request is whole, small, HTTP/1.1, keeps the connection, and has the usual response. Everything else
goes the way of `relay.receiver.connection`, in order.

Plain requests that arrive in one turn of the loop are stored together: first all heads are read, then all
rows are built. Measured without sockets and store, 32 at once: 30 us each, one after the other 42, the other
way 40; the same code in a row finds itself in the processor's caches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from aiohttp import HttpVersion11, hdrs
from aiohttp.http_parser import RawRequestMessage

from relay.receiver.body_budget import SMALL_BYTES
from relay.receiver.connection import Connection, ListenerState
from relay.receiver.heads import length_of
from relay.receiver.intake import Peer
from relay.receiver.request import Request
from relay.receiver.responses import STORED, Response

OTHER_RESPONSE = frozenset({"HEAD", "CONNECT"})
"""Methods whose response is not the usual one."""

Plain = tuple[RawRequestMessage, bytes, Peer]
"""A plain request: its head, its body and its sender."""

Stored = asyncio.Future[int] | None
"""Done with the id of the capture; None where a request has to go the other way."""


class FastConnection(Connection):
    """A connection, plain or inside TLS, with the short way."""

    _message: RawRequestMessage
    """The head of the plain request that is being stored."""

    def __init__(self, listener: ListenerState, plain: PlainRequests, tls: str | None = None) -> None:
        super().__init__(listener, tls)
        self._plain = plain

    def _take(self, message: RawRequestMessage, data: bytes) -> bool:
        headers, listener = message.headers, self.listener
        if (
            message.version is not HttpVersion11
            or message.should_close
            or message.chunked
            or message.method in OTHER_RESPONSE
            or hdrs.TRANSFER_ENCODING in headers
            or listener.closing
        ):
            return False
        length = length_of(message)
        if length > len(data) or length > SMALL_BYTES:
            return False
        if listener.objection(message, "1.1", length) is not None:
            return False
        self._message = message
        self._rest = data[length:]
        self._spared = False
        self.incomplete_since = None
        self.task = self._plain.soon
        self._plain.add(self, (message, data[:length], self.peer))
        return True

    def begin(self, stored: Stored, body: bytes) -> None:
        """Respond to the plain request when it is stored, or go the other way with it."""
        if stored is not None:
            self.task = stored
            stored.add_done_callback(self._stored)
            return
        request = Request(self._message, "1.1")
        request.body = body
        self.task = self.listener.loop.create_task(self._handle(request), name="request")

    def _stored(self, stored: asyncio.Future[int]) -> None:
        self.task = None
        transport, listener = self.transport, self.listener
        try:
            number = stored.result()
        except (Exception, asyncio.CancelledError) as error:
            response = self._refused_by(error)
        else:
            if transport is not None and not transport.is_closing() and not listener.closing:
                transport.write(listener.encoder.usual())
                self._since = listener.now
                if self._rest or self._paused or self._eof:
                    self._next()
                return
            response = Response(200, STORED, number, usual=True)
        self._finish(response, Request(self._message, "1.1"))


class PlainRequests:
    """The plain requests of all connections that arrived in this turn of the loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, store: Callable[[Sequence[Plain]], Sequence[Stored]]
    ) -> None:
        """
        Args:
            store: begins to store them; raises nothing.
        """
        self._loop = loop
        self._store = store
        self._waiting: list[tuple[FastConnection, Plain]] = []
        self.soon: asyncio.Future[int] = loop.create_future()
        """Placeholder for the future of each, until `store` has returned that."""

    def add(self, connection: FastConnection, request: Plain) -> None:
        if not self._waiting:
            self._loop.call_soon(self.store)
        self._waiting.append((connection, request))

    def store(self) -> None:
        """Store them now."""
        waiting, self._waiting = self._waiting, []
        found = self._store([request for _, request in waiting])
        for (connection, (_, body, _)), stored in zip(waiting, found, strict=True):
            connection.begin(stored, body)
