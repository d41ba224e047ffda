"""Journeys: what belongs together, and what is said of each step."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.analysis.diagram import safe, sequence
from relay.analysis.journey import Builder, Journey, RelatedIds, value_of
from relay.lean.envelope import read_event
from relay.lean.ids import Of, ids_of
from relay.lean.samples import Sampler
from relay.models import Capture, Event, Signature, from_micros
from relay.text.units import format_duration
from tests.support import strategies
from tests.support.factories import NOON, a_capture, a_delivery

STORY = (
    "entity.created",
    "payment_intent.created",
    "payment.created",
    "payment.updated",
    "payment.reconciliation.updated",
    "entity.reconnected",
    "results.ready",
    "bank.availability.updated",
)


def captured(number: int, body: bytes, **changes: Any) -> Capture:
    """A capture of a body, with what the receiver would have read from it."""
    row = read_event(body)
    event = None
    if row is not None:
        at = None if row.event_at is None else from_micros(row.event_at)
        event = Event(type=row.type, event_id=row.event_id, at=at, customer_id=row.customer_id)
    return a_capture(number, body=body, event=event, signature=Signature.VALID, **changes)


def story(seed: int = 1, first: int = 1) -> list[Capture]:
    sampler = Sampler(random.Random(seed), lambda: NOON, "UAE")
    return [captured(number, sampler.body(type_)) for number, type_ in enumerate(STORY, first)]


def journey(id: str, captures: Iterable[Capture]) -> Journey:
    """As the command makes it: rounds until nothing new is linked."""
    captures = list(captures)
    related = RelatedIds(id)
    new, found = {id}, set()
    while new:
        new = set()
        for capture in captures:
            ids = ids_of(value_of(capture.body))
            if related.belongs(ids):
                found.add(capture.id)
                new |= related.add_from(ids)
    builder = Builder(related)
    for capture in captures:
        if capture.id in found:
            builder.add(capture)
    return builder.journey()


def id_in(capture: Capture, of: Of) -> str:
    return next(each.value for each in ids_of(value_of(capture.body)) if each.of is of)


def types(found: Journey) -> list[str]:
    return [step.type or "" for step in found.steps]


def test_a_customer_s_journey_has_events_that_do_not_name_the_customer() -> None:
    """Intents, reconciliations, reconnects and results are linked by the ids between; a bank is not."""
    captures = story()
    found = journey(id_in(captures[0], Of.CUSTOMER), [*captures, *story(seed=2, first=100)])
    assert found.of is Of.CUSTOMER
    assert types(found) == list(STORY[:-1])
    assert {of for of, _ in found.ids} >= {Of.ENTITY, Of.PAYMENT, Of.INTENT, Of.RESULTS}


def test_a_payment_s_journey_is_no_customer_s() -> None:
    """It has its intent and its reconciliation, under whatever name they stand there, and nothing else."""
    captures = story()
    of_payment = journey(id_in(captures[2], Of.PAYMENT), captures)
    of_intent = journey(id_in(captures[2], Of.INTENT), captures)
    assert types(of_payment) == types(of_intent) == list(STORY[1:5])
    assert of_intent.of is Of.INTENT


def test_a_reconnect_and_its_results() -> None:
    """The results id is the reconnect id."""
    captures = story()
    assert types(journey(id_in(captures[5], Of.RESULTS), captures)) == ["entity.reconnected", "results.ready"]


def test_what_several_customers_share_links_none_of_them() -> None:
    """Two customers who pay to one destination stay two journeys."""
    one, other = story(seed=1), story(seed=2, first=100)
    mine, theirs = (id_in(captures[2], Of.DESTINATION) for captures in (one, other))
    other = [captured(each.id, each.body.replace(theirs.encode(), mine.encode())) for each in other]
    found = journey(id_in(one[0], Of.CUSTOMER), [*one, *other])
    assert all(step.capture_id < 100 for step in found.steps)
    assert len(journey(mine, [*one, *other]).steps) == 4


def test_status_changes_are_shown_and_a_payment_has_two_states() -> None:
    """Each change by its object; reconciliation is not the payment's own status."""
    captures = story()
    found = journey(id_in(captures[2], Of.PAYMENT), captures)
    assert [step.status.words if step.status else None for step in found.steps] == [
        "intent INTENT_CREATED",
        "payment PENDING_WITH_BANK",
        "payment PENDING_WITH_BANK -> ACCEPTED_BY_BANK",
        "reconciliation OUTSTANDING",
    ]


