"""Events in other wrappings come out byte for byte, and it is known what that costs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.lean.records import Wrapping, is_log_record, unwrapped
from tests.support import strategies

EVENT = b'{"type":"payment.updated", "payload":{"amount": 100.00, "note":"\\u00e9"}}'
RECORD = (
    b'{"id":"1","webhook_message_id":"2","status":"OK","event_type":"payment.updated",'
    b'"timestamp":"2026-05-01T00:00:00Z","request":' + EVENT + b',"response":null}'
)
PAGE = b'{"data":[' + EVENT + b"," + EVENT + b'],"page":{"number":0,"size":2}}'
CAPTURE = json.dumps({"kind": "capture", "id": 1, "body": EVENT.decode()}).encode()


def bodies(text: bytes) -> list[bytes]:
    return [found.body for found in unwrapped(text)]


@pytest.mark.parametrize(
    ("text", "wrapping", "count"),
    [
        (EVENT, Wrapping.NONE, 1),
        (RECORD, Wrapping.LOG_RECORD, 1),
        (PAGE, Wrapping.EVENTS_API, 2),
        (CAPTURE, Wrapping.CAPTURE, 1),
        (b"[" + RECORD + b", " + RECORD + b"]", Wrapping.LOG_RECORD, 2),
        (RECORD + b"\n\n" + RECORD + b"\n", Wrapping.LOG_RECORD, 2),
        (EVENT + b"\n" + EVENT, Wrapping.NONE, 2),
        (b"\xef\xbb\xbf" + EVENT, Wrapping.NONE, 1),
    ],
)
def test_events_are_found_and_keep_their_digits(text: bytes, wrapping: Wrapping, count: int) -> None:
    """From Lean's log, its Events API, lists, lines and our own JSON, with each byte of the event."""
    found = list(unwrapped(text))
    assert [each.wrapping for each in found] == [wrapping] * count
    assert bodies(text) == [EVENT] * count


def test_a_page_without_events() -> None:
    """Lean's Events API may have none to list."""
    assert bodies(b'{"data":[],"page":{"number":0,"size":10,"total_elements":0,"total_pages":0}}') == []


def test_bytes_that_are_no_text_survive_our_own_json() -> None:
    """A capture whose body is no UTF-8 stands there in base64."""
    assert bodies(b'{"kind":"capture","body":null,"body_base64":"/wo="}') == [b"\xff\n"]


def test_an_event_is_no_record() -> None:
    """An event that happens to have a field called request or data is left as it is."""
    event = b'{"type":"a","payload":{},"request":{"type":"b"},"webhook_message_id":"2","data":[1],"page":1}'
    assert bodies(event) == [event]
    assert not is_log_record(event)
    assert is_log_record(RECORD)


@given(st.one_of(strategies.bodies, st.binary(max_size=100)))
def test_nothing_is_lost_and_nothing_raises(text: bytes) -> None:
    """Whatever the bytes, something comes out, and what is no wrapping comes out as it was."""
    found = list(unwrapped(text))
    if len(found) == 1 and found[0].wrapping is Wrapping.NONE:
        assert found[0].body in text


def test_depths_and_lengths() -> None:
    """Brackets without end and lists of anything are no trouble."""
    for text in (b"[" * 100_000, b'{"data":[' * 50_000, b"[" + b"1," * 100_000 + b"1]"):
        assert bodies(text)
