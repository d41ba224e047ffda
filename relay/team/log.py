"""The interface of a team's log, and its values: captures numbered by `position` 1, 2, 3 without holes.

Pure. `relay.team.postgres` is the one implementation; another engine would be one more module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

ROWS_AT_ONCE = 64
BYTES_AT_ONCE = 8 * 2**20


class TeamCapture(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook as a node took it, with nothing that depends on whose secrets check it.

    The columns of `captures` in SQLite that describe the request have the same names and forms.
    """

    position: int = 0
    """0 before it is published."""
    node: str
    """The name of the machine that took it."""
    received_at: int
    """Microseconds UTC, by the node's clock."""
    method: str
    target: str
    http_version: str
    client: str
    """Peer address and port at the node."""
    tls: str | None
    """TLS facts as JSON text; None for plain HTTP."""
    answer: int
    """The response that the node decided on."""
    answer_reason: str | None
    origin: str
    """`received` or `sample`."""
    headers: str
    """JSON array of pairs, in order."""
    body: bytes


class StoredDigest(msgspec.Struct, frozen=True, kw_only=True):
    """Enough of a stored capture to see whether it is the one that a follower has at its position."""

    received_at: int
    """Microseconds UTC."""
    body_sha256: str
    """64 lowercase hex digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """The state of a log at one moment."""

    id: str
    """Made by `team init`; a log that was dropped and made again has another one."""
    version: int
    newest: int
    """The last position; 0 where nothing was published."""
    pruned: int
    """All positions up to this one are removed; 0 where none is."""
    bytes: int
    """Bytes of the captures in it, uncompressed."""
    oldest_at: datetime | None
    """When the oldest capture in it was published, by the server's clock, aware, UTC; None if it is empty."""
    keep: timedelta | None
    """None for ever."""
    keep_bytes: int | None
    """None without a limit."""

    @property
    def count(self) -> int:
        """Number of captures in it."""
        return self.newest - self.pruned


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The facts about a PostgreSQL on which the promise of a 200 depends."""

    address: str
    """`db.example.com:5432/team`, without the login."""
    login: str
    version: str
    tls: bool
    copies: int
    """In how many places a commit is before it is confirmed: 1, and each synchronous standby."""
    full_page_writes: bool
    may_publish: bool
    may_read: bool
    at: datetime
    """The server's clock, aware, UTC."""

    @property
    def stored(self) -> str:
        """`stored once`, `stored twice`, `stored 3 times`."""
        return f"stored {({1: 'once', 2: 'twice'}).get(self.copies) or f'{self.copies} times'}"


class TeamLog(Protocol):
    """A connection to a team's log. Every method raises RelayError, with a stable word, where it fails.

    After an error, or where `is_closed`, open another one.
    """

    @property
    def server(self) -> Server:
        """As it was when the connection was opened."""

    @property
    def is_closed(self) -> bool:
        """Whether the connection has ended."""

    async def publish(self, captures: Sequence[TeamCapture]) -> int:
        """Commit captures in this order and return the position of the first; the others follow it.

        Committed, on disk and confirmed by the synchronous standbys when this returns. After an error or a
        cancellation it is not known whether they were.
        """

    async def read(
        self, after: int, *, rows: int = ROWS_AT_ONCE, limit_bytes: int = BYTES_AT_ONCE
    ) -> list[TeamCapture]:
        """The next captures after a position, in order; empty where there is none.

        At least one, if there is one, whatever its size. There is a hole where the first position is not
        `after + 1`: `state().pruned` says whether pruning explains it.
        """

    async def digest(self, position: int) -> StoredDigest | None:
        """The digest of the capture at a position; None where there is none (any more)."""

    async def position_before(self, at: datetime) -> int:
        """The last position that was published before a time, for reading from that time on.

        Args:
            at: aware; compared with the server's clock at the publishing.
        """

    async def state(self) -> LogState:
        """The state now."""

    async def prune(self) -> int:
        """Remove a slice of what is too old or too much, oldest first; return how many captures."""

    async def wait(self, within_s: float) -> bool:
        """Wait until something was published, at most this long; return whether it was.

        Only a hint: a notification can be lost with a connection, so read in any case.
        """

    async def close(self) -> None:
        """End the connection, within a second; raises nothing, and may be called twice."""

    def abort(self) -> None:
        """End the connection at once; a call that waits for it raises."""
