"""When Lean tries again, and what it concludes from an answer.

Owns the documented rule and the documented minutes, as pure functions. Must not wait, send or
know about stored deliveries.

Documented by Lean: only status 200 within 10 s is delivered; otherwise it tries again 1, 2, 5, 10, 60 and
180 minutes after the first try. Inferred from that: that there are 7 tries in all, and that nothing follows
the last. Not documented: what Lean makes of other 2xx, and whether it follows redirects.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from relay.text.units import format_duration

RETRY_MINUTES = (1, 2, 5, 10, 60, 180)
"""Minutes after the first try, not after the one before. Documented."""

ANSWER_WITHIN_S = 10.0
"""Documented."""

DELIVERED_STATUS = 200
"""The one status that Lean documents as delivered."""

TRIES = 1 + len(RETRY_MINUTES)
"""Inferred: Lean names six times after the first, and nothing beyond."""

TOLERANCE = timedelta(seconds=30)
"""How far from its minute a try may come and still be recognised: half the smallest gap."""

_AFTER_FIRST = (timedelta(0), *(timedelta(minutes=minutes) for minutes in RETRY_MINUTES))

_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_HINTS = {
    400: "the backend refused it as a bad request",
    401: "the backend refused it; look at how it checks the signature",
    403: "the backend refused it; look at how it checks the signature",
    404: "nothing is at this path of the backend",
    405: "this path of the backend does not take POST",
    408: "the backend gave up waiting for the body",
    411: "the backend wants a Content-Length",
    413: "the body is too large for the backend",
    415: "the backend does not take this content type",
    429: "the backend is asked too often",
    502: "a proxy in front of the backend got no answer from it",
    503: "the backend is not ready",
    504: "a proxy in front of the backend waited too long for it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What Lean would conclude from one attempt."""

    word: Literal["delivered", "retry"] | None
    """None where it cannot be known."""
    reason: str
    """Why, as a sentence without a full stop."""
    number: int
    """Which try this is taken for, 1 for the first."""
    next_try_in: timedelta | None
    """From this try to Lean's next one; None where none follows."""

    @property
    def outlook(self) -> str:
        """What follows: `Lean would try again in 1 min`."""
        if self.word == "delivered":
            return "Lean would be content"
        if self.word is None:
            return "what Lean would conclude is not known"
        if self.next_try_in is None:
            return f"Lean documents no try after the {TRIES}th; it would probably give up"
        return f"Lean would try again in {format_duration(self.next_try_in)}"


OUTLOOK_UNKNOWN = "Lean would try again, if this was not its last try"
"""What follows a failure where it is not known which of Lean's tries it was."""


def which_try(first: datetime, at: datetime) -> int | None:
    """The number of the try that came at `at`, 1 for the first; None where none is due within `TOLERANCE`."""
    since = at - first
    nearest = min(range(TRIES), key=lambda index: abs(since - _AFTER_FIRST[index]))
    return nearest + 1 if abs(since - _AFTER_FIRST[nearest]) <= TOLERANCE else None


def verdict(status: int | None, elapsed_s: float, number: int = 1) -> Verdict:
    """What Lean would conclude from an answer to its `number`th try.

    Args:
        status: the backend's status code; None where no answer came.
        elapsed_s: seconds to the answer, or to the moment when it was clear that none comes.

    Raises:
        ValueError: `number` is below 1.
    """
    if number < 1:
        raise ValueError(f"a try has a number from 1 on, not {number}")
    if status == DELIVERED_STATUS and elapsed_s <= ANSWER_WITHIN_S:
        return Verdict(word="delivered", reason="200 within 10 s", number=number, next_try_in=None)
    following = _AFTER_FIRST[number] - _AFTER_FIRST[number - 1] if number < TRIES else None
    return Verdict(word="retry", reason=_why_not(status, elapsed_s), number=number, next_try_in=following)


def not_known(reason: str, number: int = 1) -> Verdict:
    """No verdict: why nobody knows what Lean would conclude."""
    return Verdict(word=None, reason=reason, number=number, next_try_in=None)


def _why_not(status: int | None, elapsed_s: float) -> str:
    if status is None:
        if elapsed_s >= ANSWER_WITHIN_S:
            return "no answer within 10 s; answer 200 first, work afterwards"
        return "no answer came"
    if elapsed_s > ANSWER_WITHIN_S:
        return f"{status} came after {elapsed_s:.1f} s, and Lean waits 10; answer 200 first, work afterwards"
    if status in _REDIRECTS:
        return (
            f"{status} is a redirect, and Lean documents only 200; answer at the address that Lean was given"
        )
    if status < 400:
        return f"{status} is not 200, and Lean documents only 200; answer exactly 200"
    hint = _HINTS.get(status) or ("the backend failed" if status >= 500 else "the backend refused it")
    return f"{status} is not 200: {hint}"
