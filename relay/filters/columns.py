"""Operators on a capture's columns, except its id, headers and body: one class each.

Owns the meaning of these keys. SQL that narrows a search (`relay.store.read.search`) must agree with
`matches` here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from relay.filters.bases import Chosen, Patterned
from relay.filters.matching import as_meant
from relay.filters.tree import Leaf, Written
from relay.filters.values import Span, moment, span, status
from relay.models import Capture, Comparison, Origin, Shape, Signature, iso
from relay.text.units import parse_bytes


@dataclass(frozen=True, slots=True)
class Type(Patterned):
    code = "type"
    example = "type:payment"
    help = "event type, and all below it by dots"
    what = "event type"

    def holds(self, text: str | None) -> bool:
        if text is None:
            return False
        return self.pattern.matches(text) or (
            self.pattern.is_exact and text.casefold().startswith(self.pattern.pieces[0] + ".")
        )

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.event.type if capture.event else None)

    def __str__(self) -> str:
        below = " or below it" if self.pattern.is_exact else ""
        return f"event type is {self.pattern}{below}"


@dataclass(frozen=True, slots=True)
class EventId(Patterned):
    code = "event"
    example = "event:ID"
    help = "event_id: the event and its repeats"
    what = "event_id"

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.event.event_id if capture.event else None)


@dataclass(frozen=True, slots=True)
class Customer(Patterned):
    code = "customer"
    example = "customer:ID"
    help = "customer_id in the payload"
    what = "customer_id"

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.event.customer_id if capture.event else None)


@dataclass(frozen=True, slots=True)
class Signed(Chosen):
    code = "sig"
    example = "sig:invalid"
    help = "signature: " + ", ".join(Signature)
    what = "signature"
    words = tuple(Signature)

    def matches(self, capture: Capture) -> bool:
        return capture.signature == self.word


@dataclass(frozen=True, slots=True)
class SignedBy(Patterned):
    code = "signed"
    example = "signed:production"
    help = "the name of the secret that the signature fits"
    what = "the secret that it is signed with"

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.signed_by)


@dataclass(frozen=True, slots=True)
class Token(Chosen):
    code = "token"
    example = "token:mismatch"
    help = "lean-app-token compared with the one in the settings: " + ", ".join(Comparison)
    what = "the app token's comparison"
    words = tuple(Comparison)

    def matches(self, capture: Capture) -> bool:
        return capture.app_token == self.word


@dataclass(frozen=True, slots=True)
class Sender(Chosen):
    code = "sender"
    example = "sender:mismatch"
    help = "the caller's address compared with the senders in the settings: " + ", ".join(Comparison)
    what = "the sender's comparison"
    words = tuple(Comparison)

    def matches(self, capture: Capture) -> bool:
        return capture.sender == self.word


@dataclass(frozen=True, slots=True)
class OfOrigin(Chosen):
    code = "origin"
    example = "origin:sample"
    help = "how it came here: " + ", ".join(Origin)
    what = "origin"
    words = tuple(Origin)

    def matches(self, capture: Capture) -> bool:
        return capture.origin == self.word


@dataclass(frozen=True, slots=True)
class Shaped(Chosen):
    code = "shape"
    example = "shape:drift"
    help = "compared with what Lean documents: " + ", ".join(Shape)
    what = "shape"
    words = tuple(Shape)
    late = True

    def matches(self, capture: Capture) -> bool:
        return capture.shape == self.word


@dataclass(frozen=True, slots=True)
class Answered(Leaf):
    code = "answer"
    example = "answer:500"
    help = "what the relay itself answered; also 5xx and ranges"

    span: Span

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        return cls(status(value.text))

    def matches(self, capture: Capture) -> bool:
        return self.span.holds(capture.answer.status)

    def __str__(self) -> str:
        return f"the relay answered {self.span}"


@dataclass(frozen=True, slots=True)
class Method(Patterned):
    code = "method"
    example = "method:POST"
    help = "the request's method"
    what = "method"

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.method)


@dataclass(frozen=True, slots=True)
class Path(Patterned):
    code = "path"
    example = "path:/webhooks/*"
    help = "the whole path as sent, without what follows a ?"
    what = "path"

    def holds(self, text: str | None) -> bool:
        return text is not None and self.pattern.matches(as_meant(text.partition("?")[0]))

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.target)


@dataclass(frozen=True, slots=True)
class Size(Leaf):
    code = "size"
    example = "size:10k.."
    help = "bytes of the body; k and KiB are 1024, kB is 1000"

    span: Span

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        return cls(span(value.text, parse_bytes))

    def matches(self, capture: Capture) -> bool:
        return self.span.holds(len(capture.body))

    def __str__(self) -> str:
        return f"the body's size is {self.span} bytes"


@dataclass(frozen=True, slots=True)
class Client(Patterned):
    code = "client"
    example = "client:10.0.0.*"
    help = "the caller's address, with or without its port"
    what = "client"

    def holds(self, text: str | None) -> bool:
        if text is None:
            return False
        address = text.rpartition(":")[0].strip("[]")
        return self.pattern.matches(text) or self.pattern.matches(address)

    def matches(self, capture: Capture) -> bool:
        return self.holds(capture.client)


@dataclass(frozen=True, slots=True)
class Since(Leaf):
    code = "since"
    example = "since:2h"
    help = "came within 10m, 2h, 7d, or not before 2026-11-20, 2026-11-20T08:15, 08:15"

    at: datetime

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        return cls(moment(value.text, now, end=False))

    def matches(self, capture: Capture) -> bool:
        return capture.received_at >= self.at

    def __str__(self) -> str:
        return f"it came since {iso(self.at)}"


@dataclass(frozen=True, slots=True)
class Until(Leaf):
    code = "until"
    example = "until:2026-11-20"
    help = "came not after this; a date means its whole day"

    at: datetime

    @classmethod
    def read(cls, value: Written, now: datetime) -> Self:
        return cls(moment(value.text, now, end=True))

    def matches(self, capture: Capture) -> bool:
        return capture.received_at <= self.at

    def __str__(self) -> str:
        return f"it came until {iso(self.at)}"


ORIGINS = {"sample": Origin.SAMPLE, "backfilled": Origin.EVENTS_API, "imported": Origin.IMPORTED}
"""Words of `is:` for an origin."""


@dataclass(frozen=True, slots=True)
class Is(Chosen):
    code = "is"
    example = "is:repeat"
    what = "it"
    words = (
        "repeat",
        "starred",
        "forwarded",
        "replayed",
        "tls",
        "sample",
        "backfilled",
        "imported",
        "undocumented",
    )
    help = ", ".join(words)

    @property
    def is_late(self) -> bool:
        # Repeats too: the writer finds the first of them in the transaction that stores the capture.
        return self.word in ("repeat", "starred", "forwarded", "replayed")

    def matches(self, capture: Capture) -> bool:
        match self.word:
            case "repeat":
                return capture.repeat_of is not None
            case "starred":
                return capture.starred
            case "forwarded":
                return any(d.kind == "live" and d.attempts > 0 for d in capture.deliveries)
            case "replayed":
                return any(d.kind == "replay" and d.attempts > 0 for d in capture.deliveries)
            case "tls":
                return capture.tls is not None
            case "undocumented":
                return bool(capture.undocumented)
            case word:
                return capture.origin == ORIGINS[word]

    def __str__(self) -> str:
        return f"it is {'over TLS' if self.word == 'tls' else self.word}"
