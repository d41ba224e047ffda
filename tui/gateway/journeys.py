"""Journeys read from the log, which takes passes over all bodies: in a thread, and to be stopped."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Lock

from relay.errors import NotFound, RelayError
from relay.store.journeys import journey_of, seeds
from relay.store.reader import Reader
from tui.facts.journey import Followed


class Journeys:
    """One look through the log at a time."""

    def __init__(self, db: Path) -> None:
        self._db = db
        self._reader: Reader | None = None
        self._one = Lock()

    def follow(self, number: int, place: int) -> Followed:
        """The journey of one of a capture's ids.

        Raises:
            RelayError: it is gone, has none, the log cannot be read, or `stop` was called (`stopped`).
        """
        with self._one, Reader(self._db) as reader:
            self._reader = reader
            before = reader.interruptions
            try:
                capture = reader.capture(number)
                if capture is None:
                    raise NotFound(f"capture {number} is no longer there")
                ids = seeds(capture)
                if not ids:
                    raise NotFound(f"capture {number} has none of Lean's ids to follow")
                seed = ids[place % len(ids)]
                journey, left_out = journey_of(reader, seed.value)
                if reader.interruptions != before:
                    raise RelayError("stopped", word="stopped")
            except sqlite3.OperationalError as error:
                raise RelayError("stopped", word="stopped") from error
            finally:
                self._reader = None
        return Followed(
            capture_id=number,
            journey=journey,
            left_out=left_out,
            place=place % len(ids),
            ids=tuple((each.of, each.value) for each in ids),
        )

    def stop(self) -> None:
        """End what goes on."""
        if (reader := self._reader) is not None:
            reader.interrupt()
