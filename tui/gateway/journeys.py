"""Journeys read from the log, which takes passes over all bodies: in a thread, and to be stopped."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from relay.errors import NotFound
from relay.store.read.journeys import Looking, journey_of, seeds, stopped
from relay.store.read.reader import Reader
from tui.presenters.journey import AttemptEvent


class Journeys:
    """One look through the log at a time."""

    def __init__(self, db: Path) -> None:
        self._db = db
        self._reader: Reader | None = None
        self._one = Lock()
        self.looking: Looking | None = None
        """How far the look has come that goes on; None before it begins and after its end."""
        self.stops = 0
        """How often `stop` was called."""

    def follow(self, number: int, place: int | None, stops: int | None = None) -> AttemptEvent:
        """The journey of one of a capture's ids.

        Args:
            place: which of the ids; with None the first that leads to another capture.
            stops: what `stops` was when it was asked for: one that is stopped before its turn does not begin.

        Raises:
            RelayError: it is gone, has none, the log cannot be read, or `stop` was called (`stopped`).
        """
        with self._one, Reader(self._db) as reader:
            self._reader = reader
            try:
                if stops not in (None, self.stops):
                    raise stopped()
                capture = reader.capture(number)
                if capture is None:
                    raise NotFound(f"capture {number} is no longer there")
                ids = seeds(capture)
                if not ids:
                    raise NotFound(f"capture {number} has none of Lean's ids to follow")
                for at in range(len(ids)) if place is None else [place % len(ids)]:
                    if stops not in (None, self.stops):
                        raise stopped()
                    journey, left_out = journey_of(reader, ids[at].value, begin_with=number, tell=self._tell)
                    if len(journey.steps) > 1:
                        break
            finally:
                self._reader = self.looking = None
        return AttemptEvent(
            capture_id=number,
            journey=journey,
            left_out=left_out,
            place=at,
            ids=tuple((each.of, each.value) for each in ids),
        )

    def _tell(self, looking: Looking) -> None:
        self.looking = looking

    def stop(self) -> None:
        """End what goes on, or was asked for."""
        self.stops += 1
        if (reader := self._reader) is not None:
            reader.interrupt()
