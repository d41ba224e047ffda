"""Finds captures to compare one with: of the same object, else of the same event, else of the same type.

Bodies and types have no index: the search goes through windows of ids, nearest first, with gaps in between
in which the WAL can start over, as in `relay.store.read.search`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from relay.analysis.journey import OBJECTS, value_of
from relay.lean.ids import LeanId, Of, ids_of
from relay.models import Capture
from relay.store.read.id_scan import naming
from relay.store.read.journeys import seeds, stopped
from relay.store.read.reader import Reader
from relay.store.read.search import scan_windows
from relay.store.read.shapes import bodies

Report = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Partner:
    """A capture to compare another one with."""

    capture_id: int
    shares: str
    """What both have in common: `the same payment`, `the same event`, `its type`."""
    is_before: bool
    is_first: bool = True
    """The nearest of those that share this, on its side."""

    @property
    def words(self) -> str:
        """`the one before of the same payment`, `a later one of the same payment`."""
        if self.is_before:
            return f"{'the one before' if self.is_first else 'an earlier one'} of {self.shares}"
        return f"{'the next one' if self.is_first else 'a later one'} of {self.shares}"


def partners(reader: Reader, capture: Capture, report: Report = lambda passed: None) -> Iterator[Partner]:
    """Captures to compare with, each once, the most telling first; each is searched for when it is asked for.

    First those of the same object, such as a payment: earlier ones, then later ones. Then those of an object
    it links to, of the same event, of the same type and customer, and of the same type.

    Args:
        report: called with the number of captures passed since the last one found.

    Raises:
        RelayError: `stopped`, the reader was interrupted.
    """
    search = _Search(reader, capture, report)
    given = {capture.id}
    try:
        for group in search.groups():
            is_first = True
            for found in group:
                if found.capture_id not in given:
                    given.add(found.capture_id)
                    yield replace(found, is_first=is_first)
                    is_first = False
    except sqlite3.OperationalError as error:
        raise stopped() from error


class _Search:
    def __init__(self, reader: Reader, capture: Capture, report: Report) -> None:
        self._reader, self._report = reader, report
        self._number = capture.id
        self._type = capture.event.type if capture.event is not None else None
        self._customer = capture.event.customer_id if capture.event is not None else None
        objects = [each for each in seeds(capture) if each.of in OBJECTS or each.path == "payload.id"]
        self._own, self._linked = objects[:1], objects[1:]
        self._event = reader.same_event(capture.id)

    def groups(self) -> Iterator[Iterator[Partner]]:
        """The searches, in order; each yields the nearest first."""
        for ids in (self._own, self._linked):
            if ids:
                yield self._naming(ids, is_before=True)
                yield self._naming(ids, is_before=False)
        for is_before in (True, False):
            yield self._of_event(is_before=is_before)
        if self._type is not None and self._customer is not None:
            yield self._of_type(self._customer)
        if self._type is not None:
            yield self._of_type(None)

    def _of_event(self, *, is_before: bool) -> Iterator[Partner]:
        found = [each for each in self._event if (each < self._number) == is_before]
        for each in reversed(found) if is_before else found:
            yield Partner(each, "the same event", is_before)

    def _naming(self, ids: Sequence[LeanId], *, is_before: bool) -> Iterator[Partner]:
        interruptions = self._reader.interruptions
        windows = naming(
            self._reader,
            {each.value for each in ids},
            newest_first=is_before,
            after=0 if is_before else self._number,
            before=self._number if is_before else None,
        )
        for passed_to, found in windows:
            for number, body, _ in bodies(self._reader, found):
                named = {each.value for each in ids_of(value_of(body))}
                shared = next((each.of for each in ids if each.value in named), None)
                if shared is not None:
                    yield Partner(number, f"the same {_noun(shared)}", is_before)
            self._report(abs(self._number - passed_to))
        self._end_if_stopped(interruptions)

    def _of_type(self, customer: str | None) -> Iterator[Partner]:
        shares = "its type" if customer is None else "the same customer and type"
        condition = "event_type = :type" + ("" if customer is None else " AND customer_id = :customer")
        parameters = {"type": self._type, "customer": customer}

        def ask(low: int, high: int) -> int | None:
            found: int | None = self._reader.rows(
                f"SELECT max(id) FROM captures WHERE id BETWEEN :low AND :high AND {condition}",
                {**parameters, "low": low, "high": high},
            )[0][0]
            return found

        end = self._number
        while True:
            interruptions, found = self._reader.interruptions, None
            for (low, _), found in scan_windows(self._reader, self._reader.oldest_id() or 1, end - 1, ask):
                if found is not None:
                    break
                self._report(self._number - low)
            self._end_if_stopped(interruptions)
            if found is None:
                return
            yield Partner(found, shares, is_before=True)
            end = found

    def _end_if_stopped(self, interruptions: int) -> None:
        if self._reader.interruptions != interruptions:
            raise stopped()


def _noun(of: Of) -> str:
    return "object" if of is Of.OTHER else "data request" if of is Of.RESULTS else str(of)
