"""Made-up events: shaped as documented, belonging together, changed only where asked."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.lean.catalogue import REGIONS, Field, Region, catalogue
from relay.lean.envelope import micros, read_event
from relay.lean.sample_customer import _PAYLOADS
from relay.lean.samples import MADE_UP_MESSAGE, Sampler
from relay.lean.set_value import change, paths
from relay.models import to_micros

NOW = datetime(2026, 11, 20, 8, 15, 30, 123456, tzinfo=UTC)
TYPES = [event.type for event in catalogue().events]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, Decimal),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
FORMATS: dict[str, Callable[[str], object]] = {
    "uuid": UUID.fullmatch,
    "date": datetime.fromisoformat,
    "date-time": micros,
    "uri": re.compile(r"https://\S+").fullmatch,
    "iso4217": re.compile(r"AED|SAR").fullmatch,
    "iso3166-1-alpha2": re.compile(r"[A-Z]{2}").fullmatch,
    "hex-colour": re.compile(r"#[0-9a-f]{6}").fullmatch,
}


def a_sampler(seed: int = 1, region: Region = "UAE") -> Sampler:
    return Sampler(random.Random(seed), lambda: NOW, region)


def parsed(body: bytes) -> Any:
    return json.loads(body, parse_float=Decimal)


def faults(value: Any, fields: tuple[Field, ...], at: str) -> Iterator[str]:
    """How an object differs from the catalogue's fields, each as a phrase."""
    known = {field.name: field for field in fields}
    for name in value:
        if name not in known and "*" not in known:
            yield f"{at}.{name} is not in the catalogue"
    for name, field in known.items():
        if name in value:
            yield from faults_of_one(value[name], field, f"{at}.{name}")
        elif field.required:
            yield f"{at}.{name} is missing"


def faults_of_one(value: Any, field: Field, at: str) -> Iterator[str]:
    if value is None:
        if not (field.nullable or field.type == "any"):
            yield f"{at} is null"
        return
    if field.type != "any" and type(value) not in PYTHON_TYPES[field.type]:
        yield f"{at} is {value!r}, no {field.type}"
    elif field.enum and value not in field.enum:
        yield f"{at} is {value!r}, none of {field.enum}"
    elif field.pattern and not re.fullmatch(field.pattern, value):
        yield f"{at} is {value!r}, not {field.pattern}"
    elif field.format and not FORMATS[field.format](value):
        yield f"{at} is {value!r}, no {field.format}"
    elif field.items is not None:
        for index, part in enumerate(value):
            yield from faults_of_one(part, field.items, f"{at}[{index}]")
    elif field.fields:
        yield from faults(value, field.fields, at)


@pytest.mark.slow
@pytest.mark.parametrize("region", REGIONS)
def test_every_type_has_the_documented_shape(region: Region) -> None:
    """For 200 seeds, each type thrice: required fields there, known ones of their type, no others."""
    events = {event.type: event for event in catalogue().events}
    for seed in range(200):
        sampler = a_sampler(seed, region)
        rng = random.Random(seed)
        for type_ in rng.sample(TYPES * 3, len(TYPES) * 3):
            event = sampler.event(type_)
            assert list(faults(event, catalogue().envelope, type_)) == []
            assert list(faults(event["payload"], events[type_].payload, type_)) == []
            assert event["message"] in (*events[type_].messages, MADE_UP_MESSAGE)
            assert tuple(event) in catalogue().key_orders


def test_the_story_knows_the_catalogue() -> None:
    """Each type of the catalogue has a payload, and no other."""
    assert sorted(_PAYLOADS) == sorted(TYPES)


