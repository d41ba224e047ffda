"""The answers of a run held against what is expected of them, as they are recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from relay.delivery.expectations import Expectation
from relay.store.read import attempts
from relay.store.read.reader import Reader

AT_ONCE = 20
"""Attempts in memory; each may hold 1 MiB of an answer."""


class Checking:
    """One run's answers; made before the run begins, since `recorded` means the answers before it."""

    def __init__(self, db: Path, expected: Expectation) -> None:
        """In a thread: it reads the log."""
        self.expected = expected
        self.met = 0
        self.unmet: list[int] = []
        """Captures whose answers differ, one for each answer."""
        self._db = db
        with Reader(db) as reader:
            self._before = reader.newest_attempt_id()

    async def look(self, ids: Sequence[int]) -> None:
        """Take up attempts that are recorded by now."""
        if ids:
            await asyncio.to_thread(self._look, ids)

    def _look(self, ids: Sequence[int]) -> None:
        with Reader(self._db) as reader:

            def recorded(capture_id: int, target: str) -> int | None:
                return attempts.answer_before(reader, capture_id, target, self._before)

            for first in range(0, len(ids), AT_ONCE):
                for followed in attempts.attempts(reader, ids[first : first + AT_ONCE]):
                    if self.expected.mismatch(followed.attempt, recorded) is None:
                        self.met += 1
                    else:
                        self.unmet.append(followed.attempt.capture_id)
