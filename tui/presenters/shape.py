"""The tab *Shape*: differences between the body and Lean's documentation, and the fields of its type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from relay.analysis.shape_result import Difference, ShapeResult
from relay.lean.catalogue import Confidence, EventType
from relay.lean.event_docs import field_rows
from relay.models import Capture, Shape
from relay.text.safe import visible
from tui.presenters.blocks import Block, Fact, Heading, Hint, Note, Subject
from tui.presenters.event import known_type
from tui.presenters.format import Tone

_GLYPHS: Mapping[Shape, tuple[str, Tone]] = {
    Shape.DOCUMENTED: ("✓", "good"),
    Shape.DRIFT: ("≠", "warn"),
    Shape.UNKNOWN: ("?", "warn"),
    Shape.NOT_JSON: ("¬", "warn"),
}


def shape(subject: Subject) -> Iterator[Block]:
    """The result, each difference, and the known fields of the type."""
    capture = subject.capture
    judgement = subject.findings.judgement if subject.findings is not None else None
    if judgement is None:
        yield Note("Comparing with Lean's documentation …", "dim")
    else:
        glyph, tone = _GLYPHS[judgement.shape]
        yield Note(f"{glyph} {visible(judgement.summary)}", tone)
        yield Fact("compared", f"with version {visible(judgement.version)} of the catalogue")
        yield from _stored(capture, judgement)
        yield from _differences(judgement)
    name = capture.event.type if capture.event else None
    known = known_type(name) if name else None
    if known is None:
        if name:
            yield Note(f"The catalogue has no type {visible(name)}.", "dim")
        return
    yield from _documented(known)


def _stored(capture: Capture, judgement: ShapeResult) -> Iterator[Block]:
    """Note a different result in the database."""
    if capture.shape is None:
        yield Note("The database has no result yet; this one is not stored.", "dim")
    elif capture.shape != judgement.shape:
        by = f" with version {visible(capture.shape_version)}" if capture.shape_version else ""
        yield Note(
            f"The database has {capture.shape}{by}; `lean-relay shapes recheck {capture.id}` updates it.",
            "warn",
        )


def _differences(judgement: ShapeResult) -> Iterator[Block]:
    if not judgement.differences:
        return
    yield Heading("Differences")
    yield Hint("look.difference", "goes to the next one in the body.")
    for each in judgement.differences:
        yield from _difference(each)
    if judgement.more:
        yield Note(f"… and {judgement.more:,} more", "dim")


def _difference(difference: Difference) -> Iterator[Block]:
    tone: Tone = "warn" if difference.warning else "plain"
    glyph = "≠" if difference.warning else "·"
    yield Heading(f"{glyph} {difference.level}: {visible(difference.path) or 'the body'}", tone)
    sure = difference.confidence is Confidence.DOCUMENTED
    known = "" if sure else f" ({difference.confidence.words})"
    yield Fact("expected", f"{visible(difference.expected)}{known}")
    yield Fact("received", visible(difference.came), tone)


def body_notes(subject: Subject) -> dict[str, str]:
    """Path -> note on a difference in the body; not made safe, as the body is not."""
    if subject.findings is None:
        return {}
    notes: dict[str, str] = {}
    for each in subject.findings.judgement.differences:
        note = f"{each.level}: {each.words}"
        notes[each.path] = f"{notes[each.path]}; {note}" if each.path in notes else note
    return notes


def _documented(known: EventType) -> Iterator[Block]:
    yield Heading(f"About {known.type}")
    yield Fact("payload", known.payload_confidence.words)
    for row in field_rows(known):
        yield Fact(row.path, f"{row.type}: {row.known}")
        for remark in row.remarks:
            yield Fact("", remark, "dim")
