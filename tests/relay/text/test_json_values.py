"""JSON taken apart: values, their digits and the paths to them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.filters.matching import read_json
from relay.text.json_values import Digits, first_steps, leaves, parsed, path_of, steps
from tui.bodies.jsontext import JsonDocument, laid_out

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.slow
@given(st.lists(st.text(max_size=6) | st.integers(0, 999), max_size=6))
def test_a_path_is_read_as_it_is_written(way: list[str | int]) -> None:
    """Keys with dots, brackets, quotes and nothing in them are found again."""
    assert steps(path_of(way)) == tuple(way)


@pytest.mark.parametrize(
    ("path", "found"), [("a..b", ("a",)), ("a[x]", ("a",)), ('a["\\x"]', ("a",)), ("[0]b", (0,)), ("..", ())]
)
def test_what_is_not_a_path_is_read_as_far_as_it_goes(path: str, found: tuple[str | int, ...]) -> None:
    """A change refuses such a path; the screen goes to the nearest place."""
    assert first_steps(path) == (found, False)
    with pytest.raises(ValueError, match="is not a valid path"):
        steps(path)


@given(values)
def test_each_path_leads_to_its_line_on_the_screen(value: Any) -> None:
    """The paths of a comparison are those that the view of a body goes to."""
    body = json.dumps(value).encode("utf-8", "surrogatepass")
    document = JsonDocument(*laid_out(body))
    for path in leaves(body) or ():
        line, is_there = document.find_path(path)
        assert is_there
        assert document.path(line) == path


@given(values)
def test_filters_and_shapes_read_the_same_values(value: Any) -> None:
    """A body has the same values for the filter, which compares numbers, and for shapes."""

    def as_number(read: Any) -> Any:
        if isinstance(read, Digits):
            return Decimal(read)
        if isinstance(read, dict):
            return {key: as_number(inner) for key, inner in read.items()}
        return [as_number(inner) for inner in read] if isinstance(read, list) else read

    body = json.dumps(value).encode()
    assert as_number(parsed(body)) == read_json(body)
    assert parsed(body, number=Decimal) == as_number(parsed(body))


def test_paths_are_left_out_after_so_many_characters() -> None:
    """Those before the limit are kept; without a limit all are."""
    body = b'{"a": 1, "key": {"b": 2, "c": 3}, "d": 4}'
    assert list(leaves(body) or ()) == ["a", "key.b", "key.c", "d"]
    assert leaves(body, most_characters=9) == {"a": "1"}
    assert leaves(body, most_characters=5) == {"a": "1"}
    assert leaves(body, most_characters=4) == {}
    assert leaves(b"{", most_characters=0) is None
