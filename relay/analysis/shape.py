"""Compare a body with Lean's documentation of its event type.

Owns the comparison. Pure: a body in, a result out, whatever its bytes; numbers are compared as written, never
computed with. Calm: a warning is only given for a contradiction of the documentation (a field that every
documented sample has is missing or of another type, an unexpected null, a value outside a complete list), and
only warnings count as drift. A contradiction of a less certain fact is a note.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from relay.analysis.shape_result import Difference, Kind, ShapeResult, Step, described
from relay.lean.catalogue import Confidence, EventType, Field, catalogue
from relay.lean.envelope import MOST_CHARACTERS
from relay.lean.event_docs import expected
from relay.models import Shape
from relay.text.decoding import decoded
from relay.text.json_values import Digits, TooDeepError, is_whole, parsed

MOST_PARTS = 500_000
"""Bodies with more commas and brackets are not checked, because each part costs memory."""

MOST_DIFFERENCES = 100
"""Limit for warnings and for notes; the rest is only counted."""


def judge(body: bytes, encoding: str = "") -> ShapeResult:
    """Compare a body with the catalogue's entry for its event type; never raises.

    A compressed body is decompressed within the limits of `relay.text.decoding`; if that fails it is
    `unknown`.

    Takes about 20 us for an event of 500 bytes and half a second for the largest body that is checked. It
    holds the interpreter meanwhile, so nothing that responds to requests may call it.

    Args:
        encoding: the value of Content-Encoding, empty without one.
    """
    return judge_with_content(body, encoding)[0]


def judge_with_content(body: bytes, encoding: str = "") -> tuple[ShapeResult, bytes]:
    """As `judge`, with the bytes that were compared: those of a compressed body are its content."""
    found = decoded(body, encoding)
    judgement = _judged_as_it_is(found.data)
    if found.coding or found.opaque:
        if judgement.shape is Shape.NOT_JSON and found.notes:
            judgement = replace(judgement, shape=Shape.UNKNOWN, reason="; ".join(found.notes))
        judgement = replace(judgement, unpacked=found.coding)
    return judgement, found.data


def _judged_as_it_is(body: bytes) -> ShapeResult:
    version = catalogue().version
    if sum(body.count(part) for part in (b",", b"[", b"{")) > MOST_PARTS:
        return ShapeResult(
            shape=Shape.UNKNOWN, type=None, version=version, reason="it has too many parts to check"
        )
    try:
        value = parsed(body)
    except TooDeepError:
        return ShapeResult(
            shape=Shape.UNKNOWN,
            type=None,
            version=version,
            reason="it is nested too deeply to check",
        )
    except ValueError as error:
        return ShapeResult(shape=Shape.NOT_JSON, type=None, version=version, reason=str(error))
    return _judged(value, version)


def _judged(value: Any, version: str) -> ShapeResult:
    found = _Found()
    if not isinstance(value, dict):
        found.add((), Kind.TYPE, "an object", value, warning=True, confidence=Confidence.DOCUMENTED)
        reason = "it is not an object, as Lean's events are"
        return found.judgement(Shape.UNKNOWN, None, version, reason=reason)
    envelope, types = _ready()
    type_ = value.get("type")
    _compare_object(value, envelope, (), found)
    if not isinstance(type_, str) or type_ not in types:
        name = type_ if type(type_) is str and len(type_) <= MOST_CHARACTERS else None
        reason = "its type is not known" if type(type_) is str else "it names no type"
        return found.judgement(Shape.UNKNOWN, name, version, reason=reason)
    event, payload = types[type_]
    # No field of a payload counts as better known than the payload as a whole.
    whole = event.payload_confidence
    found.at_best = None if whole in (Confidence.DOCUMENTED, Confidence.PARTIAL) else whole
    if isinstance(value.get("payload"), dict):
        _compare_object(value["payload"], payload, ("payload",), found)
    shape = Shape.DRIFT if found.warnings else Shape.DOCUMENTED
    return found.judgement(shape, event.type, version, confidence=whole)


class _Found:
    """Collects differences up to the limits."""

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
    """A field of the catalogue, prepared for comparison."""

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
    """The fields that must be present: in a payload, those in every sample."""
    closed: bool
    """Whether other fields are reported: some are known, and nothing says that there are more."""


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
    """The envelope's fields, and each event type with its payload's fields."""
    known = catalogue()
    # Also expect the fields that are documented for every webhook but missing from some samples.
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
    # The catalogue's pattern is stricter than its format; for timestamps they are equal.
    form = field.pattern or _FORMS.get(field.format or "")
    return _Known(
        field=field,
        expected=expected(field),
        form=re.compile(form, re.ASCII) if form else None,
        parts=_parts(field.fields, wanted=lambda part: part.required is True),
        items=None if field.items is None else _known(field.items),
    )
