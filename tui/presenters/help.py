"""Help as pages: the keys of a place, the signs of the list, and the filter language. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from relay.filters import HELP
from tui.keyboard.keys import Key
from tui.presenters.format import Piece, wrapped

SIGNS: tuple[tuple[str, str], ...] = (
    ("✓ 200", "delivered: the backend responded with 200 within 10 s"),
    ("✗ 500", "failed: Lean would retry; also ✗ timeout and similar"),
    ("… → ‖", "queued, sending, parked"),
    ("↻ repeat", "an event_id that came before"),
    ("≠ drift", "the body differs from Lean's documentation"),
    ("? unknown", "an event type that is not known"),
    ("¬ not JSON", "a body that is not JSON"),
    ("◇ sample", "made by lean-relay"),
    ("answered 500", "the relay itself responded with this, on purpose"),
    ("○ · ✗", "signature missing, unchecked, invalid"),
    ("★ ✎ ●", "starred, noted, marked"),
)
"""Signs of the list, with their meaning."""

LAST = "Move"
"""The group of keys that everybody knows."""

FIRST = "Act"

GAP = 2

Line = list[Piece]


@dataclass(frozen=True, slots=True)
class HelpPage:
    """A page: rows of a word and its meaning, under headings."""

    title: str
    sections: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """Heading, empty for none, and rows."""


def pages(title: str, keys: Sequence[Key]) -> tuple[HelpPage, ...]:
    """All pages, the one with the keys first."""
    return (
        HelpPage(title, tuple(_groups(keys))),
        HelpPage("Signs", (("", SIGNS),)),
        HelpPage("Filter", (("", HELP),)),
    )


def _groups(keys: Sequence[Key]) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    names = dict.fromkeys(key.group for key in keys)
    for name in sorted(names, key=lambda name: (name == LAST, name != FIRST)):
        yield name, tuple((key.written, key.tooltip) for key in keys if key.group == name)


def lines(page: HelpPage, width: int) -> Iterator[Line]:
    """The page at a width; a meaning stays in its column."""
    for at, (heading, rows) in enumerate(page.sections):
        if at:
            yield []
        if heading:
            yield [(heading, "strong")]
        indent = GAP if heading else 0
        cells = max((len(word) for word, _ in rows), default=0) + 2
        for word, meaning in rows:
            room = width - indent - cells
            parts = wrapped(meaning, room if room >= width // 3 else width - indent - GAP)
            name: Piece = (" " * indent + word.ljust(cells), "accent")
            if room < width // 3:
                yield [name]
                yield from (_below(indent + GAP, part) for part in parts)
                continue
            yield [name, (parts[0], "plain")]
            yield from (_below(indent + cells, part) for part in parts[1:])


def _below(indent: int, text: str) -> Line:
    return [(" " * indent, "plain"), (text, "plain")]
