"""Captures to compare with: the most telling first, found window by window, and a search that is stopped."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from relay.errors import RelayError
from relay.models import Capture, Event
from relay.store.read import search
from relay.store.read.partners import Partner, partners
from relay.store.read.reader import Reader
from tests.support.factories import a_capture, insert_all, new_log

CUSTOMER, OTHER_CUSTOMER = (f"c0ffee00-0000-4000-8000-00000000000{number}" for number in (1, 2))


def an_event(
    number: int, payload: dict[str, Any], *, type_: str = "payment.updated", event_id: str | None = None
) -> Capture:
    """An event of a type, with an event_id of its own unless one is given."""
    event_id = event_id or f"event-{number}"
    body = json.dumps({"type": type_, "payload": payload, "event_id": event_id}).encode()
    event = Event(type=type_, event_id=event_id, customer_id=payload.get("customer_id"))
    return a_capture(number, body=body, event=event)


def reader_of(folder: Path, captures: Iterable[Capture]) -> Reader:
    log = new_log(folder / "relay.db")
    insert_all(log, captures)
    log.close()
    return Reader(folder / "relay.db")


def found(reader: Reader, number: int, most: int = 20) -> list[tuple[int, str]]:
    capture = reader.capture(number)
    assert capture is not None
    return [(each.capture_id, each.words) for each in islice(partners(reader, capture), most)]


def test_same_object_first(tmp_path: Path) -> None:
    """Events of the same payment come first, earlier ones from the nearest on, then later ones."""
    captures = [
        an_event(1, {"id": "pay-1", "intent_id": "int-1"}, type_="payment.created"),
        an_event(2, {"id": "pay-1", "intent_id": "int-1", "customer_id": CUSTOMER}),
        an_event(3, {"id": "pay-2", "customer_id": OTHER_CUSTOMER}),
        an_event(4, {"id": "pay-1", "intent_id": "int-1", "customer_id": CUSTOMER}),
        an_event(5, {"payment_id": "pay-1"}, type_="payment.reconciliation.updated"),
        an_event(6, {"note": "pay-1", "id": "pay-9"}, type_="payment.created"),
        an_event(7, {"id": "pay-1"}),
    ]
    with reader_of(tmp_path, captures) as reader:
        assert found(reader, 4) == [
            (2, "the one before of the same payment"),
            (1, "an earlier one of the same payment"),
            (5, "the next one of the same payment"),
            (7, "a later one of the same payment"),
            (3, "the one before of its type"),
        ]
        assert found(reader, 1, 1) == [(2, "the next one of the same payment")]


def test_linked_object(tmp_path: Path) -> None:
    """Without another event of the payment itself, one of its intent; a bank or a user links nothing."""
    shared = {"bank_identifier": "ENBD_UAE", "app_user_id": "user-1"}
    captures = [
        an_event(1, {"id": "int-1", **shared}, type_="payment_intent.created"),
        an_event(2, {"id": "pay-2", **shared}),
        an_event(3, {"id": "pay-1", "intent_id": "int-1", **shared}),
    ]
    with reader_of(tmp_path, captures) as reader:
        assert found(reader, 3) == [
            (1, "the one before of the same intent"),
            (2, "the one before of its type"),
        ]


def test_same_event(tmp_path: Path) -> None:
    """Events without an object: the same event, then the same customer and type, then the type."""
    captures = [
        an_event(1, {}, event_id="same"),
        an_event(2, {"customer_id": CUSTOMER}),
        an_event(3, {"customer_id": OTHER_CUSTOMER}),
        an_event(4, {"customer_id": CUSTOMER}, event_id="same"),
        an_event(5, {}, event_id="same"),
    ]
    with reader_of(tmp_path, captures) as reader:
        assert found(reader, 4) == [
            (1, "the one before of the same event"),
            (5, "the next one of the same event"),
            (2, "the one before of the same customer and type"),
            (3, "the one before of its type"),
        ]


def test_nothing_in_common(tmp_path: Path) -> None:
    """A request that is no event has none, nor has the only event of its kind."""
    with reader_of(
        tmp_path, [a_capture(1, event=None, body=b"x"), a_capture(2), a_capture(3, event=None)]
    ) as reader:
        assert found(reader, 1) == []
        assert found(reader, 3, 1) == [(2, "the one before of the same payment")]


@pytest.mark.parametrize("window", [500, 2_000, 200_000])
def test_found_in_any_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    """The nearest one comes first, wherever windows begin, and the way is reported."""
    monkeypatch.setattr(search, "LARGEST_WINDOW", window)
    rare = Event(type="results.ready")
    captures = [a_capture(number, event=rare, body=b"%d" % number) for number in (5, 1_200, 4_300, 9_500)]
    passed: list[int] = []
    with reader_of(tmp_path, captures) as reader:
        assert [number for number, _ in found(reader, 9_500)] == [4_300, 1_200, 5]
        first = reader.capture(5)
        last = reader.capture(9_500)
        assert first is not None
        assert last is not None
        assert list(partners(reader, first, passed.append)) == []
        assert next(partners(reader, last, passed.append)) == Partner(4_300, "its type", is_before=True)
    assert passed[0] == 2_000


def test_stopped(tmp_path: Path) -> None:
    """Interrupted it ends as stopped, and not as if there were none."""
    captures = [a_capture(number, body=b"%d" % number, event=None) for number in (1, 9_999)]
    captures.append(an_event(10_000, {"id": "pay-1"}))
    with reader_of(tmp_path, captures) as reader:
        capture = reader.capture(10_000)
        assert capture is not None
        with pytest.raises(RelayError) as raised:
            list(partners(reader, capture, lambda passed: reader.interrupt()))
    assert raised.value.word == "stopped"
