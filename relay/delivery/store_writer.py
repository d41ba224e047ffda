"""Writes to the store that wait while it is unavailable, so that nothing is sent without a record.

Owns when such a write is repeated. Deliveries do not wait for the disk: after a power failure the newest
attempts may be repeated; the death of this process alone loses nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from relay.store.errors import StoreUnavailable
from relay.store.write.client import Writer

T = TypeVar("T")

REPEAT_AFTER_S = 1.0


class StoreWriter:
    """Runs changes in the store, each until it succeeds: one that failed may have been committed."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.waits_because: str | None = None
        """Why the last write is waiting; None where it is not."""

    async def write(self, work: Callable[[Any], T]) -> T:
        while True:
            try:
                result = await self._writer.write(work, synced=False)
            except StoreUnavailable as error:
                self.waits_because = error.detail
                await asyncio.sleep(REPEAT_AFTER_S)
            else:
                self.waits_because = None
                return result
