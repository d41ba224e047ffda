"""The NDJSON form of an export: its first and last line, and the lines between as they are read back.

Between them are lines of the kinds that `--json` prints anyway: a `capture`, followed by each `attempt` to
deliver it. Owns which of their fields are read, and the limits of each.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

VERSION = 1
"""Of the form; of a file of a later one, the lines that can be read are imported."""

LARGEST = 2**63 - 1
"""SQLite's largest integer."""

Whole = Annotated[int, Meta(ge=0, le=LARGEST)]
Milliseconds = Annotated[float, Meta(ge=0, le=1e12)]
Name = Annotated[str, Meta(max_length=200)]
Text = Annotated[str, Meta(max_length=2048)]
Target = Annotated[str, Meta(max_length=64 * 1024)]
Pairs = Annotated[tuple[tuple[str, str], ...], Meta(max_length=1000)]


class Redacted(msgspec.Struct, frozen=True, kw_only=True):
    """How an export was redacted."""

    amounts: bool
    """Whether amounts were replaced too."""
    left: tuple[str, ...]
    """Paths that were left as they are."""


class ExportLine(msgspec.Struct, frozen=True, kw_only=True, tag="export", tag_field="kind"):
    """The first line: what the file is."""

    version: int
    program: Name
    exported_at: Name
    """ISO 8601."""
    headers: Name
    """`masked`: the values of secret headers are not in it; `revealed`; `redacted`."""
    redacted: Redacted | None
    """None if nothing was replaced."""
    secret: Annotated[str, Meta(min_length=1, max_length=200)] | None
    """The throwaway secret that signed the redacted bodies."""


class ExportEndLine(msgspec.Struct, frozen=True, kw_only=True, tag="export_end", tag_field="kind"):
    """The last line: without it the file is not whole."""

    captures: Whole


class AnswerLine(msgspec.Struct, frozen=True, kw_only=True):
    """The relay's own response."""

    status: Annotated[int, Meta(ge=0, le=999)] = 200
    on_purpose: str | None = None


class DeliveryLine(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery of a capture's line."""

    id: Whole
    target: Text
    kind: str
    state: str = "ended"
    reason: str | None = None


class CaptureLine(msgspec.Struct, frozen=True, kw_only=True):
    """A capture, as far as it is read back: what can be worked out from its bytes is."""

    id: Whole | None = None
    received_at: datetime | None = None
    method: Name
    target: Target
    http_version: Name = "1.1"
    headers: Pairs
    body: str | None = None
    body_base64: str | None = None
    client: Name = ""
    tls: dict[str, Any] | None = None
    answer: AnswerLine = AnswerLine()
    origin: Name | None = None
    signature: Name | None = None
    signed_by: Name | None = None
    starred: bool = False
    note: str | None = None
    deliveries: list[DeliveryLine] = msgspec.field(default_factory=list)


class AttemptLine(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt of the capture before it."""

    delivery_id: Whole
    capture_id: Whole
    number: Annotated[int, Meta(ge=1, le=LARGEST)]
    started_at: datetime
    elapsed_ms: Milliseconds
    outcome: Name
    status: Annotated[int, Meta(ge=0, le=999)] | None = None
    verdict: str | None = None
    verdict_reason: str | None = None
    error: str | None = None
    address: Name | None = None
    sent_method: Name | None = None
    sent_target: Target | None = None
    sent_headers: Pairs | None = None
    sent_body: str | None = None
    sent_body_base64: str | None = None
    headers: Pairs | None = None
    body: str | None = None
    body_base64: str | None = None
    body_size: Whole | None = None


class KindLine(msgspec.Struct, frozen=True):
    """Any line with a kind."""

    kind: Any = None


capture_of = msgspec.json.Decoder(CaptureLine).decode
attempt_of = msgspec.json.Decoder(AttemptLine).decode
export_of = msgspec.json.Decoder(ExportLine).decode
end_of = msgspec.json.Decoder(ExportEndLine).decode
kind_of = msgspec.json.Decoder(KindLine).decode
