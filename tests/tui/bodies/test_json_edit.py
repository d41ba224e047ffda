"""Edited text and the bytes it stands for: outside a change no byte differs, whatever the body."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from relay.text.json_merge import merged
from relay.text.json_splice import splice
from relay.text.json_tokens import JsonError, JsonText, Path
from relay.text.json_values import path_of
from relay.text.layout import indented
from tests.support.strategies import json_texts, scalars
from tui.bodies.json_edit import MOST_BY_PATH, Changes, Mark, changes

BLANKS = st.sampled_from(("", "", " ", "\n  ", "\t", "\r\n", " \n"))


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """JSON with any white space between its tokens."""
    tokens = JsonText(draw(json_texts)).tokens
    return "".join(part for token in tokens for part in (draw(BLANKS), token)) + draw(BLANKS)


def laid_out(body: str) -> str:
    return indented(body.encode("utf-8", "surrogatepass")).decode()


def steps(path: Path) -> list[str | int]:
    return [step if isinstance(step, int) else json.loads(step[0]) for step in path]


@given(bodies())
def test_unchanged_text_is_the_original(body: str) -> None:
    """Laid out and not edited, it is the original byte for byte, with no change."""
    base, edited = JsonText(body), JsonText(laid_out(body))
    assert merged(base, edited) == body
    assert changes(base, edited, is_json=True) == Changes()


@example('{"a":1,"a":2}', "3", 1)
@given(bodies(), scalars, st.integers(0, 9))
def test_a_changed_value_is_spliced(body: str, value: str, which: int) -> None:
    """One value typed over is exactly what `--set` makes of its path."""
    base, shown = JsonText(body), JsonText(laid_out(body))
    places = [
        (path, at) for path, (at, last) in shown.places.items() if at == last and shown.tokens[at] != value
    ]
    assume(places)
    path, at = places[which % len(places)]
    edited = JsonText(shown.text[: shown.starts[at]] + value + shown.text[shown.end(at) :])
    found = changes(base, edited, is_json=True)
    assert (found.values, len(found.marks), found.is_restructured) == (1, 1, False)
    assert found.marks[0].was == base.tokens[at]
    assert found.marks[0].first == shown.text.count("\n", 0, shown.starts[at])
    # A path means the last of equal keys, and only that one can be set.
    last = {path_of(steps(each)): each for each in shown.places}
    assume(all(last[path_of(steps(path[:length]))] == path[:length] for length in range(len(path) + 1)))
    assert merged(base, edited).encode() == splice(body.encode(), path_of(steps(path)), value)


@given(bodies(), bodies())
def test_any_edit_keeps_its_tokens(body: str, other: str) -> None:
    """Whatever was typed is sent, token by token; only white space between tokens is chosen."""
    base, edited = JsonText(body), JsonText(laid_out(other))
    made = merged(base, edited)
    assert JsonText(made).tokens == edited.tokens
    assert JsonText(made).error() is None
    compact = "".join(base.tokens)
    assert merged(JsonText(compact), edited) == "".join(edited.tokens)


@given(bodies(), st.text('{}[],:"\\ \n1a', max_size=3), st.integers(0, 40), st.integers(0, 3))
def test_broken_text_keeps_its_tokens_too(body: str, typed: str, at: int, cut: int) -> None:
    """Text that is not JSON is neither refused nor mended: its tokens are sent as they are."""
    base, shown = JsonText(body), laid_out(body)
    edited = JsonText(shown[:at] + typed + shown[at + cut :])
    is_json = edited.error() is None
    assert JsonText(merged(base, edited)).tokens == edited.tokens
    changes(base, edited, is_json=is_json)


@given(bodies(), bodies())
def test_changes_account_for_every_value(body: str, other: str) -> None:
    """Without any change the texts have the same tokens, and a mark is inside the text."""
    base, edited = JsonText(body), JsonText(laid_out(other))
    found = changes(base, edited, is_json=True)
    assert (found == Changes()) == (base.tokens == edited.tokens) or _is_reordered(base, edited)
    for mark in found.marks:
        assert 0 <= mark.first <= mark.last <= edited.text.count("\n")


def _is_reordered(base: JsonText, edited: JsonText) -> bool:
    return sorted(base.tokens) == sorted(edited.tokens)


COMPACT = '{"type":"x","payload":{"status":"SETTLED","amount":"12.50","items":[1,2]}}'


def edit(body: str, old: str, new: str) -> tuple[str, Changes]:
    """The body as sent and the changes after a replacement in its laid-out text."""
    base, shown = JsonText(body), laid_out(body)
    assert old in shown
    edited = JsonText(shown.replace(old, new))
    return merged(base, edited), changes(base, edited, is_json=edited.error() is None)


def test_two_values() -> None:
    """Both are marked at their lines with what they were."""
    body, found = edit(COMPACT, '"SETTLED",\n    "amount": "12.50"', '"FAILED",\n    "amount": 1.10')
    assert body == COMPACT.replace("SETTLED", "FAILED").replace('"12.50"', "1.10")
    assert found == Changes(marks=(Mark(3, 3, "~", '"SETTLED"'), Mark(4, 4, "~", '"12.50"')), values=2)


def test_a_renamed_key() -> None:
    body, found = edit(COMPACT, '"status"', '"state"')
    assert body == COMPACT.replace("status", "state")
    assert found == Changes(marks=(Mark(3, 3, "~", '"status"'),), names=1)


def test_added_and_removed() -> None:
    """An added value is marked on each of its lines; a removed one is counted."""
    body, found = edit(COMPACT, '"amount": "12.50"', '"fee": {\n      "amount": 1\n    }')
    assert body == COMPACT.replace('"amount":"12.50"', '"fee":{"amount":1}')
    assert found == Changes(marks=(Mark(4, 6, "+"),), added=1, removed=1)


def test_a_value_of_another_kind() -> None:
    """A text that becomes an object is one changed value, and its fields are not counted again."""
    body, found = edit(COMPACT, '"12.50"', '{\n"value": 1, "currency": "AED"}')
    assert body == COMPACT.replace('"12.50"', '{"value":1,"currency":"AED"}')
    assert found == Changes(marks=(Mark(4, 5, "~", '"12.50"'),), values=1)
    body, found = edit(COMPACT, "[\n      1,\n      2\n    ]", "null")
    assert body == COMPACT.replace("[1,2]", "null")
    assert found == Changes(marks=(Mark(5, 5, "~", "[1,2]"),), values=1)


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ('{"a":1}', '{"a":1,"b":[2,3]}'),
        ('{"a": 1, "z": 2}', '{"a": 1, "b": [2, 3], "z": 2}'),
        ('{\n    "a" : 1\n}\n', '{\n    "a" : 1,\n  "b": [2, 3]\n}\n'),
    ],
)
def test_what_is_added_is_in_the_style_of_the_original(body: str, made: str) -> None:
    assert edit(body, '"a": 1', '"a": 1,\n  "b": [2, 3]')[0] == made


def test_words_are_not_joined() -> None:
    """What is broken by a space is not mended by leaving it out."""
    assert edit('{"a":true}', "true", "tr ue")[0] == '{"a":tr ue}'


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('"12.50"', "12.50.", 4, "a comma or a bracket is missing"),
        ('"SETTLED",', '"SETTLED"', 3, "a comma or a bracket is missing"),
        ('"12.50"', "", 4, "a value is missing"),
        ('"12.50"', '"12.50', 4, "a string does not end on its line"),
        ('"amount":', '"amount"', 4, "a colon is missing"),
        ('"amount":', "amount:", 4, "a name in quotes is missing"),
        ("2\n    ]\n", "2\n    ],\n", 8, "a comma too many"),
        ('"12.50",', '"12.50",,', 4, "a comma too many"),
        ('"12.50"', '"\\x"', 4, "a backslash without an escape"),
        ('"12.50"', "NaN", 4, "NaN is not JSON"),
        ("  }\n}", "  }\n}}", 10, "text after the end"),
    ],
)
def test_errors_have_a_line(old: str, new: str, line: int, words: str) -> None:
    """In plain words, at the line where something is missing and not where the parser saw it."""
    shown = laid_out(COMPACT)
    assert old in shown
    assert JsonText(shown.replace(old, new, 1)).error() == JsonError(line, words)


def test_large_bodies_are_compared_within_limits() -> None:
    """Values of any number are marked; where values were added to very many, that is all that is known."""
    items = ",".join(map(str, range(MOST_BY_PATH)))
    assert edit(f"[{items}]", "  77,", "  78,")[1] == Changes(marks=(Mark(78, 78, "~", "77"),), values=1)
    found = edit(f"[{items}]", "  77,", "  77, 77,")[1]
    assert found == Changes(uncounted=True)
    assert found.is_restructured


def test_nothing_is_an_error() -> None:
    assert JsonText(" \n").error() == JsonError(0, "it is empty")
    assert JsonText("[" * 100_000).error() is None
    assert JsonText("[1]").error() is None
