"""When a delivery is tried again, and after which tries at all. Pure: time and chance come as arguments.

Must not wait, send or know about rows. A target that cannot be reached is not a matter of these policies:
its deliveries wait until it is back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from relay.lean.schedule import RETRY_MINUTES, Verdict
from relay.outcomes import NOT_SENT, Outcome


class Policy(StrEnum):
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


def is_tried_again(outcome: Outcome, verdict: Verdict, *, before_any_byte: bool = False) -> bool:
    """Whether a policy may send this again: the request went out, and Lean would try again too.

    False also where the target could not be reached, since that ends with the target's return, and where
    sending again would change nothing.
    """
    return verdict.word == "retry" and outcome not in _NEVER and not before_any_byte


def next_try(
    policy: Policy,
    tries: int,
    first_at: datetime,
    now: datetime,
    spread: float = 0.0,
    time_scale: float = 1.0,
) -> datetime | None:
    """When to try again after `tries` tries that failed; None to give up.

    Never before `now`, and never further away than the policy's own wait, whatever the clock did.

    Args:
        tries: tries already made, at least 1.
        first_at: when the first one started; the minutes of `lean` count from there.
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
    if policy is Policy.FAST and tries <= len(FAST_SECONDS):
        return now + timedelta(seconds=FAST_SECONDS[tries - 1] * (1 + JITTER * spread))
    if policy is Policy.LEAN and tries <= len(RETRY_MINUTES):
        after_first = timedelta(minutes=RETRY_MINUTES[tries - 1]) * time_scale
        return min(max(first_at + after_first, now), now + after_first)
    return None
