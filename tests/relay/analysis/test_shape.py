"""What is found of a body: precise, calm, and whatever the bytes."""

from __future__ import annotations

import copy
import gzip
import json
import random
import zlib
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema.validators import extend

from relay.analysis.shape import MOST_DIFFERENCES, judge
from relay.analysis.shape_result import Difference, Kind
from relay.lean.catalogue import REGIONS, Confidence, catalogue
from relay.lean.samples import Sampler
from relay.lean.schemas import event_schema
from relay.models import Shape
from relay.text.json_values import Digits, is_whole, parsed
from tests.support import strategies
from tests.support.factories import NOON

SAMPLES = {
    event.type: [
        Sampler(random.Random(seed), lambda: NOON, region).body(event.type)
        for region in REGIONS
        for seed in range(3)
    ]
    for event in catalogue().events
}

PAYMENT = json.loads(SAMPLES["payment.updated"][0])


def changed(**payload: Any) -> bytes:
    """A payment whose payload has these values; `...` removes the field."""
    event = copy.deepcopy(PAYMENT)
    event["payload"] |= payload
    event["payload"] = {name: value for name, value in event["payload"].items() if value is not ...}
    return json.dumps(event).encode()


def only(body: bytes) -> Difference:
    [difference] = judge(body).differences
    return difference


@pytest.mark.parametrize("type_", SAMPLES)
def test_each_sample_is_as_documented(type_: str) -> None:
    """Catalogue and samples hold together: what `trigger` makes up is `documented`, without a remark."""
    for body in SAMPLES[type_]:
        judgement = judge(body)
        assert judgement.shape is Shape.DOCUMENTED
        assert judgement.differences == ()
        assert judgement.type == type_
        assert judgement.version == catalogue().version


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xef\xbb\xbf{}", "it starts with a byte order mark, and JSON has none"),
        ("{}".encode("utf-16"), "its byte order mark says UTF-16, and JSON is UTF-8"),
        ("{}".encode("utf-16-be"), "it looks like UTF-16, and JSON is UTF-8"),
        ("{}".encode("utf-16-le"), "it looks like UTF-16, and JSON is UTF-8"),
        (b'{"a":\xff}', "byte 5 is not UTF-8"),
    ],
)
def test_marks_and_encodings_are_named(body: bytes, reason: str) -> None:
    """What a viewer hides is why it is no JSON."""
    judgement = judge(body)
    assert (judgement.shape, judgement.reason) == (Shape.NOT_JSON, reason)


def test_a_packed_body_is_unpacked_and_said_so() -> None:
    """By its header or by its first bytes; what cannot be undone is no more than unknown."""
    body = SAMPLES["payment.updated"][0]
    packed = gzip.compress(body)
    assert judge(packed, "gzip").summary == judge(packed).summary == "documented, unpacked from gzip"
    assert judge(zlib.compress(body), "deflate").as_json()["unpacked"] == "deflate"
    assert judge(gzip.compress(b"no"), "gzip").shape is Shape.NOT_JSON
    other = judge(b"\x8b\x02\x80{}\x03", "br")
    assert (other.shape, other.reason) == (
        Shape.UNKNOWN,
        "Content-Encoding br is not supported; these are the encoded bytes",
    )
    cut = judge(packed[:-20], "gzip")
    assert cut.shape is Shape.UNKNOWN
    assert "ends too early" in (cut.reason or "")
    assert judge(gzip.compress(b" " * 20_000_000), "gzip").shape is Shape.UNKNOWN


def test_less_than_documented_is_told_so() -> None:
    """A shape that rests on receivers' code or on an inference says that, in its summary and as JSON."""
    judgement = judge(SAMPLES["consent.status.updated"][0])
    assert judgement.confidence is Confidence.CODE
    assert judgement.summary == "as expected, undocumented, its payload is seen only in public code"
    assert judge(SAMPLES["payment.updated"][0]).summary == "documented"
    assert judgement.as_json()["confidence"] == "code"
    assert judgement.undocumented is True
    partly = judge(SAMPLES["transaction.account"][0])
    assert partly.summary == "documented, its payload is partly documented"
    assert partly.undocumented is False
    drifted = json.loads(SAMPLES["consent.status.updated"][0]) | {"timestamp": 5}
    assert judge(json.dumps(drifted).encode()).summary.startswith("drift, undocumented, its payload is")
    assert judge(b'{"type":"no.such"}').undocumented is True
    assert judge(b"{}").undocumented is None


