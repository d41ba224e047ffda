"""Memory budget for large bodies: each reserves room before it is read, and waits while there is none.

Small bodies are not counted: a connection has one at a time. A waiting connection is not read, so its bytes
stay with the sender. Room is granted in the order of the requests. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

SMALL_BYTES = 64 * 1024
"""A body up to this size needs no room."""


class Room:
    """Room that a body has or waits for."""

    __slots__ = ("bytes", "ready")

    def __init__(self, size: int, ready: Callable[[], None]) -> None:
        self.bytes = size
        self.ready = ready


class Budget:
    """Limits the bytes of bodies in progress; a single body may be larger."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._queue: deque[Room] = deque()

    @property
    def used(self) -> int:
        return self._used

    def ask(self, size: int, ready: Callable[[], None]) -> tuple[Room, bool]:
        """Reserve room for a body; if it is not free now (False), `ready` is called when it is."""
        room = Room(size, ready)
        if not self._queue and self._fits(room):
            self._used += size
            return room, True
        self._queue.append(room)
        return room, False

    def give_back(self, room: Room) -> None:
        """Release room, or stop waiting for it."""
        if room in self._queue:
            self._queue.remove(room)
        else:
            self._used -= room.bytes
        self._admit()

    def shrink(self, room: Room, size: int) -> None:
        """Return the part that a smaller body does not need."""
        self._used -= room.bytes - size
        room.bytes = size
        self._admit()

    def _fits(self, room: Room) -> bool:
        return not self._used or self._used + room.bytes <= self._most

    def _admit(self) -> None:
        while self._queue and self._fits(self._queue[0]):
            room = self._queue.popleft()
            self._used += room.bytes
            room.ready()
