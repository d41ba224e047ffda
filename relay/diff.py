"""Two captures field by field.

Pure. Compares what came in, byte for byte; what the relay found out about it is left aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from relay.jsonvalues import leaves
from relay.models import Capture, Headers

AROUND = 16
"""Bytes shown from the first one that differs."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which two captures differ."""

    field: str
    """`method`, `target`, `http_version`, `header NAME`, `header order`, `body` or `body PATH`."""
    a: str | None
    """None where it is absent."""
    b: str | None
    header: str | None = None
    """The header's name in lower case, whose values `a` and `b` are; else None."""

    def as_json(self) -> dict[str, Any]:
        """One line of `diff --json`."""
        return {"kind": "difference", "field": self.field, "a": self.a, "b": self.b}


def differences(a: Capture, b: Capture) -> Iterator[Difference]:
    """What differs, from the request line down to the body; nothing where both sent the same."""
    for field in ("method", "target", "http_version"):
        left, right = getattr(a, field), getattr(b, field)
        if left != right:
            yield Difference(field, left, right)
    yield from _headers(a.headers, b.headers)
    yield from body_differences(a.body, b.body)


def body_differences(a: bytes, b: bytes) -> Iterator[Difference]:
    """The same for two bodies alone: value by value where both are JSON, else from the first other byte."""
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
    left, right = leaves(a), leaves(b)
    if left is None or right is None:
        yield _first_byte(a, b, "")
        return
    same = True
    for path in dict.fromkeys((*left, *right)):
        if left.get(path) != right.get(path):
            same = False
            yield Difference(f"body {path}".rstrip(), left.get(path), right.get(path))
    if same:
        yield _first_byte(a, b, ", the same values written otherwise")


def _first_byte(a: bytes, b: bytes, remark: str) -> Difference:
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return Difference("body", *(_excerpt(body, at, remark) for body in (a, b)))


def _excerpt(body: bytes, at: int, remark: str) -> str:
    part = body[at : at + AROUND]
    shown = f"byte {at}: {part.hex(' ')}" if part else f"ends at byte {at}"
    return f"{len(body)} bytes{remark}; {shown}"
