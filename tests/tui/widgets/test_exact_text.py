"""The text of an editor: every character stays, and lines wrap as in Textual's own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.document._document import Document
from textual.document._wrapped_document import WrappedDocument

from tui.widgets.exact_text import ExactDocument, QuickWrap

texts = st.text(st.sampled_from("ab é漢\t\n\r\x0b\x1c\x85\u2028"), max_size=30)
plain = st.text(st.sampled_from("ab é漢\t\n "), max_size=60)


@given(texts, texts, st.integers(0, 40), st.integers(0, 40))
def test_replacing_is_exact(text: str, new: str, one: int, other: int) -> None:
    """What is replaced comes back, and undone the text is as before."""
    document = ExactDocument(text)
    assert (document.text, document.lines) == (text, text.split("\n"))
    low, high = sorted((min(one, len(text)), min(other, len(text))))
    start, end = document.get_location_from_index(low), document.get_location_from_index(high)
    result = document.replace_range(start, end, new)
    assert result.replaced_text == text[low:high]
    assert document.text == text[:low] + new + text[high:]
    assert document.get_text_range(start, result.end_location) == new
    document.replace_range(start, result.end_location, result.replaced_text)
    assert document.text == text


@given(plain, st.lists(st.tuples(st.integers(0, 60), plain), max_size=3), st.integers(0, 30))
def test_wrapping_is_textuals(text: str, edits: list[tuple[int, str]], width: int) -> None:
    """After any edits, and at any width, each line has the rows that Textual would give it."""
    document = ExactDocument(text)
    wrapped = QuickWrap(document)
    for at, new in edits:
        wrapped.wrap(width)
        place = document.get_location_from_index(min(at, len(document.text)))
        result = document.replace_range(place, place, new)
        wrapped.wrap_range(place, place, result.end_location)
    for now in (width, 0, 80):
        wrapped.wrap(now)
        expected = WrappedDocument(Document(document.text), now)
        assert wrapped.lines == expected.lines
        assert wrapped.height == expected.height
        rows = [wrapped.row(y) for y in range(wrapped.height)]
        assert [line for line, is_last in filter(None, rows) if is_last] == list(range(document.line_count))
        assert wrapped.row(-1) is wrapped.row(wrapped.height) is None
