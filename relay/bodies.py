"""Bodies to read: JSON laid out with each number's own digits, and JSON taken apart by path.

Pure. Nothing here is sent, stored or signed; those are the bytes themselves.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import accumulate
from typing import Any

import msgspec

_NUMBER = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

_MARKS = b'[]{},"'
_NO_MARKS = bytes(set(range(256)) - set(_MARKS))
_STEPS = bytes.maketrans(b"[]{},", b"\x01\xff\x01\xff\x00")


class Digits(str):
    """A number of a JSON text, as it is written there."""

    __slots__ = ()


MOST_DEPTH = 128
"""Brackets within brackets that are laid out."""

MOST_LAID_OUT = 64 * 1024 * 1024
"""Bytes that a body may take laid out: a small one that is nested deeply needs many blanks."""

_NOT_UTF8 = b"\xff"
"""Never part of a text in UTF-8, so that it can stand for something while one is worked on."""

_BACKSLASH = re.compile(rb"\\(u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL)


class TooDeepError(ValueError):
    """A JSON text whose brackets go deeper than can be followed."""


def parsed(body: bytes) -> Any:
    """The value of a JSON body, its numbers as `Digits`; of a repeated key the last counts.

    Raises:
        ValueError: it is no JSON text in UTF-8; the message says why, without quoting it.
        TooDeepError: it is nested more deeply than the interpreter can follow, some 1,000 brackets.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is no UTF-8") from None
    try:
        return _decode(text)
    except RecursionError:
        raise TooDeepError("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON from character {error.pos} on" if text else "it is empty") from None


def is_whole(digits: str) -> bool:
    """Whether a JSON number as it is written has no fraction: `3`, `3.0` and `3e2`, not `0.3`."""
    if digits.lstrip("-").isdecimal():
        return True
    number = _NUMBER.fullmatch(digits)
    assert number is not None  # what a JSON parser took for a number
    figures, after_point = number[1] + (number[2] or ""), number[2] or ""
    zeros = len(figures) - len(figures.rstrip("0"))
    if zeros == len(figures):
        return True
    exponent = number[3] or "0"
    if len(exponent) > 9:
        return not exponent.startswith("-")
    return int(exponent) - len(after_point) + zeros >= 0


def json_type(value: Any) -> str:
    """The name that JSON Schema has for the type of a value of `parsed`; whole numbers are `integer`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, Digits):
        return "integer" if is_whole(value) else "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array"


def laid_out(body: bytes) -> str | None:
    """A JSON body indented by two, its numbers and strings as they are written; None where it is no JSON."""
    try:
        return indented(body).decode("utf-8")
    except ValueError:
        return None


def indented(body: bytes) -> bytes:
    """A JSON body indented by two, its numbers and strings as they are written, repeated keys too.

    Raises:
        ValueError: it is no JSON, or too much when laid out; says which.
    """
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start:,} is {body[error.start]:02x}") from None
    depth, blanks = _extent(body)
    if depth > MOST_DEPTH:
        raise ValueError(f"nested {depth:,} deep; at most {MOST_DEPTH} are laid out")
    if len(body) + blanks > MOST_LAID_OUT:
        raise ValueError(f"laid out it would take {(len(body) + blanks) // 1024 // 1024} MiB")
    try:
        return msgspec.json.format(body, indent=2)
    except msgspec.MsgspecError as error:
        first = error
    if b"\\ud" in body.lower():
        # Half a surrogate pair is JSON, though no text; msgspec refuses it.
        with suppress(msgspec.MsgspecError):
            hidden = _BACKSLASH.sub(_without_surrogate, body)
            return msgspec.json.format(hidden, indent=2).replace(_NOT_UTF8, b"\\")
    raise ValueError(f"not JSON: {str(first).removeprefix('JSON is malformed: ')}")


def _without_surrogate(escape: re.Match[bytes]) -> bytes:
    return _NOT_UTF8 + escape[1] if len(escape[1]) > 1 else escape[0]


def _extent(body: bytes) -> tuple[int, int]:
    """How deep brackets are nested, and the blanks and line feeds that laying out would add, about.

    Nothing recurses, and no text is taken apart that is not made of brackets: 10 MiB take 0.1 s, all
    of it in steps that let other threads run.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = b"".join(body.translate(None, _NO_MARKS).split(b'"')[::2]).translate(_STEPS)
    depth = deepest = blanks = 0
    for at in range(0, len(marks), 16 * 1024):
        levels = list(accumulate(array("b", marks[at : at + 16 * 1024]), initial=depth))
        depth = levels[-1]
        deepest = max(deepest, max(levels))
        blanks += 2 * sum(levels) + len(levels)
    return deepest, max(blanks, 0)


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
        root = parsed(body)
    except ValueError:
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


def path_of(steps: Iterable[str | int]) -> str:
    """Keys and indices as a path: `payload.items[0].id`, `payload["odd key"]`."""
    path = ""
    for step in steps:
        path = path_to(path, step)
    return path


def _inner(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield path_to(path, key), item
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield path_to(path, index), item


def path_to(path: str, step: str | int) -> str:
    """The path of a value inside another: `payload` and `id` give `payload.id`, with 0 `payload[0]`.

    A key that is no plain name stands in brackets, as JSON: `payload["a b"]`.
    """
    if isinstance(step, int):
        return f"{path}[{step}]"
    if not _NAME.fullmatch(step):
        return f"{path}[{json.dumps(step, ensure_ascii=False)}]"
    return f"{path}.{step}" if path else step


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


_decode = json.JSONDecoder(parse_int=Digits, parse_float=Digits, parse_constant=_no_constant).decode
