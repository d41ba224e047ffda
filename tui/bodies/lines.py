"""The lines of a text of any size, by number, without a list of them.

Owns an index with an entry for each 32 KiB; the lines of a block are found when needed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate

BLOCK = 32 * 1024
"""Bytes of a block; it ends with a line, so a longer line makes it larger."""


class Lines:
    """The lines between line feeds; an empty text is one empty line."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.widest = 0
        """Bytes of the longest line."""
        self._at = array("Q")
        self._first = array("Q")
        at = line = 0
        while True:
            end = data.rfind(b"\n", at, at + BLOCK) + 1 or data.find(b"\n", at + BLOCK) + 1
            self._at.append(at)
            self._first.append(line)
            # A slice of one long line is not split again: find has found its end.
            piece = data[at : end or len(data)]
            self.widest = max(self.widest, max(map(len, piece.split(b"\n"))))
            if not end:
                self.count = line + piece.count(b"\n") + 1
                break
            line += piece.count(b"\n")
            at = end
        self._starts = lru_cache(32)(self._starts_of)

    @property
    def blocks(self) -> int:
        return len(self._at)

    def block_of(self, line: int) -> int:
        """The block of a line."""
        return bisect_right(self._first, line) - 1

    def first(self, block: int) -> int:
        """Number of a block's first line."""
        return self._first[block]

    def starts(self, block: int) -> array[int]:
        """Offset of each line of a block, and of the next block."""
        return self._starts(block)

    def bounds(self, line: int) -> tuple[int, int]:
        """Start and end of a line, without its line feed.

        Raises:
            IndexError: there is no such line.
        """
        if not 0 <= line < self.count:
            raise IndexError(line)
        block = self.block_of(line)
        starts = self._starts(block)
        place = line - self._first[block]
        return starts[place], starts[place + 1] - 1

    def at(self, offset: int) -> int:
        """Number of the line with the byte at `offset`; a line feed belongs to the line that it ends."""
        block = bisect_right(self._at, offset) - 1
        place = bisect_right(self._starts(block), offset) - 1
        return min(self._first[block] + place, self.count - 1)

    def _starts_of(self, block: int) -> array[int]:
        at = self._at[block]
        last = block + 1 == len(self._at)
        piece = self.data[at:] if last else self.data[at : self._at[block + 1] - 1]
        lengths = map(len, piece.split(b"\n"))
        return array("Q", accumulate((length + 1 for length in lengths), initial=at))
