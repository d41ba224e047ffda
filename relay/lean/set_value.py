"""`--set PATH=VALUE`: find a path in an event and change the value there.

Owns the rules for such paths. Must not add unknown fields: a path that does not exist is most likely
misspelt, and an unchanged event would hide that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from relay.lean.catalogue import Field
from relay.text.json_values import decoder, steps


def parse_change(text: str) -> tuple[str, Any]:
    """Split `payload.status=FAILED` into path and value; a value that is not JSON is text.

    Numbers keep their digits (`100.00` stays `100.00`). Quotes turn a number into text:
    `payload.bank_code="80"`.

    Raises:
        ValueError: `=` is missing, or nothing precedes it.
    """
    path, value = _split(text)
    try:
        return path, _read(value)
    except (ValueError, RecursionError):
        return path, value


def parse_splice(text: str) -> tuple[str, str]:
    """The same for a change in bytes: path and the value as JSON text, exactly as written.

    Raises:
        ValueError: `=` or the path is missing, or the value contains a lone surrogate.
    """
    path, value = _split(text)
    steps(path)
    try:
        _read(value)
    except (ValueError, RecursionError):
        value = json.dumps(value, ensure_ascii=False)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"the value of {path} is not valid UTF-8") from None
    return path, value.strip()


def _split(text: str) -> tuple[str, str]:
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise ValueError(f"{text!r} is not a valid PATH=VALUE; use for example payload.status=FAILED")
    return path, value


def change(event: dict[str, Any], path: str, value: Any, payload: Sequence[Field] = ()) -> None:
    """Set one value of an event, in place.

    A path exists if the event has it, or if the catalogue knows it as a field of this payload although this
    sample lacks it.

    Args:
        path: keys joined by dots, indices in brackets: `payload.data_status.account_data[0].balance`.
        payload: the catalogue's fields of the event's payload.

    Raises:
        ValueError: the path does not exist; the message suggests similar ones.
    """
    way = steps(path)
    node: Any = event
    for step in way[:-1]:
        if not _has(node, step):
            raise ValueError(_leads_nowhere(event, path))
        node = node[step]
    new = isinstance(node, dict) and way[0] == "payload" and _is_known(payload, way[1:])
    if not (_has(node, way[-1]) or new):
        raise ValueError(_leads_nowhere(event, path))
    node[way[-1]] = value


def paths(value: Any, at: str = "") -> Iterator[str]:
    """Each path that exists in a value, parents before children."""
    if isinstance(value, dict):
        inside = [(f"{at}.{key}" if at else key, part) for key, part in value.items()]
    elif isinstance(value, list):
        inside = [(f"{at}[{index}]", part) for index, part in enumerate(value)]
    else:
        return
    for path, part in inside:
        yield path
        yield from paths(part, path)


def _has(node: Any, step: str | int) -> bool:
    if isinstance(node, dict):
        return step in node
    return isinstance(node, list) and isinstance(step, int) and step < len(node)


def _is_known(fields: Sequence[Field], steps: Sequence[str | int]) -> bool:
    """Whether the catalogue has such a field, or allows any field at that place."""
    if not steps:
        return True
    field = next((field for field in fields if field.name == steps[0]), None)
    if field is None:
        return any(field.name == "*" for field in fields)
    rest = steps[1:]
    if field.items is not None and rest:
        field, rest = field.items, rest[1:]
    return not rest or (field.type == "object" and not field.fields) or _is_known(field.fields, rest)


def _leads_nowhere(event: dict[str, Any], path: str) -> str:
    there = list(paths(event))
    near = get_close_matches(path, there, n=3) or [one for one in there if "[" not in one][:12]
    return f"this event has no {path}; did you mean {', '.join(near)}?"


def _number(digits: str) -> int | Decimal:
    # Beyond 64 bits only Decimal can be written again, and beyond 4,300 digits only Decimal can be read.
    return int(digits) if digits.lstrip("-").isdecimal() and len(digits) < 19 else Decimal(digits)


_read = decoder(_number)
