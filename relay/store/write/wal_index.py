"""The state of a WAL, read from its files: its length, how much of it was checkpointed, whether it is intact.

Owns the layout of -shm and -wal (sqlite.org/walformat.html, sections 2 and 4). Every program that commits or
checkpoints through SQLite keeps the -shm up to date, which distinguishes its work from damage.
"""

from __future__ import annotations

import os
import struct
import sys
from typing import NamedTuple

_INDEX_BYTES = 132
_HEADER = struct.Struct("=8xIBBHII8s8s8x")
"""iChange, isInit, bigEndCksum, szPage, mxFrame, nPage, aFrameCksum and aSalt: 48 bytes, stored twice."""
_COPIED = struct.Struct("=II")
"""nBackfill and nBackfillAttempted."""

_INDEX_COPIES = 96
"""Bytes of both copies of the header."""
_BLOCK_BYTES, _BLOCK_ENTRIES = 32768, 4096
"""Each block has the pages of so many frames, as 4 bytes each, and a hash table of them."""
_FIRST_MISSING = 34
"""In place of so many entries the first block has the header."""

_LOG_HEADER, _FRAME_HEADER = 32, 24
_AT_ONCE = 64
"""Frames per read."""


class WalIndex(NamedTuple):
    """One state of a WAL."""

    changes: int
    """Counts commits; restarts if SQLite had to rebuild the -shm."""
    is_big_endian: bool
    """Byte order of the checksums."""
    page_bytes: int
    frames: int
    """Committed frames in the WAL."""
    checksum: bytes
    """Cumulative, of the last of them."""
    salts: bytes
    """New each time the WAL restarts."""
    copied: int
    """Frames that were copied into the database."""
    copying: int
    """Frames that a checkpoint has started to copy: more than `copied` while one runs, or was killed."""

    @property
    def log_bytes(self) -> int:
        """The minimum size of the WAL file."""
        return _LOG_HEADER + self.frames * (_FRAME_HEADER + self.page_bytes) if self.frames else 0

    @property
    def is_copied(self) -> bool:
        """Whether the database contains all commits, so the WAL is not needed."""
        return self.copied >= self.frames


def read(shm: int) -> bytes:
    """The content of the open -shm without the volatile marks of readers; `parse` decodes it."""
    data = os.pread(shm, _INDEX_BYTES, 0)
    return data[:100] + data[128:]


def parse(data: bytes) -> WalIndex | None:
    """The state; None during a write, or if it is damaged."""
    if len(data) < 104 or data[:48] != data[48:96]:
        return None
    changes, is_whole, is_big, page, frames, _, checksum, salts = _HEADER.unpack_from(data)
    if not is_whole:
        return None
    # A page size of 65,536, which does not fit in two bytes, is stored as 1.
    page_bytes = (page & 0xFE00) + ((page & 1) << 16)
    return WalIndex(
        changes, bool(is_big), page_bytes, frames, checksum, salts, *_COPIED.unpack_from(data, 96)
    )


def has_copied(before: WalIndex, now: WalIndex) -> bool:
    """Whether a checkpoint may have written to the database between two states, or is running."""
    if now.copying > now.copied:
        return True
    if now.salts == before.salts:
        return now.copied > before.copied
    others = now.changes - before.changes != 1
    return now.copied > 0 or not before.is_copied or others


def seems_intact(wal: int, before: WalIndex, now: WalIndex) -> bool:
    """Whether the start of the open -wal and its former last frame are in place; 2 us.

    Neither is if the file was truncated or overwritten while a COMMIT extended it.
    """
    if os.pread(wal, 8, 16) != now.salts:
        return not now.frames
    if before.salts != now.salts or not before.frames:
        return True
    last = _LOG_HEADER + (before.frames - 1) * (_FRAME_HEADER + now.page_bytes)
    return os.pread(wal, 8, last + 8) == now.salts


def is_indexed(shm: int, wal: int, before: WalIndex, now: WalIndex) -> bool:
    """Whether the open -shm still has the page of the former last frame, after a COMMIT; 2 us.

    A program that overwrites the -shm during a transaction leaves the pages of earlier frames wrong behind a
    header that the COMMIT makes right, and SQLite believes the header.
    """
    if before.salts != now.salts or not before.frames:
        return True
    last = before.frames - 1
    page = os.pread(wal, 4, _LOG_HEADER + last * (_FRAME_HEADER + now.page_bytes))
    block, entry = divmod(last + _FIRST_MISSING, _BLOCK_ENTRIES)
    at = block * _BLOCK_BYTES + 4 * entry
    return int.from_bytes(page, "big") == int.from_bytes(os.pread(shm, 4, at), sys.byteorder)


def drop(shm: int) -> None:
    """Make SQLite build the open -shm again from the -wal, at the next read."""
    os.pwrite(shm, bytes(_INDEX_COPIES), 0)


def is_intact(wal: int, index: WalIndex) -> bool:
    """Whether every committed frame of the open -wal has its original bytes; 0.2 s for 10 MB.

    An uncommitted or rolled back transaction of another program may have written after them.
    """
    if not index.frames:
        return True
    words = struct.Struct((">" if index.is_big_endian else "<") + "II")
    stored = struct.Struct(">II")
    header = os.pread(wal, _LOG_HEADER, 0)
    if len(header) < _LOG_HEADER or header[16:24] != index.salts:
        return False
    first = second = 0

    def add(data: bytes) -> None:
        nonlocal first, second
        for one, two in words.iter_unpack(data):
            first = (first + one + second) & 0xFFFFFFFF
            second = (second + two + first) & 0xFFFFFFFF

    add(header[:24])
    if (first, second) != stored.unpack_from(header, 24):
        return False
    size = _FRAME_HEADER + index.page_bytes
    for start in range(0, index.frames, _AT_ONCE):
        count = min(_AT_ONCE, index.frames - start)
        data = os.pread(wal, count * size, _LOG_HEADER + start * size)
        if len(data) < count * size:
            return False
        for at in range(0, count * size, size):
            frame = data[at : at + size]
            add(frame[:8])
            add(frame[_FRAME_HEADER:])
            if frame[8:16] != index.salts or (first, second) != stored.unpack_from(frame, 16):
                return False
    return struct.pack("=II", first, second) == index.checksum
