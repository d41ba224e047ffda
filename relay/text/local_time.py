"""Times as clocks show them: this machine's at each time of the year, and the moment that one of them means.

Owns what a time without an offset means, for filters, commands and screens alike.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

_MICROSECOND = timedelta(microseconds=1)


class SystemZone(tzinfo):
    """This machine's time zone, with the offset that it has at each time, not only the one of now."""

    def utcoffset(self, at: datetime | None) -> timedelta | None:
        """The offset at a time on this clock; of one that comes twice, `fold` says which.

        Raises:
            OverflowError, ValueError: UTC or the system has no such year.
        """
        if at is None:
            return None
        clock = at.replace(tzinfo=None)
        # Not clock.astimezone(): in the hour left out in spring that has the offset of the hour after it.
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
        """The time on this clock."""
        moment = at.replace(tzinfo=UTC)
        # The one way to the system's own clock that also says which of two hours it is.
        clock = datetime.fromtimestamp(moment.replace(microsecond=0).timestamp())  # noqa: DTZ006
        return clock.replace(microsecond=at.microsecond, tzinfo=self)


HERE = SystemZone()


def now() -> datetime:
    """This moment on this machine's clock.

    Two of these are compared and subtracted as clocks show them, so reckon with `astimezone(UTC)`.
    """
    return datetime.now(HERE)


def local(at: datetime) -> datetime:
    """A time on this machine's clock; as it is where that clock has no such year: events say 9999 too."""
    try:
        return at.astimezone(HERE)
    except (OverflowError, ValueError, OSError):
        return at


def moment_of(clock: datetime, zone: tzinfo, *, last: bool) -> datetime:
    """When the clocks of a zone show a time, in UTC.

    A time that comes twice, as clocks go back, means the first of the two, or the last. One that is left
    out, as they go forward, means the change: the first moment after it, or the last before it.

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
