"""A journey as text: its ids as tabs, and each step as rows that a line joins. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import zip_longest

from rich.cells import cell_len

from relay.analysis.journey import Journey, Step
from relay.lean.ids import Of
from relay.models import Signature
from relay.text.captures import shape_remarks
from relay.text.local_time import local
from relay.text.safe import visible
from relay.text.units import format_duration, format_time
from tui.presenters.format import Piece, Tone, clock, counted, cut, fit, wrapped, wrapped_name

ROOMY = 110
"""From this many cells on, a step takes one line."""

MOST_IDS = 5
"""Ids shown of each kind."""

MOST_TABS = 3
"""Lines of tabs."""

LONGEST_ID = 13
"""Characters of an id in a tab."""

Line = list[Piece]

EMPTY: Line = []


@dataclass(frozen=True, kw_only=True)
class CaptureJourney:
    """The journey of one of a capture's ids."""

    capture_id: int
    """The capture whose ids are followed."""
    journey: Journey
    left_out: int
    """Number of newer captures that belong to it too."""
    place: int
    """Index of the id that is followed."""
    ids: tuple[tuple[Of, str], ...]
    """The capture's ids, the one with most captures first."""

    @cached_property
    def longest_name(self) -> int:
        """Characters of the longest name of a step; counted once, as there may be thousands of steps."""
        return max(len(visible(_name(step))) for step in self.journey.steps)


def title(followed: CaptureJourney, width: int) -> Piece:
    """`intent 7d8def9f-…: 3 captures of 3 types`, with a shorter id or cut where the width demands it."""
    journey, steps = followed.journey, followed.journey.steps
    types = len({step.type for step in steps})
    counts = f"{counted(len(steps), 'capture')} of {counted(types, 'type')}"
    long, short = (
        visible(f"{journey.of} {id}: {counts}") for id in (journey.root_id, _short(journey.root_id))
    )
    return (long if cell_len(long) <= width else cut(short, width)), "strong"


def period(followed: CaptureJourney, width: int) -> Piece:
    """The times of the first and the last step."""
    steps = followed.journey.steps
    return cut(f"{format_time(steps[0].received_at)} to {format_time(steps[-1].received_at)}", width), "dim"


def heads(followed: CaptureJourney, next_id: str, width: int) -> Iterator[Line]:
    """The capture's ids as tabs, and the other ids that were followed.

    Args:
        next_id: the key for the next of the ids.
    """
    if len(followed.ids) > 1:
        yield from _tabs(followed, next_id, width)
    yield from _followed_ids(followed.journey, width)
    if followed.left_out:
        yield [(f"{followed.left_out:,} newer related captures are left out.", "warn")]


def _followed_ids(journey: Journey, width: int) -> Iterator[Line]:
    """The other ids of the journey: each kind with its own lines, or all in a few with short ids."""
    found = {of: [value for kind, value in journey.ids if kind is of] for of in Of}
    more = {
        of: f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else "" for of, ids in found.items()
    }
    if width < ROOMY:
        kinds = [
            f"{of} {' '.join(map(_short, ids[:MOST_IDS]))}{more[of]}" for of, ids in found.items() if ids
        ]
        yield from _flowed([(visible(kind), "dim") for kind in kinds], width)
        return
    for of, ids in found.items():
        for at, line in enumerate(wrapped(visible(" ".join(ids[:MOST_IDS]) + more[of]), width - 12)):
            if ids:
                yield [(f"{'' if at else of:11} {line}", "dim")]


def _short(id: str) -> str:
    return id if len(id) <= LONGEST_ID else f"{id[: LONGEST_ID - 1]}…"


def _tabs(followed: CaptureJourney, next_id: str, width: int) -> Iterator[Line]:
    """The ids in a few lines, this one with a sign; from this one on where there are too many."""
    tabs = [_tab(of, value, at == followed.place) for at, (of, value) in enumerate(followed.ids)]
    hint: Piece = (f"{next_id} next", "dim")
    lines = _tab_lines([*tabs, hint], width)
    if len(lines) > MOST_TABS:
        lines = _tab_lines([*tabs[followed.place :], *tabs[: followed.place]], width)[:MOST_TABS]
        left = len(tabs) - sum(map(len, lines))
        lines.append([(f"{left:,} more ids   {hint[0]}", "dim")])
    for line in lines:
        yield [piece for at, tab in enumerate(line) for piece in ([("   ", "plain"), tab] if at else [tab])]


