"""What is read of a body: the documented envelope, odd ones, hostile ones."""

from __future__ import annotations

import json
import sqlite3
import sys
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.lean.envelope import LARGE_BYTES, EventRow, micros, read_event
from relay.models import from_micros

EVENT_ID = "11aa22bb-33cc-44dd-85ee-66ff77008899"
CUSTOMER = "0d3c5a77-1b1e-4f0b-8a53-6f2d9be41c10"
AT = 1772600767_123456
ROW = EventRow("payment.updated", EVENT_ID, AT, CUSTOMER)

quick = settings(deadline=None, max_examples=150)


def an_event(**changes: Any) -> dict[str, Any]:
    event: dict[str, Any] = {
        "type": "payment.updated",
        "payload": {"id": "c4d5e6f7-0819-4a2b-8c3d-4e5f60718293", "customer_id": CUSTOMER, "amount": 12.5},
        "message": "A payment object has been updated.",
        "timestamp": "2026-03-04T05:06:07.123456789Z",
        "event_id": EVENT_ID,
    }
    return {name: value for name, value in (event | changes).items() if value is not ...}


def a_body(**changes: Any) -> bytes:
    return json.dumps(an_event(**changes), ensure_ascii=False).encode()


def test_the_documented_envelope() -> None:
    """Type, id, time and customer are read, the time cut to microseconds."""
    assert read_event(a_body()) == ROW


@pytest.mark.parametrize(
    "order",
    [
        ("payload", "type", "message", "timestamp", "event_id"),
        ("event_id", "type", "message", "timestamp", "payload"),
        ("type", "message", "payload", "event_id", "timestamp"),
    ],
)
def test_the_order_of_keys_does_not_matter(order: tuple[str, ...]) -> None:
    """Every order in which Lean has been seen to write its keys reads the same."""
    event = an_event()
    assert read_event(json.dumps({name: event[name] for name in order}, indent=2).encode()) == ROW


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"type": 5}, ROW._replace(type=None)),
        ({"type": None}, ROW._replace(type=None)),
        ({"type": ...}, ROW._replace(type=None)),
        ({"event_id": ["a"]}, ROW._replace(event_id=None)),
        ({"timestamp": 1772600767}, ROW._replace(event_at=None)),
        ({"timestamp": "yesterday"}, ROW._replace(event_at=None)),
        ({"payload": None}, ROW._replace(customer_id=None)),
        ({"payload": []}, ROW._replace(customer_id=None)),
        ({"payload": {"customer_id": 5}}, ROW._replace(customer_id=None)),
        ({"payload": {"customer_id": 5}, "type": {}}, ROW._replace(customer_id=None, type=None)),
        ({"type": "x" * 200}, ROW._replace(type="x" * 200)),
        ({"type": "x" * 201}, ROW._replace(type=None)),
        ({"event_id": "x" * 201}, ROW._replace(event_id=None)),
        ({"payload": {"customer_id": "x" * 201}}, ROW._replace(customer_id=None)),
        ({"type": "ب😀"}, ROW._replace(type="ب😀")),
        ({"message": 10**5000}, ROW),
        ({"message": float("1e308")}, ROW),
    ],
)
def test_a_field_of_another_type_is_absent(changes: dict[str, Any], row: EventRow) -> None:
    """One odd field costs itself only, never the others; too long is absent too."""
    body = (
        json.dumps(an_event(**changes), ensure_ascii=False).encode()
        if changes.get("message") != 10**5000
        else (a_body(message="HUGE").replace(b'"HUGE"', b"1" * 5000))
    )
    assert read_event(body) == row


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"5",
        b'"type"',
        b"[]",
        b'[{"type":"a"}]',
        b"{}",
        b'{"kind":"a"}',
        b'{"payload":{}}',
        b'{"payload":{"id":"a"},"message":"b"}',
        b'{"type":"a"',
        b'{"type":"a"}}',
        b'{"type":"a",}',
        b"{'type':'a'}",
        b'{"type":"a"} {"type":"b"}',
        b'{"type":NaN}',
        b'{"type":"a","x":NaN}',
        b"type=a&event_id=b",
        b"\xef\xbb\xbf" + b'{"type":"a"}',
        '{"type":"a"}'.encode("utf-16"),
        b"\xff\xfe",
        b"\x00" * 100,
        b"[" * 100_000,
        b'{"type":"a","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000,
        b'{"type":"' + b"a" * 100_000,
    ],
    ids=lambda body: repr(bytes(body[:24])),
)
def test_no_event(body: bytes) -> None:
    """What is no JSON object, or has none of the fields, is no event and no error."""
    assert read_event(body) is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"type":"a","type":"b"}', "b"),
        (b'{"type":"a","type":5,"event_id":"e"}', None),
        (b'{"type":5,"type":"b"}', "b"),
        (b'{"type":"a","type":null,"event_id":"e"}', None),
        (b'{"\\u0074ype":"a"}', "a"),
        (b'{"Type":"b","type":"a"}', "a"),
        (b'{"type":"\\u0061"}', "a"),
        (b'{"type":"\\ud83d\\ude00"}', "😀"),
        (b'{"type":"\\ud800","event_id":"e"}', None),
        (b'{"type":"\\udc00\\ud800","event_id":"e"}', None),
        (b'{"type":"a","x":"\\ud800"}', "a"),
        (b'{"type":"\\\\ud800","x":"\\uD800"}', "\\ud800"),
        (b'{"type":"\\ud83d\\ude00","x":"\\udfff"}', "😀"),
        (b'{"type":"\xff","event_id":"e"}', None),
        (b'{"type":"a","x":"\xff"}', "a"),
        (b'{"type":"a","x":[[[[[[[[[[]]]]]]]]]]}', "a"),
        (b'\r\n\t {"type" : "a"} \n', "a"),
        (b'{"type":"a","x":1e999999,"y":-0.0000000000000000000000000000000000000001}', "a"),
        (b'{"type":""}', ""),
    ],
)
def test_odd_json(body: bytes, kind: str | None) -> None:
    """Of a repeated key the last counts, escapes are read, and what SQLite cannot keep as text is absent."""
    row = read_event(body)
    assert row is not None
    assert row.type == kind


