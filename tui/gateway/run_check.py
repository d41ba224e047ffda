"""Compare the responses of a replay with the expected one, as they are recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from relay.delivery.expectations import Expectation, ExpectationCheck
from relay.models import Baseline
from relay.store.read import attempts
from relay.store.read.baselines import baseline
from relay.store.read.reader import Reader


class RunCheck:
    """Checks one run in threads."""

    def __init__(self, db: Path, expected: Expectation) -> None:
        self._db = db
        self.check = ExpectationCheck(expected, self._baseline)

    async def look(self, ids: Sequence[int]) -> None:
        """Check attempts that have been recorded."""
        if ids:
            await asyncio.to_thread(self._look, ids)

    def _look(self, ids: Sequence[int]) -> None:
        with Reader(self._db) as self._reader:
            for event in attempts.in_pages(self._reader, ids):
                self.check.add(event.attempt)

    def _baseline(self, capture_id: int, target: str) -> Baseline | None:
        return baseline(self._reader, capture_id, target)
