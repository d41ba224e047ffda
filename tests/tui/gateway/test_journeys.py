"""The journeys of a capture's ids, the one with most captures first, and a search that is stopped."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from relay.errors import NotFound, RelayError
from relay.lean.ids import Of
from relay.models import Capture
from tests.support.factories import a_capture, insert_all, new_log
from tests.support.payment_journey import CUSTOMER, INTENT, PAYMENT, an_event, payment_and_intent
from tui.gateway.journeys import Journeys


def journeys_of(folder: Path, captures: Iterable[Capture]) -> Journeys:
    log = new_log(folder / "relay.db")
    insert_all(log, captures)
    log.close()
    return Journeys(folder / "relay.db")


def test_the_id_with_most_captures_first(tmp_path: Path) -> None:
    """The intent is in three captures, payment and customer in two each, the object of the event first."""
    journeys = journeys_of(tmp_path, payment_and_intent())
    found = journeys.follow(4, None)
    assert found.ids == ((Of.INTENT, INTENT), (Of.PAYMENT, PAYMENT), (Of.CUSTOMER, CUSTOMER))
    assert (found.place, found.journey.root_id) == (0, INTENT)
    assert journeys.follow(4, 2).journey.root_id == CUSTOMER
    assert journeys.follow(4, -2).place == 1


def test_ids_of_several_customers_come_last(tmp_path: Path) -> None:
    """A bank is in most captures, and tells least."""
    bank = {"bank_identifier": "ENBD_UAE"}
    captures = [
        *(an_event(number, "payment.created", {"id": f"pay-{number}"} | bank) for number in range(1, 6)),
        an_event(6, "payment.updated", {**bank, "id": "pay-5"}),
    ]
    journeys = journeys_of(tmp_path, captures)
    assert journeys.follow(6, None).ids == ((Of.PAYMENT, "pay-5"), (Of.BANK, "ENBD_UAE"))


def test_of_one_capture_alone(tmp_path: Path) -> None:
    """Where each id is of this capture alone, the object of its event comes first."""
    journeys = journeys_of(
        tmp_path, [an_event(1, "entity.created", {"customer_id": CUSTOMER, "id": "entity-1"})]
    )
    assert journeys.follow(1, None).journey.root_id == "entity-1"


def test_nothing_to_follow(tmp_path: Path) -> None:
    """A capture without ids, and one that does not exist."""
    journeys = journeys_of(tmp_path, [a_capture(1, body=b"{}", event=None)])
    with pytest.raises(NotFound, match="capture 1 has no Lean id to follow"):
        journeys.follow(1, None)
    with pytest.raises(NotFound, match="capture 2 no longer exists"):
        journeys.follow(2, None)


def test_a_search_that_is_stopped_ends(tmp_path: Path) -> None:
    """One that was asked for before does not begin, and the next search is a whole one."""
    journeys = journeys_of(tmp_path, payment_and_intent())
    asked = journeys.stops
    journeys.stop()
    assert len(journeys.follow(4, 0, journeys.stops).journey.steps) == 3
    with pytest.raises(RelayError) as stopped:
        journeys.follow(4, 0, asked)
    assert stopped.value.word == "stopped"
