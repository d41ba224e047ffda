"""Headers and bodies as JSON values."""

from __future__ import annotations

import base64
from typing import Any

Headers = tuple[tuple[str, str], ...]
"""`(name, value)` pairs in wire order, repeats kept; text is latin-1, so each byte survives."""


def body_as_json(name: str, body: bytes | None) -> dict[str, Any]:
    """A body under `name` as text, or where it is not UTF-8 null there and base64 under `name_base64`."""
    if body is None:
        return {name: None}
    try:
        return {name: body.decode("utf-8")}
    except UnicodeDecodeError:
        return {name: None, f"{name}_base64": base64.b64encode(body).decode("ascii")}


def headers_as_json(headers: Headers | None) -> list[list[str]] | None:
    """Headers as lists of name and value; None stays None."""
    return None if headers is None else [list(pair) for pair in headers]
