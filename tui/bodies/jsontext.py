"""JSON laid out for display: the digits of numbers kept, foldable, a path for each line.

Nothing is parsed into values. The body is laid out as text once. The indentation and the first and last
characters of a line then show its kind, and searches of the bytes find its parent, its end and its index
among its siblings. That takes milliseconds in texts of tens of MiB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

from relay.text.json_values import first_steps, path_to
from relay.text.layout import indented
from relay.text.units import format_bytes
from tui.bodies.document import Document, Token, Unshowable

FOLDED_FROM = 300
"""A tree of this many lines opens folded."""

MOST_WITH_CONSTANTS = 1024 * 1024
"""Largest body in bytes in which NaN and Infinity are accepted."""

WRAPPED_UP_TO = 2 * 1024 * 1024
"""Largest tree in bytes whose lines may be wrapped."""

COUNTED_UP_TO = 2 * 1024 * 1024
"""Largest text in bytes whose values are counted to draw a folded line."""

MOST_FOLDED = 200_000
"""Most brackets folded at once."""

_CONSTANT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_MARK = b'"\x7f'
"""Start of the string that replaces a constant while a body is laid out; the only control character that
JSON allows unescaped."""
_MARKED = re.compile(_MARK + rb'(-?(?:NaN|Infinity))"')
_KEY = re.compile(rb' *("[^"\\]*+(?:\\.[^"\\]*+)*+"): ', re.DOTALL)
_OPENING = b"{["
_BRACKETS = re.compile(rb"\n *+(?:[}\]]|[^\n]*+(?<=[{\[])(?=\n))")
_OUTER_BRACKETS = re.compile(rb"\n  (?:  )?(?:[}\]]|[^ \n][^\n]*+(?<=[{\[])(?=\n))")


def laid_out(body: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Lay out a JSON body; return the text, and notes on it.

    Raises:
        Unshowable: it is not JSON, or too large.
    """
    try:
        return indented(body), ()
    except ValueError as error:
        reason = str(error)
    odd = len(body) <= MOST_WITH_CONSTANTS and (b"NaN" in body or b"Infinity" in body)
    if reason.startswith("not JSON") and odd and _MARK not in body:
        try:
            text = indented(_CONSTANT.sub(_as_text, body))
        except ValueError:
            pass
        else:
            note = "NaN and Infinity are not valid JSON: most parsers refuse this body"
            return _MARKED.sub(rb"\1", text), (note,)
    raise Unshowable(reason)


def _as_text(found: re.Match[bytes]) -> bytes:
    return found[0] if found[0].startswith(b'"') else _MARK + found[0] + b'"'


