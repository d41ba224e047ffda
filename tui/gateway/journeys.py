"""Search the database for journeys in a thread that can be stopped; it takes passes over all bodies."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from relay.errors import NotFound
from relay.store.read.journeys import Ranking, SearchProgress, journey_of, ranked, stopped
from relay.store.read.reader import Reader
from tui.presenters.journey import CaptureJourney


class Journeys:
    """One search at a time."""

    def __init__(self, db: Path) -> None:
        self._db = db
        self._reader: Reader | None = None
        self._one = Lock()
        self.looking: SearchProgress | None = None
        """Progress of the search; None while there is none."""
        self.stops = 0
        """How often `stop` was called."""
        self._ranked: tuple[int, Ranking] = (0, Ranking(()))
        """The capture followed last, and the ranking of its ids."""

    def follow(self, number: int, place: int | None, stops: int | None = None) -> CaptureJourney:
        """The journey of one of a capture's ids.

        Args:
            place: which of the ids, the one with most captures first; any number, they wrap around. With None
                the ids are ranked again, and the first is taken.
            stops: the value of `stops` at the request: one that is stopped before its turn does not start.

        Raises:
            RelayError: it does not exist, has no ids, the database cannot be read, or `stop` was called
                (`stopped`).
        """
        with self._one, Reader(self._db) as reader:
            self._reader = reader
            try:
                if stops not in (None, self.stops):
                    raise stopped()
                capture = reader.capture(number)
                if capture is None:
                    raise NotFound(f"capture {number} no longer exists")
                if place is None or self._ranked[0] != number:
                    self._ranked = number, ranked(reader, capture, self._on_progress)
                ranking = self._ranked[1]
                ids = ranking.ids
                if not ids:
                    raise NotFound(f"capture {number} has no Lean id to follow")
                at = (place or 0) % len(ids)
                journey, left_out = journey_of(
                    reader, ids[at].value, begin_with=number, ranking=ranking, report=self._on_progress
                )
            finally:
                self._reader = self.looking = None
        return CaptureJourney(
            capture_id=number,
            journey=journey,
            left_out=left_out,
            place=at,
            ids=tuple((each.of, each.value) for each in ids),
        )

    def _on_progress(self, looking: SearchProgress) -> None:
        self.looking = looking

    def stop(self) -> None:
        """End the search, and those that wait for it."""
        self.stops += 1
        if (reader := self._reader) is not None:
            reader.interrupt()
