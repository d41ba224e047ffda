"""`--set PATH=VALUE`: where a path leads in an event, and the event with that place changed.

Owns the form of such paths. Must not add fields that nobody knows: a path that leads nowhere is most
likely misspelt, and an unchanged event would hide it.
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
    """`payload.status=FAILED` as path and value; the value is JSON where it is JSON, else text.

    Numbers keep their digits (`100.00` stays `100.00`). Quotes make a text of what would be
    JSON: `payload.bank_code="80"`.

    Raises:
        ValueError: there is no `=`, or nothing before it.
    """
    path, value = _split(text)
    try:
        return path, _read(value)
    except (ValueError, RecursionError):
        return path, value


def parse_splice(text: str) -> tuple[str, str]:
    """The same for a change in bytes: path and the value as JSON text, which stays as it is written.

    Raises:
        ValueError: there is no `=`, no path before it, or half a surrogate pair behind it.
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
        raise ValueError(f"the value of {path} is no text in UTF-8") from None
    return path, value.strip()


def _split(text: str) -> tuple[str, str]:
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise ValueError(f"{text!r} is no PATH=VALUE, such as payload.status=FAILED")
    return path, value


def change(event: dict[str, Any], path: str, value: Any, payload: Sequence[Field] = ()) -> None:
    """Set one place of an event, in place.

    A place is there if the event has it, or if it is a field that the catalogue knows for this payload
    although this sample goes without it.

    Args:
        path: keys joined by dots, indices in brackets: `payload.data_status.account_data[0].balance`.
        payload: the catalogue's fields of the event's payload.

    Raises:
        ValueError: the path leads nowhere; the message names the nearest ones.
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
    """Each path that leads somewhere in a value, parents before their parts."""
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
    """Whether such a field is in the catalogue, or stands where it leaves any field possible."""
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
    return f"{path} leads to nothing in this event; near it: {', '.join(near)}"


def _number(digits: str) -> int | Decimal:
    # Past 64 bits only Decimal is written out again, and past 4,300 digits only it is read.
    return int(digits) if digits.lstrip("-").isdecimal() and len(digits) < 19 else Decimal(digits)


_read = decoder(_number)
