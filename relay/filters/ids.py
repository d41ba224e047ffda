"""The operator on a capture's id: single ids and ranges of them."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from relay.filters.tree import Leaf, Written
from relay.models import Capture

LAST_ID = 10**18 - 1
"""The highest id that can be written."""

_RANGE = re.compile(r"(\d{1,18})?(?:(\.\.)(\d{1,18})?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Numbered(Leaf):
    code = "capture"
    example = "capture:3,7..9"
    help = "ids of captures, as the list shows them"
    late = True  # The database numbers a capture when it stores it.

    ranges: tuple[tuple[int, int], ...]
    """First and last ids, ascending and apart."""

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        ranges = []
        for word in value.text.split(","):
            found = _RANGE.fullmatch(word)
            if found is None or not (found[1] or found[3]):
                raise ValueError(f'"{word}" is not an id or a range of ids; use 3, 7..9 or 3,7..9')
            first, dots, last = found.groups()
            low, high = int(first or 0), int(last or (LAST_ID if dots else first))
            if high < low:
                raise ValueError(f"the range {word} runs backwards; use {high}..{low}")
            ranges.append((low, high))
        return cls(_merged(ranges))

    def holds(self, number: int) -> bool:
        """Whether an id is one of these."""
        at = bisect_right(self.ranges, number, key=lambda each: each[0]) - 1
        return at >= 0 and number <= self.ranges[at][1]

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.id)

    def __str__(self) -> str:
        return f"it is capture {', '.join(map(_written, self.ranges))}"


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
