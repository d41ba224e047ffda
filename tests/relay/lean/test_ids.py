"""Ids in events: named by what they are the id of, which differs from event to event."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.lean.catalogue import catalogue
from relay.lean.ids import LONGEST_PATH, MOST_IDS, Of, all_ids, ids_of, own_id
from relay.lean.samples import Sampler
from relay.text.json_values import parsed
from tests.support import strategies
from tests.support.factories import NOON


def kinds(type_: str) -> dict[str, Of]:
    body = Sampler(random.Random(3), lambda: NOON, "UAE").body(type_)
    return {each.path.removeprefix("payload."): each.of for each in ids_of(parsed(body))}


@pytest.mark.parametrize(
    ("type_", "own"),
    [
        ("entity.created", Of.ENTITY),
        ("results.ready", Of.RESULTS),
        ("payment.updated", Of.PAYMENT),
        ("payment.account-on-file.updated", Of.PAYMENT),
        ("payment_source.created", Of.SOURCE),
        ("payment_source.beneficiary.updated", Of.BENEFICIARY),
        ("consent.status.updated", Of.CONSENT),
    ],
)
def test_id_is_another_thing_in_each(type_: str, own: Of) -> None:
    """`payload.id` is the entity here and the payment there."""
    assert kinds(type_)["id"] is own
    assert own_id(type_) is own


def test_one_thing_has_many_names() -> None:
    """An intent, a payment and a reconnect are found under each name that Lean gives them."""
    assert kinds("payment_intent.created")["intent_id"] is Of.INTENT
    assert kinds("payment.created")["intent_id"] is Of.INTENT
    reconciled = kinds("payment.reconciliation.updated")
    assert (reconciled["payment_id"], reconciled["payment_intent_id"]) == (Of.PAYMENT, Of.INTENT)
    assert kinds("entity.reconnected")["reconnect_id"] is Of.RESULTS
    refreshed = kinds("entity.data.refresh.updated")
    assert refreshed["entity_id"] is Of.ENTITY
    assert refreshed["data_status.account_data[0].account_id"] is Of.ACCOUNT


@pytest.mark.parametrize("event", catalogue().events, ids=lambda event: event.type)
def test_no_field_that_ends_in_id_is_of_nothing(event: object) -> None:
    """Each id of the catalogue's samples has a name of its own."""
    assert Of.OTHER not in kinds(event.type).values()  # type: ignore[attr-defined]


def test_what_the_caller_put_in_is_no_id_of_lean_s() -> None:
    """`metadata` may hold anything, also a customer_id of another system."""
    event = {"type": "payment.updated", "payload": {"metadata": {"customer_id": "x"}, "some_id": "y"}}
    assert [(each.of, each.value) for each in ids_of(event)] == [(Of.OTHER, "y")]


def test_each_place_of_an_id() -> None:
    """An id that occurs twice has two places, and each path can be read back."""
    event = {"type": "a", "payload": {"x_id": "1", "odd key": {"x_id": "1"}, "list": [{"y_id": "2"}]}}
    assert [each.path for each in all_ids(event)] == [
        "payload.x_id",
        'payload["odd key"].x_id',
        "payload.list[0].y_id",
    ]
    assert len(ids_of(event)) == 2


def test_it_is_bounded() -> None:
    """A body of a million ids gives no more than are looked at."""
    event = {"type": "a", "payload": {"list": [{"a_id": str(number)} for number in range(2 * MOST_IDS)]}}
    assert len(ids_of(event)) == MOST_IDS


def test_nothing_is_looked_for_below_a_long_path() -> None:
    """A key of a megabyte would be copied for each value under it, and lists in lists make long paths too."""
    deep: Any = {"a_id": "3"}
    for _ in range(LONGEST_PATH // 3):
        deep = [deep]
    event = {"type": "a", "payload": {"k" * LONGEST_PATH: {"a_id": "1"}, "b_id": "2", "deep": deep}}
    assert [each.value for each in all_ids(event)] == ["2"]


@given(
    st.one_of(
        strategies.json_texts, strategies.json_texts.map(lambda text: f'{{"type":"a","payload":{text}}}')
    )
)
def test_nothing_makes_it_raise(text: str) -> None:
    """Whatever the JSON."""
    for each in ids_of(parsed(text.encode("utf-8", "surrogatepass"))):
        assert each.value
