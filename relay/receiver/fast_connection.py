"""A connection that takes plain requests a short way: no task, and no object for the request or its response.

A plain request is whole, small, HTTP/1.1, keeps the connection, and has the usual response. Everything else
goes the way of `relay.receiver.connection`, in order.
"""

from __future__ import annotations

import asyncio

from aiohttp import HttpVersion11, hdrs
from aiohttp.http_parser import RawRequestMessage

from relay.receiver.body_budget import SMALL_BYTES
from relay.receiver.connection import Connection, Request
from relay.receiver.responses import STORED, Response

OTHER_RESPONSE = frozenset({"HEAD", "CONNECT"})
"""Methods whose response is not the usual one."""


class FastConnection(Connection):
    """A connection, plain or inside TLS, with the short way."""

    _message: RawRequestMessage
    """The plain request that is being stored."""

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
        length = int(headers.get(hdrs.CONTENT_LENGTH) or 0)
        if length > len(data) or length > SMALL_BYTES:
            return False
        if listener.objection(message, "1.1", length) is not None:
            return False
        try:
            stored = listener.store(message, data[:length], self.peer)
        except Exception:  # Nothing was stored; the other way finds the reason again, and responds with it.
            return False
        if stored is None:
            return False
        self.task = stored
        self._message = message
        self._rest = data[length:]
        self._spared = False
        self.incomplete_since = None
        stored.add_done_callback(self._stored)
        return True

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
