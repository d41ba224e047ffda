"""Pieces of a body as text that is safe for a terminal, and their width in cells.

Owns the conversion of bytes to cells: UTF-8 where valid, other bytes as `<FF>`, then `relay.text.safe`.
Replaced characters are marked as `odd`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

from rich.cells import cell_len

from relay.text.safe import visible

_SELECTOR = "\ufe0f"
"""Selects the emoji form of the character before it, which is a cell wider."""


def is_plain(data: bytes) -> bool:
    """Whether each byte is a printable ASCII character: one cell, shown as it is."""
    return data.isascii() and data.decode("ascii").isprintable()


def parts(data: bytes) -> Iterator[tuple[str, bool]]:
    """`data` as safe text in parts, each with whether it was replaced."""
    if is_plain(data):
        yield data.decode("ascii"), False
        return
    for odd, characters in groupby(data.decode("utf-8", "surrogateescape"), _is_odd):
        yield "".join(map(_character, characters)), odd


def cuts(data: bytes, start: int, stop: int, width: int, hang: int) -> list[int]:
    """Offsets at which the rows of `data[start:stop]` begin, the first at `start`, for `width` cells.

    Args:
        hang: blank cells before each row except the first, less than `width`.
    """
    piece = data[start:stop]
    if is_plain(piece):
        if len(piece) <= width:
            return [start]
        return [start, *range(start + width, stop, width - hang)]
    found = [start]
    room = width
    at = start
    for character in piece.decode("utf-8", "surrogateescape"):
        cells, length = _measure(character)
        if cells > room and at > found[-1]:
            found.append(at)
            room = width - hang
        room -= cells
        at += length
    return found


def boundary(data: bytes, at: int) -> int:
    """The last offset at or before `at` that is not inside a UTF-8 character."""
    for back in range(4):
        if at - back <= 0 or at >= len(data) or data[at - back] & 0xC0 != 0x80:
            return max(at - back, 0)
    return at


@lru_cache(4096)
def _character(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"<{ord(character) - 0xDC00:02X}>"
    return visible(character)


def _is_odd(character: str) -> bool:
    return _character(character) != character


@lru_cache(4096)
def _measure(character: str) -> tuple[int, int]:
    """Cells on screen and bytes in the body of one decoded character."""
    cells = 1 if character == _SELECTOR else cell_len(_character(character))
    return cells, len(character.encode("utf-8", "surrogateescape"))
