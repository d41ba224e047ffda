"""How a body compares with what Lean documents of its event type.

Owns the comparison and the words of a difference. Pure: a body in, a judgement out, whatever its bytes;
numbers are looked at as they are written, never computed with. Calm: only what contradicts documentation
(a field that every documented sample has is missing or of another type, null where it never was, outside a
list that is complete) is a warning, and only warnings make a drift. What contradicts something that is less
well known is a note.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any

from relay.lean.catalogue import Confidence, EventType, Field, catalogue, undocumented
from relay.lean.event_docs import expected
from relay.models import Shape
from relay.text.captures import shape_words
from relay.text.decoding import decoded
from relay.text.json_values import Digits, TooDeepError, is_whole, parsed, path_of

MOST_PARTS = 500_000
"""Bodies with more commas and brackets are not looked into: each part costs memory."""

MOST_DIFFERENCES = 100
"""Of each level; further ones are counted."""

LONGEST_SHOWN = 40
"""Characters of a value, and of the key of a field that nobody knows."""

Step = str | int


class Kind(StrEnum):
    """In what a body differs at one place."""

    MISSING = "missing"
    EXTRA = "extra"
    TYPE = "type"
    """Another JSON type."""
    NULL = "null"
    """Null where it never was."""
    VALUE = "value"
    """Outside a list of known values."""
    FORM = "form"
    """A text of another form: a timestamp, an id, a currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where a body is not as known."""

    steps: tuple[Step, ...]
    """The way there: keys and indices; empty for the whole body."""
    kind: Kind
    expected: str
    came: str
    """In words, with the beginning of the value; text from outside."""
    warning: bool
    """It contradicts documentation; otherwise a note."""
    confidence: Confidence
    """How well what was expected is known."""

    @property
    def path(self) -> str:
        """`payload.items[0].id`."""
        return path_of(self.steps)

    @property
    def level(self) -> str:
        return "warning" if self.warning else "note"

    def __str__(self) -> str:
        """`payload.amount: number is documented, string "12.50" came`; not yet safe to show."""
        return f"{self.path or 'the body'}: {self.words}"

    @property
    def words(self) -> str:
        """The same without the place."""
        if self.kind is Kind.EXTRA:
            return f"{self.came} came, and nothing is known of it"
        if self.kind is Kind.VALUE and not self.warning:
            return f"{self.came} came, none of the values that are known"
        documented = self.confidence is Confidence.DOCUMENTED
        known = "documented" if documented else f"expected, {self.confidence.words}"
        return f"{self.expected} is {known}; {self.came} came"

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
    """What was found of one body."""

    shape: Shape
    type: str | None
    """The event's type, known or not; None where the body has none."""
    version: str
    """Of the catalogue that was compared with."""
    confidence: Confidence | None = None
    """How well the payload of this type is known; None for an unknown type."""
    differences: tuple[Difference, ...] = ()
    """Warnings first, each level in the body's order."""
    more: int = 0
    """Further differences that were only counted."""
    reason: str | None = None
    """Why it is `unknown` or `not-json`, as a phrase."""
    unpacked: str = ""
    """The coding that was undone before it was looked at, `gzip` or `deflate`; empty for none."""

    @property
    def undocumented(self) -> bool | None:
        """Whether Lean documents nothing of its type or payload; None against a contract."""
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


def judge(body: bytes, encoding: str = "") -> ShapeResult:
    """Compare a body with what is known of its event type; never raises.

    A packed body is unpacked within the limits of `relay.text.decoding`; one that cannot be is `unknown`.

    Some 20 us for an event of 500 bytes, half a second for the largest body that is looked into; it
    holds the interpreter meanwhile, so nothing that answers may call it.

    Args:
        encoding: the value of Content-Encoding, empty without one.
    """
    found = decoded(body, encoding)
    judgement = _judged_as_it_is(found.data)
    if not found.coding and not found.opaque:
        return judgement
    if judgement.shape is Shape.NOT_JSON and found.notes:
        judgement = replace(judgement, shape=Shape.UNKNOWN, reason="; ".join(found.notes))
    return replace(judgement, unpacked=found.coding)


