"""The check of the clock: it cannot show a time before this release, or before the newest capture."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from relay.checks.findings import Finding, fault, ok, warning
from relay.config import Settings
from relay.errors import RelayError

RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""A clock that shows an earlier time is wrong."""


def clock(settings: Settings) -> Iterator[Finding]:
    """Whether the clock can be right: after this version's release, and after the newest capture."""
    from relay.store.read.reader import Reader

    now = datetime.now(UTC)
    step = "set the clock, and let the system keep it right (NTP)"
    if now < RELEASED:
        yield fault(
            "clock",
            f"the system clock says {now:%Y-%m-%d %H:%M} UTC, which is before this version was released",
            step,
        )
        return
    try:
        with Reader(settings.db) as reader:
            newest = reader.capture(reader.newest_id())
    except RelayError:
        newest = None
    if newest is not None and newest.received_at > now + timedelta(minutes=1):
        yield warning(
            "clock",
            f"the system clock says {now:%Y-%m-%d %H:%M:%S} UTC, but the newest capture came at "
            f"{newest.received_at:%Y-%m-%d %H:%M:%S}",
            step,
        )
        return
    yield ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")
