"""Help as text: the order of its groups, and meanings in their column at any width."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tui.keyboard import keys
from tui.presenters.format import SHAPES, SIGNATURES, STATES, VERDICTS
from tui.presenters.help import SIGNS, HelpPage, lines, pages

LIST = (*keys.LIST, *keys.MAIN)


def written(page: HelpPage, width: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines(page, width)]


def test_what_acts_comes_first() -> None:
    """Keys that act on a capture are on top, those that only move at the end, and none is left out."""
    page, signs, filter = pages("Keys in the list", LIST)
    headings = [heading for heading, _ in page.sections]
    assert (headings[0], headings[-1]) == ("Act", "Move")
    assert sorted(row for _, rows in page.sections for row in rows) == sorted(
        (key.written, key.tooltip) for key in LIST
    )
    assert [page.title, signs.title, filter.title] == ["Keys in the list", "Signs", "Filter"]


@pytest.mark.parametrize("width", [20, 40, 74, 106])
def test_meanings_stay_in_their_column(width: int) -> None:
    """No line is wider, no word is lost, and what is wrapped goes on below its meaning."""
    for page in pages("Keys", LIST):
        found = written(page, width)
        assert all(cell_len(line) <= width or width < 40 for line in found)
        text = "".join("".join(found).split())
        for _, rows in page.sections:
            for word, meaning in rows:
                assert "".join(word.split()) in text
                assert "".join(meaning.split()) in text
    found = written(pages("Keys", LIST)[0], 60)
    at = next(n for n, line in enumerate(found) if line.startswith("  a "))
    assert found[at + 1].startswith(" " * found[at].index("Mark all"))


def test_every_sign_is_explained() -> None:
    """Each sign that a row can have is on the page of signs."""
    explained = " ".join(sign for sign, _ in SIGNS)
    signs = {glyph for table in (SIGNATURES, STATES, VERDICTS) for glyph, _ in table.values()}
    assert {
        sign for sign in signs | {glyph for glyph, _, _ in SHAPES.values()} if sign not in explained
    } == set()
