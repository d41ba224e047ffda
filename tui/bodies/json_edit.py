"""The changes in a body that was edited as laid-out text.

Pure. `relay.text.json_merge` makes the bytes to send.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from relay.text.json_merge import is_skeleton_same
from relay.text.json_tokens import JsonText, Path

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


def changes(original: JsonText, edited: JsonText, *, is_json: bool) -> Changes:
    """The differences of an edited text from the original body.

    Args:
        original: JSON.
        is_json: whether the edited text is; without, only changed words are found.
    """
    if is_skeleton_same(original, edited):
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
