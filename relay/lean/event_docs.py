"""An event type explained: its fields as rows, each with how well it is known.

Owns the wording. Adds nothing to the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from relay.lean.catalogue import Confidence, EventType, Field, catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRow:
    """One field of an event, in words."""

    path: str
    """`payload.bank_details.name`; list entries are `payload.permissions[]`."""
    type: str
    """`string (uuid)`, `number or null`."""
    presence: str
    """`always`, `sometimes` or `not known`: how many documented samples have it."""
    values: tuple[str, ...]
    open: bool
    """Whether other values are possible; True if no value is known."""
    confidence: Confidence
    notes: str | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def known(self) -> str:
        """How well it is known and how often it is present: `documented, in every sample`."""
        if self.path.endswith(("[]", "*")):
            return self.confidence.words
        presence = _SAMPLED if self.confidence is Confidence.DOCUMENTED else _EXPECTED
        return f"{self.confidence.words}, {presence[self.presence]}"

    @property
    def remarks(self) -> tuple[str, ...]:
        """Its values and notes, one text each."""
        ends = " (others are possible)" if self.open else " (no others)"
        values = (f"{', '.join(self.values)}{ends}",) if self.values else ()
        return (*values, self.notes) if self.notes else values


_SAMPLED = {
    "always": "in every sample",
    "sometimes": "not in every sample",
    "not known": "not known whether it may be absent",
}
_EXPECTED = {"always": "always expected", "sometimes": "may be absent", "not known": _SAMPLED["not known"]}


def field_rows(event: EventType) -> Iterator[FieldRow]:
    """The envelope's fields with the payload's in their place, parents before children."""
    for field in catalogue().envelope:
        yield _row(field, field.name)
        if field.name == "payload":
            yield from _rows(event.payload, "payload.")


def source_address(source: str) -> str:
    """Turn a source into an address that can be opened: `github:owner/repository:path` into a URL."""
    if not source.startswith("github:"):
        return source
    repository, _, path = source.removeprefix("github:").partition(":")
    return f"https://github.com/{repository}" + (f" ({path})" if path else "")


def _rows(fields: Sequence[Field], before: str) -> Iterator[FieldRow]:
    for field in fields:
        path = f"{before}{field.name}"
        yield _row(field, path)
        yield from _rows(field.fields, f"{path}.")
        if field.items is not None:
            yield _row(field.items, f"{path}[]")
            yield from _rows(field.items.fields, f"{path}[].")


def _row(field: Field, path: str) -> FieldRow:
    return FieldRow(
        path=path,
        type=expected(field),
        presence={True: "always", False: "sometimes", None: "not known"}[field.required],
        values=field.enum or field.seen_values,
        open=field.open_enum or not field.enum,
        confidence=field.confidence,
        notes=field.notes,
    )


def expected(field: Field) -> str:
    """The type of a field in words: `string (uuid) or null`."""
    if field.name == "*":
        return "other fields, none of them known"
    form = f" ({field.format})" if field.format else ""
    return f"{field.type}{form}{' or null' if field.nullable else ''}"
