"""What Lean is known to send: every event type and every field, each with how well it is known.

Owns the shape of `catalogue.json` and reading it, once. Must not judge a body or make one up.
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
    """By Lean: a page, a sample, an SDK or an API file of its own."""
    CODE = "code"
    """Only seen in the code of somebody's receiver."""
    INFERRED = "inferred"
    PARTIAL = "partial"
    """Of a payload: some fields documented, the rest not visible."""

    @property
    def words(self) -> str:
        """For people: nothing sounds better known than it is."""
        return {"code": "seen only in public code", "partial": "partly documented"}.get(self, str(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a payload or of the envelope."""

    name: str
    """`*`: further fields are expected, and none of them is known. `[]`: an entry of the list above."""
    type: Literal["string", "number", "integer", "boolean", "object", "array", "any"]
    confidence: Confidence
    required: bool | None = None
    """In every documented sample; False: missing from one, or only seen in code. None: not known."""
    nullable: bool = False
    format: str | None = None
    """`uuid`, `date-time`, `date`, `uri`, `iso4217`, `iso3166-1-alpha2` or `hex-colour`."""
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    """The values that are known to be possible."""
    open_enum: bool = False
    """Whether others are possible too."""
    seen_values: tuple[str, ...] = ()
    """Examples; others are to be expected."""
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
    """Versions of Lean's API that it belongs to, some with a remark; empty where that is not known."""
    deprecated: bool
    messages: tuple[str, ...]
    """The texts of the envelope's `message` seen, the usual one first; empty where none was."""
    when: str
    """What makes Lean send it."""
    confidence: Confidence
    """That there is such a type."""
    payload_confidence: Confidence
    in_events_api: bool
    """Whether the type filter of Lean's Events API lists it."""
    notes: tuple[str, ...]
    payload: tuple[Field, ...]
    sources: tuple[str, ...]
    """Addresses of pages, or `github:owner/repository:path`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All that is known, in one value.

    `log_record`, `bank_identifiers` and `decline_codes` are documentation: no code reads them.
    """

    about: str
    version: str
    """Changes with the content."""
    envelope: tuple[Field, ...]
    key_orders: tuple[tuple[str, ...], ...]
    """Orders of the envelope's keys that were seen, the usual one first; the last only in copies of logs."""
    log_record: tuple[Field, ...]
    """An entry of Lean's own webhook log, whose `request` is an envelope."""
    log_record_notes: str
    events: tuple[EventType, ...]
    unconfirmed: Mapping[str, str]
    """Types that receivers guess at without a source of Lean's -> who."""
    bank_identifiers: Mapping[Region, tuple[str, ...]]
    decline_codes: tuple[str, ...]

    def event(self, type_: str) -> EventType:
        """The event type of this exact name.

        Raises:
            ValueError: there is none; the message has the nearest names.
        """
        for event in self.events:
            if event.type == type_:
                return event
        raise ValueError(self._unknown(type_))

    def _unknown(self, type_: str) -> str:
        names = [event.type for event in self.events]
        near = get_close_matches(type_, names, n=3, cutoff=0.5)
        # `payment` is near to nothing by letters, but plainly means the types below it.
        near += [name for name in names if type_ and name.startswith(type_) and name not in near]
        guess = f"; {self.unconfirmed[type_]}" if type_ in self.unconfirmed else ""
        hint = f"; near it: {', '.join(near[:5])}" if near else ""
        return (
            f"Lean is not known to send {type_!r}{guess}{hint}; `lean-relay trigger --list` lists all types"
        )


@cache
def documented_types() -> frozenset[str]:
    """The event types that Lean documents, and whose payloads it documents at least in part."""
    well_known = (Confidence.DOCUMENTED, Confidence.PARTIAL)
    return frozenset(
        event.type
        for event in catalogue().events
        if event.confidence in well_known and event.payload_confidence in well_known
    )


def undocumented(type_: str | None) -> bool | None:
    """Whether Lean documents nothing of an event type, or nothing of its payload; None for no type."""
    return None if type_ is None else type_ not in documented_types()


@cache
def catalogue() -> Catalogue:
    """The catalogue, read from the package when it is first asked for (some 3 ms)."""
    data = files("relay.lean").joinpath("catalogue.json").read_bytes()
    return msgspec.json.decode(data, type=Catalogue)
