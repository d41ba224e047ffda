"""Decompresses and decodes bodies, within limits.

For viewing and shape checks only; stored, signed and sent bytes stay as they are. A small body can expand
into a huge one, so the output is at most 8 MiB and 100 times the input, and only one coding is undone.
"""

from __future__ import annotations

import codecs
import zlib
from contextlib import suppress
from dataclasses import dataclass

from relay.models import Headers
from relay.text.safe import visible

MOST_OUT = 8 * 1024 * 1024
MOST_RATIO = 100
SMALL_OUT = 64 * 1024
"""Output bytes allowed at any ratio."""
MOST_MEMBERS = 100
"""Members of a concatenated gzip file that are read."""

_STEP = 64 * 1024
_CHARSETS = frozenset({"iso8859-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"})


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded body."""

    data: bytes
    coding: str = ""
    """The coding that was undone: `gzip`, `deflate`; empty for none."""
    notes: tuple[str, ...] = ()
    """Remarks: truncated, damaged, not decoded."""
    opaque: bool = False
    """Whether the bytes are still compressed."""


def encoding_of(headers: Headers) -> str:
    """The value of Content-Encoding; empty if absent."""
    return ", ".join(value for name, value in headers if name.lower() == "content-encoding")


def decoded(body: bytes, encoding: str) -> Decoded:
    """Undo the last coding of a body.

    Args:
        encoding: the value of Content-Encoding; empty if absent.
    """
    names = [name for name in (part.strip().lower() for part in encoding.split(",")) if name]
    names = [name for name in names if name != "identity"]
    if not names:
        if body[:3] == b"\x1f\x8b\x08":
            found = _inflated(body, "gzip")
            if found is not None:
                said = "compressed with gzip, although there is no Content-Encoding"
                return Decoded(found.data, "gzip", (said, *found.notes))
        return Decoded(body)
    last = names[-1].removeprefix("x-")
    if last not in ("gzip", "deflate"):
        name = visible(names[-1][:40])
        return Decoded(
            body,
            notes=(f"Content-Encoding {name} is not supported; these are the encoded bytes",),
            opaque=True,
        )
    found = _inflated(body, last)
    if found is None:
        return Decoded(body, notes=(f"Content-Encoding says {last}, but the body is not",))
    if len(names) == 1:
        return found
    others = visible(", ".join(names[:-1])[:40])
    notes = (*found.notes, f"encoded more than once: only {last} was decoded, {others} is left")
    return Decoded(found.data, last, notes, opaque=True)


def in_utf8(data: bytes, charset: str) -> tuple[bytes, tuple[str, ...]]:
    """Text as UTF-8, and remarks about it.

    A byte order mark overrides `charset` and is dropped. Text that is not in a known charset, or not valid
    in its own, is left as it is.
    """
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :], ("it starts with a byte order mark",)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        charset = "utf-16"
    try:
        name = codecs.lookup(charset).name if charset.isascii() and charset else "utf-8"
    except (LookupError, ValueError):
        name = "unknown"
    if name in ("utf-8", "ascii"):
        return data, ()
    shown = visible(charset[:40])
    if name not in _CHARSETS or len(data) > MOST_OUT:
        return data, (f"charset {shown} is not supported; read as UTF-8",)
    try:
        return data.decode(name).encode("utf-8"), (f"shown as UTF-8, sent as {shown}",)
    except UnicodeError:
        return data, (f"not valid {shown}, although it says so",)


def _inflated(body: bytes, coding: str) -> Decoded | None:
    """Decompress a body; None if it is not in this coding."""
    most = min(MOST_OUT, max(SMALL_OUT, MOST_RATIO * len(body)))
    # 47: gzip or zlib by its first bytes; some send deflate without either.
    for bits in (47, -15) if coding == "deflate" else (47,):
        data, said = _members(body, bits, most)
        if data or not said:
            return Decoded(data, coding, (said,) if said else ())
    return None


def _members(body: bytes, bits: int, most: int) -> tuple[bytes, str]:
    """All gzip members decompressed, at most `most` bytes, and an error or ''."""
    out = bytearray()
    at = 0
    for _ in range(MOST_MEMBERS):
        member = zlib.decompressobj(bits)
        while not member.eof:
            if at >= len(body):
                return bytes(out), "the compressed data ends too early" if body else ""
            # In slices: zlib returns a copy of all unread input.
            given = body[at : at + _STEP]
            at += len(given)
            before, length = member.copy(), len(out)
            try:
                whole = _feed(member, given, out, most)
            except zlib.error as error:
                # The bytes before the damage are worth seeing.
                del out[length:]
                _feed_until_broken(before, given, out, most)
                said = visible(str(error))
                return bytes(out), f"the compressed data is broken after {len(out):,} bytes: {said}"
            if not whole:
                limit = f"{most // 1024:,} KiB" if most < MOST_OUT else f"{MOST_OUT // 1024 // 1024} MiB"
                return bytes(out), f"too large: cut after {limit}"
        at -= len(member.unused_data)
        # Zeros after the last member are padding.
        if at >= len(body) or bits != 47 or not any(body[at : at + 2]):
            return bytes(out), ""
    return bytes(out), f"cut after {MOST_MEMBERS} gzip members"


def _feed_until_broken(member: zlib._Decompress, given: bytes, out: bytearray, most: int) -> None:
    with suppress(zlib.error):
        for at in range(len(given)):
            if not _feed(member, given[at : at + 1], out, most):
                return


def _feed(member: zlib._Decompress, given: bytes, out: bytearray, most: int) -> bool:
    """Decompress these bytes into `out`; False if that exceeds the limit."""
    while True:
        step = min(_STEP, most + 1 - len(out))
        piece = member.decompress(given, step)
        out += piece
        if len(out) > most:
            del out[most:]
            return False
        given = member.unconsumed_tail
        if member.eof or (not given and len(piece) < step):
            return True