@pytest.mark.parametrize("end", [b'\\ud800"}', b""])
def test_escapes_without_number_are_left_to_c(end: bytes) -> None:
    """A call for each of them would hold up all responses for a second."""
    calls = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        row = read_event(b'{"type":"a","x":"' + b"\\n" * 100_000 + end)
    finally:
        sys.setprofile(None)
    assert row == (EventRow("a", None, None, None) if end else None)
    assert calls < 100


def test_repeated_payloads() -> None:
    """The last payload counts as a whole: an earlier one's customer does not shine through."""
    assert read_event(b'{"type":"a","payload":{"customer_id":"c"},"payload":{}}') == EventRow(
        "a", None, None, None
    )


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-03-04T05:06:07Z", "2026-03-04T05:06:07.000000+00:00"),
        ("2026-03-04T05:06:07.1Z", "2026-03-04T05:06:07.100000+00:00"),
        ("2026-03-04T05:06:07.12Z", "2026-03-04T05:06:07.120000+00:00"),
        ("2026-03-04T05:06:07.089123Z", "2026-03-04T05:06:07.089123+00:00"),
        ("2026-03-04T05:06:07.0891239Z", "2026-03-04T05:06:07.089123+00:00"),
        ("2026-03-04T05:06:07.089123999Z", "2026-03-04T05:06:07.089123+00:00"),
        ("2026-03-04 05:06:07.089123Z", "2026-03-04T05:06:07.089123+00:00"),
        ("2026-03-04t05:06:07.089123z", "2026-03-04T05:06:07.089123+00:00"),
        ("2026-03-04T05:06:07.5+04:00", "2026-03-04T01:06:07.500000+00:00"),
        ("2026-03-04T05:06:07-0330", "2026-03-04T08:36:07.000000+00:00"),
        ("2026-03-04T05:06:07+03", "2026-03-04T02:06:07.000000+00:00"),
        ("2024-02-29T23:59:59.999999999Z", "2024-02-29T23:59:59.999999+00:00"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999+00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000+00:00"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_timestamps(text: str, iso: str) -> None:
    """Lean's forms with 0 to 9 digits, a space, lowercase and offsets are exact to the microsecond."""
    found = micros(text)
    assert found is not None
    assert from_micros(found).isoformat(timespec="microseconds") == iso


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "2026-03-04",
        "2026-03-04T05:06Z",
        "2026-03-04T05:06:07",
        "2026-03-04T05:06:07.Z",
        "2026-03-04T05:06:07,5Z",
        "2026-03-04T05:06:07.0123456789Z",
        "2026-03-04T05:06:07Z ",
        "2026-03-04T05:06:07Z\n",
        " 2026-03-04T05:06:07Z",
        "2026-03-04_05:06:07Z",
        "20260304T050607Z",
        "2026-W10-3T05:06:07Z",
        "2026-02-30T05:06:07Z",
        "2026-13-04T05:06:07Z",
        "2026-03-04T24:00:00Z",
        "2026-03-04T05:60:07Z",
        "2026-03-04T05:06:60Z",
        "2026-03-04T05:06:07+24:00",
        "2026-03-04T05:06:07+04:60",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "٢٠٢٦-03-04T05:06:07Z",
        "1772600767",
    ],
)
def test_no_timestamp(text: str) -> None:
    """Anything else, and any time that UTC cannot say, is None and never an overflow."""
    assert micros(text) is None