@pytest.mark.parametrize(
    ("body", "kind", "warning", "text"),
    [
        (changed(status=...), Kind.MISSING, True, "payload.status: string is documented; got nothing"),
        (
            changed(amount="12.50"),
            Kind.TYPE,
            True,
            'payload.amount: number is documented; got string "12.50"',
        ),
        (changed(id=None), Kind.NULL, True, "payload.id: string (uuid) is documented; got null"),
        (changed(note=5), Kind.EXTRA, False, "payload.note: unknown field: got number 5"),
        (changed(**{"a b": []}), Kind.EXTRA, False, 'payload["a b"]: unknown field: got empty array'),
        (changed(currency="aed"), Kind.FORM, False, "payload.currency: string (iso4217) is documented"),
        (
            changed(status="PAID"),
            Kind.VALUE,
            False,
            'payload.status: got string "PAID", which is not a known value',
        ),
        (
            changed(failure_code=5),
            Kind.TYPE,
            False,
            "payload.failure_code: string or null is expected, seen only in public code; got number 5",
        ),
    ],
)
def test_a_difference_is_named_exactly(body: bytes, kind: Kind, warning: bool, text: str) -> None:
    """Path, what was expected and what came; a drift only where documentation is contradicted."""
    difference = only(body)
    assert difference.kind is kind
    assert difference.warning is warning
    assert str(difference).startswith(text)
    assert judge(body).shape is (Shape.DRIFT if warning else Shape.DOCUMENTED)


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        ("2026-03-04T05:06:07Z", True),
        ("2026-03-04T05:06:07.123456789Z", True),
        ("2026-03-04 05:06:07Z", False),
        ("2026-03-04T05:06:07+04:00", False),
        ("1772600767", False),
    ],
)
def test_timestamps_of_another_form_are_notes(written: str, fits: bool) -> None:
    """0 to 9 digits of a second are Lean's; other separators and offsets are told, calmly."""
    body = json.dumps(PAYMENT | {"timestamp": written}).encode()
    judgement = judge(body)
    assert judgement.shape is Shape.DOCUMENTED
    assert [each.kind for each in judgement.differences] == ([] if fits else [Kind.FORM])


def test_a_closed_list_is_closed() -> None:
    """`enabled` and `disabled` are all there is, so a third is a drift; its place is exact."""
    event = json.loads(SAMPLES["iban_account_verification.bank.availability.updated"][0])
    event["payload"]["availability"]["account_type"]["business"]["match"] = "paused"
    difference = only(json.dumps(event).encode())
    assert difference.path == "payload.availability.account_type.business.match"
    assert difference.warning
    assert difference.expected == "one of enabled, disabled"


def test_places_in_lists_and_levels() -> None:
    """Indices are told, warnings come first, and what is beyond the bound is counted."""
    event = json.loads(SAMPLES["entity.data.refresh.updated"][0])
    account = event["payload"]["data_status"]["account_data"][0]
    account["new"], account["balance"] = True, 7
    event["payload"]["data_status"]["account_data"] = [account] * (MOST_DIFFERENCES + 5)
    judgement = judge(json.dumps(event).encode())
    assert [each.level for each in judgement.differences] == ["warning"] * 100 + ["note"] * 100
    assert judgement.differences[1].path == "payload.data_status.account_data[1].balance"
    assert judgement.differences[1].steps == ("payload", "data_status", "account_data", 1, "balance")
    assert judgement.more == 10
    assert judgement.summary == "drift: 100 warnings, 100 notes, 10 more"


