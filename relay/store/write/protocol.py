"""The messages between the engine and its writing process, as frames on a stream socket.

Owns the wire form: a kind, a length, a payload. Captures go as msgpack, which costs the engine's loop a
microsecond each, and their large bodies before them as they are, so that neither end holds one twice;
everything else is rare and goes as a pickle, which both ends may trust: they are the same program of the
same person, and the socket has no name. Opens nothing.
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
"""A target, or a target and the reason why the delivery to it is parked from the start."""

Arrived = tuple[Row, tuple[Send, ...]]
"""A capture's values, and the targets that it is to be sent on to."""

HEAD_BYTES = 5

LARGE_BYTES = 64 * 1024
"""From here on a body has a frame of its own."""


class Kind(IntEnum):
    """The kind of a frame. The engine's frames are answered in the order in which they were sent."""

    OPEN = 1
    """Engine: take the database, with these bounds."""
    CAPTURES = 2
    """Engine: store these, since when they have waited."""
    JOB = 3
    """Engine: run this change."""
    STOP = 4
    """Engine: finish earlier requests, then end."""
    OPENED = 5
    """Process: it is mine, and the newest id."""
    STORED = 6
    """Process: so many of the oldest captures are on disk, with consecutive ids from this one."""
    FAILED = 7
    """Process: so many of the oldest captures are not stored, and why."""
    DONE = 8
    """Process: the oldest job's result."""
    RAISED = 9
    """Process: the exception of the oldest job, or why there is no database."""
    HEALTH = 10
    """Process: the reason why it cannot store from now on; None if it can again."""
    LOG_LINE = 11
    """Process: a line for the log, with its level."""
    BODY = 12
    """Engine: the body of one of the next captures, in their order."""


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
    """The arguments of `captures_frames`.

    Args:
        bodies: of the BODY frames since the last CAPTURES; emptied.
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
        """A frame that is read into a buffer of its own, because it is longer than one read."""
        self._missing = 0

    @property
    def room(self) -> memoryview | None:
        """Where the rest of a large frame belongs; None where anything may come next."""
        if self._large is None:
            return None
        return memoryview(self._large[1])[-self._missing :]

    def filled(self, count: int) -> Iterator[tuple[Kind, Buffer]]:
        """So many bytes were put into `room`; the frame if it is whole now."""
        assert self._large is not None
        self._missing -= count
        if not self._missing:
            large, self._large = self._large, None
            yield large

    def fed(self, data: bytes) -> Iterator[tuple[Kind, Buffer]]:
        """The frames that are whole now, in order; not to be called while there is `room`."""
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
