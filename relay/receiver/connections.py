"""All client connections of a listener: their number and their deadlines.

Owns the cap and the clock. `relay.receiver.connection` reads and writes; the receiver handles requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from aiohttp.http_parser import RawRequestMessage

from relay.receiver.body_budget import Budget
from relay.receiver.connection import Connection
from relay.receiver.fast_connection import FastConnection, Plain, PlainRequests, Stored
from relay.receiver.handshakes import Handshake
from relay.receiver.intake import Peer
from relay.receiver.limits import ReceiverLimits
from relay.receiver.refusals import Refusals
from relay.receiver.request import Request
from relay.receiver.responses import Encoder, Refused, Response

if TYPE_CHECKING:
    from relay.tls.handshake import ServerTls

TICK_S = 0.25

MOST_OF_A_TICK_S = 0.5
"""More time than this between two ticks is not counted: the loop was stalled and could not read."""


class Connections:
    """All connections of one listener; `accept` makes the protocol for a new one."""

    def __init__(
        self,
        handle: Callable[[Request, Peer], Awaitable[Response]],
        store_plain: Callable[[Sequence[Plain]], Sequence[Stored]],
        objection: Callable[[RawRequestMessage, str | None, int | None], Refused | None],
        unanswered: Callable[[int], None],
        *,
        peer_of: Callable[[object, str | None], Peer],
        refusals: Refusals,
        limits: ReceiverLimits,
        tls: ServerTls | None = None,
    ) -> None:
        """
        Args:
            handle: stores a whole request; raises Refused, StoreUnavailable or StoreClosed.
            store_plain: begins to store plain requests; raises nothing.
            objection: returns a refusal after the head, or None; gets its version and the length of its
                body, None if unknown.
            unanswered: called with the id of a capture whose response could not be written.
        """
        self.handle = handle
        self.objection = objection
        self.unanswered = unanswered
        self.peer_of = peer_of
        self.refusals = refusals
        self.limits = limits
        self.tls = tls
        """TLS for HTTPS; can be replaced, for new connections."""
        self.loop = asyncio.get_running_loop()
        self._plain = PlainRequests(self.loop, store_plain)
        self.connections: dict[Connection, None] = {}
        """In order of arrival, which orders those that began within one tick of the clock."""
        self.handshakes: set[Handshake] = set()
        """Handshakes in progress."""
        self.budget = Budget(limits.bodies_in_flight)
        self.encoder = Encoder()
        self.closing = False
        """Each response closes its connection from now on."""
        self.now = 0.0
        """Clock for deadlines: seconds during which this loop could read."""
        self._cap = limits.most_connections()
        self._looked_at = self.loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def accept(self) -> asyncio.Protocol:
        """The protocol for a new connection."""
        self._keep_looking()
        if self.tls is None:
            return self.connection()
        handshake = Handshake(self.tls, self.refusals, self.handshakes, self.connection, self.keep_below_cap)
        handshake.incomplete_since = self.now
        return handshake

    def connection(self, tls: str | None = None) -> Connection:
        return FastConnection(self, self._plain, tls)

    def add(self, connection: Connection) -> None:
        self.connections[connection] = None
        self.keep_below_cap(connection)

    def remove(self, connection: Connection) -> None:
        self.connections.pop(connection, None)

    def give_back(self, request: Request) -> None:
        """Release the room of a body."""
        request.body = b""
        room, request.room = request.room, None
        if room is not None:
            self.budget.give_back(room)

    def too_large(self, size: int) -> Refused:
        return Refused(
            413, "too-large", f"a body of {size} bytes or more; --max-body is {self.limits.max_body}"
        )

    def keep_below_cap(self, newcomer: Connection | Handshake) -> None:
        """If there are too many, drop the oldest incomplete one; else an idle one; else the newcomer."""
        if len(self.connections) + len(self.handshakes) <= self._cap:
            return
        others = [one for one in self.connections if one is not newcomer and not one.dropped]
        owing: list[Connection | Handshake] = [one for one in others if one.incomplete_since is not None]
        owing += (one for one in self.handshakes if one is not newcomer and not one.dropped)
        idle = [one for one in others if one.task is None]
        victim: Connection | Handshake = min(owing, key=_oldest) if owing else idle[0] if idle else newcomer
        victim.drop(
            "too-many-connections",
            f"more than {self._cap} connections; the oldest incomplete one was dropped",
        )

    # -- deadlines -----------------------------------------------------------------------------

    def _keep_looking(self) -> None:
        if self._timer is None:
            self._looked_at = self.loop.time()
            self._timer = self.loop.call_at(self._looked_at + TICK_S, self._look)

    def _look(self) -> None:
        """Advance the clock, and close connections that took too long."""
        time = self.loop.time()
        # First: an error below must not be the end of all deadlines.
        self._timer = self.loop.call_at(time + TICK_S, self._look)
        self.now += min(time - self._looked_at, MOST_OF_A_TICK_S)
        self._looked_at = time
        for connection in list(self.connections):
            connection.overdue(self.now)
        for handshake in list(self.handshakes):
            handshake.overdue(self.now)
        if not self.connections and not self.handshakes:
            self._timer.cancel()
            self._timer = None

    # -- the end -------------------------------------------------------------------------------

    async def close(self, within_s: float) -> None:
        """Finish whole requests, drop incomplete ones, close all connections. Close the listener first."""
        self.closing = True
        self._plain.store()
        for connection in list(self.connections):
            if connection.task is None:
                if connection.spoke and not connection.dropped:
                    connection.drop("shutting-down", "the relay stopped before the request was complete")
                else:
                    connection.end()
        for handshake in list(self.handshakes):
            if handshake.spoke:
                handshake.drop("shutting-down", "the relay stopped before the handshake was done")
            else:
                handshake.end()
        await asyncio.gather(*(handshake.task for handshake in self.handshakes), return_exceptions=True)
        tasks = [connection.task for connection in self.connections if connection.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within_s)
            for task in late:
                task.cancel()
            if late:
                # Not `gather`: from Python 3.12 on it returns at once when all are done, before their
                # callbacks have written the responses.
                await asyncio.wait(late)
        for connection in list(self.connections):
            connection.end()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _oldest(connection: Connection | Handshake) -> float:
    return connection.incomplete_since or 0.0
