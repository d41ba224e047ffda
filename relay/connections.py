"""Connections from outside: how many, for how long, and what the HTTP parser refuses.

Owns the cap, the deadline for heads and the words for malformed requests. What a whole request
means is the receiver's. Built on aiohttp's low-level server, since there is nothing to route.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from relay.arrival import Peer
from relay.handshakes import Handshake
from relay.refusals import Refusals

if TYPE_CHECKING:
    from relay.tls.serving import Serving

log = logging.getLogger("relay.receiver")

_silent = logging.getLogger("relay.receiver.aiohttp")
_silent.disabled = True
"""aiohttp logs a traceback for each malformed request and each caller that hangs up: a flood by design."""

DESCRIPTORS_KEPT = 64
"""File descriptors that are not for connections: the database, sockets, the standard streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the receiver; times in seconds, sizes in bytes."""

    max_body: int = 10 * 1024 * 1024
    head_s: float = 10.0
    body_s: float = 15.0
    body_grace_s: float = 5.0
    """How long a body may come at any rate; after that at least at `least_rate`."""
    least_rate: int = 1024
    idle_s: float = 30.0
    linger_s: float = 2.0
    """How long the rest of a refused body is read, so that its sender sees the answer."""
    connections: int = 1024
    bodies_in_flight: int = 256 * 1024 * 1024

    def most_connections(self) -> int:
        """The cap, below what the system lets this process open."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return max(8, min(self.connections, soft - DESCRIPTORS_KEPT))


class Connection(RequestHandler):
    """aiohttp's connection, and since when it owes us the rest of a request."""

    __slots__ = ("door", "dropped", "in_request", "incomplete_since", "peer", "spoke", "tls")

    def __init__(self, door: Connections, tls: str | None = None, **options: Any) -> None:
        super().__init__(door, **options)
        self.door = door
        self.tls = tls
        """Facts of its TLS as JSON text; None for plain HTTP."""
        self.peer = Peer("", "", None)
        self.incomplete_since: float | None = None
        """Loop time since when a head or a body is awaited; None when nothing is owed."""
        self.in_request = False
        """A head is there and the receiver works on it."""
        self.spoke = False
        """Bytes of a request came that is not whole yet."""
        self.dropped = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.peer = self.door.peer_of(transport.get_extra_info("peername"), self.tls)
        self.incomplete_since = self.door.now()
        super().connection_made(transport)
        self.door.keep_below_cap(self)

    def data_received(self, data: bytes) -> None:
        if not self.in_request:
            self.spoke = True
            if self.incomplete_since is None:
                self.incomplete_since = self.door.now()
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self.spoke and not self.in_request and not self.dropped:
            self.door.refusals.note(
                self.peer.address, "hung-up", "the caller left within the head of a request"
            )
        super().connection_lost(exc)

    def drop(self, reason: str, detail: str, farewell: bytes = b"") -> None:
        """End the connection now and count why."""
        self.dropped = True
        self.door.refusals.note(self.peer.address, reason, detail)
        if farewell and self.transport is not None:
            self.transport.write(farewell)
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """One line and a fixed text for what the parser refuses, in place of aiohttp's traceback and echo."""
        self.spoke = False
        self.incomplete_since = None
        if status >= 500:
            log.error("a request from %s failed inside the relay: %r", self.peer.address, exc)
            self.door.refusals.note(self.peer.address, "internal", repr(exc))
            return answer(status, "this server failed; its log says why\n", close=True)
        words = " ".join(str(message or exc or "").split())
        self.door.refusals.note(self.peer.address, "malformed", words or "not an HTTP request")
        return answer(status, "not a request that this server understands\n", close=True)


class Connections(web.Server):
    """All connections of one listener; `accept` makes the protocol for a new one."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[Any]],
        *,
        peer_of: Callable[[object, str | None], Peer],
        refusals: Refusals,
        limits: Limits,
        tls: Serving | None = None,
    ) -> None:
        super().__init__(handler)
        loop = asyncio.get_running_loop()
        self.now = loop.time
        self.peer_of = peer_of
        self.refusals = refusals
        self.tls = tls
        """What serves HTTPS; may be replaced by another, and then holds for new connections."""
        self.handshakes: set[Handshake] = set()
        """Those under way."""
        self._limits = limits
        self._cap = limits.most_connections()
        self._options = {
            "loop": loop,
            "keepalive_timeout": limits.idle_s,
            "auto_decompress": False,
            "access_log": None,
            "logger": _silent,
            "lingering_time": limits.linger_s,
            "read_bufsize": 64 * 1024,
            "max_line_size": 8190,
            "max_field_size": 16384,
            "max_headers": 128,
        }

    def accept(self) -> asyncio.Protocol:
        """The protocol for a new connection."""
        if self.tls is None:
            return self()
        return Handshake(self.tls, self.refusals, self.handshakes, self, self.keep_below_cap)

    def __call__(self, tls: str | None = None) -> RequestHandler:
        return Connection(self, tls, **self._options)

    @property
    def open_connections(self) -> list[Connection]:
        return [connection for connection in self.connections if isinstance(connection, Connection)]

    def keep_below_cap(self, newcomer: Connection | Handshake) -> None:
        """When there are too many, drop the oldest incomplete one; else an idle one; else the newcomer."""
        if len(self._connections) + len(self.handshakes) <= self._cap:
            return
        others = [one for one in self.open_connections if one is not newcomer and not one.dropped]
        owing: list[Connection | Handshake] = [one for one in others if one.incomplete_since is not None]
        owing += (one for one in self.handshakes if one is not newcomer and not one.dropped)
        idle = [one for one in others if not one.in_request]
        victim: Connection | Handshake = min(owing, key=_oldest) if owing else idle[0] if idle else newcomer
        victim.drop(
            "too-many-connections",
            f"more than {self._cap} connections; the oldest incomplete one was dropped",
        )

    def drop_incomplete(self) -> None:
        """End connections that owe us a request, at once: the relay is stopping."""
        for connection in self.open_connections:
            if connection.incomplete_since is not None and not connection.dropped:
                if connection.spoke or connection.in_request:
                    connection.drop("shutting-down", "the relay stopped before the request was whole")
                else:
                    connection.force_close()
        for handshake in list(self.handshakes):
            if handshake.spoke:
                handshake.drop("shutting-down", "the relay stopped before the handshake was done")
            else:
                handshake.end()

    async def handshakes_ended(self) -> None:
        """Wait for the handshakes that were dropped."""
        await asyncio.gather(*(handshake.task for handshake in self.handshakes), return_exceptions=True)

    def drop_late_heads(self) -> None:
        """End connections that took too long over a head; called about twice a second."""
        late = self.now() - self._limits.head_s
        for connection in self.open_connections:
            since = connection.incomplete_since
            if since is not None and since < late and not connection.in_request and not connection.dropped:
                if connection.spoke:
                    connection.drop(
                        "head-timeout",
                        f"the head of a request took longer than {self._limits.head_s:g} s",
                        b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                    )
                else:
                    connection.dropped = True
                    connection.force_close()


def _oldest(connection: Connection | Handshake) -> float:
    return connection.incomplete_since or 0.0


def answer(status: int, text: str, *, close: bool = False, retry_after_s: int | None = None) -> web.Response:
    """A short plain answer, without aiohttp's name and version."""
    response = web.Response(status=status, text=text, headers={"Server": "lean-relay"})
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    if close:
        response.force_close()
    return response
