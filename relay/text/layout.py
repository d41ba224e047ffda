"""Formats bodies for reading: indented JSON with numbers as written, and hex.

Pure. For reading only: the original bytes are sent, stored and signed.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate

import msgspec

MOST_DEPTH = 128
"""Nesting limit for indented JSON."""

MOST_LAID_OUT = 64 * 1024 * 1024
"""Limit of an indented body, in bytes: a small one that is nested deeply needs many spaces."""

_MARKS = b'[]{},"'
_NO_MARKS = bytes(set(range(256)) - set(_MARKS))
_STEPS = bytes.maketrans(b"[]{},", b"\x01\xff\x01\xff\x00")

_NOT_UTF8 = b"\xff"
"""Never part of UTF-8, so it can temporarily mark a place."""

_BACKSLASH = re.compile(rb"\\(u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL)


def laid_out(body: bytes) -> str | None:
    """A JSON body indented by two, with numbers and strings as written; None if it is not JSON."""
    try:
        return indented(body).decode("utf-8")
    except ValueError:
        return None


def indented(body: bytes) -> bytes:
    """A JSON body indented by two, with numbers, strings and repeated keys as written.

    Raises:
        ValueError: it is not JSON, or too large when indented; the message says which.
    """
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: byte {error.start:,} is {body[error.start]:02x}") from None
    depth, blanks = _extent(body)
    if depth > MOST_DEPTH:
        raise ValueError(f"nested {depth:,} deep; only {MOST_DEPTH} levels can be indented")
    if len(body) + blanks > MOST_LAID_OUT:
        raise ValueError(f"indented it would take {(len(body) + blanks) // 1024 // 1024} MiB")
    try:
        return msgspec.json.format(body, indent=2)
    except msgspec.MsgspecError as error:
        first = error
    if b"\\ud" in body.lower():
        # A lone surrogate is valid JSON but not text, and msgspec refuses it.
        with suppress(msgspec.MsgspecError):
            hidden = _BACKSLASH.sub(_without_surrogate, body)
            return msgspec.json.format(hidden, indent=2).replace(_NOT_UTF8, b"\\")
    reason = str(first).removeprefix("JSON is malformed: ")
    raise ValueError(f"not JSON: {'it ends too early' if 'truncated' in reason else reason}")


def _without_surrogate(escape: re.Match[bytes]) -> bytes:
    return _NOT_UTF8 + escape[1] if len(escape[1]) > 1 else escape[0]


def _extent(body: bytes) -> tuple[int, int]:
    """Nesting depth, and the approximate number of spaces and line feeds that indenting adds.

    Without recursion, by brackets, commas and quotes only: 10 MiB take 0.1 s in steps that let other
    threads run.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = body.translate(None, _NO_MARKS)
    depth = deepest = blanks = inside = 0
    for at in range(0, len(marks), 16 * 1024):
        # Every second part between quotes is outside strings.
        parts = marks[at : at + 16 * 1024].split(b'"')
        outside = b"".join(parts[inside::2]).translate(_STEPS)
        inside = (inside + len(parts) - 1) % 2
        levels = list(accumulate(array("b", outside), initial=depth))
        depth = levels[-1]
        deepest = max(deepest, max(levels))
        if min(levels) < 0:
            # Not JSON from here on; indenting stops here too.
            levels = levels[: next(at for at, level in enumerate(levels) if level < 0)]
            depth = -1
        blanks += 2 * sum(levels) + len(levels)
        if depth < 0:
            break
    return deepest, blanks


def hex_rows(data: bytes) -> Iterator[str]:
    """Sixteen bytes per row: offset, hex, ASCII."""
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"{start:08x}  {row.hex(' '):47}  {text}"
