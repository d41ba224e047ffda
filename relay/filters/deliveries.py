"""Operators on a capture's deliveries, which are known only after it was stored: one class each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from relay.filters.bases import Chosen
from relay.filters.tree import Leaf, Written
from relay.filters.values import Span, status
from relay.models import Capture


@dataclass(frozen=True, slots=True)
class Judged(Chosen):
    code = "verdict"
    example = "verdict:retry"
    help = "what Lean would conclude from a target's last answer: delivered, retry"
    what = "verdict"
    words = ("delivered", "retry")
    late = True

    def matches(self, capture: Capture) -> bool:
        return any(delivery.verdict == self.word for delivery in capture.deliveries)


@dataclass(frozen=True, slots=True)
class Status(Leaf):
    code = "status"
    example = "status:5xx"
    help = "a target's last answer; also 500, 500.., 400..499"
    late = True

    span: Span

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        return cls(status(value.text))

    def matches(self, capture: Capture) -> bool:
        return any(d.status is not None and self.span.holds(d.status) for d in capture.deliveries)

    def __str__(self) -> str:
        return f"a target's status is {self.span}"


@dataclass(frozen=True, slots=True)
class State(Chosen):
    code = "state"
    example = "state:parked"
    help = "a delivery is queued, sending, ended or parked"
    what = "state"
    words = ("queued", "sending", "ended", "parked")
    late = True

    def matches(self, capture: Capture) -> bool:
        return any(delivery.state == self.word for delivery in capture.deliveries)
