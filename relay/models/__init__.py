"""The values that every package uses: captures with their deliveries, attempts and refusals. Pure.

Frozen; opens nothing. Names are those of the manual. `as_json` of each is the form that `--json` prints and
that scripts rely on. Handed on from here, because every process loads all of them anyway.
"""

from __future__ import annotations

from relay.models.captures import (
    MOST_NOTE_BYTES,
    NOT_WRITTEN,
    STORED_TOO_LATE,
    Answer,
    Capture,
    CaptureRow,
    CaptureTotals,
    Event,
    Source,
)
from relay.models.deliveries import (
    NOT_COMPARED,
    Attempt,
    AttemptEvent,
    Baseline,
    Delivery,
)
from relay.models.json_forms import Headers, body_as_json
from relay.models.refusals import Refusal, RefusalEntry, RefusalTotals
from relay.models.states import COPIES, Comparison, Origin, Shape, Signature
from relay.models.times import EPOCH, from_micros, iso, to_micros

__all__ = [
    "COPIES",
    "EPOCH",
    "MOST_NOTE_BYTES",
    "NOT_COMPARED",
    "NOT_WRITTEN",
    "STORED_TOO_LATE",
    "Answer",
    "Attempt",
    "AttemptEvent",
    "Baseline",
    "Capture",
    "CaptureRow",
    "CaptureTotals",
    "Comparison",
    "Delivery",
    "Event",
    "Headers",
    "Origin",
    "Refusal",
    "RefusalEntry",
    "RefusalTotals",
    "Shape",
    "Signature",
    "Source",
    "body_as_json",
    "from_micros",
    "iso",
    "to_micros",
]
