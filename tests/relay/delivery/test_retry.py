"""When a delivery is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.delivery.http.outcomes import Outcome
from relay.delivery.retry import RetryPolicy, is_retried, longest_wait, next_attempt_at
from relay.lean.schedule import not_known, verdict
from tests.support.factories import NOON

CLOCKS = st.timedeltas(min_value=timedelta(days=-9), max_value=timedelta(days=9))


@pytest.mark.parametrize("attempts", [1, 2, 6, 50])
def test_none_gives_up(attempts: int) -> None:
    """Without a policy nothing is tried a second time."""
    assert next_attempt_at(RetryPolicy.NONE, attempts, NOON, NOON, NOON) is None


def test_fast_waits_its_five_times() -> None:
    """1 s, 5 s, 30 s, 2 min and 10 min after the end of the try before, and then no more."""
    now = NOON + timedelta(minutes=5)
    waits = [next_attempt_at(RetryPolicy.FAST, attempts, NOON, NOON, now) for attempts in range(1, 6)]
    assert [due - now for due in waits if due] == [
        timedelta(seconds=1),
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
    ]
    assert next_attempt_at(RetryPolicy.FAST, 6, NOON, NOON, now) is None


def test_fast_spreads_by_a_fifth() -> None:
    """The spread lengthens a wait by at most a fifth, and never shortens it."""
    assert next_attempt_at(RetryPolicy.FAST, 2, NOON, NOON, NOON, spread=1.0) == NOON + timedelta(seconds=6)
    assert next_attempt_at(RetryPolicy.FAST, 2, NOON, NOON, NOON, spread=0.5) == NOON + timedelta(seconds=5.5)


def test_lean_counts_from_the_first_try() -> None:
    """Lean's minutes after the first try, however long the attempts themselves took."""
    end_of_try = timedelta(seconds=10)
    minutes = (1, 2, 5, 10, 60, 180)
    started = (0, *minutes)
    for attempts, due in enumerate(minutes, 1):
        last = NOON + timedelta(minutes=started[attempts - 1])
        now = last + end_of_try
        assert next_attempt_at(RetryPolicy.LEAN, attempts, NOON, last, now) == NOON + timedelta(minutes=due)
    assert next_attempt_at(RetryPolicy.LEAN, 7, NOON, NOON, NOON + timedelta(hours=3)) is None


def test_lean_scales() -> None:
    """A time scale of a hundredth makes three hours 108 seconds."""
    assert next_attempt_at(RetryPolicy.LEAN, 6, NOON, NOON, NOON, time_scale=0.01) == NOON + timedelta(
        seconds=108
    )


def test_a_time_that_has_passed_is_now() -> None:
    """A try that took longer than the wait is followed at once."""
    now = NOON + timedelta(minutes=4)
    assert next_attempt_at(RetryPolicy.LEAN, 1, NOON, NOON, now) == now


def test_nothing_is_made_up_for() -> None:
    """After hours of sleep there is one try, and the next is as far away as ever."""
    woke = NOON + timedelta(hours=4)
    now = woke + timedelta(seconds=1)
    assert next_attempt_at(RetryPolicy.LEAN, 2, NOON, woke, now) == woke + timedelta(minutes=1)
    assert next_attempt_at(RetryPolicy.LEAN, 5, NOON, woke, now) == woke + timedelta(minutes=50)
    assert next_attempt_at(RetryPolicy.LEAN, 6, NOON, woke, now, time_scale=0.01) == woke + timedelta(
        minutes=1.2
    )


def test_a_clock_that_was_set_back_between_two_tries() -> None:
    """A first try that lies in the future by now delays nothing."""
    later = NOON + timedelta(hours=4)
    assert next_attempt_at(RetryPolicy.LEAN, 3, later, NOON, NOON) == NOON + timedelta(minutes=3)


@given(
    st.sampled_from(RetryPolicy),
    st.integers(1, 9),
    CLOCKS,
    CLOCKS,
    st.floats(0.0, 1.0),
    st.floats(0.001, 10.0),
)
@settings(deadline=None, max_examples=200)
def test_no_clock_brings_a_storm_or_a_standstill(
    policy: RetryPolicy, attempts: int, first: timedelta, last: timedelta, spread: float, scale: float
) -> None:
    """Whatever the clock did between the attempts and now, the next one is neither past nor out of reach."""
    now = NOON
    due = next_attempt_at(policy, attempts, NOON + first, NOON + last, now, spread, scale)
    if due is not None:
        assert now <= due <= now + longest_wait(policy, scale) + timedelta(seconds=1)


@pytest.mark.parametrize(("attempts", "spread", "scale"), [(0, 0, 1), (1, -0.1, 1), (1, 1.1, 1), (1, 0, 0)])
def test_wrong_arguments(attempts: int, spread: float, scale: float) -> None:
    """Numbers out of range are an error, not a wild time."""
    with pytest.raises(ValueError, match=r"use 1 or more|0\.0 to 1\.0|above 0"):
        next_attempt_at(RetryPolicy.FAST, attempts, NOON, NOON, NOON, spread, scale)


@pytest.mark.parametrize(
    ("outcome", "status", "elapsed_s", "again"),
    [
        (Outcome.ANSWERED, 200, 0.1, False),
        (Outcome.ANSWERED, 200, 11.0, True),
        (Outcome.ANSWERED, 204, 0.1, True),
        (Outcome.ANSWERED, 500, 0.1, True),
        (Outcome.ANSWERED, 302, 0.1, True),
        (Outcome.TIMEOUT, None, 300.0, True),
        (Outcome.RESET, None, 0.1, True),
        (Outcome.CLOSED, None, 0.1, True),
        (Outcome.NOT_HTTP, None, 0.1, True),
        (Outcome.TOO_LARGE, 500, 0.1, True),
        (Outcome.REFUSED, None, 0.1, False),
        (Outcome.UNRESOLVED, None, 0.1, False),
        (Outcome.UNREACHABLE, None, 0.1, False),
        (Outcome.LOOP, None, 0.0, False),
        (Outcome.UNSENDABLE, None, 0.0, False),
    ],
)
def test_what_is_retried(outcome: Outcome, status: int | None, elapsed_s: float, again: bool) -> None:
    """What went out and was not taken; never what could not be reached or would fail the same way."""
    assert is_retried(outcome, verdict(status, elapsed_s)) is again


@pytest.mark.parametrize("outcome", [Outcome.RESET, Outcome.CLOSED, Outcome.TLS_FAILED])
def test_target_down_is_the_targets_matter(outcome: Outcome) -> None:
    """A connection that broke before a byte was sent is not counted against the delivery."""
    assert not is_retried(outcome, verdict(None, 0.1), target_down=True)


def test_where_nobody_knows_what_lean_would_do() -> None:
    """A policy sends it again, but not what was answered 200."""
    unknown = not_known("this relay was stalled")
    assert is_retried(Outcome.RESET, unknown)
    assert not is_retried(Outcome.NOT_HTTP, unknown, status=200)
    assert not is_retried(Outcome.RESET, unknown, target_down=True)
