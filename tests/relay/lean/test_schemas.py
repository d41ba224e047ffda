"""The catalogue as JSON Schema, and as rows of an explanation."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import jsonschema
import msgspec
import pytest

from relay.lean.catalogue import REGIONS, Confidence, EventType, Region, catalogue
from relay.lean.event_docs import field_rows, source_address
from relay.lean.samples import Sampler
from relay.lean.schemas import CONFIDENCE, KNOWN_VALUES, all_schemas, event_schema, title_of
from tests.support.factories import NOON

EVENTS = pytest.mark.parametrize("event", catalogue().events, ids=lambda event: event.type)


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Each schema inside a schema, itself first."""
    yield schema
    for inner in schema.get("properties", {}).values():
        yield from parts(inner)
    if "items" in schema:
        yield from parts(schema["items"])


@EVENTS
def test_each_is_a_schema_of_draft_2020_12(event: EventType) -> None:
    """The document is one by the draft's own schema, and every property tells how well it is known."""
    schema = event_schema(event)
    jsonschema.Draft202012Validator.check_schema(schema)
    for part in parts(schema):
        if "const" not in part:
            assert Confidence(part[CONFIDENCE])


@pytest.mark.slow
@EVENTS
@pytest.mark.parametrize("region", REGIONS)
def test_samples_are_as_their_schema_says(event: EventType, region: Region) -> None:
    """What `trigger` makes up is what the schema of its type takes, and no other's schema takes it."""
    sampler = Sampler(random.Random(7), lambda: NOON, region)
    for _ in range(20):
        body = msgspec.json.decode(sampler.body(event.type))
        jsonschema.Draft202012Validator(event_schema(event)).validate(body)
        jsonschema.Draft202012Validator(all_schemas(catalogue().events)).validate(body)


def test_open_lists_are_told_and_closed_ones_asserted() -> None:
    """An unknown status passes and is described; `enabled` or `disabled` leaves no third."""
    status = event_schema(catalogue().event("payment.updated"))["properties"]["payload"]["properties"][
        "status"
    ]
    assert "enum" not in status
    assert "ACCEPTED_BY_BANK" in status[KNOWN_VALUES]
    assert status["description"].startswith("Known values, others are possible: PENDING_WITH_BANK")
    iban = catalogue().event("iban_account_verification.bank.availability.updated")
    payload = event_schema(iban)["properties"]["payload"]["properties"]
    assert payload["availability"]["properties"]["global"]["enum"] == ["enabled", "disabled"]


def test_what_is_less_known_says_so() -> None:
    """A type from receivers' code and an inferred field are marked in the schema and in the rows."""
    event = catalogue().event("consent.status.updated")
    assert event_schema(event)[CONFIDENCE] == "code"
    assert {row.path: row.confidence.words for row in field_rows(event)}[
        "payload.consent_type"
    ] == "seen only in public code"
    deprecated = event_schema(catalogue().event("payment_source.created"))
    assert deprecated["deprecated"] is True


def test_rows_have_every_field_once() -> None:
    """Paths are those of the fields, with `[]` for entries, each once."""
    rows = [row.path for row in field_rows(catalogue().event("entity.data.refresh.updated"))]
    assert len(rows) == len(set(rows))
    assert "payload.data_status.account_data[].transaction_availability.start" in rows
    assert rows[:2] == ["type", "payload"]
    assert rows[-1] == "event_id"


def test_titles_and_sources() -> None:
    """Titles are names that code can have; sources are addresses that people can open."""
    titles = [title_of(event.type) for event in catalogue().events]
    assert len(set(titles)) == len(titles)
    assert title_of("payment.account-on-file.updated") == "PaymentAccountOnFileUpdated"
    assert source_address("github:a/b:c/d.json") == "https://github.com/a/b (c/d.json)"
    assert source_address("https://docs.leantech.me/docs/webhooks").startswith("https://docs")