def test_of_many_replays_the_last_one_is_shown() -> None:
    """Each live response, and of replays the newest with their number."""
    captures = story()[2:3]
    failed = {"verdict": "retry", "status": 500}
    live = (a_delivery(1, **failed), a_delivery(2, target="http://localhost:4000"))
    for replays, said in (
        ((a_delivery(3, kind="replay"),), "-> replay 200 delivered"),
        (
            (a_delivery(3, kind="replay", **failed), a_delivery(4, kind="replay")),
            "-> replay 200 delivered, the last of 2",
        ),
    ):
        sent = [replace(captures[0], deliveries=(*live, *replays))]
        (step,) = journey(id_in(captures[0], Of.PAYMENT), sent).steps
        assert list(step.words)[1:] == ["-> 500 retry", "-> 200 delivered", said]


def test_gaps_repeats_and_order_are_said_as_they_were() -> None:
    """How long after the step before, which try it is, and what came after bearing an earlier time."""
    created, updated = story()[2:4]
    assert created.event is not None
    early = replace(created.event, at=NOON - timedelta(seconds=5))
    late = replace(updated, id=1, received_at=NOON)
    first = replace(created, id=2, received_at=NOON + timedelta(seconds=5), event=early)
    again = replace(first, id=3, received_at=NOON + timedelta(seconds=65), body_sha256="other")
    found = journey(id_in(created, Of.PAYMENT), [late, first, again])
    assert [step.gap for step in found.steps] == [timedelta(0), timedelta(seconds=5), timedelta(seconds=60)]
    assert [step.stamped_before for step in found.steps] == [None, 1, 1]
    retry = found.steps[2].retry
    assert retry is not None
    assert (retry.scheduled, retry.same_bytes) == (2, False)
    assert found.steps[0].retry is None
    assert [line["kind"] for line in (found.as_json(), *(step.as_json() for step in found.steps))] == [
        "journey",
        *["step"] * 3,
    ]


def test_mermaid_shows_gaps_and_targets_and_nothing_hostile() -> None:
    """A diagram that renders whatever the event says."""
    hostile = b'{"type":"payment.created","payload":{"id":"p","status":"A;end\\nclick x->>y: \\"%%{"}}'
    captures = [
        captured(1, hostile, deliveries=(a_delivery(status=500, verdict="retry"),), received_at=NOON),
        captured(2, hostile, received_at=NOON + timedelta(minutes=2)),
    ]
    assert list(sequence(journey("p", captures))) == [
        "sequenceDiagram",
        "    participant lean as Lean",
        "    participant relay as lean-relay",
        "    participant t1 as http://localhost:3000",
        "    lean->>relay: payment.created payment A?end?click x-??y: ???? (1, 12:00:00Z)",
        "    relay->>t1: 500 retry",
        "    Note over lean,relay: 2 min later",
        "    lean->>relay: payment.created payment A?end?click x-??y: ???? again (2, 12:02:00Z)",
    ]
    assert safe("end") == "(end)"
    assert [format_duration(timedelta(seconds=s)) for s in (0, 0.5, 37, 120, 3 * 3600 + 300, 200_000)] == [
        "0 ms",
        "500 ms",
        "37 s",
        "2 min",
        "3 h 5 min",
        "2 d 7 h 33 min",
    ]


@pytest.mark.slow
@given(st.lists(strategies.captures(), max_size=4), st.sampled_from(["payment", "é", "\ud800"]))
def test_no_captures_make_it_raise(captures: list[Capture], id: str) -> None:
    """Whatever is in them, a journey can be made of it and shown."""
    builder = Builder(RelatedIds(id))
    for number, capture in enumerate(captures):
        builder.add(replace(capture, id=number))
    found = builder.journey()
    for line in sequence(found):
        assert line.isascii()
    for step in found.steps:
        assert step.as_json()
