"""`trigger TYPE --explain`: lays out the catalogue's facts about an event type."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any

import msgspec

from relay.lean.catalogue import EventType, Region
from relay.lean.event_docs import field_rows, source_address
from relay.lean.samples import Sample, Sampler
from relay.lean.schemas import event_schema
from relay.text.layout import laid_out

MOMENT = datetime(2026, 3, 4, 5, 6, 7, 89123, tzinfo=UTC)
"""Fixed time of made-up examples, so that they never change."""

WIDTH = 100


def example(event: EventType, region: Region) -> Sample:
    """A made-up event, always the same for a type; of this region if Lean sends it there."""
    region = region if region in event.regions else event.regions[0]
    return Sampler(random.Random(event.type), lambda: MOMENT, region).sample(event.type)  # noqa: S311


def explained_as_json(event: EventType, region: Region) -> dict[str, Any]:
    """The line of `--explain --json`."""
    known = asdict(event)
    del known["payload"]
    sample = example(event, region)
    return {
        "kind": "event_type_details",
        **known,
        "fields": [row.as_json() for row in field_rows(event)],
        "example": msgspec.json.decode(sample.body),
        "example_note": sample.note,
        "schema": event_schema(event),
    }


def explained(event: EventType, region: Region) -> Iterator[str]:
    """The lines of `--explain`; safe to show, as they hold only packaged data."""
    yield event.type
    known = event.confidence.words
    if event.payload_confidence is not event.confidence:
        known += f"; its payload {event.payload_confidence.words}"
    yield from _named("when", event.when)
    yield from _named("known", known)
    yield from _named(
        "regions", f"{', '.join(event.regions)}; API {', '.join(event.versions) or 'not known'}"
    )
    yield from _named("message", " / ".join(event.messages) or "not known")
    if event.deprecated:
        yield from _named("deprecated", "yes")
    for note in event.notes:
        yield from _named("note", note)
    for source in event.sources:
        yield from _named("source", source_address(source))
    yield ""
    yield "fields"
    rows = list(field_rows(event))
    width = max(len(row.path) for row in rows)
    for row in rows:
        yield f"  {row.path:{width}}  {row.type}: {row.known}"
        for text in row.remarks:
            yield from _wrapped(text, " " * 6, " " * 6)
    yield ""
    sample = example(event, region)
    yield f"example, made up{f': {sample.note}' if sample.note else ''}"
    yield laid_out(sample.body) or ""


def _named(name: str, text: str) -> list[str]:
    return _wrapped(f"{name:<11}{text}", "  ", " " * 13)


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    # Keep addresses and types whole, for copying.
    return wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
