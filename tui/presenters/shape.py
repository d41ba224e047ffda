"""The tab *Shape*: differences between the body and Lean's documentation, and the fields of its type."""

from __future__ import annotations

from collections.abc import Iterator

from relay.analysis.shape_result import Difference, ShapeResult
from relay.lean.catalogue import Confidence, EventType
from relay.lean.event_docs import field_rows
from relay.models import Capture
from relay.text.safe import visible
from tui.presenters.about import known_type
from tui.presenters.blocks import Block, CaptureDetail, Fact, Heading, Hint, Note
from tui.presenters.format import SHAPES, Tone


def shape(detail: CaptureDetail) -> Iterator[Block]:
    """The result, each difference, and the known fields of the type."""
    capture = detail.capture
    result = detail.analysis.shape_result if detail.analysis is not None else None
    if result is None:
        yield Note("Comparing with Lean's documentation …", "dim")
    else:
        glyph, _, tone = SHAPES[result.shape]
        yield Note(f"{glyph or '✓'} {visible(result.summary)}", tone if glyph else "good")
        yield Fact("compared", f"with version {visible(result.version)} of the catalogue")
        yield from _stored(capture, result)
        yield from _differences(result)
    name = capture.event.type if capture.event else None
    known = known_type(name) if name else None
    if known is None:
        if name:
            yield Note(f"The catalogue has no type {visible(name)}.", "dim")
        return
    yield from _documented(known)


def _stored(capture: Capture, result: ShapeResult) -> Iterator[Block]:
    """Note a different result in the database."""
    if capture.shape is None:
        yield Note("The database has no result yet; this one is not stored.", "dim")
    elif capture.shape != result.shape:
        by = f" with version {visible(capture.shape_version)}" if capture.shape_version else ""
        yield Note(
            f"The database has {capture.shape}{by}; `lean-relay shapes recheck {capture.id}` updates it.",
            "warn",
        )


def _differences(result: ShapeResult) -> Iterator[Block]:
    if not result.differences:
        return
    yield Heading("Differences")
    yield Hint("look.difference", "goes to the next one in the body.")
    for each in result.differences:
        yield from _difference(each)
    if result.more:
        yield Note(f"… and {result.more:,} more", "dim")


def _difference(difference: Difference) -> Iterator[Block]:
    tone: Tone = "warn" if difference.warning else "plain"
    glyph = "≠" if difference.warning else "·"
    yield Heading(f"{glyph} {difference.level}: {visible(difference.path) or 'the body'}", tone)
    sure = difference.confidence is Confidence.DOCUMENTED
    known = "" if sure else f" ({difference.confidence.words})"
    yield Fact("expected", f"{visible(difference.expected)}{known}")
    yield Fact("received", visible(difference.came), tone)


def body_notes(detail: CaptureDetail, *, short: bool = False) -> dict[str, str]:
    """Path -> note on a difference in the body; not made safe, as the body is not.

    Args:
        short: without the level, and without the value, which is in the line itself.
    """
    if detail.analysis is None:
        return {}
    notes: dict[str, str] = {}
    for each in detail.analysis.shape_result.differences:
        note = each.words_without_value if short else f"{each.level}: {each.words}"
        notes[each.path] = f"{notes[each.path]}; {note}" if each.path in notes else note
    return notes


def _documented(known: EventType) -> Iterator[Block]:
    yield Heading(f"About {known.type}")
    yield Fact("payload", known.payload_confidence.words)
    for row in field_rows(known):
        yield Fact(row.path, f"{row.type}: {row.known}")
        for remark in row.remarks:
            yield Fact("", remark, "dim")
