"""The stable words for what the relay found out about a capture."""

from __future__ import annotations

from enum import StrEnum


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


COPIES = frozenset({Origin.EVENTS_API, Origin.IMPORTED})
"""Origins of captures that no sender sent here: their bytes may differ from what was sent."""


class Comparison(StrEnum):
    """A value of the request compared with the configured one; None if none is configured."""

    MATCH = "match"
    MISMATCH = "mismatch"
