"""The pieces of a text on the rows of the screen: wrapping and folding.

Owns the arithmetic between rows and lines. A text is measured in blocks, so that a thread that measures a
large one can stop in between; after that nothing here takes longer than a block.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import accumulate, pairwise

from tui.bodies.lines import Lines
from tui.bodies.safe_text import boundary, cuts, is_plain

LONG = 8 * 1024
"""A line of more bytes is wrapped in stretches of about this size, each starting a row."""


class Rows:
    """The rows of a text, all visible at first.

    Args:
        width: cells of a row, at least 4; None for lines that are not wrapped.
        hangs: continuation rows are indented a little further than the line.
    """

    def __init__(self, lines: Lines, width: int | None, *, hangs: bool = False) -> None:
        self.lines = lines
        self.width = width
        self._hangs = hangs
        self._before = array("Q", [0])
        self._long: dict[int, tuple[int, array[int]]] = {}
        self._in_block = lru_cache(32)(self._rows_in_block)
        self._cuts = lru_cache(256)(self._cuts_of)
        self._folds: list[int] = []
        self._ends: dict[int, int] = {}
        self._hidden: list[tuple[int, int]] = []
        self._taken: list[int] = []
        self._sums: list[int] = [0]
        self._heads: list[int] = []
        if width is None:
            self._before = array("Q")

    def measure(self) -> Iterator[None]:
        """Count the rows of each block; run it to its end before using wrapped rows."""
        if self.width is None:
            return
        for block in range(self.lines.blocks):
            self._before.append(self._before[-1] + self._in_block(block)[-1])
            yield

    @property
    def total(self) -> int:
        """Number of visible rows."""
        return self._all - self._sums[-1]

    @property
    def _all(self) -> int:
        return self.lines.count if self.width is None else self._before[-1]

    # -- rows and lines ---------------------------------------------------------------------------

    def place(self, row: int) -> tuple[int, int]:
        """The line in a visible row, and the number of the row in the line, from 0.

        A row beyond the last is the last one.
        """
        row = max(0, min(row, self.total - 1))
        fold = bisect_right(self._heads, row)
        return self._place(row + self._sums[fold])

    def row(self, line: int, part: int = 0) -> int:
        """The visible row of a line; for a hidden one, the row of the line it is folded into."""
        at = bisect_right(self._hidden, (line, self.lines.count)) - 1
        if at >= 0 and line <= self._hidden[at][1]:
            line, part = self._hidden[at][0] - 1, 0
            at -= 1
        return self._row(line) + part - self._sums[at + 1]

    def piece(self, line: int, part: int) -> tuple[int, int, int]:
        """Start and end of the text of one of a line's rows, and the blank cells before it."""
        start, stop = self.lines.bounds(line)
        width = self.width
        if width is None:
            return start, stop, 0
        if stop - start > LONG:
            stretch, before = self._stretches(line, start, stop)
            at = bisect_right(before, part) - 1
            low, high = self._stretch(start, stop, stretch, at)
            places = self._cuts(low, high, width, 0)
            part -= before[at]
            hang = 0
        else:
            low, high = start, stop
            hang = self._hang(start, stop)
            places = self._cuts(low, high, width, hang)
        end = places[part + 1] if part + 1 < len(places) else high
        return places[part], end, hang if part else 0

    def part(self, line: int, offset: int) -> int:
        """Number of the line's row with the byte at `offset`."""
        start, stop = self.lines.bounds(line)
        if self.width is None:
            return 0
        offset = max(start, min(offset, stop))
        if stop - start <= LONG:
            return bisect_right(self._cuts(start, stop, self.width, self._hang(start, stop)), offset) - 1
        stretch, before = self._stretches(line, start, stop)
        at = min((offset - start) // stretch, len(before) - 2)
        while at + 1 < len(before) - 1 and self._stretch(start, stop, stretch, at + 1)[0] <= offset:
            at += 1
        low, high = self._stretch(start, stop, stretch, at)
        return before[at] + bisect_right(self._cuts(low, high, self.width, 0), offset) - 1

    # -- folding ----------------------------------------------------------------------------------

    @property
    def folds(self) -> dict[int, int]:
        """Folded line -> last line that is folded into it."""
        return dict(self._ends)

    def is_folded(self, line: int) -> bool:
        return line in self._ends

    def is_hidden(self, line: int) -> bool:
        at = bisect_right(self._hidden, (line, self.lines.count)) - 1
        return at >= 0 and line <= self._hidden[at][1]

    def fold(self, line: int, end: int) -> None:
        """Hide the lines after `line` up to and including `end`."""
        if end <= line or line in self._ends:
            return
        insort(self._folds, line)
        self._ends[line] = end
        if not self.is_hidden(line):
            self._cover(line, end)
            self._sum_up()

    def unfold(self, line: int) -> None:
        """Show the lines folded into `line`; inner folds stay."""
        end = self._ends.pop(line, None)
        if end is None:
            return
        del self._folds[bisect_left(self._folds, line)]
        at = bisect_left(self._hidden, (line + 1, 0))
        if at < len(self._hidden) and self._hidden[at] == (line + 1, end):
            inner = self._folds[bisect_left(self._folds, line) : bisect_right(self._folds, end)]
            ranges = list(self._outermost(inner))
            self._hidden[at : at + 1] = ranges
            self._taken[at : at + 1] = map(self._rows_of, ranges)
            self._sum_up()

    def reveal(self, line: int) -> bool:
        """Unfold everything that hides a line; return whether anything did."""
        found = False
        while self.is_hidden(line):
            at = bisect_right(self._hidden, (line, self.lines.count)) - 1
            self.unfold(self._hidden[at][0] - 1)
            found = True
        return found

    def set_folds(self, folds: Iterable[tuple[int, int]]) -> None:
        """Replace all folds; pairs as for `fold`."""
        self._ends = {line: end for line, end in folds if end > line}
        self._folds = sorted(self._ends)
        self._hidden = list(self._outermost(self._folds))
        self._taken = list(map(self._rows_of, self._hidden))
        self._sum_up()

    def _outermost(self, folded: Iterable[int]) -> Iterator[tuple[int, int]]:
        """First and last hidden line of each fold that is not inside another."""
        last = -1
        for line in folded:
            if line > last:
                last = self._ends[line]
                yield line + 1, last

    def _rows_of(self, lines: tuple[int, int]) -> int:
        return self._row(lines[1] + 1) - self._row(lines[0])

    def _cover(self, line: int, end: int) -> None:
        low = bisect_left(self._hidden, (line + 1, 0))
        high = bisect_left(self._hidden, (end + 1, 0))
        self._hidden[low:high] = [(line + 1, end)]
        self._taken[low:high] = [self._rows_of((line + 1, end))]

    def _sum_up(self) -> None:
        self._sums = list(accumulate(self._taken, initial=0))
        # The visible row after each fold.
        self._heads = [
            self._row(first) - before for (first, _), before in zip(self._hidden, self._sums, strict=False)
        ]

    # -- all rows, hidden ones too ----------------------------------------------------------------

    def _place(self, row: int) -> tuple[int, int]:
        if self.width is None:
            return row, 0
        block = bisect_right(self._before, row) - 1
        within = self._in_block(block)
        place = bisect_right(within, row - self._before[block]) - 1
        return self.lines.first(block) + place, row - self._before[block] - within[place]

    def _row(self, line: int) -> int:
        if self.width is None:
            return line
        if line >= self.lines.count:
            return self._before[-1]
        block = self.lines.block_of(line)
        return self._before[block] + self._in_block(block)[line - self.lines.first(block)]

    def _rows_in_block(self, block: int) -> array[int]:
        """Number of rows before each line of a block, and at last of all its lines."""
        width = self.width or 1
        starts = self.lines.starts(block)
        data = self.lines.data
        low, high = starts[0], starts[-1] - 1
        if high - low <= LONG * 8 and is_plain(data[low:high].replace(b"\n", b"")):
            lengths = [stop - start - 1 for start, stop in pairwise(starts)]
            if max(lengths) <= width:
                return array("Q", range(len(lengths) + 1))
        first = self.lines.first(block)
        counts = (
            self._count(first + place, start, stop - 1)
            for place, (start, stop) in enumerate(pairwise(starts))
        )
        return array("Q", accumulate(counts, initial=0))

    def _count(self, line: int, start: int, stop: int) -> int:
        width = self.width or 1
        if stop - start > LONG:
            return self._stretches(line, start, stop)[1][-1]
        if stop - start <= width and is_plain(self.lines.data[start:stop]):
            return 1
        return len(cuts(self.lines.data, start, stop, width, self._hang(start, stop)))

    def _hang(self, start: int, stop: int) -> int:
        if not self._hangs or self.width is None:
            return 0
        head = self.lines.data[start : min(stop, start + self.width)]
        return min(len(head) - len(head.lstrip(b" ")) + 2, self.width // 2)

    def _stretches(self, line: int, start: int, stop: int) -> tuple[int, array[int]]:
        """Bytes of a stretch of a long line, and the number of rows before each stretch and of all."""
        known = self._long.get(line)
        if known is None:
            width = self.width or 1
            # A multiple of the width, so that rows of ASCII are full.
            stretch = max(LONG // width, 1) * width
            count = -(-(stop - start) // stretch)
            rows = (self._rows_in_stretch(start, stop, stretch, at) for at in range(count))
            known = self._long[line] = (stretch, array("Q", accumulate(rows, initial=0)))
        return known

    def _rows_in_stretch(self, start: int, stop: int, stretch: int, at: int) -> int:
        low, high = self._stretch(start, stop, stretch, at)
        width = self.width or 1
        if is_plain(self.lines.data[low:high]):
            return -(-(high - low) // width)
        return len(cuts(self.lines.data, low, high, width, 0))

    def _stretch(self, start: int, stop: int, stretch: int, at: int) -> tuple[int, int]:
        data = self.lines.data
        low = start + at * stretch
        high = low + stretch
        return (
            boundary(data, low) if at else start,
            boundary(data, high) if high < stop else stop,
        )

    def _cuts_of(self, low: int, high: int, width: int, hang: int) -> list[int]:
        return cuts(self.lines.data, low, high, width, hang)