@pytest.mark.parametrize("type_", TYPES)
def test_the_envelope_is_read_back(type_: str) -> None:
    """What a sample says of itself is what the relay reads from its bytes."""
    sample = a_sampler().sample(type_)
    event, row = parsed(sample.body), read_event(sample.body)
    assert row is not None
    assert (row.type, row.event_id, row.event_at) == (type_, sample.event_id, to_micros(NOW))
    assert row.customer_id == event["payload"].get("customer_id")


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Nothing but the seed and the clock decides."""
    first, again, other = a_sampler(7), a_sampler(7), a_sampler(8)
    for type_ in TYPES:
        assert first.body(type_) == again.body(type_) != other.body(type_)


def test_ids_belong_together() -> None:
    """Customer, entity, source, intent and payment are the same ones wherever they are named."""
    make = a_sampler(3).event
    entity = make("entity.created")["payload"]
    source = make("payment_source.created")["payload"]
    beneficiary = make("payment_source.beneficiary.created")["payload"]
    active = make("payment_source.beneficiary.updated")["payload"]
    intent = make("payment_intent.created")["payload"]
    created, updated = make("payment.created")["payload"], make("payment.updated")["payload"]
    reconciled = make("payment.reconciliation.updated")["payload"]
    refresh = make("entity.data.refresh.updated")["payload"]
    reconnect, results = make("entity.reconnected")["payload"], make("results.ready")["payload"]

    with_customer = (entity, source, beneficiary, active, created, updated, refresh)
    assert len({payload["customer_id"] for payload in with_customer}) == 1
    assert entity["id"] == refresh["entity_id"] == reconnect["id"] == make("entity.updated")["payload"]["id"]
    assert entity["app_user_id"] == refresh["app_user_id"]
    assert source["id"] == beneficiary["payment_source_id"] == active["payment_source_id"]
    assert beneficiary["id"] == active["id"]
    assert intent["intent_id"] == created["intent_id"] == reconciled["payment_intent_id"]
    assert created["id"] == updated["id"] == reconciled["payment_id"]
    assert intent["amount"] == created["amount"] == updated["amount"] == reconciled["amount"]
    assert created["payment_destination_id"] == beneficiary["payment_destination_id"]
    assert reconnect["reconnect_id"] == results["id"]


def test_things_move_on() -> None:
    """States follow each other, and after the last something new begins."""
    make = a_sampler(3).event

    def twice_and_more(type_: str, times: int, id_: str = "id") -> list[tuple[Any, Any]]:
        payloads = [make(type_)["payload"] for _ in range(times)]
        return [(payload["status"], payload[id_]) for payload in payloads]

    created, updated = make("payment.created")["payload"], make("payment.updated")["payload"]
    assert (created["status"], updated["status"]) == ("PENDING_WITH_BANK", "ACCEPTED_BY_BANK")
    assert "bank_transaction_reference" not in created
    assert "bank_transaction_reference" in updated
    (_, one), (_, two) = twice_and_more("payment.updated", 2)
    assert len({one, two, updated["id"]}) == 3
    refreshes = twice_and_more("entity.data.refresh.updated", 4, "refresh_id")
    assert [status for status, _ in refreshes] == ["PENDING", "PENDING", "FINISHED", "PENDING"]
    assert len({refresh_id for _, refresh_id in refreshes}) == 2
    consents = twice_and_more("consent.status.updated", 3)
    assert [status for status, _ in consents][:2] == ["AWAITING_AUTHORISATION", "AUTHORISED"]
    assert consents[1][1] != consents[2][1]
    on_file = twice_and_more("payment.transaction", 3)
    assert [status for status, _ in on_file] == ["CREATED", "PROCESSING", "PROCESSED"]
    customers = {make("entity.created")["payload"]["customer_id"] for _ in range(3)}
    assert len(customers) == 3


def test_regions_differ() -> None:
    """Currency and banks are those of the region."""
    uae, ksa = a_sampler(1, "UAE"), a_sampler(1, "KSA")
    assert uae.event("payment.created")["payload"]["currency"] == "AED"
    assert ksa.event("payment.created")["payload"]["currency"] == "SAR"
    for sampler, banks in ((uae, "UAE"), (ksa, "KSA")):
        identifier = sampler.event("entity.created")["payload"]["bank_details"]["identifier"]
        assert identifier in catalogue().bank_identifiers[banks]  # type: ignore[index]  # a literal, inferred as str


@pytest.mark.parametrize(
    ("type_", "region", "words"),
    [
        ("payment.updated", "UAE", None),
        ("entity.created", "KSA", None),
        ("payment_intent.created", "KSA", "Lean sends it only in UAE"),
        ("bulk_payment_intent.created", "UAE", "the payload is not known, so it is empty"),
        ("transaction.account", "UAE", "only the fields that are known"),
        ("payment_source.updated", "UAE", "the payload is inferred"),
        ("consent.status.updated", "UAE", "the type itself is known only from receivers' code"),
        ("payment_intent.expired", "UAE", "the message is made up"),
    ],
)
def test_a_sample_says_what_is_not_known(type_: str, region: Region, words: str | None) -> None:
    """What Lean does not document is labelled; what it does needs no note."""
    note = a_sampler(1, region).sample(type_).note
    assert note is None if words is None else words in (note or "")


def test_times_have_leans_forms() -> None:
    """6, 7 and 9 digits of a second all come up, and name the clock's time, also at its turn."""
    turning = iter([NOW, NOW + timedelta(seconds=1)] * 1_000)
    sampler = Sampler(random.Random(1), lambda: next(turning))
    texts = [sampler.event("results.ready")["timestamp"] for _ in range(60)]
    lengths = {len(text.partition(".")[2]) - 1 for text in texts}
    assert lengths == {6, 7, 9}
    assert {micros(text) for text in texts} == {to_micros(NOW), to_micros(NOW + timedelta(seconds=1))}


