"""What the engine and its writing process say to each other, as frames on a stream socket.

Owns the wire form: a kind, a length, a payload. Captures go as msgpack, which costs the engine's loop a
microsecond each; everything else is rare and goes as a pickle, which both ends may trust: they are the same
program of the same person, and the socket has no name. Opens nothing.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any

import msgspec

from relay.store.inserting import Row

Arrived = tuple[Row, tuple[str, ...]]
"""A capture's values, and the targets that it is to be sent on to."""

HEAD_BYTES = 5


class Kind(IntEnum):
    """What a frame says. The engine's frames are answered in the order in which they were sent."""

    OPEN = 1
    """Engine: take the database, with these bounds."""
    CAPTURES = 2
    """Engine: store these, since when they have waited."""
    JOB = 3
    """Engine: run this change."""
    STOP = 4
    """Engine: finish what came before, then end."""
    OPENED = 5
    """Process: it is mine; where a damaged one was put, and the newest id."""
    STORED = 6
    """Process: so many of the oldest captures are on disk, with consecutive ids from this one."""
    FAILED = 7
    """Process: so many of the oldest captures are not stored, and why."""
    DONE = 8
    """Process: the oldest job's result."""
    RAISED = 9
    """Process: what the oldest job raised, or why there is no database."""
    HEALTH = 10
    """Process: what keeps it from storing, from now on; None for nothing."""
    SAID = 11
    """Process: a line for the log, with its level."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[float, list[tuple[tuple[Any, ...], tuple[str, ...]]]]).decode


def captures_frame(since: float, arrived: Sequence[Arrived]) -> bytes:
    """A CAPTURES frame; `since` is `monotonic()` of the oldest."""
    payload = _encode((since, arrived))
    return b"".join((_head(Kind.CAPTURES, len(payload)), payload))


def captures_of(payload: bytes) -> tuple[float, list[Arrived]]:
    """What `captures_frame` put into a frame."""
    return _decode(payload)


def frame(kind: Kind, *payload: Any) -> bytes:
    """Any other frame.

    Raises:
        Exception: as `pickle` does for what it cannot take.
    """
    data = pickle.dumps(payload)
    return b"".join((_head(kind, len(data)), data))


def payload_of(payload: bytes) -> tuple[Any, ...]:
    """What `frame` put into a frame."""
    return pickle.loads(payload)  # type: ignore[no-any-return]  # noqa: S301 - from ourselves, see above


def _head(kind: Kind, size: int) -> bytes:
    return bytes((kind,)) + size.to_bytes(4, "little")


class Incoming:
    """Puts frames together from what a socket gives."""

    def __init__(self) -> None:
        self._received = bytearray()

    def fed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """The frames that are whole now, in order."""
        received = self._received
        received += data
        at, end = 0, len(received)
        try:
            while end - at >= HEAD_BYTES:
                start = at + HEAD_BYTES
                size = int.from_bytes(received[at + 1 : start], "little")
                if end - start < size:
                    return
                kind, at = received[at], start + size
                yield Kind(kind), bytes(received[start:at])
        finally:
            del received[:at]
