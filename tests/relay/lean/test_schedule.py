"""Lean's minutes and Lean's verdict."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.lean.schedule import ATTEMPTS, RETRY_MINUTES, attempt_number, verdict

FIRST = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

MINUTES = (0, 1, 2, 5, 10, 60, 180)


def test_the_seven_tries() -> None:
    """The minutes count from the first attempt, which is one of the seven."""
    numbers = [attempt_number(FIRST, FIRST + timedelta(minutes=after)) for after in MINUTES]
    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    assert len(MINUTES) == ATTEMPTS == len(RETRY_MINUTES) + 1


@pytest.mark.parametrize(
    ("seconds", "number"),
    [
        (0, 1),
        (-5, 1),
        (-31, None),
        (30, 1),
        (31, 2),
        (60, 2),
        (89, 2),
        (91, 3),
        (150, 3),
        (151, None),
        (269, None),
        (300, 4),
        (610, 5),
        (3600 + 29, 6),
        (3600 + 31, None),
        (3 * 3600 + 10, 7),
        (86_400, None),
    ],
)
def test_attempt_number(seconds: float, number: int | None) -> None:
    """A time is the try that was due within half a minute of it, or none."""
    assert attempt_number(FIRST, FIRST + timedelta(seconds=seconds)) == number


@pytest.mark.parametrize(
    ("status", "elapsed_s", "word", "reason"),
    [
        (200, 0.041, "delivered", "200 within 10 s"),
        (200, 10.0, "delivered", "200 within 10 s"),
        (200, 10.001, "retry", "200 arrived after 10.0 s, but Lean waits 10"),
        (201, 0.1, "retry", "Lean documents only 200"),
        (202, 0.1, "retry", "Lean documents only 200"),
        (204, 0.1, "retry", "Lean documents only 200"),
        (302, 0.1, "retry", "302 is a redirect, but Lean documents only 200"),
        (304, 0.1, "retry", "304 is not 200, and Lean documents only 200"),
        (401, 0.1, "retry", "look at how it checks the signature"),
        (404, 0.1, "retry", "the backend has nothing at this path"),
        (418, 0.1, "retry", "418 is not 200: the backend refused it"),
        (500, 0.1, "retry", "500 is not 200: the backend failed"),
        (500, 12.34, "retry", "500 arrived after 12.3 s"),
        (None, 10.0, "retry", "no response within 10 s"),
        (None, 0.2, "retry", "no response arrived"),
    ],
)
def test_verdicts(status: int | None, elapsed_s: float, word: str, reason: str) -> None:
    """Only exactly 200 within 10 s is delivered, and every other reason says what to do."""
    found = verdict(status, elapsed_s)
    assert found.word == word
    assert reason in found.reason


@pytest.mark.parametrize(
    ("number", "outlook"),
    [
        (1, "Lean would try again in 1 min"),
        (2, "Lean would try again in 1 min"),
        (3, "Lean would try again in 3 min"),
        (4, "Lean would try again in 5 min"),
        (5, "Lean would try again in 50 min"),
        (6, "Lean would try again in 2 h"),
        (7, "Lean documents no attempt after the 7th; it would probably give up"),
        (8, "Lean documents no attempt after the 7th; it would probably give up"),
    ],
)
def test_what_follows(number: int, outlook: str) -> None:
    """The wait is the one to the next documented time; after the last it is said to be a guess."""
    assert verdict(500, 0.1, number).outlook == outlook
    assert verdict(200, 0.1, number).outlook == "Lean would count this as delivered"


@given(st.one_of(st.none(), st.integers(100, 999)), st.floats(0, 1e6), st.integers(1, 20))
@settings(deadline=None, max_examples=150)
def test_the_rule(status: int | None, elapsed_s: float, number: int) -> None:
    """Delivered exactly where the status is 200 and 10 s have not passed; then nothing follows."""
    found = verdict(status, elapsed_s, number)
    assert (found.word == "delivered") == (status == 200 and elapsed_s <= 10)
    assert (found.next_attempt_in is None) == (found.word == "delivered" or number >= ATTEMPTS)


def test_numbers_start_at_one() -> None:
    """A try below the first is a mistake of the caller."""
    with pytest.raises(ValueError, match="numbered from 1, not 0"):
        verdict(200, 0.1, 0)