def test_amounts_keep_their_digits() -> None:
    """Amounts are JSON numbers, whole or with exactly two digits."""
    sampler = a_sampler()
    found = [re.search(rb'"amount":([^,]+),', sampler.body("payment.updated")) for _ in range(100)]
    digits = [match[1] for match in found if match]
    assert len(digits) == 100
    assert all(re.fullmatch(rb"[0-9]+(\.[0-9]{2})?", one) for one in digits)
    assert any(b"." in one for one in digits)
    assert any(b"." not in one for one in digits)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("payload.status=FAILED", b'"status":"FAILED"'),
        ('payload.status="5"', b'"status":"5"'),
        ("payload.status=5", b'"status":5'),
        ("payload.amount=100.00", b'"amount":100.00'),
        ("payload.amount=12345678901234567890.123456789", b'"amount":12345678901234567890.123456789'),
        ("payload.amount=-0.10", b'"amount":-0.10'),
        ("payload.amount=" + "9" * 5000, b'"amount":' + b"9" * 5000),
        ("payload.amount=NaN", b'"amount":"NaN"'),
        ("payload.amount=", b'"amount":""'),
        ("payload.status=a=b", b'"status":"a=b"'),
        ("payload.metadata={}", b'"metadata":{}'),
        ("payload.metadata.any=[1,null,true]", b'"any":[1,null,true]'),
        ("payload.failure_code=BANK_ISSUE", b'"failure_code":"BANK_ISSUE"'),
        ("timestamp=null", b'"timestamp":null'),
        ("payload=[]", b'"payload":[]'),
        ("message=بنك", '"message":"بنك"'.encode()),
        ("payload.status=" + "[" * 5_000, b'"status":"[[[['),
    ],
)
def test_changes(text: str, part: bytes) -> None:
    """A value is JSON where it is JSON, with its digits, and else text; known fields can be added."""
    assert part in a_sampler().body("payment.updated", [text])


def test_changes_follow_each_other() -> None:
    """Each change sees the ones before it, and lists are reached by index."""
    body = a_sampler(2).body(
        "entity.data.refresh.updated",
        ["payload.data_status.account_data[0].balance=FAILED", "payload.status=OK", "payload.status=PENDING"],
    )
    payload = parsed(body)["payload"]
    assert payload["data_status"]["account_data"][0]["balance"] == "FAILED"
    assert payload["status"] == "PENDING"
    body = a_sampler().body(
        "bulk_payment_intent.created", ["payload.id=1", "payload.deep={}", "payload.deep.er=2"]
    )
    assert parsed(body)["payload"] == {"id": 1, "deep": {"er": 2}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("payload.statu=x", r"this event has no payload\.statu; did you mean payload\.status"),
        ("status=x", "did you mean payload.status"),
        ("payload.metadata.order.x=1", "this event has no "),
        ("payload.status[0]=1", "this event has no "),
        ("payload[0]=1", "this event has no "),
        ("zzzzz=1", "did you mean type, payload, payload.id"),
        ("payload.status", "is not a valid PATH=VALUE"),
        ("=5", "is not a valid PATH=VALUE"),
        ("payload..status=5", "is not a valid path"),
        ("payload.=5", "is not a valid path"),
        ("payload.status[x]=5", "is not a valid path"),
        ("[0]=5", "this event has no "),
        ('payload.status="\\ud800"', "lone surrogate"),
        ("payload.status=\udcff", "lone surrogate"),
    ],
)
def test_a_change_that_matches_nothing(text: str, words: str) -> None:
    """A path that leads nowhere is an error with the nearest paths, and so is what UTF-8 cannot hold."""
    with pytest.raises(ValueError, match=words):
        a_sampler().body("payment.updated", [text])


def test_an_unknown_type() -> None:
    """A type that Lean is not known to send is an error with near names."""
    with pytest.raises(ValueError, match=r"did you mean payment\.updated"):
        a_sampler().sample("payment.update")


@given(st.text(max_size=40), st.text(max_size=40))
@settings(deadline=None, max_examples=150)
def test_any_change_works_or_is_a_value_error(path: str, value: str) -> None:
    """No text given as a change makes anything but a body or a ValueError."""
    for text in (f"{path}={value}", f"payload.{path}={value}", f"payload.metadata={value}", path):
        try:
            body = a_sampler().body("payment.updated", [text])
        except ValueError:
            continue
        assert json.loads(body)["type"]


def test_every_path_leads_somewhere() -> None:
    """Each path that may be offered as a near one can be set, and is then what was set."""
    sampler = a_sampler(2)
    original = sampler.event("entity.data.refresh.updated")
    places = list(paths(original))
    assert "payload.data_status.account_data[0].balance" in places
    for path in places:
        event = copy.deepcopy(original)
        change(event, path, "changed")
        assert event != original
        assert "changed" in json.dumps(event)
