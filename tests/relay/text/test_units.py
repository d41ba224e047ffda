"""Times, durations and sizes as they are shown and written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config import values
from relay.filters.values import moment
from relay.text.units import format_bytes, format_duration, format_ms, parse_bytes, parse_duration

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (1023, "1023 B"), (10_650, "10.4 KiB"), (3_250_586, "3.1 MiB"), (10 * 2**30, "10.0 GiB")],
)
def test_sizes_are_said_in_binary_units(count: int, words: str) -> None:
    """A size has one digit after the point from 1 KiB on."""
    assert format_bytes(count) == words


@pytest.mark.parametrize(
    ("elapsed_ms", "words"),
    [
        (0.4, "<1 ms"),
        (41.2, "41 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (2345, "2.3 s"),
        (300_000, "300 s"),
    ],
)
def test_elapsed_times(elapsed_ms: float, words: str) -> None:
    """What a request took is in milliseconds below a second, else in seconds."""
    assert format_ms(elapsed_ms) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 ms"), (0.3, "300 ms"), (37, "37 s"), (60, "1 min"), (3600, "1 h"), (11_100, "3 h 5 min")],
)
def test_durations(seconds: float, words: str) -> None:
    """A gap is in its largest units, to the minute from one minute on."""
    assert format_duration(timedelta(seconds=seconds)) == words


@given(st.integers(min_value=0, max_value=10**15))
def test_a_filter_and_a_setting_read_the_same_size(count: int) -> None:
    """Both have one parser, which keeps every digit."""
    assert parse_bytes(f"{count}k") == parse_bytes(count * 1024) == Decimal(count) * 1024


@pytest.mark.parametrize("text", ["30d", "12h", "1h30m", "90 s", "250ms", "1.5h"])
def test_a_filter_and_a_setting_read_the_same_duration(text: str) -> None:
    """`after:2h` of a filter and `keep = "2h"` of a file mean the same two hours."""
    assert NOON - moment(text, NOON, end=False) == parse_duration(text)


def test_a_duration_is_written_as_it_is_read() -> None:
    """What the settings print can be written into a file again."""
    for text in ("30d", "36h", "90m", "90.5s"):
        assert values.format_span(parse_duration(text)) == text
