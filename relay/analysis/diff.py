"""Two captures field by field.

Pure. Compares the requests byte for byte; ignores everything that the relay concluded about them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from relay.models import Capture, Headers
from relay.text.json_values import leaves, parsed
from relay.text.safe import mask_headers

AROUND = 16
"""Bytes shown from the first one that differs."""

MOST_PARTS = 200_000
"""JSON bodies with more commas and brackets are compared as bytes, because each value costs memory."""

MOST_OF_PATHS = 32_000_000
"""Characters. Likewise for the paths of all values together: each has the whole of every key above it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of two captures, usually one that differs."""

    field: str
    """`method`, `target`, `http_version`, `header NAME`, `header order`, `body` or `body PATH`."""
    a: str | None
    """None if absent."""
    b: str | None
    header: str | None = None
    """Lowercase name of the header that has the values `a` and `b`; None for other fields."""

    @property
    def differs(self) -> bool:
        """False only for the equal fields that `compared` yields."""
        return self.a != self.b

    def masked(self, names: Iterable[str] = ()) -> Difference:
        """The same with the values of secret headers masked.

        Args:
            names: additional secret headers.
        """
        if self.header is None:
            return self
        a, b = (
            None if value is None else mask_headers(((self.header, value),), names)[0][1]
            for value in (self.a, self.b)
        )
        return Difference(self.field, a, b, self.header)

    def as_json(self) -> dict[str, Any]:
        """One line of `diff --json`."""
        return {"kind": "difference", "field": self.field, "a": self.a, "b": self.b}


def differences(a: Capture, b: Capture) -> Iterator[Difference]:
    """Yield the differences, from the request line to the body; none if both requests are the same."""
    for field in ("method", "target", "http_version"):
        left, right = getattr(a, field), getattr(b, field)
        if left != right:
            yield Difference(field, left, right)
    yield from _headers(a.headers, b.headers)
    yield from body_differences(a.body, b.body)


def compared(a: Capture, b: Capture) -> Iterator[Difference]:
    """Yield every field: first the `differences`, then the equal fields."""
    different = set()
    for each in differences(a, b):
        different.add((each.field, each.header))
        yield each
    for field, value, header in _fields(a):
        if (field, header) not in different:
            yield Difference(field, value, value, header)


def _fields(capture: Capture) -> Iterator[tuple[str, str, str | None]]:
    for field in ("method", "target", "http_version"):
        yield field, getattr(capture, field), None
    for name, values in _grouped(capture.headers).items():
        yield f"header {name}", " | ".join(values), name
    parts = _leaves(capture.body)
    if parts is None:
        yield "body", f"{len(capture.body)} bytes", None
    else:
        for path, value in parts.items():
            yield f"body {path}".rstrip(), value, None


def body_differences(a: bytes, b: bytes) -> Iterator[Difference]:
    """The same for two bodies: value by value if both are JSON, else from the first different byte."""
    if a != b:
        yield from _bodies(a, b)


def _headers(a: Headers, b: Headers) -> Iterator[Difference]:
    left, right = _grouped(a), _grouped(b)
    same = True
    for name in dict.fromkeys((*left, *right)):
        if left.get(name) != right.get(name):
            same = False
            yield Difference(f"header {name}", _joined(left.get(name)), _joined(right.get(name)), header=name)
    if same and a != b:
        yield Difference("header order", _names(a), _names(b))


def _grouped(headers: Headers) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return found


def _joined(values: list[str] | None) -> str | None:
    return None if values is None else " | ".join(values)


def _names(headers: Headers) -> str:
    return " ".join(name for name, _ in headers)


def _bodies(a: bytes, b: bytes) -> Iterator[Difference]:
    left, right = _leaves(a), _leaves(b)
    if left is None or right is None:
        yield _first_byte(a, b, "")
        return
    same = True
    for path in dict.fromkeys((*left, *right)):
        if left.get(path) != right.get(path):
            same = False
            yield Difference(f"body {path}".rstrip(), left.get(path), right.get(path))
    if same:
        yield _first_byte(a, b, ", the same values written differently")


def _leaves(body: bytes) -> dict[str, str] | None:
    if sum(body.count(part) for part in (b",", b"[", b"{")) > MOST_PARTS or _of_paths(body) > MOST_OF_PATHS:
        return None
    return leaves(body)


def _of_paths(body: bytes) -> int:
    """Characters of the paths of all values of a JSON body, at least; 0 if it is not JSON."""
    try:
        stack: list[tuple[int, Any]] = [(0, parsed(body))]
    except ValueError:
        return 0
    total = 0
    while stack:
        length, value = stack.pop()
        total += length
        if isinstance(value, dict):
            stack.extend((length + len(key), part) for key, part in value.items())
        elif isinstance(value, list):
            stack.extend((length + len("[0]"), part) for part in value)
    return total


def _first_byte(a: bytes, b: bytes, remark: str) -> Difference:
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return Difference("body", *(_excerpt(body, at, remark) for body in (a, b)))


def _excerpt(body: bytes, at: int, remark: str) -> str:
    part = body[at : at + AROUND]
    shown = f"byte {at}: {part.hex(' ')}" if part else f"ends at byte {at}"
    return f"{len(body)} bytes{remark}; {shown}"
