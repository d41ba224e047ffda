"""Record the attempts of a replay in groups: one commit for many attempts, soon, and none lost.

Owns when a group is full or has waited long enough, and how much may wait for the disk. The caller writes,
and decides what happens while the store is unavailable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from relay.store.write import replays
from relay.store.write.replays import ReplayAttempt

GROUP_S = 0.05
"""How long a record waits for others, to be committed with them."""

GROUP_RECORDS = 200
GROUP_BYTES = 4 * 1024 * 1024
"""A group of this size is committed at once."""

MOST_UNWRITTEN = 4
"""Groups waiting for the disk at which sending pauses."""


class ReplayWriter:
    """Records which deliveries have begun and which attempts have ended, in groups."""

    def __init__(
        self,
        write: Callable[[Callable[[Any], list[int]]], Awaitable[list[int]]],
        recorded: Callable[[Sequence[ReplayAttempt], Sequence[int]], None],
    ) -> None:
        self._write = write
        self._recorded = recorded
        self._begun: dict[int, None] = {}
        self._done: list[ReplayAttempt] = []
        self._bytes = 0
        self._closed = False
        self._news = asyncio.Event()
        self._now = asyncio.Event()
        self._fits = asyncio.Event()
        self._fits.set()

    def started(self, delivery_id: int) -> None:
        self._begun[delivery_id] = None
        self._news.set()

    def ended(self, done: ReplayAttempt) -> None:
        self._begun.pop(done.delivery_id, None)
        self._done.append(done)
        self._bytes += len(done.ended.body or b"") + len(done.ended.sent_body or b"")
        self._news.set()
        size = max(len(self._done) / GROUP_RECORDS, self._bytes / GROUP_BYTES)
        if size >= 1:
            self._now.set()
        if size >= MOST_UNWRITTEN:
            self._fits.clear()

    async def room(self) -> None:
        """Wait while too much is waiting for the disk."""
        await self._fits.wait()

    def close(self) -> None:
        """Accept no more; `run` returns when everything is written."""
        self._closed = True
        self._news.set()
        self._now.set()

    async def run(self) -> None:
        while not (self._closed and not self._done):
            await self._news.wait()
            if not self._now.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(GROUP_S):
                        await self._now.wait()
            self._news.clear()
            self._now.clear()
            begun, self._begun = list(self._begun), {}
            done, self._done, self._bytes = self._done, [], 0
            self._fits.set()
            if begun or done:
                self._recorded(done, await self._write(partial(replays.note, sending=begun, done=done)))
            if self._closed:
                self._news.set()
                self._now.set()
