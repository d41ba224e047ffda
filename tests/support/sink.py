"""A backend that answers 200 as fast as it can, can be stopped and started on one port, and remembers.

Owns which capture came when. One event loop in a thread of its own; stopping lets no request go
unanswered, as a server that is restarted in order does.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import cast

from tests.support.backends import a_place

CAPTURE = re.compile(rb"\r\nX-Lean-Relay: [^;\r]+;hop=\d+;capture=(\d+)\r\n")
LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
KEPT_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: timeout=5\r\n\r\n"
LAST_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Sink:
    """The backend; made by `sink`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, keeps: bool = False) -> None:
        self.answer = KEPT_ANSWER if keeps else ANSWER
        self._place = a_place()
        self.port: int = self._place.getsockname()[1]
        self.came: list[tuple[int, float]] = []
        """Capture ids in the order in which they came, with `perf_counter()`."""
        self._loop = loop
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    @property
    def ids(self) -> list[int]:
        return [number for number, _ in self.came]

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    def stop(self) -> None:
        """Refuse connections from now on; one that is there is told to close with its next answer."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)

    def close(self) -> None:
        """End everything."""
        self.stop()
        asyncio.run_coroutine_threadsafe(self._abort(), self._loop).result(10)
        self._place.close()

    async def _start(self) -> None:
        self._server = await self._loop.create_server(
            lambda: _Connection(self), "127.0.0.1", self.port, reuse_port=True
        )

    async def _stop(self) -> None:
        if self._server is not None:
            for listening in self._server.sockets:
                self._loop.remove_reader(listening.fileno())
            await asyncio.sleep(0)  # A connection that was just accepted has its transport then.
            await asyncio.sleep(0)
            self._server.close()
            self._server = None
        for connection in self._connections:
            connection.ending = True

    async def _abort(self) -> None:
        for connection in self._connections:
            connection.transport.abort()
        await asyncio.sleep(0)  # The loop tells a protocol of its end in the next turn.


class _Connection(asyncio.Protocol):
    """Requests in sequence, each answered once it is whole."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.ending = False
        self.transport: asyncio.Transport
        self._begun = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._sink._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sink._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        data = self._begun + data
        head_end = data.find(b"\r\n\r\n")
        found = LENGTH.search(data, 0, head_end + 2) if head_end >= 0 else None
        self._begun = data
        if found is None or len(data) < head_end + 4 + int(found[1]):
            return
        self._begun = b""
        capture = CAPTURE.search(data, 0, head_end + 2)
        if capture is not None:
            self._sink.came.append((int(capture[1]), perf_counter()))
        self.transport.write(LAST_ANSWER if self.ending else self._sink.answer)
        if self.ending:
            self.transport.close()


@contextmanager
def sink(*, up: bool = True, keeps: bool = False) -> Iterator[Sink]:
    """The backend in a thread, listening unless `up` is false.

    Args:
        keeps: it names `Keep-Alive`, and keeps connections whatever a request says.
    """
    loop = asyncio.new_event_loop()
    made = Sink(loop, keeps=keeps)
    thread = threading.Thread(target=loop.run_forever, name="sink")
    thread.start()
    try:
        if up:
            made.start()
        yield made
    finally:
        made.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
