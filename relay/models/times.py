"""Times as the database's integer microseconds, as datetimes and as text."""

from __future__ import annotations

from datetime import UTC, datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_micros(micros: int) -> datetime:
    """The database's integer microseconds UTC as an aware datetime, without a float in between."""
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def to_micros(at: datetime) -> int:
    """An aware datetime as the database's integer microseconds UTC."""
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def iso(at: datetime) -> str:
    """`2026-11-20T08:15:30.123456Z`: always UTC, always six digits, so that text sorts as time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
