"""Retry policies: which attempts are repeated, and when. Pure: time and chance are arguments.

Does not wait, send or know rows. These policies do not apply to a target that is down: its deliveries wait
until it is up.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from relay.delivery.http.outcomes import NOT_SENT, Outcome
from relay.lean.schedule import DELIVERED_STATUS, RETRY_MINUTES, Verdict


class RetryPolicy(StrEnum):
    """Values of `--retry`."""

    NONE = "none"
    FAST = "fast"
    """For a backend under development: soon, and for about twelve minutes."""
    LEAN = "lean"
    """On Lean's own schedule."""


FAST_SECONDS = (1, 5, 30, 120, 600)
"""Waits of `fast`, each after the end of the attempt before."""

JITTER = 0.2
"""How much longer a wait of `fast` can become, so that deliveries that failed together are spread out."""

_NEVER = frozenset({Outcome.REFUSED, Outcome.UNRESOLVED, Outcome.UNREACHABLE}) | NOT_SENT


def is_retried(
    outcome: Outcome, verdict: Verdict, *, status: int | None = None, target_down: bool = False
) -> bool:
    """Whether a policy may send this again: the request was sent, and Lean would retry too.

    Where it is not known what Lean would do, it is sent again unless the response was 200. False where the
    target is down, because the delivery waits until it is up, and where sending again would change nothing.
    """
    if outcome in _NEVER or target_down:
        return False
    return verdict.word == "retry" or (verdict.word is None and status != DELIVERED_STATUS)


def next_attempt_at(
    policy: RetryPolicy,
    attempts: int,
    first_at: datetime,
    last_at: datetime,
    now: datetime,
    spread: float = 0.0,
    time_scale: float = 1.0,
) -> datetime | None:
    """When to retry after failed attempts; None to stop retrying.

    Never before `now`, and never later than the policy's own wait, however the clock was set. After a time in
    which nothing could be sent, attempts of `lean` keep their distances: missed ones are not made up for.

    Args:
        attempts: attempts already made, at least 1.
        first_at: start of the first attempt; the minutes of `lean` count from there.
        last_at: start of the last attempt.
        now: end of the last attempt.
        spread: a random number from 0.0 to 1.0; a test passes 0.0.
        time_scale: length of a second of `lean`, 0.1 for ten times as fast; above 0.

    Raises:
        ValueError: `attempts`, `spread` or `time_scale` is out of range.
    """
    if attempts < 1:
        raise ValueError(f"{attempts} is not a valid number of attempts; use 1 or more")
    if not 0.0 <= spread <= 1.0:
        raise ValueError(f"{spread} is not a valid spread; use 0.0 to 1.0")
    if not time_scale > 0.0:
        raise ValueError(f"{time_scale} is not a valid time scale; use a number above 0")
    if policy is RetryPolicy.FAST and attempts <= len(FAST_SECONDS):
        return now + timedelta(seconds=FAST_SECONDS[attempts - 1] * (1 + JITTER * spread))
    if policy is RetryPolicy.LEAN and attempts <= len(RETRY_MINUTES):
        minutes = RETRY_MINUTES[attempts - 1]
        after_first = timedelta(minutes=minutes) * time_scale
        gap = timedelta(minutes=minutes - (0, *RETRY_MINUTES)[attempts - 1]) * time_scale
        # A first attempt that is younger than the last was timed by a clock that has been set since.
        due = last_at + gap if first_at > last_at else max(first_at + after_first, last_at + gap)
        return min(max(due, now), now + after_first)
    return None


def longest_wait(policy: RetryPolicy, time_scale: float = 1.0) -> timedelta:
    """The longest wait of a policy."""
    if policy is RetryPolicy.FAST:
        return timedelta(seconds=max(FAST_SECONDS) * (1 + JITTER))
    return timedelta(minutes=max(RETRY_MINUTES)) * time_scale if policy is RetryPolicy.LEAN else timedelta(0)
