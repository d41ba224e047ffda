"""The bytes that a compressed or differently encoded body stands for, within limits.

Only what is looked at or judged is decoded, never what is stored, signed or sent. A small body can stand
for a huge one: at most 8 MiB come out, at most a hundred times what went in, and one coding is undone.
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
"""So much may come out at any ratio."""
MOST_MEMBERS = 100
"""Of a gzip file that is several in a row."""

_STEP = 64 * 1024
_CHARSETS = frozenset({"iso8859-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32"})


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came out."""

    data: bytes
    coding: str = ""
    """What was undone: `gzip`, `deflate`; empty for nothing."""
    notes: tuple[str, ...] = ()
    """What is to be said about it: cut, broken, not undone."""
    opaque: bool = False
    """The bytes are still compressed, so there is nothing to read in them."""


def encoding_of(headers: Headers) -> str:
    """What Content-Encoding says; empty where it is not there."""
    return ", ".join(value for name, value in headers if name.lower() == "content-encoding")


def decoded(body: bytes, encoding: str) -> Decoded:
    """Undo the last coding of a body.

    Args:
        encoding: the value of Content-Encoding, empty without one.
    """
    names = [name for name in (part.strip().lower() for part in encoding.split(",")) if name]
    names = [name for name in names if name != "identity"]
    if not names:
        if body[:3] == b"\x1f\x8b\x08":
            found = _inflated(body, "gzip")
            if found is not None:
                said = "compressed with gzip, though no Content-Encoding says so"
                return Decoded(found.data, "gzip", (said, *found.notes))
        return Decoded(body)
    last = names[-1].removeprefix("x-")
    if last not in ("gzip", "deflate"):
        name = visible(names[-1][:40])
        return Decoded(
            body, notes=(f"Content-Encoding {name} is not undone here; these are its bytes",), opaque=True
        )
    found = _inflated(body, last)
    if found is None:
        return Decoded(body, notes=(f"Content-Encoding says {last}, but the bytes are not",))
    if len(names) == 1:
        return found
    others = visible(", ".join(names[:-1])[:40])
    notes = (*found.notes, f"coded more than once: only {last} was undone, {others} is left")
    return Decoded(found.data, last, notes, opaque=True)


def in_utf8(data: bytes, charset: str) -> tuple[bytes, tuple[str, ...]]:
    """Text as UTF-8, and what is to be said about it.

    A byte order mark counts more than `charset`, and is dropped. What cannot be read so, and any
    charset but a few common ones, is left as it is.
    """
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :], ("a byte order mark stands before it",)
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
        return data, (f"charset {shown} is not read here; taken for UTF-8",)
    try:
        return data.decode(name).encode("utf-8"), (f"shown as UTF-8, sent as {shown}",)
    except UnicodeError:
        return data, (f"not the {shown} that it claims to be",)


def _inflated(body: bytes, coding: str) -> Decoded | None:
    """None where these are other bytes from the start."""
    most = min(MOST_OUT, max(SMALL_OUT, MOST_RATIO * len(body)))
    # 47: gzip or zlib by its first bytes; some send deflate without either.
    for bits in (47, -15) if coding == "deflate" else (47,):
        data, said = _members(body, bits, most)
        if data or not said:
            return Decoded(data, coding, (said,) if said else ())
    return None


def _members(body: bytes, bits: int, most: int) -> tuple[bytes, str]:
    """What one member of gzip after another gives, at most `most` bytes, and what went wrong."""
    out = bytearray()
    at = 0
    for _ in range(MOST_MEMBERS):
        member = zlib.decompressobj(bits)
        while not member.eof:
            if at >= len(body):
                return bytes(out), "the compressed bytes end too early" if body else ""
            # In slices: zlib hands back a copy of all that it has not read yet.
            given = body[at : at + _STEP]
            at += len(given)
            before, length = member.copy(), len(out)
            try:
                whole = _feed(member, given, out, most)
            except zlib.error as error:
                # What stands before the broken byte is worth seeing.
                del out[length:]
                _feed_until_broken(before, given, out, most)
                said = visible(str(error))
                return bytes(out), f"the compressed bytes are broken after {len(out):,} bytes: {said}"
            if not whole:
                limit = f"{most // 1024:,} KiB" if most < MOST_OUT else f"{MOST_OUT // 1024 // 1024} MiB"
                return bytes(out), f"too large: cut after the first {limit}, there is more"
        at -= len(member.unused_data)
        # Zeros after the last member are padding.
        if at >= len(body) or bits != 47 or not any(body[at : at + 2]):
            return bytes(out), ""
    return bytes(out), f"cut after {MOST_MEMBERS} members of gzip, there are more"


def _feed_until_broken(member: zlib._Decompress, given: bytes, out: bytearray, most: int) -> None:
    with suppress(zlib.error):
        for at in range(len(given)):
            if not _feed(member, given[at : at + 1], out, most):
                return


def _feed(member: zlib._Decompress, given: bytes, out: bytearray, most: int) -> bool:
    """Append what comes of these bytes; False where that is more than may come out."""
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
