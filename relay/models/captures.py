"""A captured webhook, whole and as a row of a list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.models.deliveries import Delivery
from relay.models.json_forms import Headers, body_as_json, headers_as_json
from relay.models.states import Comparison, Origin, Shape, Signature
from relay.models.times import iso


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


MOST_NOTE_BYTES = 4096
"""A note is one line in a list. Longer notes of older versions stay, and are cut for display."""

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
class Source:
    """Where an imported capture came from, and what its file says about it there."""

    name: str
    """Of the file."""
    id: int | None = None
    """The id that it had there; None for an event that was not a capture."""
    received_at: datetime | None = None
    """Aware, UTC."""
    origin: str | None = None
    signature: str | None = None
    signed_by: str | None = None
    bundle: str | None = None
    """The name of the throwaway secret that came in the same file: `bundle:NAME`."""
    form: str | None = None
    """`event`, `log-record` or `events-api` for an event without its request; None for a request."""
    headers: str | None = None
    """`masked` or `redacted`; None if they are as they came."""

    @property
    def words(self) -> str:
        """`payments.ndjson, capture 12 there, received 2026-11-20T12:00:00.000000Z`; text from outside."""
        words = [self.name]
        if self.id is not None:
            words.append(f"capture {self.id} there")
        if self.received_at is not None:
            words.append(f"received {iso(self.received_at)}")
        if self.headers is not None:
            words.append(f"headers {self.headers}")
        return ", ".join(words)

    def as_json(self) -> dict[str, Any]:
        line = {name: getattr(self, name) for name in self.__slots__}
        return line | {"received_at": iso(self.received_at) if self.received_at else None}


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
    source: Source | None = None
    """Where it came from, if it was not received here."""
    position: int | None = None
    """Its number in the team's log; None if it did not come from there."""
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

    @property
    def came_at(self) -> datetime:
        """When it was captured, here or elsewhere; aware, UTC."""
        own = self.source.received_at if self.source is not None else None
        return own or self.received_at

    def as_json(self) -> dict[str, Any]:
        """One line of `--json`; the keys and their meaning are documented in `lean-relay help database`."""
        line: dict[str, Any] = {
            "kind": "capture",
            "id": self.id,
            "received_at": iso(self.received_at),
            "method": self.method,
            "target": self.target,
            "http_version": self.http_version,
            "headers": headers_as_json(self.headers),
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
                "source": self.source.as_json() if self.source else None,
                "position": self.position,
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
    position: int | None = None
    """As a capture's."""
    summary: tuple[str, ...] = ()
    """The telling values of its event; empty where they were not asked for."""
    deliveries: tuple[Delivery, ...] = ()


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