def _judged_as_it_is(body: bytes) -> ShapeResult:
    version = catalogue().version
    if sum(body.count(part) for part in (b",", b"[", b"{")) > MOST_PARTS:
        return ShapeResult(
            shape=Shape.UNKNOWN, type=None, version=version, reason="it has too many parts to be looked into"
        )
    try:
        value = parsed(body)
    except TooDeepError:
        return ShapeResult(
            shape=Shape.UNKNOWN,
            type=None,
            version=version,
            reason="it is nested too deeply to be looked into",
        )
    except ValueError as error:
        return ShapeResult(shape=Shape.NOT_JSON, type=None, version=version, reason=str(error))
    return _judged(value, version)


def _judged(value: Any, version: str) -> ShapeResult:
    found = _Found()
    if not isinstance(value, dict):
        found.add((), Kind.TYPE, "an object", value, warning=True, confidence=Confidence.DOCUMENTED)
        reason = "it is no object, as Lean's events are"
        return found.judgement(Shape.UNKNOWN, None, version, reason=reason)
    envelope, types = _ready()
    type_ = value.get("type")
    _compare_object(value, envelope, (), found)
    if not isinstance(type_, str) or type_ not in types:
        name = type_ if isinstance(type_, str) and type(type_) is str else None
        reason = "its type is not known" if name is not None else "it names no type"
        return found.judgement(Shape.UNKNOWN, name, version, reason=reason)
    event, payload = types[type_]
    # What is said of a payload counts as no better known than the payload as a whole.
    whole = event.payload_confidence
    found.at_best = None if whole in (Confidence.DOCUMENTED, Confidence.PARTIAL) else whole
    if isinstance(value.get("payload"), dict):
        _compare_object(value["payload"], payload, ("payload",), found)
    shape = Shape.DRIFT if found.warnings else Shape.DOCUMENTED
    return found.judgement(shape, event.type, version, confidence=whole)


