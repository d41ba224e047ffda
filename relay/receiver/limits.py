"""Limits of the receiver."""

from __future__ import annotations

import resource
from dataclasses import dataclass

DESCRIPTORS_KEPT = 64
"""File descriptors not used for connections: the database, sockets, the standard streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverLimits:
    """Times in seconds, sizes in bytes."""

    max_body: int = 10 * 1024 * 1024
    head_s: float = 10.0
    body_s: float = 15.0
    body_grace_s: float = 5.0
    """Time in which a body may arrive at any rate; after it, at least at `least_rate`."""
    least_rate: int = 1024
    idle_s: float = 30.0
    linger_s: float = 2.0
    """Time for reading the rest of a refused body, so that its sender sees the response."""
    room_s: float = 8.0
    """Time that a large body waits for memory; Lean waits 10 s in all."""
    connections: int = 1024
    bodies_in_flight: int = 64 * 1024 * 1024
    """For large bodies, from their heads until they are stored. With more at once a slow disk confirms them
    too late: of 20 with 10 MiB each 13 were stored with 128 MiB, 16 to 19 with 64."""

    def most_connections(self) -> int:
        """The cap on connections, below the system's limit of open files."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return max(8, min(self.connections, soft - DESCRIPTORS_KEPT))
