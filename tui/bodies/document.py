"""A view of a body: numbered lines, each a sequence of spans of safe text.

Owns the only conversion of a piece of a line to spans. A document knows the kinds of text on its lines; it
does nothing until a line is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tui.bodies.lines import Lines
from tui.bodies.safe_text import parts


class Span(NamedTuple):
    """A piece of a row: text that is safe for a terminal, and its style."""

    text: str
    style: str
    """`text`, `key`, `string`, `number`, `literal`, `punctuation`, `comment`, `name`, `offset`, `odd`."""
    hit: str = ""
    """`hit` inside a search hit, `current` inside the one at the cursor."""


class Hit(NamedTuple):
    """A range of bytes that a search found."""

    start: int
    stop: int
    current: bool = False


class Token(NamedTuple):
    """A range of bytes of one kind on a line."""

    start: int
    stop: int
    style: str


class Unshowable(Exception):
    """A view cannot show this body; the text is the reason."""


class Document:
    """The raw text.

    Args:
        data: the bytes to show and search; all offsets count these bytes.
        notes: sentences about omissions and odd decoding, safe to show.
    """

    wraps = True
    """Whether its lines may be wrapped."""
    hangs = False
    """Whether the continuation rows of a line are indented further than the line."""
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
        """The spans of a piece of a line.

        Args:
            start: of the piece, an offset from `Rows.piece`.
            hits: those that overlap the piece, in order.
        """
        found: list[Span] = []
        for low, high, style in self.tokens(*self.lines.bounds(line)):
            if low < stop and high > start:
                for data, hit in cut_at_hits(self.data, max(low, start), min(high, stop), hits):
                    found.extend(Span(text, "odd" if odd else style, hit) for text, odd in parts(data))
        return found


class GeneratedLines(Document):
    """Generated lines, with a style for each line number.

    Args:
        kinds: styles by line: one for the whole line, or two for the text before and after the first
            `separator` on it.
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
    """`data[start:stop]` in pieces, each with its `Span.hit`."""
    for low, high, current in hits:
        low, high = max(low, start), min(high, stop)
        if low < high:
            if start < low:
                yield data[start:low], ""
            yield data[low:high], "current" if current else "hit"
            start = high
    if start < stop:
        yield data[start:stop], ""