class _Found:
    """Differences as they are found, bounded in number."""

    def __init__(self) -> None:
        self.warnings: list[Difference] = []
        self._notes: list[Difference] = []
        self._more = 0
        self.at_best: Confidence | None = None

    def add(
        self,
        steps: tuple[Step, ...],
        kind: Kind,
        expected: str,
        value: Any,
        *,
        confidence: Confidence,
        warning: bool = False,
        came: str | None = None,
    ) -> None:
        if self.at_best is not None and confidence is Confidence.DOCUMENTED:
            confidence = self.at_best
        warning = warning and confidence is Confidence.DOCUMENTED
        level = self.warnings if warning else self._notes
        if len(level) >= MOST_DIFFERENCES:
            self._more += 1
            return
        level.append(
            Difference(
                steps=steps,
                kind=kind,
                expected=expected,
                came=came or described(value),
                warning=warning,
                confidence=confidence,
            )
        )

    def judgement(
        self,
        shape: Shape,
        type_: str | None,
        version: str,
        *,
        confidence: Confidence | None = None,
        reason: str | None = None,
    ) -> ShapeResult:
        return ShapeResult(
            shape=shape,
            type=type_,
            version=version,
            confidence=confidence,
            differences=(*self.warnings, *self._notes),
            more=self._more,
            reason=reason,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """A field of the catalogue, made ready to be compared with."""

    field: Field
    expected: str
    form: re.Pattern[str] | None
    parts: _Parts
    items: _Known | None


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """The fields of an object."""

    by_name: Mapping[str, _Known]
    wanted: tuple[_Known, ...]
    """Those that are looked for: of a payload, those in every sample."""
    closed: bool
    """Whether others are extra: some are known, and nothing says that there are more."""


def _compare_object(value: Mapping[str, Any], parts: _Parts, steps: tuple[Step, ...], found: _Found) -> None:
    for key, inner in value.items():
        known = parts.by_name.get(key)
        if known is not None:
            _compare(inner, known, (*steps, key), found)
        elif parts.closed:
            found.add((*steps, key), Kind.EXTRA, "no such field", inner, confidence=Confidence.DOCUMENTED)
    for known in parts.wanted:
        field = known.field
        if field.name not in value:
            found.add(
                (*steps, field.name),
                Kind.MISSING,
                known.expected,
                None,
                warning=field.required is True,
                confidence=field.confidence,
                came="nothing",
            )


def _compare(value: Any, known: _Known, steps: tuple[Step, ...], found: _Found) -> None:
    field = known.field
    if value is None:
        if not field.nullable and field.type != "any":
            found.add(steps, Kind.NULL, known.expected, value, warning=True, confidence=field.confidence)
    elif not _is_of(value, field.type):
        found.add(steps, Kind.TYPE, known.expected, value, warning=True, confidence=field.confidence)
    elif isinstance(value, dict):
        _compare_object(value, known.parts, steps, found)
    elif isinstance(value, list):
        if known.items is not None:
            for index, item in enumerate(value):
                _compare(item, known.items, (*steps, index), found)
    elif isinstance(value, str):
        if field.enum and value not in field.enum:
            one_of = f"one of {', '.join(field.enum)}"
            found.add(
                steps, Kind.VALUE, one_of, value, warning=not field.open_enum, confidence=field.confidence
            )
        if known.form is not None and not known.form.fullmatch(value):
            found.add(steps, Kind.FORM, known.expected, value, confidence=field.confidence)


def _is_of(value: Any, type_: str) -> bool:
    match type_:
        case "any":
            return True
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "boolean":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, Digits)
        case "integer":
            return isinstance(value, Digits) and is_whole(value)
        case _:
            return isinstance(value, str) and not isinstance(value, Digits)


def described(value: Any) -> str:
    """A value in words: `string "12.50"`, `number 5`, `object of 3`, `null`; text from outside."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"boolean {str(value).lower()}"
    if isinstance(value, str):
        cut = value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "…"
        return f"number {cut}" if isinstance(value, Digits) else f'string "{cut}"'
    what = "object" if isinstance(value, dict) else "array"
    return f"{what} of {len(value)}" if value else f"empty {what}"


_FORMS = {
    "uuid": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "date-time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+",
    "iso4217": r"[A-Z]{3}",
    "iso3166-1-alpha2": r"[A-Z]{2}",
}


@cache
def _ready() -> tuple[_Parts, Mapping[str, tuple[EventType, _Parts]]]:
    """The envelope, and each event type with its payload."""
    known = catalogue()
    # What documentation calls part of every webhook but some samples lack is looked for as well.
    envelope = _parts(known.envelope, wanted=lambda field: True)
    return envelope, {
        event.type: (event, _parts(event.payload, wanted=lambda field: field.required is True))
        for event in known.events
    }


def _parts(fields: Sequence[Field], wanted: Callable[[Field], bool]) -> _Parts:
    known = [_known(field) for field in fields if field.name != "*"]
    return _Parts(
        by_name={each.field.name: each for each in known},
        wanted=tuple(each for each in known if wanted(each.field)),
        closed=bool(known) and len(known) == len(fields),
    )


def _known(field: Field) -> _Known:
    # A pattern of the catalogue is closer than its format; of timestamps it says the same.
    form = field.pattern or _FORMS.get(field.format or "")
    return _Known(
        field=field,
        expected=expected(field),
        form=re.compile(form, re.ASCII) if form else None,
        parts=_parts(field.fields, wanted=lambda part: part.required is True),
        items=None if field.items is None else _known(field.items),
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}" if number else ""


def texts(differences: Sequence[Difference]) -> Iterator[str]:
    """A line for each difference, with its level; not yet safe to show."""
    for each in differences:
        yield f"{each.level}: {each}"
