"""Commits what a receiver takes to a team's log: what waits goes in one statement and one commit.

Takes the place of the writer of the database for a receiver that shares. Nothing is kept on this machine
instead: a second place with webhooks that were answered 200 would have to be reconciled, and be lost with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from time import monotonic

from relay.errors import RelayError, Unreachable
from relay.store.columns import Row
from relay.store.errors import StoreClosed, StoreUnavailable
from relay.team.log import TeamCapture, TeamLog

logger = logging.getLogger("relay.team")

DOWN = "team-down"
"""The reason of the refusals."""

ANSWERS_WITHIN_S = 4.0
"""A webhook that is not committed by then is answered 503."""
RETRIES_EVERY_S = 0.5
LOOKS_EVERY_S = 0.1
IDLE_S = 15.0
"""After this time without a webhook the connection is tried, so that the next one need not find out."""

ROWS_AT_ONCE = 1000
BYTES_AT_ONCE = 8 * 2**20


class _Waiting:
    """One capture on its way to the log."""

    __slots__ = ("row", "since", "stored")

    def __init__(self, row: Row, stored: asyncio.Future[int]) -> None:
        self.row = row
        self.stored = stored
        self.since = monotonic()


class Publisher:
    """Publishes captures for the event loop that made it; `run` does the work."""

    def __init__(
        self,
        node: str,
        opened: Callable[[], Awaitable[TeamLog]],
        *,
        log: TeamLog | None = None,
    ) -> None:
        """
        Args:
            node: the name of this machine.
            opened: opens the log; raises RelayError.
            log: one that is open already.
        """
        self._node = node
        self._opened = opened
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._gathered: deque[_Waiting] = deque()
        self._in_flight: list[_Waiting] = []
        self._arrived = asyncio.Event()
        self._trouble: StoreUnavailable | None = None
        self._down_since: float | None = None
        self._closed = False
        self.published = 0
        """Number of captures."""
        self.newest = 0
        """The last position that was published here; 0 before the first."""

    def add(self, row: Row, targets: Sequence[object] = ()) -> asyncio.Future[int]:
        """Publish one capture; the future returns its position after the commit.

        Raises StoreUnavailable, at once if the log is known to be down, else through the future; StoreClosed
        after `close`.

        Args:
            targets: none; a node forwards nothing.
        """
        assert not targets, "a node forwards nothing"
        if self._closed:
            raise StoreClosed
        if self._trouble is not None:
            raise self._trouble.again()
        waiting = _Waiting(row, self._loop.create_future())
        self._gathered.append(waiting)
        self._arrived.set()
        return waiting.stored

    @property
    def trouble(self) -> StoreUnavailable | None:
        """The reason why nothing can be published; None while it can."""
        return self._trouble

    @property
    def waiting(self) -> int:
        """Number of captures whose commit is not confirmed yet."""
        return sum(not each.stored.done() for each in (*self._in_flight, *self._gathered))

    @property
    def server(self) -> str:
        """`db:5432/team, stored twice`; empty without a connection."""
        if self._log is None:
            return ""
        return f"{self._log.server.address}, {self._log.server.stored}"

    async def run(self) -> None:
        """Publish what is added, for as long as the engine lives."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._publish_all(), name="publish")
            group.create_task(self._give_up_late(), name="give up late")

    async def close(self) -> None:
        """Fail what still waits and end the connection."""
        self._closed = True
        for each in (*self._in_flight, *self._gathered):
            if not each.stored.done():
                each.stored.set_exception(StoreClosed())
        self._gathered.clear()
        if self._log is not None:
            await self._log.close()
            self._log = None

    async def _publish_all(self) -> None:
        while not self._closed:
            is_idle = self._trouble is None and not await self._arrives()
            try:
                current = await self._connected()
                if is_idle:
                    await self._ping(current)
                while self._gathered:
                    await self._publish(current)
                self._arrived.clear()
            except RelayError as error:
                self._failed(error)
                await asyncio.sleep(RETRIES_EVERY_S)

    async def _arrives(self) -> bool:
        """Wait for something to publish, at most `IDLE_S`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_S):
                await self._arrived.wait()
        return self._arrived.is_set()

    async def _ping(self, current: TeamLog) -> None:
        """Ask for anything: routers drop a connection that is idle, without a word."""
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await current.state()
        except TimeoutError:
            current.abort()
            raise Unreachable(f"no answer within {ANSWERS_WITHIN_S:.0f} s", word="team-unreachable") from None

    async def _connected(self) -> TeamLog:
        if self._log is None or self._log.is_closed:
            opened = await self._opened()
            if self._closed:
                opened.abort()
                raise Unreachable("the node ends", word="team-unreachable")
            self._log = opened
        if self._trouble is not None:
            self._trouble = None
            logger.warning("webhooks are shared again")
        self._down_since = None
        return self._log

    async def _publish(self, current: TeamLog) -> None:
        batch = self._in_flight = self._batch()
        try:
            first = await current.publish([self._shared(each.row) for each in batch])
        except RelayError as error:
            # Some of it may be committed: its senders get 503, and what they send again is a repeat.
            self._fail(batch, StoreUnavailable(DOWN, str(error)))
            self._log = None
            await current.close()
            raise
        finally:
            self._in_flight = []
        self.newest = max(self.newest, first + len(batch) - 1)
        self.published += len(batch)
        for at, each in enumerate(batch, first):
            if not each.stored.done():
                each.stored.set_result(at)

    def _batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._gathered and len(batch) < ROWS_AT_ONCE:
            size += len(self._gathered[0].row.body)
            if batch and size > BYTES_AT_ONCE:
                break
            batch.append(self._gathered.popleft())
        return batch

    def _shared(self, row: Row) -> TeamCapture:
        return TeamCapture(
            node=self._node,
            received_at=row.received_at,
            method=row.method,
            target=row.target,
            http_version=row.http_version,
            client=row.client,
            tls=row.tls,
            answer=row.answer,
            answer_reason=row.answer_reason,
            origin=row.origin,
            headers=row.headers,
            body=row.body,
        )

    # -- trouble -------------------------------------------------------------------------------

    def _failed(self, error: RelayError) -> None:
        """A short outage, such as a failover, costs the waiting webhooks time and no 503."""
        now = monotonic()
        if self._down_since is None:
            self._down_since = now
        if self._trouble is None and now - self._down_since >= ANSWERS_WITHIN_S:
            self._set_trouble(str(error))
        elif self._trouble is not None and self._trouble.detail != str(error):
            self._trouble = StoreUnavailable(DOWN, str(error))
            logger.warning("still cannot share webhooks: %s", error)

    def _set_trouble(self, detail: str) -> None:
        self._trouble = StoreUnavailable(DOWN, detail)
        logger.warning("cannot share webhooks: %s; answering 503 until then", detail)

    async def _give_up_late(self) -> None:
        """Fail captures that waited too long, and end the connection that they wait for."""
        while True:
            await asyncio.sleep(LOOKS_EVERY_S)
            limit = monotonic() - ANSWERS_WITHIN_S
            hangs = bool(self._in_flight) and self._in_flight[0].since < limit
            late = [each for each in (*self._in_flight, *self._gathered) if each.since < limit]
            if not late:
                continue
            if self._trouble is None:
                self._set_trouble(f"no commit within {ANSWERS_WITHIN_S:.0f} s")
            assert self._trouble is not None
            self._fail(late, self._trouble)
            while self._gathered and self._gathered[0].stored.done():
                self._gathered.popleft()
            if hangs and self._log is not None:
                self._log.abort()

    def _fail(self, batch: Sequence[_Waiting], trouble: StoreUnavailable) -> None:
        for each in batch:
            if not each.stored.done():
                each.stored.set_exception(trouble.again())
