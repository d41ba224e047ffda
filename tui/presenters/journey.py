"""A journey as text: its ids, and each step as a row. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from relay.analysis.journey import Journey, Step
from relay.lean.ids import Of
from relay.models import Signature
from relay.text.captures import shape_remarks
from relay.text.safe import visible
from relay.text.units import format_duration, format_time
from tui.presenters.format import Piece, Tone, clock, fit

ROOMY = 110
"""From this many cells on, a step takes one line."""

MOST_IDS = 5
"""Ids shown of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
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
    """The capture's ids."""


def heads(followed: CaptureJourney, next_id: str) -> Iterator[tuple[str, Tone]]:
    """The id, the period, and the other ids that were followed; a line each.

    Args:
        next_id: the key for the next of the ids.
    """
    journey, steps = followed.journey, followed.journey.steps
    types = len({step.type for step in steps})
    counted = f"{_count(len(steps), 'capture')} of {_count(types, 'type')}"
    yield visible(f"{journey.of} {journey.root_id}: {counted}"), "strong"
    yield f"{format_time(steps[0].received_at)} to {format_time(steps[-1].received_at)}", "dim"
    for of in Of:
        ids = [value for kind, value in journey.ids if kind is of]
        if ids:
            more = f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
            yield visible(f"{of:11} {' '.join(ids[:MOST_IDS])}{more}"), "dim"
    if len(followed.ids) > 1:
        yield (
            f"Capture {followed.capture_id} has {len(followed.ids)} ids; this is number "
            f"{followed.place + 1}, {next_id} shows the next.",
            "dim",
        )
    if followed.left_out:
        yield f"{followed.left_out:,} newer related captures are left out.", "warn"


def row(step: Step, followed: CaptureJourney, width: int, today: date) -> list[list[Piece]]:
    """One step: a line where there is room, else two, the second for the remarks."""
    steps = followed.journey.steps
    digits = len(str(max(each.capture_id for each in (steps[0], steps[-1]))))
    here = step.capture_id == followed.capture_id
    cells = 12 if width >= ROOMY else 8
    line: list[Piece] = [
        ("▸ " if here else "  ", "accent"),
        (str(step.capture_id).rjust(digits) + "  ", "dim"),
        (fit(clock(step.received_at, today, cells), cells + 1), "plain"),
        (fit(f"+{format_duration(step.gap)}" if step is not steps[0] else "", 11), "dim"),
    ]
    name = visible(step.type or "no event")
    words = list(_words(step))
    if width < ROOMY:
        line.append((name, "strong"))
        indent: Piece = (" " * (digits + 4), "plain")
        return [line, [indent, *words]] if words else [line]
    longest = max(len(visible(each.type or "no event")) for each in steps)
    line.append((fit(name, min(longest, width * 30 // 100)) + "  ", "strong"))
    return [[*line, *words]]


def _words(step: Step) -> Iterator[Piece]:
    for at, text in enumerate(step.words):
        if at:
            yield ", ", "dim"
        yield visible(text), _tone(step, text)


def _tone(step: Step, text: str) -> Tone:
    if text.startswith("-> "):
        return "good" if text.endswith("delivered") else "bad" if text.endswith("retry") else "dim"
    if text.startswith("signature "):
        return "warn" if step.signature in (Signature.MISSING, Signature.UNCHECKED) else "bad"
    if "OTHER BYTES" in text:
        return "bad"
    if text in shape_remarks(step.shape, step.undocumented) or text.startswith(("stamped", "answered")):
        return "warn"
    return "plain"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