@given(st.datetimes(timezones=st.just(UTC)))
@quick
def test_every_instant_comes_back(at: datetime) -> None:
    """What is written in Lean's form reads as the same instant."""
    found = micros(at.isoformat(timespec="microseconds").replace("+00:00", "Z"))
    assert found is not None
    assert from_micros(found) == at


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["type", "payload", "customer_id", "event_id", "x", ""]), inner, max_size=4
        ),
    ),
    max_leaves=12,
)


@pytest.mark.slow
@given(
    st.one_of(
        st.binary(max_size=300),
        st.dictionaries(
            st.sampled_from(["type", "payload", "timestamp", "event_id", "message", "x"]), json_values
        ).map(lambda value: json.dumps(value).encode()),
        st.text(alphabet='{}[]":,\\u\\ud80tyepaloadcustomer_id0.e ', max_size=200).map(str.encode),
    )
)
@quick
def test_never_raises_and_can_be_stored(body: bytes) -> None:
    """Any bytes give a row or None, and what is in a row goes into SQLite as it is."""
    row = read_event(body)
    if row is not None:
        conn = sqlite3.connect(":memory:")
        assert conn.execute("SELECT ?, ?, ?, ?", row).fetchone() == tuple(row)
        conn.close()


@pytest.mark.slow
@given(json_values, st.integers(0, 3))
@quick
def test_a_readable_object_reads_as_json_does(value: Any, indent: int) -> None:
    """For proper JSON the result is what a general parser says of the same fields."""
    event = an_event(type=value, payload={"customer_id": value, "x": value})
    try:
        body = json.dumps(event, ensure_ascii=False, allow_nan=False, indent=indent or None).encode()
    except ValueError:
        return  # NaN, or a lone surrogate: no JSON in UTF-8
    text = value if isinstance(value, str) and len(value) <= 200 else None
    assert read_event(body) == EventRow(text, EVENT_ID, AT, text)


def test_large_bodies_are_read_too() -> None:
    """A body past the limit for one parser run gives the same row."""
    filler = json.dumps([{"id": CUSTOMER, "amount": 1.5, "note": 'a "quoted\\ text}'}] * 10_000)
    body = a_body(payload={"big": "FILL", "customer_id": CUSTOMER}).replace(b'"FILL"', filler.encode())
    assert len(body) > LARGE_BYTES
    assert read_event(body) == ROW
