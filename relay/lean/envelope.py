"""The envelope of an event: the few fields that are read from each incoming body.

Owns which values are accepted as an event's type, id, time and customer. Must not check the rest of a body,
keep any of it, or raise: bodies come from the internet.

Lean documents one JSON object with `type`, `payload`, `message`, `timestamp` and `event_id`; all but the
first two are missing from some of its own samples, so nothing is required here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from relay.models import to_micros
from relay.text import json_scan

MOST_CHARACTERS = 200
"""Longer texts cannot be Lean's types or ids and count as absent."""

LARGE_BYTES = 512 * 1024
"""Bodies from this size on are read in slices: msgspec takes up to 4 us per KiB in one go, up to 3 times."""

_HOUR_MINUTE = r"(?:[01][0-9]|2[0-3]){}[0-5][0-9]"
_TIMESTAMP = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[Tt ]{_HOUR_MINUTE.format(':')}:[0-5][0-9](?:\.[0-9]{{1,9}})?"
    rf"(?:[Zz]|[+-]{_HOUR_MINUTE.format(':?')}|[+-](?:[01][0-9]|2[0-3]))"
)
_HIGH, _LOW = rb"[89abAB][0-9a-fA-F]{2}", rb"[c-fC-F][0-9a-fA-F]{2}"
_LONE = re.compile(rb"\\u[dD](?:%s(?!\\u[dD]%s)|(?<!\\u[dD]%s\\u[dD])%s)" % (_HIGH, _LOW, _HIGH, _LOW))
"""A lone surrogate in a body without escaped backslashes."""

_STAND_IN = "\ufdd0"
"""A noncharacter code point that replaces a lone surrogate."""

_ABSENT = msgspec.Raw(b"null")


class EventRow(NamedTuple):
    """The event's columns in the database; each is None if absent or of another type."""

    type: str | None
    event_id: str | None
    event_at: int | None
    """The envelope's `timestamp` in microseconds since 1970 UTC; further digits are cut off."""
    customer_id: str | None
    """`payload.customer_id`."""


def read_event(body: bytes) -> EventRow | None:
    """Read the event in a body; None if it is not a JSON object or has none of these fields.

    A field counts as absent if its type is not Lean's, if its text is longer than `MOST_CHARACTERS`, or if
    SQLite cannot store it as TEXT (a lone surrogate). The last of repeated keys counts. Never raises.

    From `LARGE_BYTES` on, the rest of a body is not checked for being JSON, and the result is None for an
    envelope or payload with more than `json_scan.MOST_FIELDS` fields. 16 MiB take 10 to 200 ms, hostile ones
    up to a second, in slices that let other threads run: call it in a thread for those.
    """
    if len(body) >= LARGE_BYTES:
        return _row(*json_scan.envelope(body))
    try:
        envelope = _decode(body)
    except (ValueError, RecursionError):
        # A field of another type, bad UTF-8, not JSON at all, or brackets nested too deeply.
        return _row(*_tolerant(body))
    payload = envelope.payload
    return _row(
        envelope.type,
        envelope.event_id,
        envelope.timestamp,
        payload.customer_id if payload is not None else None,
    )


def _row(
    kind: str | None, event_id: str | None, timestamp: str | None, customer_id: str | None
) -> EventRow | None:
    # Written out without helpers: calls would be a third of its cost, and each request pays it.
    if kind is not None and len(kind) > MOST_CHARACTERS:
        kind = None
    if event_id is not None and len(event_id) > MOST_CHARACTERS:
        event_id = None
    if customer_id is not None and len(customer_id) > MOST_CHARACTERS:
        customer_id = None
    at = micros(timestamp) if timestamp is not None else None
    if kind is None and event_id is None and at is None and customer_id is None:
        return None
    return EventRow(kind, event_id, at, customer_id)


def micros(timestamp: str) -> int | None:
    """Convert one of Lean's timestamps to microseconds since 1970 UTC; None for anything else.

    Lean's samples have `2026-03-04T05:06:07.089123Z` with 0 to 9 decimals; its documentation leaves the
    separator open. A space, lowercase letters and numeric offsets are accepted too. Without an offset the
    time is ambiguous, so the result is None.
    """
    if not _TIMESTAMP.fullmatch(timestamp):
        return None
    try:
        at = datetime.fromisoformat(timestamp.upper())
        if not 1 < at.year < 9999:
            at = at.astimezone(UTC)  # Fails if the year does not exist in UTC.
    except (ValueError, OverflowError):
        return None
    return to_micros(at)


class _Payload(msgspec.Struct, gc=False):
    customer_id: str | None = None


class _Envelope(msgspec.Struct, gc=False):
    type: str | None = None
    event_id: str | None = None
    timestamp: str | None = None
    payload: _Payload | None = None


class _RawPayload(msgspec.Struct):
    customer_id: msgspec.Raw = _ABSENT


class _RawEnvelope(msgspec.Struct):
    type: msgspec.Raw = _ABSENT
    event_id: msgspec.Raw = _ABSENT
    timestamp: msgspec.Raw = _ABSENT
    payload: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(_Envelope).decode
_decode_raw = msgspec.json.Decoder(_RawEnvelope).decode
_decode_raw_payload = msgspec.json.Decoder(_RawPayload).decode
_decode_text = msgspec.json.Decoder(str).decode


def _tolerant(body: bytes) -> json_scan.Found:
    """Read each field on its own, so that one of another type does not lose the others."""
    try:
        envelope = _decode_raw(body)
    except RecursionError:
        return json_scan.NOTHING
    except ValueError:
        # In C alone: a call for each escape would hold up every response, for a second at the largest body.
        mended, count = _LONE.subn(rb"\\ufdd0", body.replace(rb"\\", rb"\u005c"))
        if not count:
            return json_scan.NOTHING
        try:
            envelope = _decode_raw(mended)
        except (ValueError, RecursionError):
            return json_scan.NOTHING
    try:
        customer_id = _decode_raw_payload(envelope.payload).customer_id
    except (ValueError, RecursionError):
        customer_id = _ABSENT
    return _text(envelope.type), _text(envelope.event_id), _text(envelope.timestamp), _text(customer_id)


def _text(value: msgspec.Raw) -> str | None:
    try:
        text = _decode_text(value)
    except ValueError:
        return None
    return None if _STAND_IN in text else text
