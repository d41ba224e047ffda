"""Parsed JSON: values with numbers as written, their types, and paths.

Pure. For reading only: the original bytes are sent, stored and signed.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

_NUMBER = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Digits(str):
    """A JSON number as written."""

    __slots__ = ()


class TooDeepError(ValueError):
    """The JSON is nested too deeply to be parsed."""


def parsed(body: bytes, number: Callable[[str], Any] = Digits) -> Any:
    """The value of a JSON body; of a repeated key the last counts.

    Args:
        number: converts a number as written; default `Digits`.

    Raises:
        ValueError: it is not JSON in UTF-8; the message gives the reason without quoting the body.
        TooDeepError: it is nested too deeply for the interpreter, some 1,000 brackets.
    """
    if (mark := _other_encoding(body)) is not None:
        raise ValueError(mark)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    try:
        return decoder(number)(text)
    except RecursionError:
        raise TooDeepError("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"invalid JSON from character {error.pos} on" if text else "it is empty") from None


def _other_encoding(body: bytes) -> str | None:
    """Why a body cannot be JSON, by its first bytes; None if they do not show it."""
    if body.startswith(codecs.BOM_UTF8):
        return "it starts with a byte order mark, and JSON has none"
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "its byte order mark says UTF-16, and JSON is UTF-8"
    if len(body) > 1 and (body[0] == 0) != (body[1] == 0):
        return "it looks like UTF-16, and JSON is UTF-8"
    return None


def is_whole(digits: str) -> bool:
    """Whether a JSON number, as written, is whole: `3`, `3.0` and `3e2`, not `0.3`."""
    if digits.lstrip("-").isdecimal():
        return True
    number = _NUMBER.fullmatch(digits)
    assert number is not None  # the JSON parser accepted it
    figures, after_point = number[1] + (number[2] or ""), number[2] or ""
    zeros = len(figures) - len(figures.rstrip("0"))
    if zeros == len(figures):
        return True
    exponent = number[3] or "0"
    if len(exponent) > 9:
        return not exponent.startswith("-")
    return int(exponent) - len(after_point) + zeros >= 0


def json_type(value: Any) -> str:
    """The JSON Schema type of a value of `parsed`; whole numbers are `integer`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, Digits):
        return "integer" if is_whole(value) else "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict) else "array"


def leaves(body: bytes, *, most_characters: int | None = None) -> dict[str, str] | None:
    """Values of a JSON body by path, `payload.items[0].id`, as JSON text; None if it is not JSON.

    Numbers keep their digits; strings are compared unescaped. Of a repeated key the last counts. Empty
    objects and arrays are values too.

    Args:
        most_characters: of all paths; what comes after them is left out. A long key is in the path of each
            value below it, so that a body of a megabyte can have paths of many gigabytes.
    """
    try:
        root = parsed(body)
    except ValueError:
        return None
    found: dict[str, str] = {}
    stack: list[tuple[str, Any]] = [("", root)]
    left = most_characters
    while stack:
        path, value = stack.pop()
        inner = []
        for each in _inner(path, value):
            inner.append(each)
            if left is not None and (left := left - len(each[0])) < 0:
                return found
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
    """Path of a value inside another: `payload` and `id` make `payload.id`, with 0 `payload[0]`.

    A key that is not a plain name is written in brackets, as JSON: `payload["a b"]`.
    """
    if isinstance(step, int):
        return f"{path}[{step}]"
    if not _NAME.fullmatch(step):
        return f"{path}[{json.dumps(step, ensure_ascii=False)}]"
    return f"{path}.{step}" if path else step


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


@lru_cache
def decoder(number: Callable[[str], Any]) -> Callable[[str], Any]:
    """A JSON parser that converts each number, as written, with `number`.

    Raises ValueError for invalid JSON (also NaN and Infinity), RecursionError for some 1,000 brackets.
    """
    return json.JSONDecoder(parse_int=number, parse_float=number, parse_constant=_no_constant).decode


_STEP = re.compile(
    r"""(?:^|\.)(?P<key>[^.\[\]]+)|\[(?P<index>[0-9]{1,9})\]|\[(?P<quoted>"(?:[^"\\]|\\.)*+")\]"""
)


def steps(path: str) -> tuple[str | int, ...]:
    """Keys and indices of a path such as `payload.items[0]["odd key"]`.

    Raises:
        ValueError: it is not a path.
    """
    found, is_whole_path = first_steps(path)
    if not is_whole_path:
        raise ValueError(
            f"{path!r} is not a valid path; use one such as payload.status or payload.items[0].id"
        )
    return found


def first_steps(path: str) -> tuple[tuple[str | int, ...], bool]:
    """Keys and indices of the readable start of a path, and whether that is all of it."""
    found: list[str | int] = []
    at = 0
    while match := _STEP.match(path, at):
        try:
            quoted = json.loads(match["quoted"] or '""')
        except ValueError:  # not an escape of JSON
            break
        found.append(int(match["index"]) if match["index"] else match["key"] or quoted)
        at = match.end()
    return tuple(found), at == len(path)
