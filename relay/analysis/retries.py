"""Captures of one event beside each other: which of Lean's tries each is, and whether all say the same.

Owns the words. Lean documents when it tries again, and nothing in a request tells which try it is: so the
number is read off the clock, and said to be no more than that. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from relay.analysis.diff import Difference, body_differences
from relay.lean.schedule import TRIES, which_try
from relay.models import Capture, iso
from relay.text.captures import outcome
from relay.text.units import format_duration

OTHER_BYTES = " with OTHER BYTES"
"""Said behind a repeat whose body is not the first one's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetriedCapture:
    """One capture of the event."""

    capture: Capture
    number: int
    """1 for the first that is in the log."""
    after_first: timedelta
    """Since the first capture, or since Lean's own first try where that did not reach the log."""
    scheduled: int | None
    """Which of Lean's tries it is by the clock, 1 to TRIES; None at none of its minutes."""
    first_was_missed: bool
    """It is the first in the log, but came at a later minute of Lean's after its own timestamp."""
    same_bytes: bool
    """Whether its body is that of the first."""

    @property
    def words(self) -> str:
        """`try 3 of 7, 2 min after the first, as Lean's schedule has it`."""
        after = format_duration(self.after_first)
        if self.first_was_missed:
            return (
                f"try {self.scheduled} of {TRIES} by the clock: it came {after} after its own timestamp, so "
                "earlier tries probably did not reach this log"
            )
        if self.number == 1:
            return "the first of this event"
        if self.scheduled is None or self.scheduled == 1:
            return f"came again {after} after the first, which is none of Lean's minutes"
        return f"try {self.scheduled} of {TRIES}, {after} after the first, as Lean's schedule has it"

    @property
    def answers(self) -> str:
        """What it was answered: `200 by the relay; http://localhost:3000: 500 retry`; text from outside."""
        words = [f"{self.capture.answer.status} by the relay"]
        words += [f"{each.target}: {outcome(each)}" for each in self.capture.deliveries]
        return "; ".join(words)

    def as_json(self) -> dict[str, Any]:
        """As it stands in a step of `journey --json`."""
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

    tries: tuple[RetriedCapture, ...]

    def of(self, capture_id: int) -> RetriedCapture | None:
        """The try that a capture is."""
        return next((each for each in self.tries if each.capture.id == capture_id), None)

    def before(self, capture_id: int) -> tuple[RetriedCapture, ...]:
        """Those that came before a capture."""
        return tuple(each for each in self.tries if each.capture.id < capture_id)

    def alarm(self, capture_id: int) -> str | None:
        """What is wrong where a capture's bytes are not the first one's; None where they are."""
        own = self.of(capture_id)
        if own is None or own.same_bytes:
            return None
        first = self.tries[0].capture.id
        return f"other bytes than {first}: a retry repeats what it was, and this does not"

    def differences(self, capture_id: int) -> Iterator[Difference]:
        """In what a capture's body differs from the first one's; `a` is the first, `b` the capture."""
        found = self.of(capture_id)
        if found is not None:
            yield from body_differences(self.tries[0].capture.body, found.capture.body)


def retries_of(captures: Sequence[Capture]) -> EventRetries:
    """The captures of one event as tries.

    Args:
        captures: of one event, at least one, oldest first.
    """
    first = captures[0]
    origin, missed = _origin(first)
    return EventRetries(
        tuple(
            RetriedCapture(
                capture=capture,
                number=number,
                after_first=max(capture.received_at - origin, timedelta(0)),
                scheduled=which_try(origin, capture.received_at),
                first_was_missed=missed and number == 1,
                same_bytes=capture.body_sha256 == first.body_sha256,
            )
            for number, capture in enumerate(captures, 1)
        )
    )


def _origin(first: Capture) -> tuple[datetime, bool]:
    """When Lean's first try was, and whether that was before the first capture.

    The envelope's timestamp is that of the first try, as Lean's Events API documents it.
    """
    at = first.event.at if first.event is not None else None
    if at is None:
        return first.received_at, False
    number = which_try(at, first.received_at)
    return (at, True) if number is not None and number > 1 else (first.received_at, False)
