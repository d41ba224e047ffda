"""The catalogue: complete, typed, and honest about what it does not know."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from relay.lean.catalogue import REGIONS, Catalogue, Confidence, EventType, Field, catalogue

RAW: dict[str, Any] = json.loads(files("relay.lean").joinpath("catalogue.json").read_text(encoding="utf-8"))


def fields_of(fields: tuple[Field, ...]) -> Iterator[Field]:
    for field in fields:
        yield field
        yield from fields_of(field.fields)
        if field.items is not None:
            yield from fields_of((field.items,))


def raw_fields_of(fields: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for field in fields:
        yield field
        yield from raw_fields_of(field.get("fields", []))
        yield from raw_fields_of([field["items"]] if "items" in field else [])


def test_each_type_stands_once() -> None:
    """24 types, none twice, none both known and unconfirmed."""
    names = [event.type for event in catalogue().events]
    assert len(names) == len(set(names)) == 24
    assert not set(names) & set(catalogue().unconfirmed)


def test_nothing_in_the_file_is_dropped() -> None:
    """Every key of the file is a field of the values made from it, so no fact is lost in reading."""

    def names(kind: Any) -> set[str]:
        return {field.name for field in dataclasses.fields(kind)}

    assert set(RAW) == names(Catalogue)
    for event in RAW["events"]:
        assert set(event) == names(EventType)
        for field in raw_fields_of(event["payload"]):
            assert set(field) <= names(Field)


def test_confidence_survives() -> None:
    """A type or field that only a receiver's code shows is not passed off as documented."""
    events = {event.type: event for event in catalogue().events}
    assert events["entity.created"].confidence is Confidence.DOCUMENTED
    assert events["consent.status.updated"].confidence is Confidence.CODE
    assert events["payment_intent.expired"].payload_confidence is Confidence.INFERRED
    assert events["transaction.account"].payload_confidence is Confidence.PARTIAL
    fields = {field.name: field for field in events["payment.updated"].payload}
    assert fields["failure_code"].confidence is Confidence.CODE
    assert fields["failure_code"].required is False
    assert fields["intent_id"].required is None
    assert fields["id"].required is True


@pytest.mark.parametrize("event", catalogue().events, ids=lambda event: event.type)
def test_each_type_is_whole(event: EventType) -> None:
    """A type has regions, sources and a cause; objects have parts, lists entries, patterns compile."""
    assert re.fullmatch(r"[a-z_]+(\.[a-z_-]+)+", event.type)
    assert event.regions
    assert set(event.regions) <= set(REGIONS)
    assert event.sources
    assert event.when
    assert event.payload
    for field in fields_of(event.payload):
        assert len(set(field.enum)) == len(field.enum)
        assert (field.items is not None) == (field.type == "array")
        assert not field.fields or field.type == "object"
        assert field.open_enum <= bool(field.enum)
        re.compile(field.pattern or "")


def test_the_envelope() -> None:
    """Five fields, in each of the orders seen."""
    names = [field.name for field in catalogue().envelope]
    assert names == ["type", "payload", "message", "timestamp", "event_id"]
    for order in catalogue().key_orders:
        assert sorted(order) == sorted(names)


def test_it_is_read_once() -> None:
    """The second reader gets the first one's value."""
    assert catalogue() is catalogue()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("payment.update", "payment.updated"),
        ("payments", "did you mean payment."),
        ("Entity.Created", "entity.created"),
        ("bank", "bank.availability.updated"),
        ("refund.created", "guess in"),
        ("", "not known to send ''"),
        ("nope", "`lean-relay trigger --list` lists all types"),
    ],
)
def test_an_unknown_type_gets_near_names(asked: str, words: str) -> None:
    """A name must be exact, and the error helps to find it."""
    with pytest.raises(ValueError, match=re.escape(words)):
        catalogue().event(asked)
    assert catalogue().event("payment.updated").type == "payment.updated"
