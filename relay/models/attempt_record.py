"""An attempt as it is sent to the writing process."""

from __future__ import annotations

import msgspec

from relay.models.json_forms import Headers


class AttemptRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt to be stored, made here or elsewhere; the columns of `attempts`, as `Attempt` has them."""

    number: int
    started_at: int
    """Microseconds UTC."""
    elapsed_us: int
    outcome: str
    status: int | None = None
    verdict: str | None = None
    verdict_reason: str | None = None
    error: str | None = None
    address: str | None = None
    sent_method: str | None = None
    sent_target: str | None = None
    sent_headers: Headers | None = None
    sent_body: bytes | None = None
    headers: Headers | None = None
    body: bytes | None = None
    body_size: int | None = None
