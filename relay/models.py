"""The values that every package uses: captures with their deliveries, attempts and refusals.

Frozen; opens nothing. Names are those of the manual. `as_json` of each
is the shape that `--json` prints and that scripts rely on.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

Headers = tuple[tuple[str, str], ...]
"""`(name, value)` pairs in wire order, repeats kept; text is latin-1, so each byte survives."""


class Signature(StrEnum):
    """The state of a capture's `lean-signature`."""

    VALID = "valid"
    INVALID = "invalid"
    MISSING = "missing"
    MALFORMED = "malformed"
    UNCHECKED = "unchecked"
    """No secret is configured."""


class Shape(StrEnum):
    """How a body compares with Lean's documentation."""

    DOCUMENTED = "documented"
    DRIFT = "drift"
    UNKNOWN = "unknown"
    NOT_JSON = "not-json"


class Origin(StrEnum):
    """Where a capture says it comes from."""

    RECEIVED = "received"
    SAMPLE = "sample"
    """Carries `X-Lean-Relay-Sample`: made by `lean-relay trigger`, not by Lean."""
    EVENTS_API = "events-api"
    """Fetched later from Lean's Events API."""
    IMPORTED = "imported"
    """From a file."""


class Comparison(StrEnum):
    """A value of the request compared with the configured one; None if none is configured."""

    MATCH = "match"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The event in a body, as far as its envelope can be read; fields absent or of another type are None."""

    type: str | None = None
    event_id: str | None = None
    at: datetime | None = None
    """The envelope's `timestamp`, aware, UTC, cut to microseconds."""
    customer_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "event_id": self.event_id,
            "timestamp": iso(self.at) if self.at else None,
            "customer_id": self.customer_id,
        }


