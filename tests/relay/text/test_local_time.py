"""What a clock shows and what a written time means, through every change of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.filters import parse
from relay.filters.values import moment
from relay.text.local_time import HERE, local, moment_of, now
from tests.support.factories import a_capture
from tests.support.time_zones import clocks_of

ZONES = (
    "Asia/Dubai",  # never
    "Europe/Berlin",  # in the small hours
    "America/Sao_Paulo",  # at midnight, so that a date began at 01:00
    "Asia/Beirut",  # at midnight in both directions
    "Africa/Cairo",
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Apia",  # left out a whole day
    "Asia/Kathmandu",
    "Africa/Casablanca",  # twice within some weeks
)
CHANGES = (
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 3, 28, 22, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 10, 24, 21, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
)
WINTER, SUMMER = datetime(2026, 11, 26, 20, tzinfo=UTC), datetime(2026, 7, 1, 9, tzinfo=UTC)

zones = st.sampled_from(ZONES).map(ZoneInfo)
anywhen = st.integers(0, 30 * 365 * 86_400_000).map(
    lambda drawn: datetime(2005, 1, 1, tzinfo=UTC) + timedelta(milliseconds=drawn)
)
near_a_change = st.tuples(st.sampled_from(CHANGES), st.integers(-7_200_000, 7_200_000)).map(
    lambda drawn: (ZoneInfo(drawn[0][0]), drawn[0][1] + timedelta(milliseconds=drawn[1]))
)
places = st.one_of(near_a_change, st.tuples(zones, anywhen))


def is_found(text: str, at: datetime, zone: tzinfo, asked_at: datetime = WINTER) -> bool:
    return parse(text, asked_at.astimezone(zone)).matches(a_capture(received_at=at))


def shown(at: datetime, zone: tzinfo) -> str:
    """As `list` shows it: to the millisecond, without an offset."""
    return at.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]


@given(places, st.sampled_from((WINTER, SUMMER)))
@example((ZoneInfo("Europe/Berlin"), datetime(2026, 7, 1, 21, 50, tzinfo=UTC)), WINTER)
@example((ZoneInfo("Europe/Berlin"), datetime(2026, 6, 30, 22, 10, tzinfo=UTC)), WINTER)
@example((ZoneInfo("Europe/Berlin"), datetime(2026, 10, 24, 22, 30, tzinfo=UTC)), WINTER)
def test_what_is_shown_is_what_a_filter_means(place: tuple[ZoneInfo, datetime], asked_at: datetime) -> None:
    """The time and the date of a row find the row, whatever the offset was then and is now."""
    zone, at = place
    clock = shown(at, zone)
    assert is_found(f"since:{clock} until:{clock}", at, zone, asked_at)
    day = clock[:10]
    assert is_found(f"since:{day} until:{day}", at, zone, asked_at)
    before, after = (
        (datetime.fromisoformat(day) + timedelta(days=days)).date().isoformat() for days in (-1, 1)
    )
    assert not is_found(f"until:{before}", at, zone, asked_at)
    assert not is_found(f"since:{after}", at, zone, asked_at)


@given(places, st.integers(-7_200_000, 7_200_000))
def test_bounds_are_those_of_the_clock(place: tuple[ZoneInfo, datetime], off_ms: int) -> None:
    """`since` and `until` part the rows as their shown times do, but for an hour that comes twice."""
    zone, at = place
    bound = at.astimezone(zone).replace(tzinfo=None, fold=0) + timedelta(milliseconds=off_ms)
    written = bound.isoformat(timespec="microseconds")
    clock = at.astimezone(zone).replace(tzinfo=None, fold=0)
    since, until = is_found(f"since:{written}", at, zone), is_found(f"until:{written}", at, zone)
    # What a row shows within the bounds is never left out.
    assert since or clock < bound
    assert until or clock > bound
    first, last = (moment_of(bound, zone, last=last) for last in (False, True))
    if last - first <= timedelta(microseconds=1):  # The bound is shown once, or never.
        hours = timedelta(hours=2)
        offsets = {(at + gap).astimezone(zone).utcoffset() for gap in (-hours, timedelta(0), hours)}
        if len(offsets) == 1:
            assert since == (clock >= bound)
            assert until == (clock <= bound)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        # Left out: the change is meant, from behind and from before.
        ("2026-03-29T02:30", "2026-03-29T01:00:00", "2026-03-29T00:59:59.999999"),
        # Comes twice: the first, and the last.
        ("2026-10-25T02:30", "2026-10-25T00:30:00", "2026-10-25T01:30:00"),
        ("2026-10-25T02:30:00.123", "2026-10-25T00:30:00.123", "2026-10-25T01:30:00.123999"),
        # An offset says which.
        ("2026-10-25T02:30+02:00", "2026-10-25T00:30:00", "2026-10-25T00:30:00"),
        ("2026-10-25T02:30+01:00", "2026-10-25T01:30:00", "2026-10-25T01:30:00"),
        # The day of the change has 25 hours.
        ("2026-10-25", "2026-10-24T22:00:00", "2026-10-25T22:59:59.999999"),
        ("20261025", "2026-10-24T22:00:00", "2026-10-25T22:59:59.999999"),
        # Asked in the evening of that day, this morning.
        ("00:15", "2026-10-24T22:15:00", "2026-10-24T22:15:00"),
        ("8:15", "2026-10-25T07:15:00", "2026-10-25T07:15:00"),
        ("08:15:30.123", "2026-10-25T07:15:30.123", "2026-10-25T07:15:30.123999"),
        # So long ago by any clock: 23 hours by this one.
        ("1d", "2026-10-24T19:00:00", "2026-10-24T19:00:00"),
    ],
)
def test_a_written_time(text: str, first: str, last: str) -> None:
    """Through both changes of clocks, in filters and in `--since`."""
    evening = datetime(2026, 10, 25, 20, tzinfo=ZoneInfo("Europe/Berlin"))
    assert moment(text, evening, end=False) == datetime.fromisoformat(first).replace(tzinfo=UTC)
    assert moment(text, evening, end=True) == datetime.fromisoformat(last).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["24:00", "08:15:30.1234567890", "1:2", "2026-02-30", "9999999-01-01"])
def test_what_is_no_time(text: str) -> None:
    """It is refused, and nothing is guessed."""
    with pytest.raises(ValueError, match="is not a valid time"):
        moment(text, WINTER, end=False)


@pytest.mark.parametrize("name", ZONES)
def test_this_machine_is_in_its_zone(name: str) -> None:
    """The system's own clock is that of its zone, at each time of the year and in both hours of a change."""
    moments = [at + timedelta(minutes=step) for _, at in CHANGES for step in range(-150, 151, 10)]
    with clocks_of(name):
        for at in moments:
            there = at.astimezone(ZoneInfo(name))
            assert local(at).replace(tzinfo=None, fold=0) == there.replace(tzinfo=None, fold=0)
            assert local(at).fold == there.fold
            assert local(at).utcoffset() == there.utcoffset()
            assert local(at).astimezone(UTC) == at
            clock = there.replace(tzinfo=None)
            for last in (False, True):
                assert moment_of(clock, HERE, last=last) == moment_of(clock, ZoneInfo(name), last=last)
        assert now().utcoffset() == datetime.now(ZoneInfo(name)).utcoffset()


def test_a_fixed_offset_is_a_zone_too() -> None:
    """Without changes each time is one moment."""
    dubai = timezone(timedelta(hours=4))
    for last in (False, True):
        assert moment_of(datetime.fromisoformat("2026-11-20T08:00"), dubai, last=last) == datetime(
            2026, 11, 20, 4, tzinfo=UTC
        )


def test_a_year_that_no_clock_has() -> None:
    """Events may say anything: it is shown as it is, and refused in a filter."""
    with clocks_of("Asia/Dubai"):
        far = datetime(9999, 12, 31, 23, tzinfo=UTC)
        assert local(far) == far
        with pytest.raises(ValueError, match="is not a valid time"):
            moment("0001-01-01", now(), end=False)
