"""The captures of a list, their order, and the cursor. Pure.

Owns order, cursor, following and marks. Knows ids only: the widget that draws a row fetches it.
A list of a million captures costs nothing without gaps (`IdRange`), otherwise eight bytes each (`IdList`).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise

MOST_MARKS = 100_000
"""Some 10 MB; a larger selection is a job for `lean-relay replay` with a filter."""


class IdRange:
    """Ids without gaps: the n-th is `first + n`."""

    def __init__(self, first: int, last: int) -> None:
        """
        Args:
            first: the oldest id.
            last: the newest; `first - 1` for an empty range.
        """
        self.first = first
        self.last = last

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __getitem__(self, at: int) -> int:
        return self.first + at

    def index(self, number: int) -> int:
        """Index of the first id not below `number`."""
        return min(max(number - self.first, 0), len(self))

    def all(self) -> range:
        """Every id."""
        return range(self.first, self.last + 1)

    def begin_at(self, number: int) -> None:
        """Leave out all below an id."""
        self.first = min(max(self.first, number), self.last + 1)

    def without(self, gone: Collection[int]) -> IdRange | IdList:
        """The ids without some of them."""
        first = self.first
        while first in gone:
            first += 1
        left = {number for number in gone if first <= number <= self.last}
        if not left:
            return IdRange(first, self.last)
        return IdList(range(first, self.last + 1)).without(left)


class IdList:
    """Ascending ids that may have gaps; grows at either end without being copied."""

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self._older = array("q")
        """Descending, as a search finds them."""
        self._newer = array("q", ids)

    def __len__(self) -> int:
        return len(self._older) + len(self._newer)

    def __getitem__(self, at: int) -> int:
        old = len(self._older)
        return self._older[old - 1 - at] if at < old else self._newer[at - old]

    def index(self, number: int) -> int:
        """Index of the first id not below `number`."""
        old = len(self._older)
        if self._newer and number > self._newer[0]:
            return old + bisect_left(self._newer, number)
        return old - bisect_left(self._older, -number + 1, key=lambda id: -id)

    def all(self) -> array[int]:
        """Every id."""
        return self._older[::-1] + self._newer

    def begin_at(self, number: int) -> None:
        """Leave out all below an id."""
        below, old = self.index(number), len(self._older)
        del self._older[old - min(below, old) :]
        del self._newer[: max(0, below - old)]

    def without(self, gone: Collection[int]) -> IdList:
        """Remove some ids; looks only between the first and the last of them."""
        if gone:
            low, high, old = self.index(min(gone)), self.index(max(gone) + 1), len(self._older)
            newer = slice(max(0, low - old), max(0, high - old))
            older = slice(old - min(high, old), old - min(low, old))
            self._newer[newer] = array("q", (id for id in self._newer[newer] if id not in gone))
            self._older[older] = array("q", (id for id in self._older[older] if id not in gone))
        return self

    def add_older(self, ids: Sequence[int]) -> None:
        """Add ids below all others, descending."""
        self._older.extend(ids)

    def add_newer(self, ids: Sequence[int]) -> None:
        """Add ids above all others, ascending."""
        self._newer.extend(ids)

    def replace_above(self, number: int, ids: Sequence[int]) -> None:
        """Put these, ascending, in place of all above `number`."""
        keep = self.index(number + 1)
        old = len(self._older)
        del self._newer[max(0, keep - old) :]
        if keep < old:
            del self._older[: old - keep]
        self._newer.extend(ids)


def missing(ids: Iterable[int], there: IdRange | IdList) -> Iterator[int]:
    """The ids that are not in `there`."""
    for number in ids:
        at = there.index(number)
        if at == len(there) or there[at] != number:
            yield number


class Listing:
    """The rows of a list from the top down, and the cursor."""

    def __init__(self) -> None:
        self.ids: IdRange | IdList = IdRange(1, 0)
        self.newest_first = False
        self.following = True
        """The cursor stays on the newest capture."""
        self.cursor: int | None = None
        """The id under the cursor; None in an empty list."""
        self.marks: set[int] = set()
        self._wanted: int | None = None
        """The id that was under the cursor, until a search finds it again."""
        self._seen = 0
        """The newest id when the cursor stopped following, or later seen."""

    # -- rows ----------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.ids)

    def id_at(self, y: int) -> int:
        """The id of a row.

        Raises:
            IndexError: there is no such row.
        """
        if not 0 <= y < len(self.ids):
            raise IndexError(y)
        return self.ids[len(self.ids) - 1 - y if self.newest_first else y]

    def y_of(self, number: int) -> int:
        """The row of an id, or the nearest if it is not in the list; 0 in an empty list."""
        if not len(self.ids):
            return 0
        at = min(self.ids.index(number), len(self.ids) - 1)
        return len(self.ids) - 1 - at if self.newest_first else at

    @property
    def newest(self) -> int:
        """The newest id; 0 in an empty list."""
        return self.ids[len(self.ids) - 1] if len(self.ids) else 0

    @property
    def cursor_y(self) -> int:
        """The row of the cursor."""
        return 0 if self.cursor is None else self.y_of(self.cursor)

    @property
    def unseen(self) -> int:
        """Number of captures received since the list stopped following."""
        return 0 if self.following else len(self.ids) - self.ids.index(self._seen + 1)

    # -- changes -------------------------------------------------------------------------------

    def show(self, ids: IdRange | IdList) -> None:
        """Show other captures; the cursor stays where it is, or as near as possible."""
        self.ids = ids
        self._settle()

    def add_newer(self, ids: Sequence[int]) -> None:
        """Add captures above those of the list, ascending."""
        if not ids:
            return
        if isinstance(self.ids, IdRange):
            follow_on = ids[0] == self.ids.last + 1 and all(b == a + 1 for a, b in pairwise(ids))
            if not len(self.ids):
                self.ids = IdRange(ids[0], ids[0] - 1)
                follow_on = ids[-1] - ids[0] + 1 == len(ids)
            if follow_on:
                self.ids.last = ids[-1]
            else:
                self.ids = IdList(self.ids.all())
                self.ids.add_newer(ids)
        else:
            self.ids.add_newer(ids)
        self._settle()

    def add_older(self, ids: Sequence[int]) -> None:
        """Add captures below those of the list, descending."""
        assert isinstance(self.ids, IdList)
        self.ids.add_older(ids)
        self._settle()

    def replace_above(self, number: int, ids: Sequence[int]) -> None:
        """Put these, ascending, in place of all above `number`."""
        assert isinstance(self.ids, IdList)
        self.ids.replace_above(number, ids)
        self._settle()

    def remove(self, gone: Collection[int]) -> None:
        """Remove captures; from one of them the cursor goes to the next newer one."""
        gone = frozenset(gone)
        self.marks -= gone
        self.ids = self.ids.without(gone)
        self._settle()
        if self._wanted in gone:
            self._wanted = None  # No search will find it again.

    def begin_at(self, number: int) -> None:
        """Remove captures below an id."""
        self.marks = {mark for mark in self.marks if mark >= number}
        self.ids.begin_at(number)
        self._settle()
        if self._wanted is not None and self._wanted < number:
            self._wanted = None

    def recount(self, there: IdRange | IdList, upto: int) -> None:
        """Replace the captures up to an id; those above stay.

        Args:
            there: becomes the list's own.
        """
        newer = [self.ids[at] for at in range(self.ids.index(upto + 1), len(self.ids))]
        self.marks -= {number for number in missing(self.marks, there) if number <= upto}
        self.ids = there
        self._settle()
        self.add_newer(newer)
        if self._wanted is not None and self._wanted <= upto:
            self._wanted = None  # It does not exist, so no search will find it.

    def _settle(self) -> None:
        if self.following:
            self.cursor = self.newest or None
            return
        self._wanted = self._wanted or self.cursor
        if not len(self.ids):
            self.cursor = None
        elif self._wanted is None:
            self.cursor = self.newest
        else:
            self.cursor = self.id_at(self.y_of(self._wanted))
        if self.cursor == self._wanted:
            self._wanted = None

    # -- actions of the user -------------------------------------------------------------------

    def move_to(self, y: int) -> None:
        """Put the cursor on a row, or the nearest there is, and stop following."""
        if not len(self.ids):
            return
        self.stop_following()
        self._wanted = None
        self.cursor = self.id_at(min(max(y, 0), len(self.ids) - 1))

    def stop_following(self) -> None:
        """Stop following; later captures count as unseen."""
        if self.following:
            self.following = False
            self._seen = self.newest

    def follow(self) -> None:
        """Go to the newest capture, and to each new one."""
        self.following = True
        self._wanted = None
        self._settle()

    def mark_seen(self, number: int) -> None:
        """Count captures up to this one as seen."""
        self._seen = max(self._seen, number)

    def turn(self) -> None:
        """Reverse the order."""
        self.newest_first = not self.newest_first

    def mark(self) -> None:
        """Mark or unmark the capture under the cursor."""
        if self.cursor is not None:
            self.marks ^= {self.cursor}

    def mark_to(self, by: int) -> None:
        """Mark all captures from the cursor to the row `by` rows away, where the cursor goes.

        Raises:
            ValueError: there are more than `MOST_MARKS`.
        """
        if self.cursor is None:
            return
        start = self.cursor_y
        end = min(max(start + by, 0), len(self.ids) - 1)
        rows = range(min(start, end), max(start, end) + 1)
        _check_marks(len(rows))
        self.marks.update(map(self.id_at, rows))
        self.move_to(end)

    def mark_all(self) -> None:
        """Mark every capture in the list.

        Raises:
            ValueError: there are more than `MOST_MARKS`.
        """
        _check_marks(len(self.ids))
        self.marks.update(self.ids.all())

    def chosen(self) -> list[int]:
        """Captures for an action, ascending: the marked ones, or the one under the cursor."""
        if self.marks:
            return sorted(self.marks)
        return [] if self.cursor is None else [self.cursor]


def _check_marks(count: int) -> None:
    if count > MOST_MARKS:
        raise ValueError(f"{count:,} captures are too many to mark; use a filter that matches fewer")
