"""The result of comparing a body with Lean's documentation: its shape and the differences.

Owns the wording of a difference. Pure; the comparison is in `relay.analysis.shape`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from relay.lean.catalogue import Confidence, catalogue, undocumented
from relay.models import Shape
from relay.text.captures import shape_words
from relay.text.json_values import Digits, path_of

LONGEST_SHOWN = 40
"""Characters of a value."""

Step = str | int


class Kind(StrEnum):
    """The kind of difference at one place."""

    MISSING = "missing"
    EXTRA = "extra"
    TYPE = "type"
    """Another JSON type."""
    NULL = "null"
    """An unexpected null."""
    VALUE = "value"
    """Outside a list of known values."""
    FORM = "form"
    """A text in another format than expected: a timestamp, an id, a currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference between a body and the documentation."""

    steps: tuple[Step, ...]
    """Its path as keys and indices; empty for the whole body."""
    kind: Kind
    expected: str
    came: str
    """The value in words, cut off if long; text from outside."""
    warning: bool
    """True for a contradiction of the documentation, False for a note."""
    confidence: Confidence
    """How well the expectation is known."""

    @property
    def path(self) -> str:
        """`payload.items[0].id`."""
        return path_of(self.steps)

    @property
    def level(self) -> str:
        return "warning" if self.warning else "note"

    def __str__(self) -> str:
        """`payload.amount: number is documented; got string "12.50"`; not yet safe to show."""
        return f"{self.path or 'the body'}: {self.words}"

    @property
    def words(self) -> str:
        """The same without the path."""
        if self.kind is Kind.EXTRA:
            return f"unknown field: got {self.came}"
        if self.kind is Kind.VALUE and not self.warning:
            return f"got {self.came}, which is not a known value"
        return f"{self.words_without_value}; got {self.came}"

    @property
    def words_without_value(self) -> str:
        """`number is documented`, for a place where the value is in sight."""
        if self.kind is Kind.EXTRA:
            return "unknown field"
        if self.kind is Kind.VALUE and not self.warning:
            return "not a known value"
        documented = self.confidence is Confidence.DOCUMENTED
        return f"{self.expected} is {'documented' if documented else f'expected, {self.confidence.words}'}"

    def as_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "kind": self.kind,
            "level": self.level,
            "expected": self.expected,
            "came": self.came,
            "confidence": self.confidence,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeResult:
    """The comparison of one body."""

    shape: Shape
    type: str | None
    """The event's type, known or not; None if the body has none, or one that is too long for Lean's."""
    version: str
    """The version of the catalogue used."""
    confidence: Confidence | None = None
    """How well the payload of this type is known; None for an unknown type."""
    differences: tuple[Difference, ...] = ()
    """Warnings first, then notes, each in the body's order."""
    more: int = 0
    """Number of differences beyond the limits."""
    reason: str | None = None
    """Why it is `unknown` or `not-json`, as a phrase."""
    unpacked: str = ""
    """The coding that was undone first, `gzip` or `deflate`; empty for none."""

    @property
    def undocumented(self) -> bool | None:
        """Whether Lean does not document its type or payload; None for a comparison with a contract."""
        return undocumented(self.type) if self.version == catalogue().version else None

    @property
    def warnings(self) -> tuple[Difference, ...]:
        return tuple(each for each in self.differences if each.warning)

    @property
    def summary(self) -> str:
        """`drift: 1 warning, 2 notes`, `as expected, undocumented, its payload is inferred`; safe to show."""
        words = shape_words(self.shape, self.undocumented)
        if self.reason:
            words += f": {self.reason}"
        if self.confidence not in (None, Confidence.DOCUMENTED):
            assert self.confidence is not None
            words += f", its payload is {self.confidence.words}"
        if self.unpacked:
            words += f", unpacked from {self.unpacked}"
        warnings = len(self.warnings)
        counts = [_count(warnings, "warning"), _count(len(self.differences) - warnings, "note")]
        counts += [f"{self.more} more"] if self.more else []
        said = ", ".join(filter(None, counts))
        return f"{words}: {said}" if said else words

    def as_json(self) -> dict[str, Any]:
        return {
            "shape": self.shape,
            "type": self.type,
            "catalogue": self.version,
            "confidence": self.confidence,
            "reason": self.reason,
            "unpacked": self.unpacked or None,
            "differences": [each.as_json() for each in self.differences],
            "more": self.more,
        }


def described(value: Any) -> str:
    """Describe a value: `string "12.50"`, `number 5`, `object of 3`, `null`; text from outside."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"boolean {str(value).lower()}"
    if isinstance(value, str):
        cut = value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "…"
        return f"number {cut}" if isinstance(value, Digits) else f'string "{cut}"'
    what = "object" if isinstance(value, dict) else "array"
    return f"{what} of {len(value)}" if value else f"empty {what}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}" if number else ""


def texts(differences: Sequence[Difference]) -> Iterator[str]:
    """A line for each difference, with its level; not yet safe to show."""
    for each in differences:
        yield f"{each.level}: {each}"
