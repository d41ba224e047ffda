"""Bodies to read: JSON laid out with each number's own digits, and JSON taken apart by path.

Pure. Nothing here is sent, stored or signed; those are the bytes themselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Digits(str):
    """A number of a JSON text, as it is written there."""

    __slots__ = ()


def laid_out(body: bytes) -> str | None:
    """A JSON body indented by two, its numbers and strings as they are written; None where it is no JSON."""
    try:
        body.decode("utf-8")
        return msgspec.json.format(body, indent=2).decode("utf-8")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def hex_rows(data: bytes) -> Iterator[str]:
    """Sixteen bytes a row: offset, hex, and what of it is ASCII."""
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{start:08x}  {row.hex(' '):47}  {text}"


def leaves(body: bytes) -> dict[str, str] | None:
    """Each value of a JSON body by its path, `payload.items[0].id`, as JSON text; None where it is no JSON.

    Numbers keep their digits; strings are compared by what they say, however they are escaped. Of a
    repeated key the last counts. Empty objects and arrays are values too.
    """
    try:
        root = json.loads(
            body.decode("utf-8"), parse_int=Digits, parse_float=Digits, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        return None
    found: dict[str, str] = {}
    stack: list[tuple[str, Any]] = [("", root)]
    while stack:
        path, value = stack.pop()
        inner = list(_inner(path, value))
        if inner:
            stack.extend(reversed(inner))
        else:
            found[path] = str(value) if isinstance(value, Digits) else json.dumps(value, ensure_ascii=False)
    return found


def _inner(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if not _NAME.fullmatch(key):
                yield f"{path}[{json.dumps(key, ensure_ascii=False)}]", item
            else:
                yield f"{path}.{key}" if path else key, item
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield f"{path}[{index}]", item


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