class JsonDocument(Document):
    """JSON from `laid_out`, as text."""

    hangs = True

    def __init__(self, data: bytes, notes: Sequence[str] = ()) -> None:
        super().__init__(data, notes)
        self._tokens = lru_cache(512)(self._tokens_of)
        self._summary = lru_cache(512)(self._summary_of)
        self._close = lru_cache(512)(self._close_of)
        self._counted: dict[int, tuple[int, int]] = {}

    def tokens(self, start: int, stop: int) -> Sequence[Token]:
        """Indentation, key, value and punctuation of the line from `start` to `stop`."""
        return self._tokens(start, stop)

    def _tokens_of(self, start: int, stop: int) -> Sequence[Token]:
        data = self.data
        found = []
        at = self._content(start, stop)
        if at > start:
            found.append(Token(start, at, "punctuation"))
        if key := _KEY.match(data, at, stop):
            found.append(Token(at, key.end(1), "key"))
            found.append(Token(key.end(1), key.end(), "punctuation"))
            at = key.end()
        comma = stop - 1 if stop > at and data[stop - 1] == 0x2C else stop
        if at < comma:
            found.append(Token(at, comma, _kind(data[at])))
        if comma < stop:
            found.append(Token(comma, stop, "punctuation"))
        return found

    def _content(self, start: int, stop: int) -> int:
        """Offset of the line's text after its indentation."""
        # The depth that is laid out limits the indentation.
        head = self.data[start : min(stop, start + 512)]
        return start + len(head) - len(head.lstrip(b" "))

    # -- structure --------------------------------------------------------------------------------

    def opens(self, line: int) -> bool:
        """Whether this line opens a bracket that another line closes."""
        start, stop = self.lines.bounds(line)
        return stop > start and self.data[stop - 1] in _OPENING

    def end(self, line: int) -> int:
        """The line that closes the bracket opened on `line`."""
        start, stop = self.lines.bounds(line)
        return self.lines.at(self._close(start, stop))

    def _close_of(self, start: int, stop: int) -> int:
        """Offset of the bracket that closes the one at the end of a line."""
        blanks = self._content(start, stop) - start
        closing = b"}" if self.data[stop - 1] == 0x7B else b"]"
        return self.data.find(b"\n" + b" " * blanks + closing, stop) + 1 + blanks

    def parent(self, line: int) -> int | None:
        """The line that opens the bracket around `line`; None for the root.

        For a closing bracket, the line with the opening one.
        """
        start, stop = self.lines.bounds(line)
        found = self._parent(start, stop)
        return None if found is None else self.lines.at(found)

    def _parent(self, start: int, stop: int) -> int | None:
        at = self._content(start, stop)
        blanks = at - start
        if not self._closes(at):
            blanks -= 2
        if blanks < 0 or start == 0:
            return None
        if blanks == 0:
            return 0
        # The nearest line with that indentation that is not a closing bracket. Searched in growing
        # windows, because a search without a match would go back to the beginning each time.
        margin = b"\n" + b" " * blanks
        low, window = start, 4096
        while low > 0:
            high, low = low + len(margin), max(low - window, 0)
            found = max(
                self.data.rfind(margin + first, low, min(high, start)) for first in (b'"', b"{", b"[")
            )
            if found >= 0:
                return found + 1
            window *= 4
        return 0

    def _closes(self, at: int) -> bool:
        return self.data[at : at + 1] in (b"}", b"]")

    def summary(self, line: int) -> str:
        """Summary of the bracket that opens on `line`: its number of values, or its size."""
        return self._summary(line)

    def _summary_of(self, line: int) -> str:
        start, stop = self.lines.bounds(line)
        close = self._close(start, stop)
        if close - stop > COUNTED_UP_TO:
            return format_bytes(close - stop)
        return f"{self._values(self._content(start, stop) - start + 2, stop, close):,}"

    def _values(self, blanks: int, low: int, high: int) -> int:
        """Number of values that begin at an indentation between two offsets; `low` is a line feed."""
        data = self.data
        margin = b"\n" + b" " * blanks
        found = data.count(margin, low, high)
        for other in (b" ", b"}", b"]"):
            found -= data.count(margin + other, low, high)
        return found

    def folds(self, *, deep: bool = False) -> Iterator[tuple[int, int]]:
        """Lines that open a bracket with those that close it, for the first two levels inside the root.

        Inner ones come before outer ones.

        Args:
            deep: for all levels.
        """
        opened: list[int] = []
        count = 0
        for match in self._brackets(_BRACKETS if deep else _OUTER_BRACKETS):
            line = self.lines.at(match.start() + 1)
            if match.group().lstrip(b"\n ")[:1] not in (b"}", b"]"):
                opened.append(line)
            elif opened:
                yield opened.pop(), line
                count += 1
                if count == MOST_FOLDED:
                    return

    def _brackets(self, pattern: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
        # By blocks: a single search would block other threads.
        for block in range(self.lines.blocks):
            starts = self.lines.starts(block)
            yield from pattern.finditer(self.data, max(starts[0] - 1, 0), starts[-1])

    # -- paths ------------------------------------------------------------------------------------

    def path(self, line: int) -> str:
        """Path of the value on a line, as in `relay.text.layout.leaves`; empty for the root."""
        steps: list[str | int] = []
        at: int | None = self.lines.bounds(line)[0]
        start = at or 0
        stop = self.lines.bounds(line)[1]
        if self._closes(self._content(start, stop)):
            at = self._parent(start, stop)
        while at:
            stop = self._line_end(at)
            parent = self._parent(at, stop)
            if parent is None:
                break
            key = _KEY.match(self.data, at, stop)
            steps.append(_text(key[1]) if key else self._index(parent, at, stop))
            at = parent
        path = ""
        for step in reversed(steps):
            path = path_to(path, step)
        return path

    def _line_end(self, start: int) -> int:
        end = self.data.find(b"\n", start)
        return len(self.data) if end < 0 else end

    def _index(self, parent: int, start: int, stop: int) -> int:
        """Index of a value in its array, counted from the one looked up last."""
        blanks = self._content(start, stop) - start
        first = self._line_end(parent)
        known, count = self._counted.get(parent, (first + 1, 0))
        if start >= known:
            count += self._values(blanks, known - 1, start - 1)
        else:
            count -= self._values(blanks, start - 1, known - 1)
        if len(self._counted) > 1000:
            self._counted.clear()
        self._counted[parent] = (start, count)
        return count

    def value(self, line: int) -> str:
        """The value on a line as JSON text; for a bracket the whole array or object."""
        start, stop = self.lines.bounds(line)
        at = self._content(start, stop)
        if self._closes(at):
            start = self._parent(start, stop) or 0
            stop = self._line_end(start)
            at = self._content(start, stop)
        if key := _KEY.match(self.data, at, stop):
            at = key.end()
        if self.data[stop - 1] in _OPENING:
            stop = self._close(start, stop) + 1
            blanks = self._content(start, stop) - start
            found = self.data[at:stop].replace(b"\n" + b" " * blanks, b"\n")
        else:
            found = self.data[at:stop].removesuffix(b",")
        return found.decode("utf-8")

    def find_path(self, path: str) -> tuple[int, bool]:
        """The line of the value at a path, and True; for a repeated key the last one.

        Without such a value, the line of the nearest value that could contain it, and False.
        """
        at = 0
        line_stop = self._line_end(0)
        steps, whole = first_steps(path)
        for step in steps:
            if self.data[line_stop - 1] not in _OPENING:
                return self.lines.at(at), False
            high = self._close(at, line_stop)
            blanks = self._content(at, line_stop) - at + 2
            found = None
            if isinstance(step, int):
                if self.data[line_stop - 1] == 0x5B:
                    found = self._element(step, blanks, line_stop, high)
            elif self.data[line_stop - 1] == 0x7B:
                found = self._member(step, blanks, line_stop, high)
            if found is None:
                return self.lines.at(at), False
            at = found
            line_stop = self._line_end(at)
        return self.lines.at(at), whole

    def _element(self, index: int, blanks: int, low: int, high: int) -> int | None:
        values = re.compile(rb"\n {%d}[^ \]}]" % blanks).finditer(self.data, low, high)
        found = next(islice(values, index, None), None)
        return None if found is None else found.start() + 1

    def _member(self, name: str, blanks: int, low: int, high: int) -> int | None:
        margin = b"\n" + b" " * blanks
        written = json.dumps(name, ensure_ascii=False).encode("utf-8", "surrogatepass")
        found = self.data.rfind(margin + written + b": ", low, high)
        last = found + 1 if found >= 0 else None
        low = max(low, found)
        if self.data.find(b"\\", low, high) < 0:
            return last
        # A later key may be the same with other escapes.
        for key in re.compile(margin + rb'("[^"\\]*+(?:\\.[^"\\]*+)*+"): ').finditer(self.data, low, high):
            if b"\\" in key[1] and _text(key[1]) == name:
                last = key.start() + 1
        return last


class JsonTree(JsonDocument):
    """The same text, foldable. A large one is not wrapped, so that folding stays fast."""

    is_tree = True

    def __init__(self, data: bytes, notes: Sequence[str] = ()) -> None:
        super().__init__(data, notes)
        self.wraps = len(data) <= WRAPPED_UP_TO


def _kind(first: int) -> str:
    if first == 0x22:
        return "string"
    if first in b"{}[]":
        return "punctuation"
    return "literal" if first in b"tfnNI" else "number"


def _text(written: bytes) -> str:
    try:
        return str(json.loads(written))
    except ValueError:
        return written.decode("utf-8", "replace")
