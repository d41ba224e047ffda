"""Bodies edited as laid-out text: what was not changed is the same bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.control.messages import Edits, FreshIds, ReplayRequest
from relay.delivery.http.request import build_request, destination
from relay.delivery.preparation import preparation
from relay.lean.fresh_ids import fresh_id, moved
from relay.text.json_merge import merged_body
from relay.text.json_tokens import PUNCTUATION, JsonText
from relay.text.layout import laid_out
from tests.support import strategies
from tests.support.factories import EVENT_ID, a_capture

gaps = st.sampled_from(["", " ", "\n", "\r\n", "\t ", "  "])


@st.composite
def odd_texts(draw: st.DrawFn) -> str:
    """JSON with any white space between its tokens."""
    text = JsonText(draw(strategies.json_texts))
    return "".join(draw(gaps) + token for token in text.tokens) + draw(gaps)


@given(odd_texts())
def test_an_unchanged_text_is_the_body(text: str) -> None:
    """Whatever its white space and the digits of its numbers."""
    body = text.encode("utf-8")
    laid = laid_out(body)
    if laid is not None:
        assert merged_body(body, laid.encode("utf-8")) == body


@given(odd_texts(), st.data())
def test_only_the_changed_word_differs(text: str, data: st.DataObject) -> None:
    """The bytes before and after it are those that came."""
    laid = laid_out(text.encode("utf-8"))
    words = [at for at, token in enumerate(JsonText(text).tokens) if token not in PUNCTUATION]
    if laid is None or not words:
        return
    at = data.draw(st.sampled_from(words))
    came, shown = JsonText(text), JsonText(laid)
    new = '"\u00e9 new"'
    edited = laid[: shown.starts[at]] + new + laid[shown.end(at) :]
    expected = text[: came.starts[at]] + new + text[came.end(at) :]
    assert merged_body(text.encode("utf-8"), edited.encode("utf-8")) == expected.encode("utf-8")


@pytest.mark.parametrize(
    ("body", "edited", "sent"),
    [
        (b'{"a":1,"b":2}', b'{\n  "a": 1,\n  "b": 2,\n  "c": 3\n}', b'{"a":1,"b":2,"c":3}'),
        (b'{"a":1,"b":2}', b'{\n  "b": 2\n}', b'{"b":2}'),
        (b'{"a": 1}', b"not JSON", b"not JSON"),
        (b"\xff", b"{}", b"{}"),
    ],
)
def test_what_is_added_or_removed(body: bytes, edited: bytes, sent: bytes) -> None:
    """In the style of the original; what is not text is taken as it is."""
    assert merged_body(body, edited) == sent


@given(odd_texts())
def test_edited_with_fresh_ids_and_sent(payload: str) -> None:
    """From the capture to the request: one value, the id and the time differ, and no other byte."""

    def body(kind: str, event_id: str, at: str) -> bytes:
        rest = f'"timestamp":"{at}","event_id":\t"{event_id}"}}\n'
        return f'{{ "type":"{kind}","payload" :{payload},{rest}'.encode()

    at = "2026-11-20T11:59:59.089123Z"
    capture = a_capture(body=body("a", EVENT_ID, at))
    edits = Edits(set=(("type", json.dumps("b")),))
    request = ReplayRequest(ranges=((1, 1),), edits=edits, fresh=FreshIds(seed="s", shift_us=1))
    sent = preparation(request, {}, lambda asked: "")(capture)
    made = build_request(sent, destination("http://localhost:3000"), instance="i")
    assert made.body == body("b", fresh_id(EVENT_ID, "s"), moved(at, 1))
