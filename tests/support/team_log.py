"""A team's log in memory, for tests of what reads one: it can have holes, be pruned, go back and be down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from relay.errors import RelayError, Unreachable
from relay.models import from_micros
from relay.team.log import BYTES_AT_ONCE, ROWS_AT_ONCE, LogState, Server, StoredDigest, TeamCapture


class MemoryLog:
    """Implements `relay.team.log.TeamLog`; `open` is its connect, and any number may be open."""

    def __init__(self) -> None:
        self.id = "log-1"
        self.captures: dict[int, TeamCapture] = {}
        self.newest = 0
        self.pruned = 0
        self.down: str | None = None
        """Why it does not answer; None while it does."""
        self.reads = 0
        self.opened = 0
        self._published = asyncio.Event()

    def add(self, *captures: TeamCapture) -> None:
        """Publish at once."""
        for each in captures:
            self.newest += 1
            self.captures[self.newest] = each
        self._published.set()

    def remove(self, *positions: int) -> None:
        """Make holes."""
        for position in positions:
            del self.captures[position]

    async def open(self) -> MemoryLog:
        self._check()
        self.opened += 1
        return self

    def _check(self) -> None:
        if self.down is not None:
            raise Unreachable(self.down, word="team-unreachable")

    @property
    def server(self) -> Server:
        raise NotImplementedError

    @property
    def is_closed(self) -> bool:
        return False

    async def publish(self, captures: Sequence[TeamCapture]) -> int:
        raise RelayError("it is only read here")

    async def read(
        self, after: int, *, rows: int = ROWS_AT_ONCE, limit_bytes: int = BYTES_AT_ONCE
    ) -> list[TeamCapture]:
        self._check()
        self.reads += 1
        found: list[TeamCapture] = []
        size = 0
        for position in sorted(self.captures):
            capture = self.captures[position]
            if position <= after:
                continue
            size += len(capture.body)
            if len(found) == rows or (found and size > limit_bytes):
                break
            found.append(TeamCapture(**{**_fields(capture), "position": position}))
        return found

    async def digest(self, position: int) -> StoredDigest | None:
        self._check()
        found = self.captures.get(position)
        if found is None:
            return None
        return StoredDigest(received_at=found.received_at, body_sha256=sha256(found.body).hexdigest())

    async def position_before(self, at: datetime) -> int:
        self._check()
        older = (n for n, each in self.captures.items() if from_micros(each.received_at) < at)
        return max(older, default=self.pruned)

    async def state(self) -> LogState:
        self._check()
        return LogState(
            id=self.id,
            version=1,
            newest=self.newest,
            pruned=self.pruned,
            bytes=0,
            oldest_at=None,
            keep=None,
            keep_bytes=None,
        )

    async def prune(self) -> int:
        raise RelayError("it is only read here")

    def prune_to(self, position: int) -> None:
        """Remove all up to a position."""
        self.pruned = position
        self.captures = {number: each for number, each in self.captures.items() if number > position}

    async def wait(self, within_s: float) -> bool:
        self._check()
        try:
            async with asyncio.timeout(within_s):
                await self._published.wait()
        except TimeoutError:
            return False
        self._published.clear()
        return True

    async def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def _fields(capture: TeamCapture) -> dict[str, Any]:
    return {name: getattr(capture, name) for name in capture.__struct_fields__}
