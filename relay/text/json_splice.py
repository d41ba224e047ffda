"""Replaces one value of a JSON body and keeps every other byte.

Pure. Follows strings and brackets to the value and does not check the rest, so a body with errors elsewhere
can be changed too. Of a repeated key the last value counts, as in a filter.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches

from relay.text.json_scan import UnreadableError, after_space, string_end, value_end
from relay.text.json_values import leaves, steps

Span = tuple[int, int]
"""Start, and end (exclusive)."""

NO_JSON = "the body is not JSON, so no value can be changed"

NEAR = 3
SHOWN = 12
SEARCHED_BYTES = 1024 * 1024
"""Larger bodies are not searched for similar paths."""


def splice(body: bytes, path: str, value: str) -> bytes:
    """The body with the value at a path replaced.

    Args:
        path: keys joined by dots, indices in brackets: `payload.items[0].id`.
        value: JSON text, inserted unchanged.

    Raises:
        ValueError: the path does not exist (names similar ones), or the body is not JSON.
    """
    try:
        start, end = _place(body, path)
    except UnreadableError:
        raise ValueError(NO_JSON) from None
    return b"".join((body[:start], value.encode("utf-8"), body[end:]))


def _place(body: bytes, path: str) -> Span:
    start = after_space(body, 0)
    span = (start, value_end(body, start))
    for step in steps(path):
        inside = _item(body, span[0], step) if isinstance(step, int) else _member(body, span[0], step)
        if inside is None:
            raise ValueError(_leads_nowhere(body, path))
        span = inside
    return span


def _member(body: bytes, at: int, key: str) -> Span | None:
    """Position of a key's last value in the object at `at`; None if absent."""
    if body[at : at + 1] != b"{":
        return None
    found = None
    plain = json.dumps(key, ensure_ascii=False).encode("utf-8", "surrogatepass")
    for name, span in _members(body, at):
        written = body[name[0] : name[1]]
        if written == plain or (b"\\" in written and _says(written, key)):
            found = span
    return found


def _says(written: bytes, key: str) -> bool:
    try:
        return bool(json.loads(written) == key)
    except ValueError:
        return False


def _item(body: bytes, at: int, index: int) -> Span | None:
    if body[at : at + 1] != b"[":
        return None
    return next((span for number, span in enumerate(_items(body, at)) if number == index), None)


def _members(body: bytes, at: int) -> Iterator[tuple[Span, Span]]:
    """Keys, with their quotes, and values of the object at `at`."""
    at = after_space(body, at + 1)
    while body[at : at + 1] != b"}":
        name = (at, string_end(body, at))
        at = after_space(body, name[1])
        _expect(body, at, b":")
        at = after_space(body, at + 1)
        value = (at, value_end(body, at))
        yield name, value
        at = _next(body, value[1], b"}")


def _items(body: bytes, at: int) -> Iterator[Span]:
    """Values of the array at `at`."""
    at = after_space(body, at + 1)
    while body[at : at + 1] != b"]":
        value = (at, value_end(body, at))
        yield value
        at = _next(body, value[1], b"]")


def _next(body: bytes, at: int, end: bytes) -> int:
    """Position after the comma that follows a value, or of the closing bracket."""
    at = after_space(body, at)
    if body[at : at + 1] == end:
        return at
    _expect(body, at, b",")
    return after_space(body, at + 1)


def _expect(body: bytes, at: int, byte: bytes) -> None:
    if body[at : at + 1] != byte:
        raise UnreadableError


def _leads_nowhere(body: bytes, path: str) -> str:
    known = leaves(body) if len(body) <= SEARCHED_BYTES else {}
    if known is None:
        return NO_JSON
    there = [place for place in known if place]
    if near := get_close_matches(path, there, n=NEAR):
        return f"the body has no {path}; did you mean {', '.join(near)}?"
    return f"the body has no {path}" + (f"; it has {', '.join(there[:SHOWN])}" if there else "")