@pytest.mark.parametrize(
    ("body", "shape", "reason"),
    [
        (b"", Shape.NOT_JSON, "it is empty"),
        (b"{", Shape.NOT_JSON, "invalid JSON from character 1 on"),
        (b'{"a":NaN}', Shape.NOT_JSON, "NaN is not JSON"),
        (b'{"type":"\xff"}', Shape.NOT_JSON, "byte 9 is not UTF-8"),
        (b"\xef\xbb\xbf{}", Shape.NOT_JSON, "it starts with a byte order mark, and JSON has none"),
        (b"[]", Shape.UNKNOWN, "it is not an object, as Lean's events are"),
        (b"9" * 5000, Shape.UNKNOWN, "it is not an object, as Lean's events are"),
        (b'{"type":5}', Shape.UNKNOWN, "it names no type"),
        (b'{"type":"refund.created","payload":{}}', Shape.UNKNOWN, "its type is not known"),
        (b"[" * 100_000, Shape.UNKNOWN, "it is nested too deeply to check"),
        (b"[" + b"{}," * 3_000_000 + b"{}]", Shape.UNKNOWN, "it has too many parts to check"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_event_of_lean_s(body: bytes, shape: Shape, reason: str) -> None:
    """It is said why a body cannot be compared; none of it is a drift."""
    judgement = judge(body)
    assert judgement.shape is shape
    assert judgement.reason == reason
    assert judgement.confidence is None


def test_the_largest_body_that_is_looked_into() -> None:
    """10 MiB of text in a field are no hindrance, and of a repeated key the last counts."""
    body = changed(reason="x" * 10 * 1024 * 1024)
    assert judge(body).shape is Shape.DOCUMENTED
    twice = b'{"type":5,' + changed()[1:]
    assert judge(twice).shape is Shape.DOCUMENTED


@given(st.one_of(strategies.bodies, st.binary(max_size=200)))
def test_no_body_makes_it_raise(body: bytes) -> None:
    """Whatever the bytes, there is a judgement, and it can be shown as text and as JSON."""
    judgement = judge(body)
    assert judgement.summary
    json.dumps(judgement.as_json())
    assert (judgement.shape is Shape.NOT_JSON) == _is_no_json(body)


def _is_no_json(body: bytes) -> bool:
    try:
        parsed(body)
    except RecursionError:
        return False
    except ValueError as error:
        return "deep" not in str(error)
    return False


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(["enabled", "OK", "", "2026-01-01", "\ud800"]),
    st.sampled_from(["0", "-1", "1.0", "2.5", "1e3", "1e-2", "1e400", "9" * 400]).map(Digits),
    st.sampled_from([[], {}, [[]], {"type": "x"}]),
)


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, Any]:
    """An event type, and a sample of it changed in one to three places."""
    type_ = draw(st.sampled_from(sorted(SAMPLES)))
    event = parsed(draw(st.sampled_from(SAMPLES[type_])))
    for _ in range(draw(st.integers(1, 3))):
        places = [(event, key) for key in event if key != "type"]
        for node, key in places:
            inner = node[key]
            places += [(inner, step) for step in (inner if isinstance(inner, dict) else ())]
            places += [(inner, step) for step in range(len(inner) if isinstance(inner, list) else 0)]
        node, key = draw(st.sampled_from(places))
        if draw(st.booleans()):
            node[key] = copy.deepcopy(draw(_scalars))
        else:
            del node[key]
    return type_, event


_Validator = extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "string": lambda _, value: isinstance(value, str) and not isinstance(value, Digits),
            "number": lambda _, value: isinstance(value, Digits),
            "integer": lambda _, value: isinstance(value, Digits) and is_whole(value),
        }
    ),
)


def _written(value: Any) -> str:
    """JSON with each number's own digits."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return str(value) if isinstance(value, Digits) else json.dumps(value)


@given(spoilt())
def test_it_agrees_with_the_json_schema(case: tuple[str, Any]) -> None:
    """The comparison finds something wrong exactly where the schema of the same catalogue does."""
    type_, event = case
    judgement = judge(_written(event).encode())
    assert judgement.type == type_
    contradicts = any(
        each.warning
        or (each.confidence != "documented" and each.kind in (Kind.TYPE, Kind.NULL, Kind.MISSING))
        for each in judgement.differences
    )
    assert contradicts == (not _Validator(event_schema(catalogue().event(type_))).is_valid(event))


@pytest.mark.parametrize(
    ("digits", "whole"),
    [
        ("0", True),
        ("-7", True),
        ("3.0", True),
        ("3.10", False),
        ("3e2", True),
        ("3.14e2", True),
        ("3.145e2", False),
        ("100e-2", True),
        ("1e-2", False),
        ("0e-99999999999999", True),
        ("1e99999999999999", True),
        ("1e-99999999999999", False),
        ("-0.00", True),
    ],
)
def test_whole_numbers(digits: str, whole: bool) -> None:
    """A number is whole by its value, however it is written, and without being computed."""
    assert is_whole(digits) is whole
