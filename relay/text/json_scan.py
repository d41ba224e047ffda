"""Finds an event's few fields in a large body without holding the GIL for long.

A C parser holds the GIL, and with it every response, until it is done (measured: up to 70 ms for 16 MiB).
Here no call gets more than `WINDOW_BYTES`. Follows strings and brackets only, so it cannot tell whether a
body is valid JSON.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection
from itertools import accumulate

import msgspec

WINDOW_BYTES = 32 * 1024

MOST_FIELDS = 2_000
"""Limit of fields in an envelope or payload: each costs 3 us here, 50 us if it holds a list."""

_LONGEST_KEY = 80
_LONGEST_TEXT = 4096
_FIRST_WINDOW = 256

_SPACE = re.compile(rb"[ \t\n\r]*+")
_SCALAR = re.compile(rb"[-+.0-9A-Za-z]*+")
_INSIDE_STRING = re.compile(rb'(?:\\.[^"\\]*+)++', re.DOTALL)
_TOKEN = re.compile(rb'\\.|["{}\[\]]', re.DOTALL)
_ALIKE = bytes.maketrans(b"[]", b"{}")
_NO_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_STEPS = bytes.maketrans(b"{}", b"\x01\xff")

_decode_text = msgspec.json.Decoder(str).decode

Found = tuple[str | None, str | None, str | None, str | None]
"""type, event_id, timestamp, payload.customer_id; None if absent or not a string."""

NOTHING: Found = (None, None, None, None)


class UnreadableError(Exception):
    """The body is truncated, has another structure, or too many fields."""


def envelope(body: bytes | bytearray) -> Found:
    """The envelope's strings in a body of any size and content; of a repeated key the last counts.

    Takes some 10 ms for a string of 16 MiB, 0.2 s for 16 MiB of small fields and up to a second for 16 MiB
    designed to be slow. Never raises.
    """
    try:
        start = after_space(body, 0)
        spans, end = _members(body, start, ("type", "event_id", "timestamp", "payload"))
        if after_space(body, end) != len(body):
            return NOTHING
        customer: dict[str, tuple[int, int]] = {}
        if "payload" in spans and _byte(body, spans["payload"][0]) == b"{":
            customer, _ = _members(body, spans["payload"][0], ("customer_id",))
    except UnreadableError:
        return NOTHING
    return (
        _text(body, spans.get("type")),
        _text(body, spans.get("event_id")),
        _text(body, spans.get("timestamp")),
        _text(body, customer.get("customer_id")),
    )


def _members(
    body: bytes | bytearray, at: int, wanted: Collection[str]
) -> tuple[dict[str, tuple[int, int]], int]:
    """Positions of the wanted keys' values in the object at `at`, and the end of that object."""
    spans: dict[str, tuple[int, int]] = {}
    expect(b"{", body, at)
    at = after_space(body, at + 1)
    if _byte(body, at) == b"}":
        return spans, at + 1
    for _ in range(MOST_FIELDS):
        start, at = at, string_end(body, at)
        key = _text(body, (start, at)) if at - start <= _LONGEST_KEY else None
        at = after_space(body, at)
        expect(b":", body, at)
        start = after_space(body, at + 1)
        at = value_end(body, start)
        if key is not None and key in wanted:
            spans[key] = (start, at)
        at = after_space(body, at)
        if _byte(body, at) == b"}":
            return spans, at + 1
        expect(b",", body, at)
        at = after_space(body, at + 1)
    raise UnreadableError


def value_end(body: bytes | bytearray, at: int) -> int:
    """End of the value that starts at `at`; raises `UnreadableError`."""
    first = _byte(body, at)
    if first == b'"':
        return string_end(body, at)
    if first in (b"{", b"["):
        return _container_end(body, at)
    end = _run(_SCALAR, body, at)
    if end == at:
        raise UnreadableError
    return end


def string_end(body: bytes | bytearray, at: int) -> int:
    """End of the string that starts at `at`; raises `UnreadableError`."""
    expect(b'"', body, at)
    at += 1
    while at < len(body):
        limit = min(at + WINDOW_BYTES, len(body))
        quote = body.find(b'"', at, limit)
        slash = body.find(b"\\", at, quote if quote >= 0 else limit)
        if slash >= 0:
            match = _INSIDE_STRING.match(body, slash, slash + WINDOW_BYTES)
            if match is None:
                break  # the body ends inside an escape
            at = match.end()
        elif quote >= 0:
            return quote + 1
        else:
            at = limit
    raise UnreadableError


def _container_end(body: bytes | bytearray, at: int) -> int:
    """End of the object or list that starts at `at`.

    Reduces each window to its brackets outside strings, in a few C calls.
    """
    depth, quoted, size, growth = 1, False, _FIRST_WINDOW, 4
    at += 1
    while at < len(body):
        window = body[at : at + size]
        if (len(window) - len(window.rstrip(b"\\"))) % 2:
            window = window[:-1]  # an escape stays in one window
            if not window:
                break
        length = len(window)
        if b"\\" in window:
            window = window.replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = window.split(b'"')
        brackets = b"".join(parts[quoted::2]).translate(_ALIKE, _NO_BRACKETS)
        for _ in range(4):  # remove pairs that open and close at once; most JSON is flat
            brackets = brackets.replace(b"{}", b"")
        closers = brackets.count(b"}")
        if closers >= depth:
            levels = accumulate(array("b", brackets.translate(_STEPS)), initial=depth)
            if min(levels) <= 0:
                if length <= _FIRST_WINDOW:
                    return _closing_bracket(body, at, depth, quoted)
                size, growth = max(length // 8, _FIRST_WINDOW), 1  # the end is in this window: look closer
                continue
        depth += len(brackets) - 2 * closers
        quoted ^= len(parts) % 2 == 0
        at += length
        size = min(size * growth, WINDOW_BYTES)
    raise UnreadableError


def _closing_bracket(body: bytes | bytearray, at: int, depth: int, quoted: bool) -> int:
    """End of the bracket that brings the depth to 0; it is known to be near."""
    for token in _TOKEN.finditer(body, at):
        if token[0] == b'"':
            quoted = not quoted
        elif not quoted and token[0][0] != 0x5C:
            depth += 1 if token[0] in b"{[" else -1
            if depth == 0:
                return token.end()
    raise UnreadableError


def after_space(body: bytes | bytearray, at: int) -> int:
    """End of the white space, if any, at `at`."""
    return _run(_SPACE, body, at)


def _run(pattern: re.Pattern[bytes], body: bytes | bytearray, at: int) -> int:
    """End of the longest match of the pattern from `at`, in windows."""
    while True:
        limit = min(at + WINDOW_BYTES, len(body))
        match = pattern.match(body, at, limit)
        assert match is not None  # each pattern also matches the empty string
        at = match.end()
        if at < limit or limit == len(body):
            return at


def _byte(body: bytes | bytearray, at: int) -> bytes | bytearray:
    return body[at : at + 1]


def expect(byte: bytes, body: bytes | bytearray, at: int) -> None:
    """Raise `UnreadableError` unless this byte is at `at`."""
    if body[at : at + 1] != byte:
        raise UnreadableError


def _text(body: bytes | bytearray, span: tuple[int, int] | None) -> str | None:
    """The value as text; None if it is not a string, not UTF-8, or far longer than any that is kept."""
    if span is None or span[1] - span[0] > _LONGEST_TEXT:
        return None
    try:
        return _decode_text(body[span[0] : span[1]])
    except ValueError:
        return None
