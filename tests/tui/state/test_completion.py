"""What is offered while a filter is written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.filters import parse
from relay.filters.operators import OPERATORS
from tests.support.factories import a_capture
from tui.state.completion import Choice, Completion, complete, quoted, with_parents

SEEN = {
    "type": {"payment": "7", "payment.updated": "4", "payment.created": "3", "results.ready": "1"},
    "path": {"/webhooks/lean": "6", '/odd path"(x)': "1", "/hostile\x1b[2J": "1", "/*": "1"},
    "method": {"POST": "8", "GET": "1"},
    "status": {"200": "", "500": ""},
    "signed": {"sandbox": "5"},
    "sig": {"valid": "5", "invalid": "1 of the newest 20,000"},
}

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def offered(text: str, cursor: int | None = None) -> list[str]:
    return [choice.text for choice in complete(text, len(text) if cursor is None else cursor, SEEN).choices]


def taken(text: str, choice: str) -> str:
    """The text once a choice is taken at its end."""
    completion = complete(text, len(text), SEEN)
    (chosen,) = [each for each in completion.choices if each.text == choice]
    return completion.applied(text, chosen)[0]


def test_an_empty_bar_offers_every_key() -> None:
    """Whoever opens it sees what can be asked, each with its meaning."""
    choices = complete("", 0, SEEN).choices
    assert len(choices) == len([operator for operator in OPERATORS if operator.code])
    assert all(choice.help for choice in choices)


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("ty", ["type:"]),
        ("TY", ["type:"]),
        ("s", ["sig:", "signed:", "sender:", "shape:", "status:", "state:", "size:", "since:"]),
        ("bo", ["body:", "body."]),
        ("-ty", ["type:"]),
        ("not:-ty", ["type:"]),
        ("(ty", ["type:"]),
        ("sig:in", ["sig:invalid"]),
        ("sig:invalid", []),
        ("sig:invalid ", []),
        ("verdict:", ["verdict:delivered", "verdict:retry"]),
        ("state:p", ["state:parked"]),
        ("token:", ["token:match", "token:mismatch"]),
        ("origin:e", ["origin:events-api"]),
        ("is:u", ["is:undocumented"]),
        ("signed:", ["signed:sandbox"]),
        ("method:p", ["method:POST"]),
        ("status:", ["status:200", "status:500"]),
        ("type:upd", ["type:payment.updated"]),
        ("type:pay", ["type:payment", "type:payment.updated", "type:payment.created"]),
        ('"a quoted ty', []),
        ('"a quoted text" ty', ["type:"]),
        ("xyz", []),
        ("nokey:x", []),
        ("body.payload.id:x", []),
        ("since:", []),
    ],
)
def test_what_fits_is_offered(text: str, choices: list[str]) -> None:
    """Keys by their beginning, fixed words, and values of the log; nothing for what is written already."""
    assert offered(text) == choices


def test_values_that_need_quotes_get_them() -> None:
    """Blanks, brackets, quotes and stars mean themselves in what is offered; a hostile value is not."""
    assert offered("path:") == ["path:/webhooks/lean", r'path:"/odd path\"(x)"', 'path:"/*"']


def test_the_word_at_the_cursor_is_meant() -> None:
    """In the middle of a filter the word there is completed, and what follows stays."""
    text = "sig:in type:payment"
    completion = complete(text, 6, SEEN)
    assert completion.applied(text, completion.choices[0]) == ("sig:invalid type:payment", 11)


def test_a_value_is_followed_by_a_space_and_a_key_is_not() -> None:
    """After a choice one writes on without having to touch the space bar."""
    assert taken("-ty", "type:") == "-type:"
    assert taken("type:res", "type:results.ready") == "type:results.ready "
    assert taken("bo", "body.") == "body."


@given(st.text(max_size=40))
def test_a_quoted_value_means_itself(value: str) -> None:
    """Whatever a path is, the filter that is offered for it finds it."""
    if not value or "?" in value or any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        return
    as_stored = value.encode("utf-8").decode("latin-1")
    assert parse(f"path:{quoted(value)}", NOW).matches(a_capture(target=as_stored))


@given(st.text(alphabet='ab:."\\ ()-not', max_size=20), st.integers(0, 20))
def test_nothing_raises(text: str, cursor: int) -> None:
    """Half-written filters of any form are no trouble, and the place lies within the text."""
    found: Completion = complete(text, min(cursor, len(text)), SEEN)
    assert 0 <= found.start <= found.end <= len(text)


def test_types_come_with_what_is_above_them() -> None:
    """`payment` is offered before `payment.updated`, with all captures that the filter would find."""
    types = {"payment.updated": 4, "payment.created": 2, "ready": 3, "payment": 1, "payment.updated.x": 5}
    assert list(with_parents(types).items()) == [
        ("payment", 12),
        ("payment.updated", 9),
        ("payment.created", 2),
        ("ready", 3),
        ("payment.updated.x", 5),
    ]


def test_values_come_with_their_counts() -> None:
    """Fixed words and values of the database, where the count is known."""
    helps = {choice.text: choice.help for text in ("sig:", "type:", "status:") for choice in _choices(text)}
    assert helps["sig:valid"] == "5"
    assert helps["sig:invalid"] == "1 of the newest 20,000"
    assert helps["sig:missing"] == ""
    assert helps["type:payment"] == "7"
    assert helps["status:200"] == ""


def _choices(text: str) -> tuple[Choice, ...]:
    return complete(text, len(text), SEEN).choices
