"""Contracts: what goes into one, and what is found against it."""

from __future__ import annotations

import gzip
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.analysis.contract import Contract, frozen
from relay.analysis.shape_result import Kind
from relay.analysis.shape_summary import Summary
from relay.lean.schemas import KNOWN_VALUES
from relay.models import Shape
from tests.support import strategies
from tests.support.factories import BODY


def contract_of(*bodies: bytes) -> dict[str, Any]:
    summary = Summary()
    for body in bodies:
        summary.add(body, None, "")
    document = frozen(summary.types())
    jsonschema.Draft202012Validator.check_schema(document)
    return document


def against(document: dict[str, Any]) -> Contract:
    return Contract(json.dumps(document).encode())


def changed(**payload: Any) -> bytes:
    event = json.loads(BODY)
    event["payload"] |= payload
    event["payload"] = {name: value for name, value in event["payload"].items() if value is not ...}
    return json.dumps(event).encode()


def test_what_it_was_made_from_fits() -> None:
    """Events that differ from documentation are in the contract, as what was seen."""
    odd = changed(amount="12.50", status=..., extra=[{"a": 1}, {"a": None}], metadata={"k": "v"})
    contract = against(contract_of(BODY, odd))
    for body in (BODY, odd):
        assert contract.judge(body).shape is Shape.DOCUMENTED
        assert contract.judge(body).differences == ()


def test_it_holds_no_values_but_known_words() -> None:
    """Ids, amounts and names of customers stay out; words of an open list come in."""
    document = contract_of(changed(status="PAID", payer="a person", amount=4711.25))
    text = json.dumps(document)
    assert "a person" not in text
    assert "4711" not in text
    assert "c0ffee00" not in text
    payload = document["$defs"]["PaymentUpdated"]["properties"]["payload"]["properties"]
    assert payload["status"][KNOWN_VALUES][-1] == "PAID"
    assert payload["payer"] == {
        "type": "string",
        "description": "Not documented: seen.",
        "x-lean-confidence": "inferred",
    }


@pytest.mark.parametrize(
    ("body", "path", "kind", "warning"),
    [
        (changed(id=...), "payload.id", Kind.MISSING, True),
        (changed(amount="1"), "payload.amount", Kind.TYPE, True),
        (changed(id=None), "payload.id", Kind.NULL, True),
        (changed(new=5), "payload.new", Kind.EXTRA, False),
        (changed(status="PAID"), "payload.status", Kind.VALUE, False),
    ],
)
def test_a_drift_is_named_exactly(body: bytes, path: str, kind: Kind, warning: bool) -> None:
    """As beside documentation: missing and retyped are warnings, extra and unknown words are notes."""
    judgement = against(contract_of(BODY)).judge(body)
    [difference] = judgement.differences
    assert (difference.path, difference.kind, difference.warning) == (path, kind, warning)
    assert judgement.shape is (Shape.DRIFT if warning else Shape.DOCUMENTED)


def test_what_a_team_adds_is_held() -> None:
    """A contract can be made stricter by hand, in any keyword of JSON Schema."""
    document = contract_of(BODY)
    payload = document["$defs"]["PaymentUpdated"]["properties"]["payload"]
    payload["additionalProperties"] = False
    payload["properties"]["amount"]["maximum"] = 50
    judgement = against(document).judge(changed(amount=100))
    assert judgement.shape is Shape.DRIFT
    payload["properties"]["nickname"] = False
    [difference] = against(document).judge(changed(amount=1, nickname="x")).differences
    assert difference.words == 'no value is documented; got string "x"'


def test_types_that_are_not_documented() -> None:
    """They have a definition from what was seen alone; names that would clash are kept apart."""
    first, second = b'{"type":"a.b","x":1}', b'{"type":"a_b","x":"s"}'
    document = contract_of(first, second)
    assert set(document["$defs"]) == {"AB", "AB2"}
    contract = against(document)
    assert contract.types == ("a.b", "a_b")
    assert contract.judge(first).shape is Shape.DOCUMENTED
    assert contract.judge(b'{"type":"a.b","x":"s"}').shape is Shape.DRIFT
    assert contract.judge(BODY).shape is Shape.UNKNOWN
    assert contract.judge(b"\xff").shape is Shape.NOT_JSON


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"$defs":{}}',
        b'{"$defs":{"A":{"type":5}}}',
        b'{"$defs":{"A":{"properties":{"type":{"const":5}}}}}',
        b'{"$defs":{"A":{"minimum":1e9999999999999999999}}}',
    ],
)
def test_a_file_that_is_no_contract(text: bytes) -> None:
    """It is said at once, not found out event by event."""
    with pytest.raises(ValueError):
        Contract(text)


@pytest.mark.parametrize("reference", ["https://example.com/x", "#/$defs/B", "#/$defs/A"])
def test_nothing_is_fetched(reference: str) -> None:
    """A reference out of the file, to nothing or to itself is an error of the contract's, and no request."""
    document = {"$defs": {"A": {"properties": {"type": {"const": "a"}, "payload": {}}, "$ref": reference}}}
    with pytest.raises(ValueError, match="the contract refers"):
        against(document).judge(b'{"type":"a"}')


def test_bodies_that_only_just_can_be_read() -> None:
    """However deep a body is nested, it is the body that cannot be checked, and not the contract's fault."""
    contract = against(contract_of(BODY))
    for depth in range(850, 1000, 5):
        body = BODY.replace(b"100.50", b"[" * depth + b"]" * depth)
        assert contract.judge(body).shape in (Shape.DRIFT, Shape.UNKNOWN)


def test_a_compressed_body_is_checked_by_its_content() -> None:
    """Also where nothing but its first bytes shows that it is compressed."""
    contract = against(contract_of(BODY))
    assert contract.judge(gzip.compress(BODY)).shape is Shape.DOCUMENTED
    assert contract.judge(gzip.compress(changed(amount="1"))).shape is Shape.DRIFT


@pytest.mark.slow
@given(
    st.one_of(
        strategies.bodies,
        strategies.json_texts.map(
            lambda text: f'{{"type":"payment.updated","payload":{text}}}'.encode("utf-8", "surrogatepass")
        ),
    )
)
def test_no_body_makes_it_raise(body: bytes) -> None:
    """Whatever the bytes: a contract made from them takes them, and another one judges them."""
    against(contract_of(BODY)).judge(body)
    document = contract_of(BODY, body)
    assert against(document).judge(body).shape is not Shape.DRIFT
