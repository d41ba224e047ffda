"""A body that was edited as laid-out text: the bytes to send, and what was changed.

Pure. `merged` keeps the original text around each changed token, as `relay.text.json_splice` does for one
value; what was added or removed is written in the style of the original.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tui.bodies.json_tokens import PUNCTUATION, JsonText, Path

MOST_BY_PATH = 100_000
"""Texts with more tokens are not compared by path, which takes 4 us for each."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Lines of the edited text with a change."""

    first: int
    """From 0."""
    last: int
    sign: Literal["~", "+"]
    was: str | None = None
    """The original value or key as written; None for an added one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The differences of an edited text from the original body."""

    marks: tuple[Mark, ...] = ()
    """In the order of their lines."""
    values: int = 0
    names: int = 0
    """Renamed keys."""
    added: int = 0
    removed: int = 0
    uncounted: bool = False
    """Values were added or removed in a text too large to count them."""

    @property
    def is_restructured(self) -> bool:
        """Whether values were added or removed."""
        return bool(self.added or self.removed or self.uncounted)


def merged(base: JsonText, edited: JsonText) -> str:
    """The edited tokens with the white space of the original.

    If only words differ, each is replaced in place. Otherwise the same holds for the tokens before the first
    difference and after the last one; between them, a compact original stays compact, one with a space after
    commas and colons stays so, and one on several lines takes the layout as typed. Text with a string
    that has no end stays as typed, since that string would end elsewhere.
    """
    if edited.is_open:
        return edited.text
    if _is_skeleton_same(base, edited):
        return "".join(_replaced(base, edited))
    head = _common(base.tokens, edited.tokens)
    most = min(len(base), len(edited)) - head
    tail = _common(base.tokens[::-1][:most], edited.tokens[::-1][:most])
    low, high = head, len(edited) - tail
    gaps = _Gaps(base)
    middle: list[str] = []
    for at in range(low, min(high + 1, len(edited))):
        if at:
            middle.append(gaps.between(edited, at))
        if at < high:
            middle.append(edited.tokens[at])
    before = base.text[: base.end(head - 1)] if head else base.gap(0)
    after = base.text[base.starts[len(base) - tail] :] if tail else base.gap(len(base))
    return before + "".join(middle) + after


def _replaced(base: JsonText, edited: JsonText) -> Iterator[str]:
    at = 0
    for index, (old, new) in enumerate(zip(base.tokens, edited.tokens, strict=True)):
        if old != new:
            yield base.text[at : base.starts[index]]
            yield new
            at = base.end(index)
    yield base.text[at:]


def _is_skeleton_same(one: JsonText, other: JsonText) -> bool:
    """Whether two texts differ in words only."""
    if one.tokens == other.tokens:
        return True
    return len(one) == len(other) and all(
        a == b or not (a in PUNCTUATION or b in PUNCTUATION)
        for a, b in zip(one.tokens, other.tokens, strict=True)
    )


def _common(one: list[str], other: list[str]) -> int:
    """Number of equal tokens at the start."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


class _Gaps:
    """The white space between tokens, as a text writes it."""

    def __init__(self, base: JsonText) -> None:
        inner = base.text.strip(" \t\r\n")
        self._as_typed = "\n" in inner or "\r" in inner
        self._after = {
            mark: base.gap(base.tokens.index(mark) + 1) if mark in base.tokens else "" for mark in ",:"
        }

    def between(self, edited: JsonText, at: int) -> str:
        """The gap before a token of the edited text."""
        left, right = edited.tokens[at - 1], edited.tokens[at]
        # Without a gap two words would be one.
        if self._as_typed or not (left in PUNCTUATION or right in PUNCTUATION):
            return edited.gap(at)
        return self._after.get(left, "")


def changes(original: JsonText, edited: JsonText, *, is_json: bool) -> Changes:
    """The differences of an edited text from the original body.

    Args:
        original: JSON.
        is_json: whether the edited text is; without, only changed words are found.
    """
    if _is_skeleton_same(original, edited):
        return _changed_words(original, edited)
    if not is_json:
        return Changes()
    if max(len(original), len(edited)) > MOST_BY_PATH:
        return Changes(uncounted=True)
    return _by_path(original, edited)


def _changed_words(original: JsonText, edited: JsonText) -> Changes:
    lines = _Lines(edited)
    marks: list[Mark] = []
    names = 0
    for at, (old, new) in enumerate(zip(original.tokens, edited.tokens, strict=True)):
        if old != new:
            names += edited.is_key(at)
            line = lines.of(at)
            marks.append(Mark(line, line, "~", old))
    return Changes(marks=tuple(marks), values=len(marks) - names, names=names)


def _by_path(original: JsonText, edited: JsonText) -> Changes:
    lines = _Lines(edited)
    marks: list[Mark] = []
    values = added = removed = 0
    old, new = original.places, edited.places
    other: set[Path] = set()
    """Paths with another kind of value than before, or none before."""
    for path, (first, last) in new.items():
        if path[:-1] in other:
            other.add(path)
            continue
        if path in old:
            if edited.tokens[first] == original.tokens[old[path][0]]:
                continue
            was = original.text[original.starts[old[path][0]] : original.end(old[path][1])]
            values += 1
        else:
            was = None
            added += 1
        if path not in old or last > first or old[path][1] > old[path][0]:
            other.add(path)
        start = first - 2 if path and not isinstance(path[-1], int) else first
        marks.append(Mark(lines.of(start), lines.of(last), "+" if was is None else "~", was))
    for path in old:
        removed += path not in new and (not path or (path[:-1] in new and path[:-1] not in other))
    return Changes(marks=tuple(marks), values=values, added=added, removed=removed)


class _Lines:
    """Lines of tokens; counts on from the last one asked for."""

    def __init__(self, text: JsonText) -> None:
        self._text = text
        self._at = self._line = 0

    def of(self, token: int) -> int:
        """The line of a token."""
        start = self._text.starts[token]
        if start >= self._at:
            self._line += self._text.text.count("\n", self._at, start)
        else:
            self._line -= self._text.text.count("\n", start, self._at)
        self._at = start
        return self._line
