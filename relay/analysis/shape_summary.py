"""Statistics over many events: their fields, types, values and differences.

Owns the counting and its limits: nothing from outside can make a summary grow endlessly. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from relay.analysis.shape import judge_with_content
from relay.analysis.shape_result import LONGEST_SHOWN, Difference, ShapeResult
from relay.lean.catalogue import undocumented
from relay.models import Shape, iso
from relay.text.json_values import json_type, parsed, path_of

REHEARSAL_TYPE = "lean.relay.rehearsal"
"""A type that Lean does not have: a rehearsal sends it to see that a backend takes it."""

MOST_TYPES = 200
MOST_FIELDS = 2_000
"""Limit per type, for junk with endless keys."""

MOST_VALUES = 8
"""Values are kept only for fields with at most this many distinct values."""

MOST_DIFFERENCES = 200

LONGEST_PATH = 200
"""Fields and differences with a longer path are not counted; a key may have megabytes."""

_UNIQUE = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9:]+)"
)
"""Ids and times, which are different every time."""

_INDEX = re.compile(r"\[[0-9]+\]")


@dataclass(slots=True)
class FieldStats:
    """One field of a type, over all events."""

    path: str
    """`payload.items[].id`: all entries of a list count as one field."""
    parent: str
    """The object that has the field; for an entry, the list."""
    count: int = 0
    types: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    """Short scalars as JSON text, while they are few; empty if `many`."""
    many: bool = False

    @property
    def type_names(self) -> tuple[str, ...]:
        """JSON Schema's names of its types; amounts with and without decimals are all numbers."""
        return tuple(name for name in self.types if name != "integer" or "number" not in self.types)


@dataclass(slots=True)
class DifferenceStats:
    """Differences of one kind at one place."""

    first: Difference
    source: str
    """The capture or file of the first one."""
    count: int = 0
    """Number of events that have it."""


@dataclass(slots=True)
class TypeStats:
    """All events of one type."""

    type: str | None
    """None for bodies without a type."""
    count: int = 0
    first_at: datetime | None = None
    """None if times are not known, as in files."""
    last_at: datetime | None = None
    shapes: Counter[Shape] = field(default_factory=Counter)
    fields: dict[str, FieldStats] = field(default_factory=dict)
    objects: Counter[str] = field(default_factory=Counter)
    """Number of objects seen at each path, to compare a field's count with."""
    differences: dict[tuple[str, str, str], DifferenceStats] = field(default_factory=dict)
    judgement: ShapeResult | None = None
    """The latest one, for how well the type is known."""

    def is_always(self, seen: FieldStats) -> bool:
        """Whether every object that could have the field had it."""
        return seen.count >= self.objects[seen.parent]

    def as_json(self) -> dict[str, Any]:
        """One line of `shapes --json`."""
        return {
            "kind": "type_seen",
            "type": self.type,
            "count": self.count,
            "first_at": None if self.first_at is None else iso(self.first_at),
            "last_at": None if self.last_at is None else iso(self.last_at),
            "confidence": self.judgement.confidence if self.judgement else None,
            "undocumented": undocumented(self.type),
            "shapes": {str(shape): number for shape, number in self.shapes.items()},
            "fields": [
                {
                    "path": seen.path,
                    "count": seen.count,
                    "of": self.objects[seen.parent],
                    "types": dict(seen.types),
                    "values": None if seen.many else dict(seen.values),
                }
                for seen in self.fields.values()
            ],
            "differences": [
                each.first.as_json() | {"count": each.count, "first_in": each.source}
                for each in self.differences.values()
            ],
        }


class Summary:
    """Counts events by type; feed it with `add`."""

    def __init__(self) -> None:
        self._types: dict[str | None, TypeStats] = {}
        self.left_out = 0
        """Events of further types, beyond MOST_TYPES."""

    def add(self, body: bytes, at: datetime | None, source: str) -> None:
        """Count one body. Never raises.

        Args:
            at: time of arrival, aware; None if not known.
            source: a capture's id or a file's name, to show with its differences.
        """
        judgement, data = judge_with_content(body)
        seen = self._types.get(judgement.type)
        if seen is None:
            if len(self._types) >= MOST_TYPES:
                self.left_out += 1
                return
            seen = self._types.setdefault(judgement.type, TypeStats(judgement.type))
        seen.count += 1
        seen.shapes[judgement.shape] += 1
        seen.judgement = judgement
        if at is not None:
            seen.first_at = at if seen.first_at is None else min(at, seen.first_at)
            seen.last_at = at if seen.last_at is None else max(at, seen.last_at)
        _count_differences(seen, judgement, source)
        if judgement.type is not None:
            _count_fields(seen, parsed(data))

    def types(self) -> list[TypeStats]:
        """Sorted by name, events without a type last."""
        return sorted(self._types.values(), key=lambda seen: (seen.type is None, seen.type or ""))

    def contract_types(self) -> list[TypeStats]:
        """Those that a contract covers: with a name, and not made up by a rehearsal."""
        return [seen for seen in self.types() if seen.type not in (None, REHEARSAL_TYPE)]


def _count_differences(seen: TypeStats, judgement: ShapeResult, source: str) -> None:
    new: dict[tuple[str, str, str], Difference] = {}
    for each in judgement.differences:
        key = (_INDEX.sub("[]", each.path), str(each.kind), each.level)
        if len(key[0]) <= LONGEST_PATH:
            new.setdefault(key, each)
    for key, each in new.items():
        known = seen.differences.get(key)
        if known is None:
            if len(seen.differences) >= MOST_DIFFERENCES:
                continue
            known = seen.differences.setdefault(key, DifferenceStats(each, source))
        known.count += 1


def _count_fields(seen: TypeStats, event: Any) -> None:
    stack: list[tuple[str, Any]] = [("", event)]
    while stack:
        path, value = stack.pop()
        inner = list(_inside(path, value))
        if isinstance(value, dict):
            seen.objects[path] += 1
        elif isinstance(value, list):
            seen.objects[path] += len(value)
        for below, part in inner:
            known = seen.fields.get(below)
            if known is None:
                if len(seen.fields) >= MOST_FIELDS or len(below) > LONGEST_PATH:
                    continue
                known = seen.fields.setdefault(below, FieldStats(below, path))
            _count_value(known, part)
        stack.extend(reversed([(below, part) for below, part in inner if below in seen.fields]))


def _inside(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield f"{path}.{path_of((key,))}" if path else path_of((key,)), part
    elif isinstance(value, list):
        entry = f"{path}[]"
        for part in value:
            yield entry, part


def _count_value(known: FieldStats, value: Any) -> None:
    known.count += 1
    known.types[json_type(value)] += 1
    if known.many or value is None or isinstance(value, dict | list):
        return
    text = str(value).lower() if isinstance(value, bool) else str(value)
    known.values[text[: LONGEST_SHOWN + 1]] += 1
    if len(known.values) > MOST_VALUES or len(text) > LONGEST_SHOWN or _UNIQUE.fullmatch(text):
        known.many = True
        known.values.clear()
