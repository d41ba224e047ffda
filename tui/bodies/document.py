"""What a view of a body is made of: numbered lines, each a sequence of spans of safe text.

Owns the one way from a piece of a line to spans. A document knows the kinds of text on its lines; it
makes nothing until a line is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tui.bodies.lines import Lines
from tui.bodies.shown import parts


class Span(NamedTuple):
    """A piece of a row: text that a terminal may see, and what it is."""

    text: str
    style: str
    """`text`, `key`, `string`, `number`, `literal`, `punctuation`, `comment`, `name`, `offset`, `odd`."""
    hit: str = ""
    """`hit` in what a search found, `current` in the one that the cursor is at."""


class Hit(NamedTuple):
    """Bytes of a document's data that a search found."""

    start: int
    stop: int
    current: bool = False


class Token(NamedTuple):
    """Bytes of a line that are of one kind."""

    start: int
    stop: int
    style: str


class Unshowable(Exception):
    """A view cannot show this body; the text says why."""


class Document:
    """A text as it is: raw.

    Args:
        data: what is shown and searched; offsets everywhere count its bytes.
        notes: sentences about what was left out or read otherwise, safe to show.
    """

    wraps = True
    """Whether its lines may be wrapped."""
    hangs = False
    """Whether the rows that go on with a line are indented further than the line."""
    is_tree = False
    """Whether its lines fold; then it is a `tui.bodies.jsontext.JsonDocument`."""

    def __init__(self, data: bytes, notes: Sequence[str] = ()) -> None:
        self.data = data
        self.notes = tuple(notes)
        self.lines = Lines(data)

    def tokens(self, start: int, stop: int) -> Iterable[Token]:
        """The kinds of text on the line from `start` to `stop`, without gaps."""
        return (Token(start, stop, "text"),)

    def spans(self, line: int, start: int, stop: int, hits: Sequence[Hit] = ()) -> list[Span]:
        """What stands in a piece of a line.

        Args:
            start: of the piece, an offset as `Rows.piece` gives it.
            hits: those that touch the piece, in order.
        """
        found: list[Span] = []
        for low, high, style in self.tokens(*self.lines.bounds(line)):
            if low < stop and high > start:
                for data, hit in cut_at_hits(self.data, max(low, start), min(high, stop), hits):
                    found.extend(Span(text, "odd" if odd else style, hit) for text, odd in parts(data))
        return found


class Listing(Document):
    """Lines that were made for showing, the style of each told apart by its number.

    Args:
        kinds: styles by line: one for the whole line, or those of what stands before and after the
            first `separator` on it.
    """

    hangs = True

    def __init__(
        self,
        lines: Sequence[bytes],
        kinds: Mapping[int, str | tuple[str, str]] | Sequence[str | tuple[str, str]],
        notes: Sequence[str] = (),
        separator: bytes = b" = ",
    ) -> None:
        super().__init__(b"\n".join(lines), notes)
        self._kinds = kinds
        self._separator = separator

    def tokens(self, start: int, stop: int) -> Iterator[Token]:
        """The kinds of text on the line from `start` to `stop`, without gaps."""
        kind = self._kinds[self.lines.at(start)]
        if isinstance(kind, str):
            yield Token(start, stop, kind)
            return
        at = self.data.find(self._separator, start, stop)
        if at < 0:
            yield Token(start, stop, kind[0])
            return
        after = at + len(self._separator)
        yield Token(start, at, kind[0])
        yield Token(at, after, "punctuation")
        yield Token(after, stop, kind[1])


def cut_at_hits(data: bytes, start: int, stop: int, hits: Sequence[Hit]) -> Iterator[tuple[bytes, str]]:
    """`data[start:stop]` in pieces, each with whether it lies in a hit."""
    for low, high, current in hits:
        low, high = max(low, start), min(high, stop)
        if low < high:
            if start < low:
                yield data[start:low], ""
            yield data[low:high], "current" if current else "hit"
            start = high
    if start < stop:
        yield data[start:stop], ""
