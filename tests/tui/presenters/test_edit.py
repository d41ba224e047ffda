"""An edited body, judged: what is said under it and beside its lines."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.support.factories import BODY
from tui.presenters.edit_draft import MOST_LINE, MOST_TEXT, BodyDraft, FormParts, fits
from tui.presenters.edit_status import LineMark, changed_parts, line_marks, status


def a_draft(body: bytes = BODY) -> tuple[BodyDraft, str]:
    """A draft of a body, and its text as it is laid out first."""
    draft = BodyDraft(body, "")
    return draft, draft.lay_out(body)


def said(draft: BodyDraft, text: str) -> str:
    return "  ".join(words for words, _ in status(draft.of_text(text)))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("", "", "JSON ✓  unchanged  shape: documented"),
        ("100.50", "1.50", "JSON ✓  1 value changed  shape: documented"),
        ("100.50", '"1"', "JSON ✓  1 value changed  shape: drift, 1 warning"),
        ('"AED"', '"AED", "fee": 1', "JSON ✓  1 added  shape: documented"),
        ('"amount": 100.50,', "", "JSON ✓  1 removed  shape: drift, 1 warning"),
        ('"amount"', '"a"', "JSON ✓  1 name changed  shape: drift, 1 warning"),
        ("100.50", "1.5.0", "JSON ✗ line 6: a comma or a bracket is missing  1 value changed"),
        ("100.50,", "", "JSON ✗ line 6: a value is missing  body changed"),
    ],
)
def test_status(old: str, new: str, words: str) -> None:
    """JSON or where it is broken, what was changed, and the shape."""
    draft, text = a_draft()
    assert said(draft, text.replace(old, new, 1) if old else text) == words


def test_bytes() -> None:
    """Bytes are compared with the original too, by their line in the form; white space counts."""
    draft, _ = a_draft()
    pieces = status(draft.of_bytes(BODY.replace(b'":', b'": ')), ("headers changed",), first_line=8)
    assert [words for words, _ in pieces][:2] == ["JSON ✓", "headers changed, white space changed"]
    pieces = status(draft.of_bytes(BODY[:-1]), first_line=8)
    assert pieces[0][0] == "JSON ✗ line 8: a comma or a bracket is missing"
    draft = BodyDraft(b"text", "")
    assert [words for words, _ in status(draft.of_bytes(b"text"))] == ["not JSON", "unchanged"]
    assert [words for words, _ in status(draft.of_bytes(b"\xff"))] == ["not JSON", "body changed"]
    assert [words for words, _ in status(draft.of_bytes(b"{}"))][:2] == ["JSON ✓", "body changed"]


def test_bytes_of_any_size() -> None:
    """A large body that is JSON is called so: text may be pasted into the form."""
    body = b'{"a": "' + b"x" * MOST_TEXT + b'"}'
    assert status(BodyDraft(b"{}", "").of_bytes(body))[0][0] == "JSON ✓"


def test_marks() -> None:
    """A changed line has what it was, a drifting one what is documented, a broken one why."""
    draft, text = a_draft()
    review = draft.of_text(text.replace("100.50", '"1"').replace('"AED"', '"\u202e"'))
    marks = line_marks(review)
    assert marks[5].note.startswith("was 100.50 · number is documented")
    assert (marks[6].sign, marks[6].note) == ("~", 'was "AED"')
    assert set(marks) == {5, 6}
    assert line_marks(draft.of_text(text.replace("100.50", "-")))[5] == LineMark(
        "✗", "error", "a value is missing"
    )
    added = line_marks(draft.of_text(text.replace('"AED",', '"AED",\n"x": [\n"y"],')))
    assert added == {7: LineMark("+", "change", "added"), 8: LineMark("+", "change")}


def test_a_long_value_is_cut() -> None:
    draft, text = a_draft(json.dumps({"a": "x" * 500}).encode())
    (mark,) = line_marks(draft.of_text(text.replace("xx", "y"))).values()
    assert len(mark.note) == 204
    assert mark.note.endswith("…")


def test_what_cannot_be_laid_out() -> None:
    """Other bytes, other text and values of a length that makes an editor slow, each with the reason."""
    draft = BodyDraft(b"", "")
    for body, reason in (
        (gzip.compress(BODY), "not UTF-8"),
        (b"{", "not JSON: it ends too early"),
        (b"[" * 200 + b"]" * 200, "nested 200 deep"),
        (json.dumps("x" * MOST_LINE).encode(), "too large"),
    ):
        with pytest.raises(ValueError, match=reason):
            draft.lay_out(body)
    assert fits("x" * MOST_LINE + "\n")
    assert not fits("x\n" * 3_000_000)


def test_changed_parts() -> None:
    one = FormParts((), b"POST /", (b"A: b",), b"")
    assert changed_parts(one, one) == changed_parts(None, one) == ()
    other = FormParts((), b"PUT /", (), b"")
    assert changed_parts(one, other) == ("request line changed", "headers changed")
    assert other.text() == b"PUT /\n\n\n"
