"""A capture from a file, ready to be stored, with what the file says about it.

Made by `relay.archive`, sent to the engine as a message, stored by `relay.store.write.imports`.
"""

from __future__ import annotations

import msgspec

from relay.models.attempt_record import AttemptRecord


class ImportedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was made elsewhere; it is over, whatever its state was there."""

    target: str
    kind: str
    reason: str | None = None
    attempts: tuple[AttemptRecord, ...] = ()


class ImportedCapture(msgspec.Struct, frozen=True, kw_only=True):
    """One capture; fields that are columns have the column's form."""

    digest: str
    """Hex; a capture with the same one is stored once."""
    source: str
    """JSON text that begins with the digest: `{"digest":"...",`."""
    method: str
    target: str
    http_version: str
    headers: str
    """JSON array of pairs."""
    body: bytes
    body_sha256: str
    client: str = ""
    tls: str | None = None
    answer: int = 200
    answer_reason: str | None = None
    event_type: str | None = None
    event_id: str | None = None
    event_at: int | None = None
    customer_id: str | None = None
    signature: str = "unchecked"
    signed_by: str | None = None
    original: tuple[int, int] | None = None
    """Id and time (microseconds UTC) where it was captured: it may be this very database."""
    starred: bool = False
    note: str | None = None
    deliveries: tuple[ImportedDelivery, ...] = ()


class BundleSecret(msgspec.Struct, frozen=True, kw_only=True):
    """The throwaway secret that signed the captures of a redacted file."""

    name: str
    """`bundle:NAME`, as `signed_by` has it."""
    secret: str


BUNDLE = "bundle:"
"""Begins the name of each such secret; no secret of the settings can have a colon in its name."""


def source_start(digest: str) -> str:
    """The beginning of each source with this digest, by which the index finds it."""
    return f'{{"digest":"{digest}"'
