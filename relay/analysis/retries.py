"""The captures of one event: which of Lean's attempts each one is, and whether all have the same bytes.

Owns the wording. Lean documents when it retries, but nothing in a request says which attempt it is: the
number is inferred from the time, and labelled so. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from relay.analysis.diff import Difference, body_differences
from relay.lean.schedule import ATTEMPTS, attempt_number
from relay.models import COPIES, Capture, Origin, iso
from relay.text.captures import outcome
from relay.text.units import format_duration

OTHER_BYTES = " with OTHER BYTES"
"""Added to a retry whose body differs from the first one's."""

AT_ONCE = timedelta(seconds=1)
"""A repeat sooner than this was sent twice; Lean's schedule does not apply to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetriedCapture:
    """One capture of the event."""

    capture: Capture
    number: int
    """1 for the first one in the database."""
    after_first: timedelta
    """Since the first capture, or since Lean's first attempt if that one is not in the database."""
    scheduled: int | None
    """Which of Lean's attempts it is by its time, 1 to ATTEMPTS; None if it fits no scheduled minute."""
    first_was_missed: bool
    """It is the first in the database, but arrived at the time of a retry according to its timestamp."""
    same_bytes: bool
    """Whether its body equals the first one's."""
    has_other_bytes: bool
    """Whether its body differs from that of the first one that was sent here, as no retry's does."""
    is_first: bool
    """The first one that was not fetched from Lean's Events API, from which Lean's attempts are counted."""

    @property
    def words(self) -> str:
        """`attempt 3 of 7, 2 min after the first, as Lean's schedule says`."""
        if self.capture.origin is Origin.EVENTS_API:
            return "fetched from Lean's Events API, so not one of Lean's attempts"
        after = format_duration(self.after_first)
        if self.first_was_missed:
            return (
                f"attempt {self.scheduled} of {ATTEMPTS} by its time: it arrived {after} after its own "
                "timestamp, so earlier attempts probably did not reach the relay"
            )
        if self.is_first:
            return "the first of this event"
        if self.after_first < AT_ONCE:
            return f"repeated {after} after the first"
        if self.scheduled is None or self.scheduled == 1:
            return f"repeated {after} after the first, which does not fit Lean's schedule"
        return f"attempt {self.scheduled} of {ATTEMPTS}, {after} after the first, as Lean's schedule says"

    @property
    def answers(self) -> str:
        """The responses to it: `200 by the relay; http://localhost:3000: 500 retry`; text from outside."""
        words = [f"{self.capture.answer.status} by the relay"]
        words += [f"{each.target}: {outcome(each)}" for each in self.capture.deliveries]
        return "; ".join(words)

    def as_json(self) -> dict[str, Any]:
        """Its form in a step of `journey --json`."""
        return {
            "capture_id": self.capture.id,
            "received_at": iso(self.capture.received_at),
            "number": self.number,
            "after_first_s": self.after_first.total_seconds(),
            "scheduled": self.scheduled,
            "first_was_missed": self.first_was_missed,
            "same_bytes": self.same_bytes,
            "answer": self.capture.answer.status,
        }


@dataclass(frozen=True, slots=True)
class EventRetries:
    """All captures of one event, oldest first."""

    captures: tuple[RetriedCapture, ...]

    def of(self, capture_id: int) -> RetriedCapture | None:
        """The entry of a capture; None if it is not one of them."""
        return next((each for each in self.captures if each.capture.id == capture_id), None)

    @property
    def sent(self) -> RetriedCapture:
        """The first that was sent here, which the others are compared with; where none was, the first."""
        return next((each for each in self.captures if each.capture.origin not in COPIES), self.captures[0])

    def before(self, capture_id: int) -> tuple[RetriedCapture, ...]:
        """The entries before a capture."""
        return tuple(each for each in self.captures if each.capture.id < capture_id)

    def alarm(self, capture_id: int) -> str | None:
        """A warning if a capture's bytes differ from the first one's, else None."""
        own = self.of(capture_id)
        if own is None or not own.has_other_bytes:
            return None
        first = self.sent.capture.id
        return f"other bytes than {first}: a retry repeats the same bytes, but this one does not"

    def differences(self, capture_id: int) -> Iterator[Difference]:
        """How a capture's body differs from that of `sent`, which is `a`."""
        found = self.of(capture_id)
        if found is not None:
            yield from body_differences(self.sent.capture.body, found.capture.body)


def retries_of(captures: Sequence[Capture]) -> EventRetries:
    """Order the captures of one event as retries.

    Args:
        captures: of one event, at least one, oldest first.
    """
    first = captures[0]
    sent = next((each for each in captures if each.origin not in COPIES), None)
    counted = [each for each in captures if each.origin is not Origin.EVENTS_API]
    origin, missed = _origin(counted[0]) if counted else (first.came_at, False)
    return EventRetries(
        tuple(
            RetriedCapture(
                capture=capture,
                number=number,
                after_first=max(capture.came_at - origin, timedelta(0)),
                scheduled=attempt_number(origin, capture.came_at)
                if capture.origin is not Origin.EVENTS_API
                else None,
                first_was_missed=missed and capture is counted[0],
                is_first=bool(counted) and capture is counted[0],
                same_bytes=capture.body_sha256 == first.body_sha256,
                has_other_bytes=sent is not None
                and capture.origin not in COPIES
                and capture.body_sha256 != sent.body_sha256,
            )
            for number, capture in enumerate(captures, 1)
        )
    )


def _origin(first: Capture) -> tuple[datetime, bool]:
    """The time of Lean's first attempt, and whether that was before the first capture.

    The envelope's timestamp is that of the first attempt, as Lean's Events API documents.
    """
    at = first.event.at if first.event is not None else None
    if at is None:
        return first.came_at, False
    number = attempt_number(at, first.came_at)
    return (at, True) if number is not None and number > 1 else (first.came_at, False)