def _tab(of: Of, value: str, is_shown: bool) -> Piece:
    return visible(f"{'▸ ' if is_shown else ''}{of} {_short(value)}"), "strong" if is_shown else "dim"


def _tab_lines(tabs: Sequence[Piece], width: int) -> list[Line]:
    lines: list[Line] = []
    left = 0
    for text, tone in tabs:
        if not lines or cell_len(text) + 3 > left:
            lines.append([])
            left = width + 3
        lines[-1].append((text, tone))
        left -= cell_len(text) + 3
    return lines


# -- steps -----------------------------------------------------------------------------------------


def row(step: Step, followed: CaptureJourney, width: int, today: date) -> list[Line]:
    """One step in as many lines as its words need: next to the type where there is room, else below it."""
    steps = followed.journey.steps
    digits = len(str(max(each.capture_id for each in (steps[0], steps[-1]))))
    here = step.capture_id == followed.capture_id
    cells = 12 if width >= ROOMY else 8
    start: Line = [
        ("▸ " if here else "  ", "accent"),
        (str(step.capture_id).rjust(digits) + "  ", "dim"),
        (fit(clock(step.received_at, _day(steps, today), cells), cells + 1), "plain"),
        (fit(f"+{format_duration(step.gap)}" if step is not steps[0] else "", 11), "dim"),
    ]
    room = width - sum(cell_len(text) for text, _ in start) - 2
    columns = min(followed.longest_name, width * 30 // 100) if width >= ROOMY else room
    name: list[Line] = [[(part, "strong")] for part in wrapped_name(visible(_name(step)), columns)]
    if width < ROOMY:
        lines = [*name, *_flowed(list(_words(step)), room)]
    else:
        words = _flowed(list(_words(step)), room - columns - 2)
        lines = [
            [(fit(left[0][0] if left else "", columns) + "  ", "strong"), *right]
            for left, right in zip_longest(name, words, fillvalue=EMPTY)
        ]
    first, rest = _joints(step, steps)
    indent: Piece = (" " * (width - room - 2), "plain")
    return [
        [*start, (first, "dim"), *line] if at == 0 else [indent, (rest, "dim"), *line]
        for at, line in enumerate(lines)
    ]


def _day(steps: Sequence[Step], today: date) -> date:
    """The day whose times are shown without it: that of all steps, which is in the head; else today."""
    first, last = (local(step.received_at).date() for step in (steps[0], steps[-1]))
    return first if first == last else today


def _joints(step: Step, steps: Sequence[Step]) -> tuple[str, str]:
    """The lines that join a step to its neighbours, at its first line and at further ones."""
    if len(steps) == 1:
        return "─ ", "  "
    if step is steps[-1]:
        return "└ ", "  "
    return ("┬ " if step is steps[0] else "├ "), "│ "


def _flowed(pieces: list[Piece], width: int) -> list[Line]:
    """Pieces with commas between them in lines of a width; only a longer piece is broken."""
    lines: list[Line] = []
    left = 0
    for at, (text, tone) in enumerate(pieces):
        shown = text if at == len(pieces) - 1 else f"{text},"
        cells = cell_len(shown) + 1
        if lines and cells <= left:
            lines[-1].append((f" {shown}", tone))
            left -= cells
            continue
        for part in wrapped(shown, max(width, 8)):
            lines.append([(part, tone)])
            left = width - cell_len(part)
    return lines


def _name(step: Step) -> str:
    return step.type or "no event"


def _words(step: Step) -> Iterator[Piece]:
    for text in step.words:
        shown = text
        if step.status is not None and text == step.status.words:
            status = step.status
            change = "" if status.before in (None, status.now) else f"{status.before} → "
            shown = f"{status.what} {change}{status.now}"
        elif text.startswith("-> "):
            shown = f"→ {text.removeprefix('-> ')}"
        yield visible(shown), _tone(step, text)


def _tone(step: Step, text: str) -> Tone:
    if text.startswith("-> "):
        return "good" if " delivered" in text else "bad" if " retry" in text else "dim"
    if text.startswith("signature "):
        return "warn" if step.signature in (Signature.MISSING, Signature.UNCHECKED) else "bad"
    if "OTHER BYTES" in text:
        return "bad"
    if text in shape_remarks(step.shape, step.undocumented) or text.startswith(
        ("has an earlier", "answered")
    ):
        return "warn"
    return "plain"
