"""SELECTION: which words are ids, which an event, which a filter, and which are refused."""

from __future__ import annotations

import pytest

from relay.errors import UsageError
from relay.filters import Filter
from relay.store.read.selection_words import Ids, OfEvent, Range, parse_selection
from tests.support.factories import EVENT_ID, NOON


def test_ids() -> None:
    """Ids and ranges, one or several."""
    assert parse_selection(["12", "12..20", "12..", "..3", "latest"], NOON) == Ids(
        (Range(12, 12, "12"), Range(12, 20, "12..20"), Range(12, None, "12.."), Range(None, 3, "..3")),
        latest=True,
    )


@pytest.mark.parametrize(
    "words", [["1,3..4,latest"], ["1,", "3..4", ",latest"], ["1, 3..4, latest"], ["1 3..4", "latest"]]
)
def test_ids_with_and_without_commas(words: list[str]) -> None:
    """Several ids are separated by blanks, commas or both, in one word of the shell or in several."""
    assert parse_selection(words, NOON) == Ids((Range(1, 1, "1"), Range(3, 4, "3..4")), latest=True)


def test_an_event_is_one_uuid() -> None:
    """A UUID alone is an event, in capitals too."""
    assert parse_selection([EVENT_ID.upper()], NOON) == OfEvent(EVENT_ID.upper())


@pytest.mark.parametrize(
    "words",
    [
        [],
        [EVENT_ID, "x"],
        ['"12"'],
        ['"latest" type:x'],
        ['"12" type:payment'],
        ["9" * 30],
        ["12.50"],
        ["body.payload.amount:100..200"],
        ["size:10k.."],
        ["path:1,2"],
        ["payment", "news-latest"],
        ["v1.2.3"],
    ],
)
def test_filters(words: list[str]) -> None:
    """All else is a filter, a quoted number too."""
    assert isinstance(parse_selection(words, NOON), Filter)


@pytest.mark.parametrize(
    "words",
    [
        ["1..latest"],
        ["latest.."],
        ["latest..5"],
        ["..latest"],
        ["Latest"],
        ["latest~1"],
        ["#1"],
        ["#1", "#2"],
        ["1-3"],
        ["1\N{EN DASH}3"],
        ["1...3"],
        ["1..2..3"],
        [".."],
        ["1..x"],
        ["x..1"],
        ["1,x"],
        ["1,2..x"],
        ["latest,", "x"],
    ],
)
def test_nearly_ids(words: list[str]) -> None:
    """What a person means as ids is never searched for as a text; the error says how both are written."""
    either = r"(use 12, 12\.\.20, 20\.\. or latest|ids, which do not go together)(.|\n)* in quotes"
    with pytest.raises(UsageError, match=either):
        parse_selection(words, NOON)


@pytest.mark.parametrize(
    "words",
    [["latest", "type:payment"], ["12", "x"], ["type:payment 12..20"], ["12", "OR", "(13"], ["-x", "1,2"]],
)
def test_ids_beside_a_filter(words: list[str]) -> None:
    """Ids and a filter do not go together, as `prune 12 type:payment` would remove others than 12."""
    with pytest.raises(UsageError, match="do not go together"):
        parse_selection(words, NOON)


def test_backwards() -> None:
    """A range that runs backwards is an error that says how it runs."""
    with pytest.raises(UsageError, match=r"5\.\.3 runs backwards; write 3\.\.5"):
        parse_selection(["5..3"], NOON)
