"""The operators on a capture's numbers, its id and its position: single ones and ranges."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from relay.filters.tree import Leaf, Written
from relay.models import Capture

LAST_ID = 10**18 - 1
"""The highest id that can be written."""

_RANGE = re.compile(r"(\d{1,18})?(?:(\.\.)(\d{1,18})?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class OfNumber(Leaf):
    """A number of a capture is one of these."""

    late = True  # The database numbers a capture when it stores it.

    what: ClassVar[str]
    kind: ClassVar[str]
    """A phrase for the numbers, for a message."""

    ranges: tuple[tuple[int, int], ...]
    """First and last numbers, ascending and apart."""

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        ranges = []
        for word in value.text.split(","):
            found = _RANGE.fullmatch(word)
            if found is None or not (found[1] or found[3]):
                raise ValueError(f'"{word}" is not {cls.kind}; use 3, 7..9 or 3,7..9')
            first, dots, last = found.groups()
            low, high = int(first or 0), int(last or (LAST_ID if dots else first))
            if high < low:
                raise ValueError(f"the range {word} runs backwards; use {high}..{low}")
            ranges.append((low, high))
        return cls(_merged(ranges))

    def holds(self, number: int) -> bool:
        """Whether a number is one of these."""
        at = bisect_right(self.ranges, number, key=lambda each: each[0]) - 1
        return at >= 0 and number <= self.ranges[at][1]

    def __str__(self) -> str:
        return f"{self.what} {', '.join(map(_written, self.ranges))}"


@dataclass(frozen=True, slots=True)
class Numbered(OfNumber):
    code = "capture"
    example = "capture:3,7..9"
    help = "ids of captures, as the list shows them"
    what = "it is capture"
    kind = "an id or a range of ids"

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.id)


@dataclass(frozen=True, slots=True)
class Positioned(OfNumber):
    code = "pos"
    example = "pos:4711"
    help = "positions in the team's log, which are the same for everybody"
    what = "its position is"
    kind = "a position or a range of positions"

    def matches(self, capture: Capture) -> bool:
        return capture.position is not None and self.holds(capture.position)


def _written(ids: tuple[int, int]) -> str:
    first, last = ids
    return str(first) if first == last else f"{first or ''}..{'' if last == LAST_ID else last}"


def _merged(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)
