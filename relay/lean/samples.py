"""Events as Lean would send them, made up.

Owns the envelope around a sample customer's payloads, Lean's forms of time and order of keys, and what a
sample has to say about itself. Must not sign or send.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from relay.lean.catalogue import Confidence, EventType, Region, catalogue
from relay.lean.sample_customer import SampleCustomer
from relay.lean.set_value import change, parse_change

MADE_UP_MESSAGE = "A made-up text: Lean's message for this type is not known."

_PAYLOAD_NOTES = {
    Confidence.PARTIAL: "the payload has only the fields that are known",
    Confidence.INFERRED: "the payload is inferred, Lean documents none",
    Confidence.CODE: "the payload is known from receivers' code only",
}
_FRACTION_DIGITS = (6, 7, 9)
_FIRST_ORDER = 0
_ON_FILE_ORDER = 2
"""Of the catalogue's key orders: the one that Lean's sample of payment.transaction shows."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One made-up event."""

    type: str
    event_id: Any
    """A text, unless a change made something else of it."""
    body: bytes
    """Compact JSON in UTF-8, with each number's own digits."""
    note: str | None
    """What is not as Lean would send it, as a phrase; None where it should be."""


class Sampler:
    """Makes events that belong together: one customer, whose payments move on from event to event.

    Args:
        rng: where ids and amounts come from; the same seed and clock give the same bytes.
        clock: the time now, aware, UTC.
        region: decides banks and currency.
    """

    def __init__(self, rng: random.Random, clock: Callable[[], datetime], region: Region = "UAE") -> None:
        self._rng = rng
        self._clock = clock
        self._region = region
        self._customer = SampleCustomer(rng, clock, region)

    def event(self, type_: str) -> dict[str, Any]:
        """The next event of a type, its keys in an order of Lean's; amounts are `int` or `Decimal`.

        Raises:
            ValueError: Lean is not known to send this type.
        """
        return self._event(catalogue().event(type_))

    def body(self, type_: str, changes: Iterable[str] = ()) -> bytes:
        """The next event of a type as bytes; see `sample`."""
        return self.sample(type_, changes).body

    def sample(self, type_: str, changes: Iterable[str] = ()) -> Sample:
        """The next event of a type, changed by `PATH=VALUE` pairs such as `payload.status=FAILED`.

        Raises:
            ValueError: an unknown type, or a change whose path leads nowhere; the message has near names.
        """
        known = catalogue().event(type_)
        event = self._event(known)
        for text in changes:
            path, value = parse_change(text)
            change(event, path, value, known.payload)
        try:
            body = _encode(event)
        except (UnicodeEncodeError, RecursionError):
            raise ValueError("a changed value is too deep, or has half a surrogate pair") from None
        return Sample(type=type_, event_id=event["event_id"], body=body, note=self._note(known))

    def _event(self, known: EventType) -> dict[str, Any]:
        parts = {
            "type": known.type,
            "payload": self._customer.payload(known.type),
            "message": known.messages[0] if known.messages else MADE_UP_MESSAGE,
            "timestamp": self._timestamp(),
            "event_id": str(UUID(int=self._rng.getrandbits(128), version=4)),
        }
        order = _ON_FILE_ORDER if known.type == "payment.transaction" else _FIRST_ORDER
        return {key: parts[key] for key in catalogue().key_orders[order]}

    def _timestamp(self) -> str:
        """The time now in one of the lengths that Lean's samples have."""
        digits = self._rng.choice(_FRACTION_DIGITS)
        now = self._clock().astimezone(UTC)
        fraction = f"{now:%f}{self._rng.randrange(1_000):03}"[:digits]
        return f"{now:%Y-%m-%dT%H:%M:%S}.{fraction}Z"

    def _note(self, known: EventType) -> str | None:
        notes = []
        if self._region not in known.regions:
            notes.append(f"Lean sends it in {' and '.join(known.regions)}, as far as is known")
        if known.confidence is not Confidence.DOCUMENTED:
            notes.append("the type itself is known from receivers' code only")
        if all(field.name == "*" for field in known.payload):
            notes.append("the payload is not known and left empty")
        elif known.payload_confidence in _PAYLOAD_NOTES:
            notes.append(_PAYLOAD_NOTES[known.payload_confidence])
        if not known.messages:
            notes.append("the message is made up")
        return "; ".join(notes) or None
