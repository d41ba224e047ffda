"""Reads a journey from the database: passes over all bodies find the captures of one id."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from relay.analysis.journey import Builder, Journey, RelatedIds, value_of
from relay.errors import NotFound, RelayError
from relay.lean.ids import LeanId, Of, ids_of
from relay.models import Capture
from relay.store.read.id_scan import naming
from relay.store.read.reader import Reader
from relay.store.read.selection import fetched
from relay.store.read.shapes import bodies

ROUNDS = 6
"""Passes over the database: each follows the ids found by the previous one; three are usual."""

MOST_STEPS = 5_000

ENOUGH_NAMED = 1_000
"""Captures of one id, after which it counts as the one with most."""

SHARED = frozenset({Of.BANK, Of.DESTINATION, Of.USER})
"""Kinds that belong to several customers: they may have most captures, and tell least."""

READ_AT_ONCE = 2_000
"""Bodies read between two reports of progress."""


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """The progress of a search through the database."""

    ids: int
    """Number of ids to find in this pass."""
    looked_at: int
    """Captures searched; or read, of those that may contain an id."""
    of: int
    reads: bool = False
    """Whether it is reading the captures that may contain an id."""

    @property
    def words(self) -> str:
        """`Looked through 400,000 of 1,000,000 captures for 3 ids`."""
        if self.reads:
            return f"Read {self.looked_at:,} of {self.of:,} captures that may name them"
        ids = "an id" if self.ids == 1 else f"{self.ids:,} ids"
        return f"Looked through {self.looked_at:,} of {self.of:,} captures for {ids}"


Report = Callable[[SearchProgress], None]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The ids of a capture, and what the search that ranked them found."""

    ids: tuple[LeanId, ...]
    """Those that most captures name first; ids of several customers last."""
    searched: frozenset[str] = frozenset()
    """Ids that were searched for in every capture; none if the search stopped early."""
    upto: int = 0
    """The newest capture searched."""
    found: tuple[int, ...] = ()
    """The captures that may contain one of `searched`, oldest first."""


def journey_of(
    reader: Reader,
    id: str,
    *,
    begin_with: int | None = None,
    ranking: Ranking | None = None,
    report: Report = lambda looking: None,
) -> tuple[Journey, int]:
    """The journey of an id, and the number of its captures beyond MOST_STEPS.

    For an event_id, follows the object of its event.

    Args:
        begin_with: a capture that contains it, if known: its other ids are followed in the first pass.
        ranking: of that capture, if known: the first pass only searches newer captures.
        report: called with the progress at least ten times a second.

    Raises:
        NotFound: no event in the database has this id.
        RelayError: `stopped`, the reader was interrupted.
    """
    first = [] if begin_with is None else [begin_with]
    if not first and (first := reader.by_event(id)[:1]):
        id = _about(reader, first[0]) or id
    related, numbers = _followed(reader, id, first, ranking or Ranking(()), report)
    if not numbers:
        raise NotFound(f"no event has the id {id}; `lean-relay list {id}` looks for it as a text")
    builder = Builder(related)
    for capture in fetched(reader, numbers[:MOST_STEPS]):
        builder.add(capture)
    return builder.journey(), max(0, len(numbers) - MOST_STEPS)


def seeds(capture: Capture) -> tuple[LeanId, ...]:
    """The ids by which a capture can be followed: the object of its event first, its customer last."""
    ids = ids_of(value_of(capture.body))
    return tuple(sorted(ids, key=lambda each: (each.of is Of.CUSTOMER, each.path != "payload.id")))


def ranked(reader: Reader, capture: Capture, report: Report = lambda looking: None) -> Ranking:
    """Rank a capture's ids by the number of captures that name them.

    Counts back from the newest capture, and stops when one id has ENOUGH_NAMED.

    Args:
        report: as for `journey_of`.

    Raises:
        RelayError: `stopped`, the reader was interrupted.
    """
    ids = seeds(capture)
    named = {each.value: 0 for each in ids if each.of not in SHARED}
    interruptions = reader.interruptions
    candidates: list[int] = []
    searched: frozenset[str] = frozenset()
    newest = 0
    try:
        if len(named) > 1:
            oldest, newest = reader.oldest_id(), reader.newest_id()
            for passed_to, found in naming(reader, named.keys(), newest_first=True, before=newest + 1):
                candidates += found
                for _, body, _ in bodies(reader, found[:ENOUGH_NAMED]):
                    for value in {each.value for each in ids_of(value_of(body))} & named.keys():
                        named[value] += 1
                if max(named.values()) >= ENOUGH_NAMED or reader.interruptions != interruptions:
                    break
                report(SearchProgress(len(named), newest - passed_to + 1, newest - oldest + 1))
            else:
                searched = frozenset(named)
    except sqlite3.OperationalError as error:
        raise stopped() from error
    if reader.interruptions != interruptions:
        raise stopped()
    in_order = tuple(sorted(ids, key=lambda each: -named.get(each.value, -1)))
    return Ranking(in_order, searched, newest, tuple(sorted(candidates))) if searched else Ranking(in_order)


def _followed(
    reader: Reader, id: str, first: Sequence[int], ranking: Ranking, report: Report
) -> tuple[RelatedIds, list[int]]:
    """The ids that belong to one, and the captures of all of them, oldest first."""
    interruptions = reader.interruptions
    related = RelatedIds(id)
    numbers: set[int] = set()

    def take(found: Sequence[int]) -> set[str]:
        """Add the captures that belong; return the new ids in them."""
        new: set[str] = set()
        for at, (number, body, _) in enumerate(bodies(reader, found)):
            if at % READ_AT_ONCE == READ_AT_ONCE - 1:
                report(SearchProgress(len(related.ids), at + 1, len(found), reads=True))
            if reader.interruptions != interruptions:
                raise stopped()
            ids = ids_of(value_of(body))
            if related.belongs(ids):
                numbers.add(number)
                new |= related.add_from(ids)
        return new

    try:
        new = {id} | take(first)
        for _ in range(ROUNDS):
            is_ranked = new <= ranking.searched
            found = [number for number in ranking.found if number not in numbers] if is_ranked else []
            oldest = reader.oldest_id()
            count = reader.newest_id() - oldest + 1
            for upto, some in naming(reader, new, after=ranking.upto if is_ranked else 0):
                found += (number for number in some if number not in numbers)
                report(SearchProgress(len(new), upto - oldest + 1, count))
            if reader.interruptions != interruptions:
                raise stopped()
            new = take(found)
            if not new:
                break
    except sqlite3.OperationalError as error:
        raise stopped() from error
    return related, sorted(numbers)


def stopped() -> RelayError:
    """The search was interrupted."""
    return RelayError("stopped", word="stopped")


def _about(reader: Reader, number: int) -> str | None:
    """The id of the event's object: its own, or the first that it contains."""
    for _, body, _ in bodies(reader, (number,)):
        ids = ids_of(value_of(body))
        own = next((each for each in ids if each.path == "payload.id"), None)
        first = own or next((each for each in ids if each.of is not Of.CUSTOMER), None)
        return first.value if first is not None else ids[0].value if ids else None
    return None
