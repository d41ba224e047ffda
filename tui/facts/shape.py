"""The tab *Shape*: how the body compares with what Lean documents, as far as that is known now."""

from __future__ import annotations

from collections.abc import Iterator

from relay.lean.catalogue import EventType, Field
from relay.models import Shape
from relay.text import visible
from tui.facts.blocks import Block, Fact, Heading, Note, Subject
from tui.facts.event import known_type
from tui.format import Tone

_MEANS: dict[Shape | None, tuple[str, Tone]] = {
    Shape.DOCUMENTED: ("✓ The body has the shape that Lean documents.", "good"),
    Shape.DRIFT: ("≠ The body differs from the shape that Lean documents.", "warn"),
    Shape.UNKNOWN: ("? Lean is not known to send this type.", "warn"),
    Shape.NOT_JSON: ("¬ The body is not JSON.", "warn"),
    None: ("It has not been compared.", "dim"),
}


def shape(subject: Subject) -> Iterator[Block]:
    """The judgement, and the fields that are known of the type."""
    capture = subject.capture
    yield Note(*_MEANS[capture.shape])
    if capture.shape_version is not None:
        yield Fact("compared", f"with version {visible(capture.shape_version)} of the catalogue")
    name = capture.event.type if capture.event else None
    known = known_type(name) if name else None
    if known is None:
        if name:
            yield Note(f"The catalogue has no type {visible(name)}.", "dim")
        return
    yield from _documented(known)


def _documented(known: EventType) -> Iterator[Block]:
    yield Heading(f"What is known of {known.type}")
    yield Fact("payload", str(known.payload_confidence))
    for field in known.payload:
        yield from _field(field, "payload")


def _field(field: Field, above: str) -> Iterator[Block]:
    path = f"{above}{field.name}" if field.name == "[]" else f"{above}.{field.name}"
    words: list[str] = [field.type]
    words += [field.format] if field.format else []
    words += ["or null"] if field.nullable else []
    words += ["always there"] if field.required else []
    words += [str(field.confidence)] if field.confidence != "documented" else []
    if field.enum:
        words.append("of " + ", ".join(field.enum) + (", ..." if field.open_enum else ""))
    yield Fact(path, " ".join(words))
    for inner in (*field.fields, *([field.items] if field.items else [])):
        yield from _field(inner, path)
