"""Summaries over many events: counted rightly, and bounded whatever comes."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from relay.analysis.shape_summary import LONGEST_PATH, MOST_FIELDS, MOST_TYPES, MOST_VALUES, Summary
from tests.support import strategies
from tests.support.factories import BODY, NOON


def event(**payload: object) -> bytes:
    return json.dumps({"type": "new.type", "payload": payload}).encode()


def test_fields_with_types_and_how_often_they_were_there() -> None:
    """Each field counts against the objects that could have had it, entries of lists too."""
    summary = Summary()
    summary.add(event(a=1, items=[{"x": 1}, {"x": None, "y": "s"}]), NOON, "1")
    summary.add(event(a=1.5, items=[]), NOON + timedelta(hours=1), "2")
    summary.add(event(b=True), NOON - timedelta(hours=1), "3")
    [seen] = summary.types()
    fields = {each.path: each for each in seen.fields.values()}
    assert seen.count == 3
    assert (seen.first_at, seen.last_at) == (NOON - timedelta(hours=1), NOON + timedelta(hours=1))
    assert fields["payload.a"].type_names == ("number",)
    assert (fields["payload.a"].count, seen.is_always(fields["payload.a"])) == (2, False)
    assert seen.is_always(fields["payload"])
    assert seen.is_always(fields["payload.items[].x"])
    assert fields["payload.items[].x"].type_names == ("integer", "null")
    assert fields["payload.items[].y"].count == 1
    assert seen.objects["payload.items[]"] == 2


def test_few_values_are_shown_and_many_are_not() -> None:
    """A status is told with its values; ids, times and whatever is always another are not."""
    summary = Summary()
    for number in range(MOST_VALUES + 1):
        summary.add(
            event(status="AB"[number % 2], order=number, id=f"{number:08}-0000-4000-8000-000000000000"),
            None,
            "",
        )
    fields = {each.path: each for each in summary.types()[0].fields.values()}
    assert fields["payload.status"].values == {"A": 5, "B": 4}
    assert fields["payload.order"].many
    assert not fields["payload.order"].values
    assert fields["payload.id"].many


def test_differences_are_counted_once_an_event() -> None:
    """A difference tells in how many events it is, and where it was first."""
    summary = Summary()
    summary.add(BODY, NOON, "1")
    for name in ("2", "3"):
        summary.add(BODY.replace(b"100.50", b'"100.50"'), NOON, name)
    [seen] = summary.types()
    [difference] = [each for each in seen.differences.values() if each.first.path == "payload.amount"]
    assert (difference.count, difference.source) == (2, "2")
    line = seen.as_json()
    assert line["shapes"] == {"documented": 1, "drift": 2}
    assert json.loads(json.dumps(line))["first_at"] == "2026-11-20T12:00:00.000000Z"


def test_it_does_not_grow_without_end() -> None:
    """Types and fields without number are bounded, and what was left out is told."""
    summary = Summary()
    for number in range(MOST_TYPES + 5):
        summary.add(json.dumps({"type": f"t{number}"}).encode(), None, "")
    assert (len(summary.types()), summary.left_out) == (MOST_TYPES, 5)
    wide = Summary()
    wide.add(event(**{f"k{number}": {"a": 1} for number in range(MOST_FIELDS)}), None, "")
    assert len(wide.types()[0].fields) == MOST_FIELDS


def test_a_long_key_is_not_counted() -> None:
    """A key of a megabyte would be copied for each field below it, and kept with each difference."""
    summary = Summary()
    known = json.loads(BODY)
    known["payload"]["k" * LONGEST_PATH] = {"a": 1}
    summary.add(json.dumps(known).encode(), None, "")
    [seen] = summary.types()
    assert max(map(len, seen.fields)) <= LONGEST_PATH
    assert all(len(each.first.path) <= LONGEST_PATH for each in seen.differences.values())
    summary.add(json.dumps({"type": "t" * 1000}).encode(), None, "")
    assert [each.type for each in summary.types()] == ["payment.updated", None]


def test_a_compressed_body_counts_by_its_content() -> None:
    """Also where nothing but its first bytes shows that it is compressed."""
    summary = Summary()
    summary.add(gzip.compress(BODY), None, "")
    [seen] = summary.types()
    assert seen.type == "payment.updated"
    assert seen.fields["payload.amount"].count == 1


@given(
    st.lists(
        st.one_of(
            strategies.bodies,
            strategies.json_texts.map(
                lambda text: f'{{"type":"payment.updated","payload":{text}}}'.encode("utf-8", "surrogatepass")
            ),
        ),
        max_size=4,
    )
)
def test_no_body_makes_it_raise(bodies: list[bytes]) -> None:
    """Whatever comes is counted, and the result can be printed."""
    summary = Summary()
    for body in bodies:
        summary.add(body, NOON, "x")
    assert sum(seen.count for seen in summary.types()) == len(bodies)
    for seen in summary.types():
        json.dumps(seen.as_json())
