"""Which differences are between ids or times, as any two events have them."""

from __future__ import annotations

import pytest

from relay.analysis.diff import Difference
from relay.analysis.incidental import is_incidental

UUIDS = ('"5b1f0f0e-7c55-4c0a-9a3e-2f4f6f0a1d01"', '"5B1F0F0E-7C55-4C0A-9A3E-2F4F6F0A1D02"')


@pytest.mark.parametrize(
    ("field", "a", "b"),
    [
        ("body payload.id", *UUIDS),
        ("body payload.id", '"a"', '"b"'),
        ("body payload.intent_id", '"a"', '"b"'),
        ("body payload.account_ids[3]", '"a"', '"b"'),
        ("body payload.reference", *UUIDS),
        ('body payload["odd key"]', *UUIDS),
        ("body timestamp", '"2026-11-20T11:59:59.089123Z"', '"2026-11-20 12:00+04:00"'),
        ("body payload.expires", '"2026-11-20T11:59:59Z"', '"2026-11-20T12:59:59Z"'),
        ("body payload.created_at", "1700000000", "1700000000123"),
        ("body timestamp", "1700000000", '"2026-11-20T11:59:59Z"'),
    ],
)
def test_ids_and_times(field: str, a: str, b: str) -> None:
    """By the name of an id, or by the form of the value."""
    assert is_incidental(Difference(field, a, b))


@pytest.mark.parametrize(
    ("field", "a", "b"),
    [
        ("body payload.status", '"FAILED"', '"SETTLED"'),
        ("body payload.amount", "100", "1700000000"),
        ("body payload.bank_identifier", '"ENBD_UAE"', '"ADIB_UAE"'),
        ("body payload.paid", "true", "false"),
        ("body payload.end_date", '"2026-11-20"', '"2026-11-21"'),
        ("body payload.id", UUIDS[0], None),
        ("body payload.id", None, UUIDS[0]),
        ("body payload.id", '"5"', "5"),
        ("body payload.id", '"5"', "null"),
        ("body payload.status_at", "12", "13"),
        ("body", "12 bytes; byte 0: 31", "12 bytes; byte 0: 32"),
        ("header x-request-id", '"a"', '"b"'),
        ("method", "POST", "PUT"),
        ("body payload[", '"a"', '"b"'),
    ],
)
def test_others(field: str, a: str, b: str) -> None:
    """What somebody chose, a field that one side lacks, and another kind of value."""
    assert not is_incidental(Difference(field, a, b))
