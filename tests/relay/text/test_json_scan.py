"""The walk through large bodies, held against a general parser on small ones."""

from __future__ import annotations

import json
import sys
import threading
from time import monotonic
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.lean.envelope import read_event
from relay.text import json_scan

quick = settings(deadline=None, max_examples=150)
MIB = 1024 * 1024


def wrapped(filler: bytes) -> bytes:
    return b'{"type":"payment.updated","payload":{"customer_id":"c","x":' + filler + b'},"event_id":"e"}'


FOUND: json_scan.Found = ("payment.updated", "e", None, "c")

texts = st.text(alphabet='ab"\\{}[]:,\n é😀', max_size=30)
json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=15,
)
objects = st.dictionaries(
    st.sampled_from(["type", "event_id", "timestamp", "payload", "message"]),
    st.one_of(texts, json_values, st.dictionaries(st.sampled_from(["customer_id", "x", "y"]), json_values)),
)


@pytest.mark.slow
@given(objects, st.sampled_from([None, 1]), st.booleans(), st.sampled_from([7, 16, 1024]))
@quick
def test_finds_what_a_parser_finds(
    value: dict[str, Any], indent: int | None, ascii_only: bool, window: int
) -> None:
    """Whatever the value and wherever the windows end, the fields are those of a general parser."""
    payload = value.get("payload")
    fields = [value.get("type"), value.get("event_id"), value.get("timestamp")]
    fields.append(payload.get("customer_id") if isinstance(payload, dict) else None)
    body = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_scan, "WINDOW_BYTES", window)
        patch.setattr(json_scan, "_FIRST_WINDOW", window)
        patch.setattr(json_scan, "_LONGEST_TEXT", 10_000)
        assert json_scan.envelope(body) == tuple(f if isinstance(f, str) else None for f in fields)


@given(st.one_of(st.binary(max_size=200), st.text(alphabet='{}[]":,\\ 0tye', max_size=80).map(str.encode)))
@quick
def test_never_raises(body: bytes) -> None:
    """Any bytes at all give four texts or None."""
    assert len(json_scan.envelope(body)) == 4


@pytest.mark.slow
@given(objects)
@quick
def test_a_body_cut_short_is_nothing(value: dict[str, Any]) -> None:
    """Every true beginning of an object is no event: it may lack what counts."""
    body = json.dumps(value).encode()
    for end in range(0, len(body), max(1, len(body) // 20)):
        assert json_scan.envelope(body[:end]) == json_scan.NOTHING


HOSTILE = {
    "many lists": b"[" + b",".join([b"[" + b"[]," * 10_000 + b"0]"] * 100) + b"]",
    "text": b'"' + b"a" * (12 * MIB) + b'"',
    "escapes": b'"' + b"\\n" * (2 * MIB) + b'"',
    "backslashes": b'["' + b"\\\\" * (2 * MIB) + b'"]',
    "escaped quotes": b'["' + b'\\"' * (2 * MIB) + b'"]',
    "numbers": b"[" + b"0," * (2 * MIB) + b"0]",
    "a number": b"1" * (4 * MIB),
    "empty objects": b"[" + b"{}," * MIB + b"0]",
    "empty texts": b"[" + b'"",' * MIB + b"0]",
    "deep": b"[" * (2 * MIB) + b"]" * (2 * MIB),
    "steps": b"[" + b"[[[[[[]]]]]]," * (MIB // 4) + b"0]",
    "spaces": b"[" + b" " * (4 * MIB) + b"0]",
    "records": json.dumps([{"id": "c4d5e6f7", "amount": 12.5, "ok": True, "n": None}] * 60_000).encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_large_bodies_leave_the_interpreter_to_others(name: str) -> None:
    """Megabytes of anything are read while another thread keeps being served."""
    # The other thread counts its turns; a single C call of the whole length would leave it next to none.
    body = wrapped(HOSTILE[name])
    turns, done = [0], threading.Event()

    def count() -> None:
        while not done.wait(0.0005):
            turns[0] += 1

    thread = threading.Thread(target=count)
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    thread.start()
    try:
        started = monotonic()
        assert json_scan.envelope(body) == FOUND
        elapsed_s = monotonic() - started
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(before)
    assert turns[0] >= int(elapsed_s / 0.020) - 1


def test_too_many_fields_are_given_up() -> None:
    """An object with more fields than are walked is no event, in the envelope and in the payload."""
    many = b",".join(b'"":0' for _ in range(json_scan.MOST_FIELDS + 1))
    assert json_scan.envelope(b'{"type":"a",' + many + b"}") == json_scan.NOTHING
    assert json_scan.envelope(b'{"type":"a","payload":{' + many + b"}}") == json_scan.NOTHING


def test_repeated_keys_and_odd_texts() -> None:
    """The last of a repeated key counts, and a text that cannot be kept is absent."""
    pad = b" " * 600_000
    assert read_event(b'{"type":"a","type":"b"}' + pad) == ("b", None, None, None)
    assert read_event(b'{"type":"a","type":5,"event_id":"e"}' + pad) == (None, "e", None, None)
    assert read_event(b'{"type":"\\ud800","event_id":"e"}' + pad) == (None, "e", None, None)
    assert read_event(b'{"type":"\xff","event_id":"e"}' + pad) == (None, "e", None, None)
    assert read_event(b'{"type":"' + b"x" * 600_000 + b'","event_id":"e"}') == (None, "e", None, None)
    assert read_event(b'{"\\u0074ype":"a"}' + pad) == ("a", None, None, None)
    assert read_event(pad + b'{"type":"a"}x') is None
    assert read_event(pad) is None
