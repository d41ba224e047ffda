"""Lean's retry schedule, and its verdict on a response.

Owns the documented rule and the documented minutes, as pure functions. Must not wait, send or
know about stored deliveries.

Documented by Lean: only status 200 within 10 s counts as delivered; otherwise it retries 1, 2, 5, 10, 60 and
180 minutes after the first attempt. Inferred from that: there are 7 attempts in all, and nothing follows the
last. Not documented: how Lean treats other 2xx statuses, and whether it follows redirects.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from relay.text.units import format_duration

RETRY_MINUTES = (1, 2, 5, 10, 60, 180)
"""Minutes after the first attempt, not after the previous one. Documented."""

ANSWER_WITHIN_S = 10.0
"""Documented."""

DELIVERED_STATUS = 200
"""The one status that Lean documents as delivered."""

ATTEMPTS = 1 + len(RETRY_MINUTES)
"""Inferred: Lean documents six retries and nothing after them."""

TOLERANCE = timedelta(seconds=30)
"""How far from its minute an attempt may arrive and still be recognised: half the smallest gap."""

_AFTER_FIRST = (timedelta(0), *(timedelta(minutes=minutes) for minutes in RETRY_MINUTES))

_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_HINTS = {
    400: "the backend refused it as a bad request",
    401: "the backend refused it; look at how it checks the signature",
    403: "the backend refused it; look at how it checks the signature",
    404: "the backend has nothing at this path",
    405: "the backend does not accept POST at this path",
    408: "the backend gave up waiting for the body",
    411: "the backend wants a Content-Length",
    413: "the body is too large for the backend",
    415: "the backend does not accept this content type",
    429: "the backend gets too many requests",
    502: "a proxy in front of the backend got no response from it",
    503: "the backend is not ready",
    504: "a proxy in front of the backend waited too long for it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Lean's conclusion from one attempt."""

    word: Literal["delivered", "retry"] | None
    """None if it cannot be known."""
    reason: str
    """Why, as a sentence without a full stop."""
    number: int
    """Which of Lean's attempts this is taken for, 1 for the first."""
    next_attempt_in: timedelta | None
    """From this attempt to Lean's next one; None if none follows."""

    @property
    def outlook(self) -> str:
        """The consequence in words: `Lean would try again in 1 min`."""
        if self.word == "delivered":
            return "Lean would count this as delivered"
        if self.word is None:
            return "it is not known what Lean would conclude"
        if self.next_attempt_in is None:
            return f"Lean documents no attempt after the {ATTEMPTS}th; it would probably give up"
        return f"Lean would try again in {format_duration(self.next_attempt_in)}"


OUTLOOK_UNKNOWN = "Lean would try again unless this was its last attempt"
"""The consequence of a failure if it is not known which of Lean's attempts it was."""


def attempt_number(first: datetime, at: datetime) -> int | None:
    """Number of the attempt that arrived at `at`, 1 for the first; None if none is due within `TOLERANCE`."""
    since = at - first
    nearest = min(range(ATTEMPTS), key=lambda index: abs(since - _AFTER_FIRST[index]))
    return nearest + 1 if abs(since - _AFTER_FIRST[nearest]) <= TOLERANCE else None


def verdict(status: int | None, elapsed_s: float, number: int = 1) -> Verdict:
    """Lean's conclusion from a response to its `number`th attempt.

    Args:
        status: the backend's status code; None if no response arrived.
        elapsed_s: seconds until the response, or until it was clear that none would arrive.

    Raises:
        ValueError: `number` is below 1.
    """
    if number < 1:
        raise ValueError(f"attempts are numbered from 1, not {number}")
    if status == DELIVERED_STATUS and elapsed_s <= ANSWER_WITHIN_S:
        return Verdict(word="delivered", reason="200 within 10 s", number=number, next_attempt_in=None)
    following = _AFTER_FIRST[number] - _AFTER_FIRST[number - 1] if number < ATTEMPTS else None
    return Verdict(word="retry", reason=_why_not(status, elapsed_s), number=number, next_attempt_in=following)


def not_known(reason: str, number: int = 1) -> Verdict:
    """No verdict, with the reason why Lean's conclusion is not known."""
    return Verdict(word=None, reason=reason, number=number, next_attempt_in=None)


def _why_not(status: int | None, elapsed_s: float) -> str:
    if status is None:
        if elapsed_s >= ANSWER_WITHIN_S:
            return "no response within 10 s; respond with 200 first, work afterwards"
        return "no response arrived"
    if elapsed_s > ANSWER_WITHIN_S:
        late = f"{status} arrived after {elapsed_s:.1f} s, but Lean waits 10"
        return f"{late}; respond with 200 first, work afterwards"
    if status in _REDIRECTS:
        return (
            f"{status} is a redirect, but Lean documents only 200; respond at the address that Lean was given"
        )
    if status < 400:
        return f"{status} is not 200, and Lean documents only 200; respond with exactly 200"
    hint = _HINTS.get(status) or ("the backend failed" if status >= 500 else "the backend refused it")
    return f"{status} is not 200: {hint}"
