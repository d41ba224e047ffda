"""One connection to a target: bytes out, bytes in.

Owns the two byte streams of a connection and what is left of them after it ends; knows no HTTP. It is a
protocol of its own and not an asyncio stream because what a backend sent before it reset the connection must
not be lost (a `StreamReader` raises first), and because a kept connection must know at once when the other
end closes it.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import cast

from relay.delivery.http.request import Destination

BUFFERED_BYTES = 1024 * 1024
"""Received and not yet read; more waits in the socket."""

PIECE_BYTES = 64 * 1024
"""Written to the socket at a time."""

HANDSHAKE_WITHIN_S = 10.0
"""Upper bound for the TLS handshake; callers set a shorter one themselves."""

SHUTDOWN_WITHIN_S = 2.0
"""For TLS's closing alerts."""


class Connection(asyncio.Protocol):
    """One connection; received bytes are buffered until they are read, even after it has ended."""

    def __init__(self) -> None:
        self.received = 0
        """Bytes received since the connection was made."""
        self.ended = False
        """Nothing more can be received."""
        self.made_at = monotonic()
        """When it was connected, by `monotonic()`."""
        self.address: str | None = None
        """The address connected to, where the name has several; else None."""
        self.plain: socket.socket | None = None
        """The socket; None with TLS, whose bytes only the transport can read."""
        self._loop = asyncio.get_running_loop()
        self._gone = self._loop.create_future()
        self._transport: asyncio.Transport
        self._buffer: deque[bytes] = deque()
        self._buffered = 0  # bytes in _buffer
        self._paused = False
        self._unsent = memoryview(b"")
        self._is_large = False
        self._may_write = True
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made_at = monotonic()
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self._buffer.append(data)
        self._buffered += len(data)
        if self._buffered > BUFFERED_BYTES and not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def pause_writing(self) -> None:
        self._may_write = False

    def resume_writing(self) -> None:
        self._may_write = True
        self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None and self.plain is not None:
            self._read_remaining(self.plain)
        self.ended = True
        self._unsent = memoryview(b"")
        self._error = exc
        if not self._gone.done():
            self._gone.set_result(None)
        self._wake()

    def _read_remaining(self, sock: socket.socket) -> None:
        """Read what the other end sent before it closed: a failed write ends reading too early."""
        with suppress(OSError):
            while self._buffered <= BUFFERED_BYTES and (data := sock.recv(PIECE_BYTES)):
                self.data_received(data)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def write(self, data: bytes) -> None:
        """Send bytes as fast as the other end accepts them; call it again only when all are sent."""
        self._unsent = memoryview(data)
        self._is_large = len(data) > PIECE_BYTES
        self._pump()

    def _pump(self) -> None:
        # In pieces: TLS would encrypt ten megabytes in one go, and nothing else could run meanwhile.
        while self._unsent and self._may_write and not self._transport.is_closing():
            if self._is_large and self._has_unread():
                # Read a response that comes before the whole body is sent: a failed write would lose it.
                self._loop.call_soon(self._pump)
                return
            piece, self._unsent = self._unsent[:PIECE_BYTES], self._unsent[PIECE_BYTES:]
            self._transport.write(piece)

    async def read(self, most: int) -> bytes:
        """Received bytes that were not read yet, 1 to `most` of them; empty at the end of the stream.

        Raises:
            OSError: the connection broke, and everything received before has been read.
        """
        while not self._buffer and not self.ended:
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._buffer:
            data = self._buffer.popleft()
            if len(data) > most:
                self._buffer.appendleft(data[most:])
                data = data[:most]
            self._buffered -= len(data)
            if self._paused and self._buffered <= BUFFERED_BYTES and not self.ended:
                self._paused = False
                self._transport.resume_reading()
            return data
        if self._error is not None:
            raise self._error
        return b""

    def all_sent(self) -> bool:
        """Whether every written byte was handed to the system."""
        return not self._unsent and self._transport.get_write_buffer_size() == 0

    def is_fresh(self) -> bool:
        """Whether nothing was received and the other end has not closed it, as far as the socket knows."""
        if self.ended or self._buffer or self._transport.is_closing():
            return False
        return not self._is_readable()

    def _has_unread(self) -> bool:
        return not self.ended and not self._paused and self._is_readable()

    def _is_readable(self) -> bool:
        # The loop may not have looked yet: ask the socket. Costs 2 us, and select() stops at 1024 files.
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def peer_certificate(self) -> bytes | None:
        """The certificate of the other end, as DER; None without TLS."""
        tls = self._transport.get_extra_info("ssl_object")
        return None if tls is None else tls.getpeercert(binary_form=True)

    def close(self) -> None:
        """Close it gracefully, in the background."""
        self._transport.close()

    def abort(self) -> None:
        """Close it now; drop what is not sent yet."""
        self._transport.abort()

    def when_gone(self, call: Callable[[Connection], object]) -> None:
        """Call with this connection once the socket is closed."""
        self._gone.add_done_callback(lambda _: call(self))

    async def gone(self) -> None:
        """Wait until the socket is closed."""
        await asyncio.shield(self._gone)


async def open_connection(sock: socket.socket, to: Destination, context: ssl.SSLContext | None) -> Connection:
    """Make a connected socket a `Connection`, with its TLS handshake done; close the socket on failure.

    Args:
        context: None for plain TCP.

    Raises:
        OSError: the handshake failed.
    """
    loop = asyncio.get_running_loop()
    try:
        if context is None:
            _, connection = await loop.create_connection(Connection, sock=sock)
            connection.plain = sock
        else:
            _, connection = await loop.create_connection(
                Connection,
                sock=sock,
                ssl=context,
                server_hostname=to.name,
                ssl_handshake_timeout=HANDSHAKE_WITHIN_S,
                ssl_shutdown_timeout=SHUTDOWN_WITHIN_S,
            )
    except BaseException:
        sock.close()
        raise
    return connection
