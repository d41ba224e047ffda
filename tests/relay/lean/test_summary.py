"""The summary of an event: a few values, as they are written, of any body."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.lean.catalogue import catalogue
from relay.lean.summary import MOST_BYTES, summary


def of(type_: str, payload: str) -> tuple[str, ...]:
    return summary(type_, f'{{"type": "{type_}", "payload": {payload}}}'.encode())


@pytest.mark.parametrize(
    ("type_", "payload", "said"),
    [
        (
            "payment.updated",
            '{"status": "FAILED", "amount": 2998.19, "currency": "AED", "failure_reason": "no funds"}',
            ("FAILED", "2,998.19 AED", "no funds"),
        ),
        (
            "payment.updated",
            '{"status": "SETTLED", "amount": "12.50", "currency": "AED"}',
            ("SETTLED", '"12.50" AED'),
        ),
        ("payment.updated", '{"status": null, "amount": 12.50}', ("12.50",)),
        ("payment.created", '{"amount": 12345678901234567890.10}', ("12,345,678,901,234,567,890.10",)),
        ("payment.created", '{"amount": 1e12345}', ("1e12345",)),
        (
            "entity.created",
            '{"bank_details": {"identifier": "ENBD_UAE"}, "permissions": ["identity", "balance"]}',
            ("ENBD_UAE", "identity, balance"),
        ),
        (
            "bank.availability.updated",
            '{"identifier": "ADCB", "availability": {"active": {"payments": false}}}',
            ("ADCB", "payments=false"),
        ),
        ("results.ready", '{"id": "1"}', ()),
        ("of.tomorrow", '{"status": "NEW"}', ("NEW",)),
        ("payment.updated", '"text"', ()),
        ("payment.updated", '{"status": {"deep": 1}, "amount": [[1]]}', ()),
    ],
)
def test_what_tells_an_event_apart(type_: str, payload: str, said: tuple[str, ...]) -> None:
    """Status, amount with currency, bank, reason: as they are written, and nothing where they are missing."""
    assert of(type_, payload) == said


def test_a_body_that_has_none() -> None:
    """What is not JSON, or larger than a list should read, has no summary."""
    assert summary("payment.updated", b"\xff\xfe") == ()
    assert summary("payment.updated", b"") == ()
    assert summary("payment.updated", b"[" * 2000) == ()
    whole = b'{"payload": {"status": "OK"}}'
    assert summary("payment.updated", whole.ljust(MOST_BYTES)) == ("OK",)
    assert summary("payment.updated", whole.ljust(MOST_BYTES + 1)) == ()


def test_the_catalogue_names_fields_that_it_has() -> None:
    """Each path of a summary is a documented or seen field of that type."""
    for event in catalogue().events:
        for path in " ".join(event.summary).split():
            first, *steps = path.split(".")
            assert first == "payload"
            fields = event.payload
            for step in steps:
                (field,) = (each for each in fields if each.name == step)
                fields = field.fields


@pytest.mark.slow
@given(
    st.sampled_from([event.type for event in catalogue().events]),
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["payload", "status", "amount", "currency"]) | st.text(), inner)
        ),
    ),
)
def test_no_body_breaks_it(type_: str, value: object) -> None:
    """Any JSON gives text."""
    assert all(isinstance(part, str) and part for part in summary(type_, json.dumps(value).encode()))
