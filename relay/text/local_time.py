"""Conversion between UTC and this machine's local time, with its offset at each time of the year.

Owns the meaning of a time without an offset, for filters, commands and screens alike.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

_MICROSECOND = timedelta(microseconds=1)


class SystemZone(tzinfo):
    """This machine's time zone, with its offset at each time, not only the current one."""

    def utcoffset(self, at: datetime | None) -> timedelta | None:
        """Offset at a local time; for one that occurs twice, `fold` chooses.

        Raises:
            OverflowError, ValueError: UTC or the system has no such year.
        """
        if at is None:
            return None
        clock = at.replace(tzinfo=None)
        # Not clock.astimezone(): in the hour skipped in spring it returns the offset of the next hour.
        return clock - datetime.fromtimestamp(clock.replace(microsecond=0).timestamp(), UTC).replace(
            tzinfo=None, microsecond=clock.microsecond
        )

    def dst(self, at: datetime | None) -> None:
        """Not known."""
        return

    def tzname(self, at: datetime | None) -> str | None:
        """The offset: the system's own names are ambiguous."""
        return None if at is None else at.strftime("%z")

    def fromutc(self, at: datetime) -> datetime:
        """Local time of a moment."""
        moment = at.replace(tzinfo=UTC)
        # The only way to local time that also says which of two equal hours it is.
        clock = datetime.fromtimestamp(moment.replace(microsecond=0).timestamp())  # noqa: DTZ006
        return clock.replace(microsecond=at.microsecond, tzinfo=self)


HERE = SystemZone()


def now() -> datetime:
    """The current local time.

    Python compares and subtracts two of these by the clock, so convert with `astimezone(UTC)` first.
    """
    return datetime.now(HERE)


def local(at: datetime) -> datetime:
    """A time as local time; unchanged if the system has no such year: some events say 9999."""
    try:
        return at.astimezone(HERE)
    except (OverflowError, ValueError, OSError):
        return at


def moment_of(clock: datetime, zone: tzinfo, *, last: bool) -> datetime:
    """The UTC time at which the clocks of a zone show a time.

    A time that occurs twice, as clocks go back, means the first of the two, or the last. One that is skipped,
    as they go forward, means the change: the first moment after it, or the last before it.

    Args:
        clock: without a zone.

    Raises:
        OverflowError, ValueError: there is no such moment.
    """
    both = [clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    early, late = min(both), max(both)
    shown = [at for at in (early, late) if _clock(at, zone) == clock]
    if shown:
        return shown[-1] if last else shown[0]
    while late - early > _MICROSECOND:
        middle = early + (late - early) / 2
        if _clock(middle, zone) < clock:
            early = middle
        else:
            late = middle
    return early if last else late


def _clock(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)
