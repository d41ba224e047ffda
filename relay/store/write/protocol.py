"""The messages between the engine and its writing process, as frames on a stream socket.

Owns the wire format: a kind, a length, a payload. Captures are sent as msgpack, which costs the engine's loop
a microsecond each, and large bodies in raw frames before them, so that neither end holds one twice.
Everything else is rare and is pickled, which both ends can trust: they are the same program of the same user,
and the socket has no name. Opens nothing.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from relay.store.columns import Row

Send = str | tuple[str, str]
"""A target; or a target and the reason for parking its delivery from the start."""

Arrived = tuple[Row, tuple[Send, ...]]
"""A capture's values, and the targets to forward it to."""

HEAD_BYTES = 5

LARGE_BYTES = 64 * 1024
"""A body of this size or more has its own frame."""


class Kind(IntEnum):
    """Kind of a frame. The engine's frames are answered in the order in which they were sent."""

    OPEN = 1
    """Engine: open the database, with these time limits."""
    CAPTURES = 2
    """Engine: store these captures, which have waited since this time."""
    JOB = 3
    """Engine: run this change."""
    STOP = 4
    """Engine: finish earlier requests, then end."""
    OPENED = 5
    """Process: the database is open; its newest id."""
    STORED = 6
    """Process: this many of the oldest captures are on disk, with consecutive ids from this one."""
    FAILED = 7
    """Process: this many of the oldest captures are not stored, and the reason."""
    DONE = 8
    """Process: result of the oldest job."""
    RAISED = 9
    """Process: exception of the oldest job, or of opening the database."""
    HEALTH = 10
    """Process: the reason why it cannot store from now on; None if it can again."""
    LOG_LINE = 11
    """Process: a log line with its level."""
    BODY = 12
    """Engine: the body of one of the next captures, in order."""


Buffer = bytes | bytearray

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[float, list[tuple[Row, tuple[Send, ...]]]]).decode


def captures_frames(since: float, arrived: Sequence[Arrived]) -> Iterator[bytes]:
    """A CAPTURES frame, with BODY frames before it; `since` is `monotonic()` of the oldest."""
    slim: Sequence[Arrived] = arrived
    if any(len(row.body) >= LARGE_BYTES for row, _ in arrived):
        slim = []
        for row, targets in arrived:
            body = row.body
            if len(body) >= LARGE_BYTES:
                yield _head(Kind.BODY, len(body))
                yield body
                row = replace(row, body=None)
            slim.append((row, targets))
    payload = _encode((since, slim))
    yield b"".join((_head(Kind.CAPTURES, len(payload)), payload))


def captures_of(payload: Buffer, bodies: list[Buffer]) -> tuple[float, list[Arrived]]:
    """Decode a CAPTURES frame into the arguments of `captures_frames`.

    Args:
        bodies: from the BODY frames since the last CAPTURES; emptied.
    """
    since, arrived = _decode(payload)
    if bodies:
        large = iter(bodies)
        for row, _ in arrived:
            if row.body is None:
                row.body = next(large)
        bodies.clear()
    return since, arrived


def frame(kind: Kind, *payload: Any) -> bytes:
    """Any other frame.

    Raises:
        Exception: raised by `pickle` for unsupported values.
    """
    data = pickle.dumps(payload)
    return b"".join((_head(kind, len(data)), data))


def payload_of(payload: Buffer) -> tuple[Any, ...]:
    """The payload that was passed to `frame`."""
    return pickle.loads(payload)  # type: ignore[no-any-return]  # noqa: S301 - from ourselves, see above


def _head(kind: Kind, size: int) -> bytes:
    return bytes((kind,)) + size.to_bytes(4, "little")


class Incoming:
    """Assembles frames from the data of a socket."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._large: tuple[Kind, bytearray] | None = None
        """A frame longer than one read, which is read into its own buffer."""
        self._missing = 0

    @property
    def room(self) -> memoryview | None:
        """Buffer for the rest of a large frame; None if there is none."""
        if self._large is None:
            return None
        return memoryview(self._large[1])[-self._missing :]

    def filled(self, count: int) -> Iterator[tuple[Kind, Buffer]]:
        """Count bytes that were put into `room`; yield the frame if it is complete."""
        assert self._large is not None
        self._missing -= count
        if not self._missing:
            large, self._large = self._large, None
            yield large

    def fed(self, data: bytes | memoryview) -> Iterator[tuple[Kind, Buffer]]:
        """Add bytes; yield complete frames in order. Not to be called while there is `room`."""
        received = self._received
        received += data
        at, end = 0, len(received)
        try:
            while end - at >= HEAD_BYTES:
                start = at + HEAD_BYTES
                size = int.from_bytes(received[at + 1 : start], "little")
                if end - start < size:
                    if size >= LARGE_BYTES:
                        self._large = Kind(received[at]), bytearray(size)
                        self._missing = size - (end - start)
                        self._large[1][: end - start] = received[start:end]
                        at = end
                    return
                kind, at = received[at], start + size
                yield Kind(kind), bytes(received[start:at])
        finally:
            del received[:at]
