"""The write-ahead log from outside: how far it has come, how far it was copied back, whether it is intact.

Owns the layout of -shm and -wal (sqlite.org/walformat.html, sections 2 and 4). Every program that commits or
checkpoints through SQLite keeps the -shm up to date, which tells its work from damage.
"""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

_INDEX_BYTES = 132
_HEADER = struct.Struct("=8xIBBHII8s8s8x")
"""iChange, isInit, bigEndCksum, szPage, mxFrame, nPage, aFrameCksum and aSalt: 48 bytes, which are
there twice."""
_COPIED = struct.Struct("=II")
"""nBackfill and nBackfillAttempted."""

_LOG_HEADER, _FRAME_HEADER = 32, 24
_AT_ONCE = 64
"""Frames of one read."""


class WalIndex(NamedTuple):
    """One state of a write-ahead log."""

    changes: int
    """Counts commits; begins again where SQLite had to rebuild the -shm."""
    is_big_endian: bool
    """How the checksums were made."""
    page_bytes: int
    frames: int
    """Pages in the log that are committed."""
    checksum: bytes
    """Of the last of them, and so of all."""
    salts: bytes
    """Others each time the log starts over."""
    copied: int
    """Frames that are in the database too."""
    copying: int
    """Frames that a checkpoint has begun to copy: more than `copied` while one is at work, or was killed."""

    @property
    def log_bytes(self) -> int:
        """The least size that the log's file must have."""
        return _LOG_HEADER + self.frames * (_FRAME_HEADER + self.page_bytes) if self.frames else 0

    @property
    def is_copied(self) -> bool:
        """Whether the database holds all that is committed, so that nothing of the log is needed."""
        return self.copied >= self.frames


def read(shm: int) -> bytes:
    """The content of the open -shm without the marks of readers, which come and go; `parse` decodes it."""
    data = os.pread(shm, _INDEX_BYTES, 0)
    return data[:100] + data[128:]


def parse(data: bytes) -> WalIndex | None:
    """The state; None where a write is under way in it, or it is damaged."""
    if len(data) < 104 or data[:48] != data[48:96]:
        return None
    changes, is_whole, is_big, page, frames, _, checksum, salts = _HEADER.unpack_from(data)
    if not is_whole:
        return None
    # A page of 65,536 bytes, which two bytes do not hold, is written as 1.
    page_bytes = (page & 0xFE00) + ((page & 1) << 16)
    return WalIndex(
        changes, bool(is_big), page_bytes, frames, checksum, salts, *_COPIED.unpack_from(data, 96)
    )


def has_copied(before: WalIndex, now: WalIndex) -> bool:
    """Whether a checkpoint may have written to the database between two states, or is writing now."""
    if now.copying > now.copied:
        return True
    if now.salts == before.salts:
        return now.copied > before.copied
    others = now.changes - before.changes != 1
    return now.copied > 0 or not before.is_copied or others


def seems_intact(wal: int, before: WalIndex, now: WalIndex) -> bool:
    """Whether the beginning of the open -wal and its former last frame are in place; 2 us.

    Who cuts the file off or copies another over it while a COMMIT makes it grow leaves neither.
    """
    if os.pread(wal, 8, 16) != now.salts:
        return not now.frames
    if before.salts != now.salts or not before.frames:
        return True
    last = _LOG_HEADER + (before.frames - 1) * (_FRAME_HEADER + now.page_bytes)
    return os.pread(wal, 8, last + 8) == now.salts


def is_intact(wal: int, index: WalIndex) -> bool:
    """Whether each committed frame of the open -wal has the bytes that were written; 0.2 s for 10 MB.

    A transaction of another program that is not committed, or was rolled back, may have written behind them.
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
