"""When a delivery is tried again, and after which tries at all. Pure: time and chance come as arguments.

Must not wait, send or know about rows. A target that cannot be reached is not a matter of these policies:
its deliveries wait until it is back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from relay.delivery.http.outcomes import NOT_SENT, Outcome
from relay.lean.schedule import DELIVERED_STATUS, RETRY_MINUTES, Verdict


class RetryPolicy(StrEnum):
    """What `--retry` says."""

    NONE = "none"
    FAST = "fast"
    """For a backend under development: soon, and for a good twelve minutes."""
    LEAN = "lean"
    """As Lean itself would."""


FAST_SECONDS = (1, 5, 30, 120, 600)
"""Waits of `fast`, each after the end of the try before."""

JITTER = 0.2
"""How much longer a wait of `fast` gets at most, so that what failed together does not come back at once."""

_NEVER = frozenset({Outcome.REFUSED, Outcome.UNRESOLVED, Outcome.UNREACHABLE}) | NOT_SENT


def is_tried_again(
    outcome: Outcome, verdict: Verdict, *, status: int | None = None, target_down: bool = False
) -> bool:
    """Whether a policy may send this again: the request went out, and Lean would try again too.

    Where nobody knows what Lean would do, it is sent again unless a 200 came. False also where the target
    could not be reached, since that ends with the target's return, and where sending again would change
    nothing.
    """
    if outcome in _NEVER or target_down:
        return False
    return verdict.word == "retry" or (verdict.word is None and status != DELIVERED_STATUS)


def next_try(
    policy: RetryPolicy,
    tries: int,
    first_at: datetime,
    last_at: datetime,
    now: datetime,
    spread: float = 0.0,
    time_scale: float = 1.0,
) -> datetime | None:
    """When to try again after `tries` tries that failed; None to give up.

    Never before `now`, and never further away than the policy's own wait, whatever the clock did. After a
    time in which nothing could be sent, tries of `lean` are as far apart as ever: none is made up for.

    Args:
        tries: tries already made, at least 1.
        first_at: when the first one started; the minutes of `lean` count from there.
        last_at: when the last one started.
        now: the end of the last try.
        spread: a random number of 0.0 to 1.0 from the caller; a test passes 0.0.
        time_scale: how long a second of `lean` lasts here, 0.1 for ten times as fast; above 0.

    Raises:
        ValueError: `tries`, `spread` or `time_scale` is out of range.
    """
    if tries < 1:
        raise ValueError(f"a delivery is tried again after 1 try or more, not after {tries}")
    if not 0.0 <= spread <= 1.0:
        raise ValueError(f"a spread is 0.0 to 1.0, not {spread}")
    if not time_scale > 0.0:
        raise ValueError(f"a time scale is above 0, not {time_scale}")
    if policy is RetryPolicy.FAST and tries <= len(FAST_SECONDS):
        return now + timedelta(seconds=FAST_SECONDS[tries - 1] * (1 + JITTER * spread))
    if policy is RetryPolicy.LEAN and tries <= len(RETRY_MINUTES):
        after_first = timedelta(minutes=RETRY_MINUTES[tries - 1]) * time_scale
        gap = timedelta(minutes=RETRY_MINUTES[tries - 1] - (0, *RETRY_MINUTES)[tries - 1]) * time_scale
        # A first try that is younger than the last was timed by a clock that has been set since.
        due = last_at + gap if first_at > last_at else max(first_at + after_first, last_at + gap)
        return min(max(due, now), now + after_first)
    return None


def longest_wait(policy: RetryPolicy, time_scale: float = 1.0) -> timedelta:
    """No wait of a policy is longer."""
    if policy is RetryPolicy.FAST:
        return timedelta(seconds=max(FAST_SECONDS) * (1 + JITTER))
    return timedelta(minutes=max(RETRY_MINUTES)) * time_scale if policy is RetryPolicy.LEAN else timedelta(0)
