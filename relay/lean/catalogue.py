"""The catalogue of Lean's events: every type and field, each with how well it is known.

Owns the structure of `catalogue.json` and reads it once. Must not check a body or make one up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

Region = Literal["UAE", "KSA"]
REGIONS: tuple[Region, ...] = ("UAE", "KSA")


class Confidence(StrEnum):
    """How well a fact is known."""

    DOCUMENTED = "documented"
    """By Lean: on a page, in a sample, in its SDK or in its API description."""
    CODE = "code"
    """Seen only in the public code of a receiver."""
    INFERRED = "inferred"
    PARTIAL = "partial"
    """Of a payload: some fields documented, the rest not visible."""

    @property
    def words(self) -> str:
        """The same for people, never sounding better known than it is."""
        return {"code": "seen only in public code", "partial": "partly documented"}.get(self, str(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a payload or of the envelope."""

    name: str
    """`*`: other fields are expected, but none is known. `[]`: an entry of the list above."""
    type: Literal["string", "number", "integer", "boolean", "object", "array", "any"]
    confidence: Confidence
    required: bool | None = None
    """True: in every documented sample. False: missing from one, or seen only in code. None: not known."""
    nullable: bool = False
    format: str | None = None
    """`uuid`, `date-time`, `date`, `uri`, `iso4217`, `iso3166-1-alpha2` or `hex-colour`."""
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    """The known values."""
    open_enum: bool = False
    """Whether other values are possible."""
    seen_values: tuple[str, ...] = ()
    """Examples; expect others."""
    notes: str | None = None
    fields: tuple[Field, ...] = ()
    """Of an object."""
    items: Field | None = None
    """Of an array."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """One type of event."""

    type: str
    regions: tuple[Region, ...]
    versions: tuple[str, ...]
    """The versions of Lean's API that it belongs to, some with a remark; empty if not known."""
    deprecated: bool
    messages: tuple[str, ...]
    """Texts seen in the envelope's `message`, the usual one first; empty if none was seen."""
    when: str
    """The occasion on which Lean sends it."""
    confidence: Confidence
    """How well it is known that this type exists."""
    payload_confidence: Confidence
    in_events_api: bool
    """Whether the type filter of Lean's Events API lists it."""
    notes: tuple[str, ...]
    payload: tuple[Field, ...]
    summary: tuple[str, ...]
    """Paths of the fields that tell events of this type apart, most telling first; our choice, not Lean's. An
    amount and its currency are one entry, with a space between."""
    sources: tuple[str, ...]
    """Page addresses, or `github:owner/repository:path`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything known about Lean's events.

    `log_record` and `log_record_notes` are documentation: no code reads them.
    """

    about: str
    version: str
    """Changes whenever the content does."""
    envelope: tuple[Field, ...]
    key_orders: tuple[tuple[str, ...], ...]
    """Key orders seen in envelopes, the usual one first; the last one only in copied log entries."""
    log_record: tuple[Field, ...]
    """Fields of an entry in Lean's own webhook log; its `request` is an envelope."""
    log_record_notes: str
    events: tuple[EventType, ...]
    unconfirmed: Mapping[str, str]
    """Types that receivers expect although Lean never mentions them -> who expects them."""
    bank_identifiers: Mapping[Region, tuple[str, ...]]
    decline_codes: tuple[str, ...]

    def event(self, type_: str) -> EventType:
        """Return the event type with exactly this name.

        Raises:
            ValueError: there is none; the message suggests similar names.
        """
        for event in self.events:
            if event.type == type_:
                return event
        raise ValueError(self._unknown(type_))

    def _unknown(self, type_: str) -> str:
        names = [event.type for event in self.events]
        near = get_close_matches(type_, names, n=3, cutoff=0.5)
        # By its letters `payment` resembles nothing, but it clearly means the types below it.
        near += [name for name in names if type_ and name.startswith(type_) and name not in near]
        guess = f"; {self.unconfirmed[type_]}" if type_ in self.unconfirmed else ""
        hint = f"; did you mean {', '.join(near[:5])}?" if near else ";"
        return f"Lean is not known to send {type_!r}{guess}{hint} `lean-relay trigger --list` lists all types"


@cache
def documented_types() -> frozenset[str]:
    """The event types that Lean documents together with at least part of their payload."""
    well_known = (Confidence.DOCUMENTED, Confidence.PARTIAL)
    return frozenset(
        event.type
        for event in catalogue().events
        if event.confidence in well_known and event.payload_confidence in well_known
    )


def undocumented(type_: str | None) -> bool | None:
    """Whether Lean does not document an event type, or nothing of its payload; None without a type."""
    return None if type_ is None else type_ not in documented_types()


# Made while the module loads, by one thread: msgspec crashes where two threads use a type for the first time.
_decode = msgspec.json.Decoder(Catalogue).decode


@cache
def catalogue() -> Catalogue:
    """The catalogue, read from the package on first use (about 3 ms)."""
    return _decode(files("relay.lean").joinpath("catalogue.json").read_bytes())
