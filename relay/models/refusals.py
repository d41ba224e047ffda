"""Requests and handshakes that did not become captures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.models.times import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request or handshake that did not become a capture, and why."""

    id: int
    at: datetime
    """Aware, UTC: the first of `count`."""
    client: str
    """Peer address without port, or an empty string where it is not known."""
    reason: str
    """A stable word such as `too-large`, `malformed` or `store-full`."""
    detail: str
    count: int = 1
    """Number of equal refusals in this row."""

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": "refusal",
            "id": self.id,
            "at": iso(self.at),
            "client": self.client,
            "reason": self.reason,
            "detail": self.detail,
            "count": self.count,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalTotals:
    """Totals of the refusals in the database."""

    by_reason: dict[str, int]
    """Reason -> number of requests and connections, the most frequent first."""
    rows: int
    """Number of rows that hold them."""
    dropped: int
    """Number of rows deleted to make room for newer ones."""
    since: datetime | None
    """Time of the oldest one kept, aware, UTC; None if there is none."""

    @property
    def total(self) -> int:
        return sum(self.by_reason.values())


@dataclass(slots=True)
class RefusalEntry:
    """Equal refusals since the last write: the first one's time and detail, and their number."""

    at: int
    """Microseconds UTC."""
    client: str
    reason: str
    detail: str
    count: int = 1
