"""Compare the responses of a replay with the expected one, as they are recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from relay.delivery.expectations import Expectation, ExpectationCheck
from relay.store.read import attempts
from relay.store.read.reader import Reader


class RunCheck:
    """Checks one run in threads. Make it before the run: `recorded` means the responses before it."""

    def __init__(self, db: Path, expected: Expectation) -> None:
        """Read the database; call this in a thread."""
        self._db = db
        with Reader(db) as reader:
            self._before = reader.newest_attempt_id()
        self.check = ExpectationCheck(expected, self._recorded)

    async def look(self, ids: Sequence[int]) -> None:
        """Check attempts that have been recorded."""
        if ids:
            await asyncio.to_thread(self._look, ids)

    def _look(self, ids: Sequence[int]) -> None:
        with Reader(self._db) as self._reader:
            for event in attempts.in_pages(self._reader, ids):
                self.check.add(event.attempt)

    def _recorded(self, capture_id: int, target: str) -> int | None:
        return attempts.status_before(self._reader, self._before)(capture_id, target)
