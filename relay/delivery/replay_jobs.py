"""The deliveries of a replay, page by page: read, edited and queued just before they are sent.

Owns which deliveries are queued and not yet begun. Reads one page ahead, so that memory does not grow with
the replay.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from relay.delivery.edits import is_signature_stale
from relay.delivery.replay_plan import ReplayPlan, rounds
from relay.models import Capture, to_micros
from relay.store.read.reader import Reader
from relay.store.read.selection import pages
from relay.store.write import replays
from relay.text.safe import visible

Write = Callable[[Callable[[Any], Any]], Awaitable[Any]]


@dataclass(slots=True, eq=False)
class ReplayJob:
    """One delivery to make."""

    delivery_id: int
    capture: Capture
    edited: Capture | str
    """The capture as it is to be sent, or why it cannot be."""
    target: str
    attempts: int = 0
    """Made so far."""
    first_at: datetime | None = None
    """Start of the first attempt, aware, UTC."""
    place: asyncio.Semaphore | None = None
    """Where it holds up another delivery now; None where it does not."""


class ReplayJobs:
    """Queues the deliveries of one replay in pages."""

    def __init__(self, plan: ReplayPlan, write: Write, unreachable: Container[str]) -> None:
        """
        Args:
            unreachable: targets that get no more deliveries; it may grow.
        """
        self.skipped = 0
        """Deliveries left out because the capture's routes do not lead to the target."""
        self.stale = 0
        """Captures whose body was changed under a signature that stayed."""
        self.queued: dict[int, None] = {}
        """Ids of deliveries that are queued and not begun, in order."""
        self._plan = plan
        self._write = write
        self._unreachable = unreachable
        self._page: asyncio.Task[list[ReplayJob] | None] | None = None

    async def run(self, reader: Reader, group: asyncio.TaskGroup) -> AsyncIterator[ReplayJob]:
        """Return the jobs in order; the next page is read while one is sent."""
        plan = self._plan
        following = pages(reader, rounds(plan.ids, plan.times, plan.shuffle))
        self._page = group.create_task(self._fetch(following))
        while True:
            # Shielded: a page that is being written must be known when the replay is cancelled.
            jobs = await asyncio.shield(self._page)
            if jobs is None:
                return
            self._page = group.create_task(self._fetch(following))
            for job in jobs:
                yield job

    async def settle(self) -> None:
        """Wait for the page that is being fetched; then `queued` is complete."""
        if self._page is not None:
            await asyncio.wait({self._page})

    async def _fetch(self, following: Iterator[list[Capture]]) -> list[ReplayJob] | None:
        """The next page, its deliveries committed; None at the end."""
        page = await asyncio.to_thread(self._next_page, following)
        if page is None:
            return None
        wanted = []
        for capture, edited in page:
            targets = self._plan.targets_of(capture)
            self.skipped += len(self._plan.destinations) - len(targets)
            wanted += [(capture, edited, target) for target in targets if target not in self._unreachable]
        if not wanted:
            return []
        pairs = [(capture.id, target) for capture, _, target in wanted]
        ids = await self._write(partial(replays.queue, pairs=pairs, now=to_micros(datetime.now(UTC))))
        jobs = [
            ReplayJob(delivery_id, capture, edited, target)
            for delivery_id, (capture, edited, target) in zip(ids, wanted, strict=True)
            if delivery_id is not None
        ]
        self.queued.update(dict.fromkeys(job.delivery_id for job in jobs))
        return jobs

    def _next_page(self, following: Iterator[list[Capture]]) -> list[tuple[Capture, Capture | str]] | None:
        """In a thread: reading waits for the disk, and large bodies take time to edit and sign."""
        captures = next(following, None)
        if captures is None:
            return None
        return [(capture, self._edited(capture)) for capture in captures]

    def _edited(self, capture: Capture) -> Capture | str:
        if self._plan.prepare is None:
            return capture
        try:
            edited = self._plan.prepare(capture)
        except ValueError as error:
            return visible(str(error))
        self.stale += is_signature_stale(capture, edited)
        return edited
