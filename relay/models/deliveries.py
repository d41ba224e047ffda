"""A capture on its way to a target, and the attempts to deliver it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.models.json_forms import Headers, body_as_json, headers_as_json
from relay.models.states import Signature
from relay.models.times import iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One capture on its way to one target, with the result of its last attempt."""

    id: int
    target: str
    kind: str
    """`live` or `replay`."""
    state: str
    """`queued`, `sending`, `ended` or `parked`."""
    reason: str | None = None
    verdict: str | None = None
    """`delivered` or `retry`, of the last attempt."""
    attempts: int = 0
    outcome: str | None = None
    """How the last attempt ended, a stable word; None before the first."""
    status: int | None = None
    error: str | None = None
    elapsed_ms: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a delivery: the request if it was changed, and the response, or why there is none."""

    id: int
    delivery_id: int
    capture_id: int
    target: str
    kind: str
    """`live` or `replay`, as its delivery."""
    number: int
    """1 for the first attempt of its delivery."""
    started_at: datetime
    """Aware, UTC, taken just before connecting."""
    elapsed_ms: float
    """From `started_at` to the last byte read, or to the failure."""
    outcome: str
    """A stable word: how the attempt ended."""
    status: int | None = None
    """The target's status code; None when no response arrived."""
    verdict: str | None = None
    """`delivered` or `retry`: Lean's conclusion."""
    verdict_reason: str | None = None
    error: str | None = None
    address: str | None = None
    """The address used, for a target whose name has several; else None."""
    sent_method: str | None = None
    sent_target: str | None = None
    """The request target, latin-1; as the method, None where it was not edited."""
    sent_headers: Headers | None = None
    """None where nothing was changed."""
    sent_body: bytes | None = None
    """None where nothing was changed."""
    headers: Headers | None = None
    """Headers of the response; None if none arrived."""
    body: bytes | None = None
    """Body of the response, as much as was kept; None if none arrived."""
    body_size: int | None = None
    """Bytes of the whole response body, kept or not."""

    def as_json(self) -> dict[str, Any]:
        """One line of `show --attempts --json`."""
        line: dict[str, Any] = {"kind": "attempt"}
        for name in ("id", "delivery_id", "capture_id", "target"):
            line[name] = getattr(self, name)
        line["delivery_kind"] = self.kind
        line["number"] = self.number
        line["started_at"] = iso(self.started_at)
        for name in ("elapsed_ms", "outcome", "status", "verdict", "verdict_reason", "error", "address"):
            line[name] = getattr(self, name)
        line["sent_method"], line["sent_target"] = self.sent_method, self.sent_target
        line["sent_headers"] = headers_as_json(self.sent_headers)
        line |= body_as_json("sent_body", self.sent_body)
        line["headers"] = headers_as_json(self.headers)
        line |= body_as_json("body", self.body)
        line["body_size"] = self.body_size
        return line


NOT_COMPARED: Mapping[str, Any] = {"as_expected": None, "comparison": None, "baseline_id": None}
"""The last fields of an attempt in `--json`, where it was not compared with anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The response that later ones of a target to a capture are compared with."""

    attempt_id: int
    target: str
    """Another target's where this one has no live response."""
    status: int
    is_delivered: bool
    is_pinned: bool
    """Else it is the first live one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEvent:
    """An attempt with the facts about its capture and delivery that a line about it shows."""

    attempt: Attempt
    event_type: str | None
    method: str
    request_target: str
    """Of the capture, as sent; latin-1."""
    signature: Signature
    again_at: datetime | None
    """When the relay itself retries, aware, UTC; None if it does not, or already has."""
    received_at: datetime
    """Of the capture."""
    repeat_of: int | None = None
    """The first capture with this `event_id`, where this is a later one."""
    first_at: datetime | None = None
    """When that one was received; None where it is gone, or there is none."""
    was_elsewhere: bool = False
    """Whether it was made before its capture was imported."""
