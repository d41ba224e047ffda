"""The samples of a rehearsal: one of each type, and some payments' events where nothing was captured.

Pure; `relay.rehearsal.preparation` has them stored.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime

from relay.analysis.shape_summary import REHEARSAL_TYPE
from relay.lean.catalogue import catalogue, documented_types
from relay.lean.samples import Sample, Sampler

UNDOCUMENTED_TYPE = "consent.status.updated"
"""A type that receivers' code expects and that Lean does not document."""

STAND_INS = (
    "entity.created",
    "payment_source.created",
    "payment_intent.created",
    "payment.created",
    "payment.updated",
    "payment.created",
    "payment.updated",
    "payment.reconciliation.updated",
)
"""The events of a new customer and two payments, as Lean would send them."""

_UNDER_ANOTHER_NAME = "payment.created"
"""The type whose payload `REHEARSAL_TYPE` has."""


def stand_ins(rng: random.Random, clock: Callable[[], datetime]) -> list[Sample]:
    """The events of one customer and two payments, in order."""
    sampler = Sampler(rng, clock)
    return [sampler.sample(name) for name in STAND_INS]


def of_each_type(rng: random.Random, clock: Callable[[], datetime]) -> list[Sample]:
    """One event of each type that Lean documents, one of `UNDOCUMENTED_TYPE` and one of `REHEARSAL_TYPE`."""
    sampler = Sampler(rng, clock)
    known = [event.type for event in catalogue().events if event.type in documented_types()]
    made = [sampler.sample(name) for name in (*known, UNDOCUMENTED_TYPE)]
    return [*made, sampler.sample(_UNDER_ANOTHER_NAME, (f"type={REHEARSAL_TYPE}",))]


def kind_of(event_type: str | None) -> str:
    """A type's place in Lean's documentation, as the case of a report line."""
    if event_type in documented_types():
        return "each type that Lean documents"
    if any(event.type == event_type for event in catalogue().events):
        return "a type that Lean does not document"
    return "a type that Lean does not have"