STORED_TOO_LATE = "stored too late"
NOT_WRITTEN = "not sent: the caller had left"
"""Endings of an answer's reason that were not requested by the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The relay's own response to the webhook."""

    status: int = 200
    on_purpose: str | None = None
    """Why it is not the usual answer, for example `--respond 500`; None for the usual one."""

    @property
    def words(self) -> str:
        """`200`; `500, on purpose: --respond 500`; `200, not sent: ...`."""
        if self.on_purpose is None:
            return str(self.status)
        meant = not self.on_purpose.endswith((STORED_TOO_LATE, NOT_WRITTEN))
        return f"{self.status}, {'on purpose: ' if meant else ''}{self.on_purpose}"

    def as_json(self) -> dict[str, Any]:
        return {"status": self.status, "on_purpose": self.on_purpose}


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
        line["sent_headers"] = _pairs(self.sent_headers)
        line |= body_as_json("sent_body", self.sent_body)
        line["headers"] = _pairs(self.headers)
        line |= body_as_json("body", self.body)
        line["body_size"] = self.body_size
        return line


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One HTTP request as it arrived, with everything known about it."""

    id: int
    received_at: datetime
    """Aware, UTC: when the whole request had arrived."""
    method: str
    target: str
    """The request target as sent, undecoded; latin-1."""
    http_version: str
    """`1.0` or `1.1`."""
    headers: Headers
    body: bytes
    """As received: never decoded, never decompressed."""
    body_sha256: str
    """64 lowercase hex digits."""
    client: str
    """Peer address and port, `127.0.0.1:50312` or `[::1]:50312`."""
    tls: dict[str, Any] | None = None
    answer: Answer = Answer()
    origin: Origin = Origin.RECEIVED
    event: Event | None = None
    """None if the body is not a JSON object or has none of the envelope's fields."""
    signature: Signature = Signature.UNCHECKED
    signed_by: str | None = None
    """The name of the secret that matched."""
    app_token: Comparison | None = None
    """`lean-app-token` compared with the configured one; None if either is absent."""
    sender: Comparison | None = None
    """The peer address compared with the configured list; None without a list."""
    repeat_of: int | None = None
    """The first capture of this event: with the same `event_id`, or without one with the same body."""
    shape: Shape | None = None
    shape_version: str | None = None
    undocumented: bool | None = None
    """Whether Lean does not document the event's type or its payload, as far as this version knows; None
    if the body has no type. Never stored."""
    starred: bool = False
    note: str | None = None
    deliveries: tuple[Delivery, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """One line of `--json`; the keys and their meaning are documented in `lean-relay help database`."""
        line: dict[str, Any] = {
            "kind": "capture",
            "id": self.id,
            "received_at": iso(self.received_at),
            "method": self.method,
            "target": self.target,
            "http_version": self.http_version,
            "headers": _pairs(self.headers),
        }
        return (
            line
            | body_as_json("body", self.body)
            | {
                "size_bytes": len(self.body),
                "body_sha256": self.body_sha256,
                "client": self.client,
                "tls": self.tls,
                "answer": self.answer.as_json(),
                "origin": self.origin,
                "event": self.event.as_json() if self.event else None,
                "signature": self.signature,
                "signed_by": self.signed_by,
                "app_token": self.app_token,
                "sender": self.sender,
                "repeat_of": self.repeat_of,
                "shape": self.shape,
                "undocumented": self.undocumented,
                "starred": self.starred,
                "note": self.note,
                "deliveries": [delivery.as_json() for delivery in self.deliveries],
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRow:
    """The columns of a capture in a list."""

    id: int
    received_at: datetime
    """Aware, UTC."""
    method: str
    target: str
    """The request target as sent; latin-1."""
    event_type: str | None
    signature: Signature
    shape: Shape | None
    repeat_of: int | None
    origin: Origin
    answer: int
    """Status of the relay's own response."""
    on_purpose: bool
    """Whether that was not the usual answer."""
    size_bytes: int
    starred: bool
    note: str | None
    client: str = ""
    """Peer address and port."""
    signed_by: str | None = None
    """Name of the secret that the signature fits."""
    event_id: str | None = None
    event_at: datetime | None = None
    """Aware, UTC: the timestamp of the event itself."""
    customer_id: str | None = None
    undocumented: bool | None = None
    """As a capture's."""
    deliveries: tuple[Delivery, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request or handshake that did not become a capture, and why."""

    id: int
    at: datetime
    """Aware, UTC: the first of `count`."""
    client: str
    """Peer address without port, or an empty string where it is not known."""
    reason: str
    """A stable word such as `too-large`, `malformed` or `store-full`."""
    detail: str
    count: int = 1
    """Number of equal refusals in this row."""

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": "refusal",
            "id": self.id,
            "at": iso(self.at),
            "client": self.client,
            "reason": self.reason,
            "detail": self.detail,
            "count": self.count,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalTotals:
    """Totals of the refusals in the database."""

    by_reason: dict[str, int]
    """Reason -> number of requests and connections, the most frequent first."""
    rows: int
    """Number of rows that hold them."""
    dropped: int
    """Number of rows deleted to make room for newer ones."""
    since: datetime | None
    """Time of the oldest one kept, aware, UTC; None if there is none."""

    @property
    def total(self) -> int:
        return sum(self.by_reason.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureTotals:
    """Totals of the captures in a database."""

    captures: int
    events: int
    """Different events: distinct event_ids, and bodies of events without one."""
    repeats: int
    """Captures of an event that was captured before."""
    signatures: dict[Signature, int]
    """Number of captures by state of their signature; states that none has are left out."""

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def body_as_json(name: str, body: bytes | None) -> dict[str, Any]:
    """A body under `name` as text, or where it is not UTF-8 null there and base64 under `name_base64`."""
    if body is None:
        return {name: None}
    try:
        return {name: body.decode("utf-8")}
    except UnicodeDecodeError:
        return {name: None, f"{name}_base64": base64.b64encode(body).decode("ascii")}


def _pairs(headers: Headers | None) -> list[list[str]] | None:
    return None if headers is None else [list(pair) for pair in headers]


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_micros(micros: int) -> datetime:
    """The database's integer microseconds UTC as an aware datetime, without a float in between."""
    seconds, rest = divmod(micros, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def to_micros(at: datetime) -> int:
    """An aware datetime as the database's integer microseconds UTC."""
    delta = at - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def iso(at: datetime) -> str:
    """`2026-11-20T08:15:30.123456Z`: always UTC, always six digits, so that text sorts as time."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class RefusalEntry:
    """Equal refusals since the last write: the first one's time and detail, and their number."""

    at: int
    """Microseconds UTC."""
    client: str
    reason: str
    detail: str
    count: int = 1
