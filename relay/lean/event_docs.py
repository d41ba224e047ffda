"""An event type explained: its fields as rows to be shown, each with how well it is known.

Owns the words. Says nothing that the catalogue does not.
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
    """`payload.bank_details.name`; an entry of a list is `payload.permissions[]`."""
    type: str
    """`string (uuid)`, `number or null`."""
    presence: str
    """`always`, `sometimes` or `not known`: whether each documented sample has it."""
    values: tuple[str, ...]
    open: bool
    """Whether other values are possible too; True without any."""
    confidence: Confidence
    notes: str | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def known(self) -> str:
        """How well it is known, and whether it is always there: `documented, in every sample`."""
        if self.path.endswith(("[]", "*")):
            return self.confidence.words
        presence = _SAMPLED if self.confidence is Confidence.DOCUMENTED else _EXPECTED
        return f"{self.confidence.words}, {presence[self.presence]}"

    @property
    def remarks(self) -> tuple[str, ...]:
        """Its values and what else is known, a text each."""
        ends = " (others are possible)" if self.open else " (no others)"
        values = (f"{', '.join(self.values)}{ends}",) if self.values else ()
        return (*values, self.notes) if self.notes else values


_SAMPLED = {
    "always": "in every sample",
    "sometimes": "not in every sample",
    "not known": "whether it may be absent is not known",
}
_EXPECTED = {"always": "expected always", "sometimes": "may be absent", "not known": _SAMPLED["not known"]}


def field_rows(event: EventType) -> Iterator[FieldRow]:
    """The envelope's fields, and the payload's where they stand, parents before their parts."""
    for field in catalogue().envelope:
        yield _row(field, field.name)
        if field.name == "payload":
            yield from _rows(event.payload, "payload.")


def source_address(source: str) -> str:
    """A source as people open it: `github:owner/repository:path` becomes an address."""
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
    """What a field may be: `string (uuid) or null`."""
    if field.name == "*":
        return "further fields, none of them known"
    form = f" ({field.format})" if field.format else ""
    return f"{field.type}{form}{' or null' if field.nullable else ''}"
