"""The summary of an event: the values of the two or three fields that the catalogue names for its type.

Pure. Tells events of one type apart in a list.
"""

from __future__ import annotations

import json
import re
from functools import cache, reduce
from typing import Any

from relay.lean.catalogue import catalogue
from relay.text.json_values import Digits, parsed

MOST_BYTES = 65_536
"""Larger bodies have no summary: a list shows many rows at once."""

USUAL = ("payload.status",)
"""For types that Lean does not document."""

_WHOLE = re.compile(r"^(-?)([0-9]{4,30})(\.[0-9]+)?$", re.ASCII)


def summary(type_: str, body: bytes) -> tuple[str, ...]:
    """The telling values of an event, as text that is not yet safe to show; empty where it has none.

    Numbers keep their digits and get thousands separators. A string where a number is documented is in
    quotes, true and false have the field's name with them, and null says nothing.
    """
    if len(body) > MOST_BYTES:
        return ()
    try:
        root = parsed(body)
    except ValueError:
        return ()
    values = (
        " ".join(filter(None, (_words(name, _at(root, steps), number) for name, steps, number in group)))
        for group in _fields().get(type_, _fields()[""])
    )
    return tuple(filter(None, values))


Steps = tuple[str, ...]
Group = tuple[tuple[str, Steps, bool], ...]
"""Name, steps, and whether a number is documented there, of each field of one value."""


@cache
def _fields() -> dict[str, tuple[Group, ...]]:
    """Type -> its fields; those of other types under an empty name."""
    found = {"": tuple(_group(paths, frozenset()) for paths in USUAL)}
    for event in catalogue().events:
        numbers = frozenset(
            path
            for field in event.payload
            for path, type_ in (
                (f"payload.{field.name}", field.type),
                *((f"payload.{field.name}.{inner.name}", inner.type) for inner in field.fields),
            )
            if type_ in ("number", "integer")
        )
        if event.summary:
            found[event.type] = tuple(_group(paths, numbers) for paths in event.summary)
    return found


def _group(paths: str, numbers: frozenset[str]) -> Group:
    return tuple((path.rpartition(".")[2], tuple(path.split(".")), path in numbers) for path in paths.split())


def _at(root: Any, steps: Steps) -> Any:
    return reduce(lambda value, step: value.get(step) if isinstance(value, dict) else None, steps, root)


def _words(name: str, value: Any, number: bool) -> str:
    if isinstance(value, Digits):
        return _WHOLE.sub(_grouped, value)
    if isinstance(value, bool):
        return f"{name}={json.dumps(value)}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if number else value
    if isinstance(value, list):
        return ", ".join(item for item in value if isinstance(item, str))
    return ""


def _grouped(number: re.Match[str]) -> str:
    return f"{number[1]}{int(number[2]):,}{number[3] or ''}"
