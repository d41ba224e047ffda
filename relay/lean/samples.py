"""Events as Lean would send them, made up.

Owns the envelope around a sample customer's payloads, Lean's time formats and key orders, and the remark that
says how a sample differs from a real event. Must not sign or send.
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
    Confidence.INFERRED: "the payload is inferred; Lean documents none",
    Confidence.CODE: "the payload is known only from receivers' code",
}
_FRACTION_DIGITS = (6, 7, 9)
_FIRST_ORDER = 0
_ON_FILE_ORDER = 2
"""Index of the key order in Lean's sample of payment.transaction."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One made-up event."""

    type: str
    event_id: Any
    """A text, unless a change replaced it with something else."""
    body: bytes
    """Compact JSON in UTF-8, with each number's own digits."""
    note: str | None
    """How it differs from an event that Lean would send, as a phrase; None if it should not differ."""


class Sampler:
    """Makes events that belong together: one customer whose payments progress from event to event.

    Args:
        rng: the source of ids and amounts; the same seed and clock produce the same bytes.
        clock: the current time, aware, UTC.
        region: decides banks and currency.
    """

    def __init__(self, rng: random.Random, clock: Callable[[], datetime], region: Region = "UAE") -> None:
        self._rng = rng
        self._clock = clock
        self._region = region
        self._customer = SampleCustomer(rng, clock, region)

    def event(self, type_: str) -> dict[str, Any]:
        """The next event of a type, with its keys in one of Lean's orders; amounts are `int` or `Decimal`.

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
            ValueError: an unknown type, or a change to a path that does not exist; the message has others.
        """
        known = catalogue().event(type_)
        event = self._event(known)
        for text in changes:
            path, value = parse_change(text)
            change(event, path, value, known.payload)
        try:
            body = _encode(event)
        except (UnicodeEncodeError, RecursionError):
            raise ValueError("a changed value is nested too deeply or contains a lone surrogate") from None
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
        """The current time with as many decimals as one of Lean's samples has."""
        digits = self._rng.choice(_FRACTION_DIGITS)
        now = self._clock().astimezone(UTC)
        fraction = f"{now:%f}{self._rng.randrange(1_000):03}"[:digits]
        return f"{now:%Y-%m-%dT%H:%M:%S}.{fraction}Z"

    def _note(self, known: EventType) -> str | None:
        notes = []
        if self._region not in known.regions:
            notes.append(f"as far as is known, Lean sends it only in {' and '.join(known.regions)}")
        if known.confidence is not Confidence.DOCUMENTED:
            notes.append("the type itself is known only from receivers' code")
        if all(field.name == "*" for field in known.payload):
            notes.append("the payload is not known, so it is empty")
        elif known.payload_confidence in _PAYLOAD_NOTES:
            notes.append(_PAYLOAD_NOTES[known.payload_confidence])
        if not known.messages:
            notes.append("the message is made up")
        return "; ".join(notes) or None
