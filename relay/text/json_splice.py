"""Replaces values of a JSON body and keeps every other byte.

Pure. Follows strings and brackets to the values and does not check the rest, so a body with errors elsewhere
can be changed too. Of a repeated key the last value counts, as in a filter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from relay.text.json_scan import UnreadableError, after_space, expect, string_end, value_end
from relay.text.json_values import leaves, steps

Span = tuple[int, int]
"""Start, and end (exclusive)."""

Steps = tuple[str | int, ...]
"""Keys and indices, as `relay.text.json_values.steps` reads them."""

NO_JSON = "the body is not JSON, so no value can be changed"

NEAR = 3
SHOWN = 12
SEARCHED_BYTES = 1024 * 1024
"""Larger bodies are not searched for similar paths."""

SEARCHED_CHARACTERS = 1024 * 1024
"""Paths after so many characters are not compared with the wanted one."""


def splice(body: bytes, path: str, value: str) -> bytes:
    """The body with the value at a path replaced.

    Args:
        path: keys joined by dots, indices in brackets: `payload.items[0].id`.
        value: JSON text, inserted unchanged.

    Raises:
        ValueError: the path does not exist (names similar ones), or the body is not JSON.
    """
    place = steps(path)
    try:
        found = spans(body, (place,))
    except UnreadableError:
        raise ValueError(NO_JSON) from None
    if place not in found:
        raise ValueError(_leads_nowhere(body, path))
    return replaced(body, {found[place]: value.encode("utf-8")})


def replaced(body: bytes, values: Mapping[Span, bytes]) -> bytes:
    """The body with other bytes at positions that do not overlap."""
    parts: list[bytes] = []
    at = 0
    for (start, end), value in sorted(values.items()):
        parts += (body[at:start], value)
        at = end
    return b"".join((*parts, body[at:]))


def spans(body: bytes, places: Iterable[Steps]) -> dict[Steps, Span]:
    """Positions of the values at these places and of all values around them; absent places are left out.

    Raises:
        UnreadableError: the body is not JSON as far as it was read.
    """
    start = after_space(body, 0)
    found: dict[Steps, Span] = {(): (start, value_end(body, start))}
    stack: list[tuple[Steps, _Tree]] = [((), _tree(places))]
    while stack:
        place, inner = stack.pop()
        for step, span in _inside(body, found[place][0], inner):
            found[*place, step] = span
        stack += [
            ((*place, step), below) for step, below in inner.items() if below and (*place, step) in found
        ]
    return found


_Tree = dict[str | int, "_Tree"]


def _tree(places: Iterable[Steps]) -> _Tree:
    root: _Tree = {}
    for place in places:
        node = root
        for step in place:
            node = node.setdefault(step, {})
    return root


def _inside(body: bytes, at: int, wanted: Mapping[str | int, object]) -> Iterator[tuple[str | int, Span]]:
    """Positions of the wanted values in the object or array at `at`, in its order."""
    if body[at : at + 1] == b"[":
        last = max((step for step in wanted if isinstance(step, int)), default=-1)
        for index, span in zip(range(last + 1), _items(body, at), strict=False):
            if index in wanted:
                yield index, span
    elif body[at : at + 1] == b"{":
        keys = {_written(step): step for step in wanted if isinstance(step, str)}
        texts = {*keys.values()}
        for name, span in _members(body, at) if keys else ():
            written = body[name[0] : name[1]]
            key = keys.get(written)
            if key is None and b"\\" in written and (text := _text(written)) in texts:
                key = text
            if key is not None:
                yield key, span


def _written(key: str) -> bytes:
    return json.dumps(key, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _text(written: bytes) -> str | None:
    try:
        return str(json.loads(written))
    except ValueError:
        return None


def _members(body: bytes, at: int) -> Iterator[tuple[Span, Span]]:
    """Keys, with their quotes, and values of the object at `at`."""
    at = after_space(body, at + 1)
    while body[at : at + 1] != b"}":
        name = (at, string_end(body, at))
        at = after_space(body, name[1])
        expect(b":", body, at)
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
    expect(b",", body, at)
    return after_space(body, at + 1)


def _leads_nowhere(body: bytes, path: str) -> str:
    known = leaves(body, most_characters=SEARCHED_CHARACTERS) if len(body) <= SEARCHED_BYTES else {}
    if known is None:
        return NO_JSON
    there = [place for place in known if place]
    if near := get_close_matches(path, there, n=NEAR):
        return f"the body has no {path}; did you mean {', '.join(near)}?"
    return f"the body has no {path}" + (f"; it has {', '.join(there[:SHOWN])}" if there else "")
