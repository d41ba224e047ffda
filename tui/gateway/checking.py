"""The responses of a run compared with what is expected of them, as they are recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from relay.delivery.expectations import Expectation, ExpectationCheck
from relay.store.read import attempts
from relay.store.read.reader import Reader


class Checking:
    """Checks one run in threads; made before it begins, since `recorded` means the responses before it."""

    def __init__(self, db: Path, expected: Expectation) -> None:
        """In a thread: it reads the database."""
        self._db = db
        with Reader(db) as reader:
            self._before = reader.newest_attempt_id()
        self.check = ExpectationCheck(expected, self._recorded)

    async def look(self, ids: Sequence[int]) -> None:
        """Take up attempts that are recorded by now."""
        if ids:
            await asyncio.to_thread(self._look, ids)

    def _look(self, ids: Sequence[int]) -> None:
        with Reader(self._db) as self._reader:
            for event in attempts.in_pages(self._reader, ids):
                self.check.add(event.attempt)

    def _recorded(self, capture_id: int, target: str) -> int | None:
        return attempts.status_before(self._reader, self._before)(capture_id, target)
