"""Two captures field by field: what is put beside each other, and how it is shown at any width."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from relay.analysis.diff import compared, differences
from relay.store.read import previous
from relay.text.safe import visible
from tests.support.factories import BODY, a_capture
from tests.support.screen import showing, wait_for
from tui.presenters.comparison import Comparison, lines
from tui.screens.compare import CompareScreen

OTHER = BODY.replace(b"100.50", b"100.5").replace(b"PENDING_WITH_BANK", b"ACCEPTED_BY_BANK")


def comparison(**changes: object) -> Comparison:
    a, b = a_capture(1), a_capture(2, **changes)
    return Comparison(a=a, b=b, rows=tuple(compared(a, b)))


def written(found: Comparison, width: int, *, every: bool = True) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines(found, width, every=every)]


def test_every_field_is_there_once() -> None:
    """What differs comes first, exactly as `differences` has it, then all the rest."""
    a, b = a_capture(1), a_capture(2, body=OTHER, method="PUT")
    fields = list(compared(a, b))
    different = list(differences(a, b))
    assert fields[: len(different)] == different
    assert not any(each.differs for each in fields[len(different) :])
    assert len({each.field for each in fields}) == len(fields)
    assert {"header host", "body payload.currency", "body payload.amount", "method"} <= {
        each.field for each in fields
    }


@pytest.mark.parametrize("width", [60, 78, 118, 250])
def test_fits_with_digits_kept(width: int) -> None:
    """At any width no line is wider, and numbers stand there as they were written."""
    found = written(comparison(body=OTHER), width)
    assert all(cell_len(line) <= width for line in found)
    text = "\n".join(found)
    assert "≠ body payload.amount" in text
    assert "100.50" in text
    assert any("100.5" in line.split("│")[-1] and "100.50" not in line.split("│")[-1] for line in found)


def test_same_and_absent() -> None:
    """Captures that sent the same say so; a field that one lacks is absent there."""
    assert "The same method, target, headers and body." in written(comparison(), 80)
    text = "\n".join(written(comparison(headers=()), 118))
    assert "absent" in text


def test_hostile_values_are_made_safe() -> None:
    """Whatever stands in a header, a path or a body, nothing of it acts."""
    bad = "\x1b]0;x\x07\u202e".encode().decode("latin-1")
    body = b'{"a\\u001b[2J": "\\u202e", "\xe2\x80\xae": "\xc2\x9b"}'
    for line in written(comparison(headers=((bad, bad),), target=bad, method=bad, body=body), 118):
        assert visible(line) == line


@pytest.mark.slow
async def test_with_the_one_before_of_its_type(tmp_path: Path) -> None:
    """`d` puts the newest earlier capture of the same type to the left; `a`, `x` and Esc work there."""
    captures = [a_capture(1), a_capture(2, event=None, target="/else"), a_capture(3, body=OTHER)]
    captures[2] = a_capture(3, body=OTHER, event=a_capture().event)
    async with showing(tmp_path, captures) as see:
        await see.shows("#3 ")
        await see.press("d")
        text = await see.shows("2 fields differ", "#1 payment.updated", "#3 payment.updated", "The same")
        assert text.index("#1 ") < text.index("#3 ")
        await see.press("a")
        await see.shows_no("The same")
        await see.press("x")
        await see.shows("2 fields differ")
        text = see.text()
        assert text.index("#3 ") < text.index("#1 ")
        await see.press("escape")
        await see.shows("3 captures")


@pytest.mark.slow
async def test_two_marks_and_more(tmp_path: Path) -> None:
    """Two marked captures are compared; of three it is said that two can be."""
    captures = [a_capture(number, event=None, target=f"/{number}") for number in range(1, 4)]
    async with showing(tmp_path, captures, size=(80, 24)) as see:
        await see.press("g", "space", "space")
        await see.shows("2 marked")
        await see.press("d")
        await see.shows("#1 POST /1", "#2 POST /2", "1 field differs", "≠ target")
        await see.press("q")
        await see.shows("2 marked")
        await see.press("space")
        await see.shows("3 marked")
        await see.press("d")
        await see.shows("only two can be compared")


@pytest.mark.slow
async def test_nothing_to_compare_with(tmp_path: Path) -> None:
    """The first of its type has none before it, and the screen says what to do."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.shows("#1 ")
        await see.press("d")
        await see.shows("no payment.updated before capture 1; mark two captures")


@pytest.mark.slow
async def test_a_long_way_back_is_told_and_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the one before is looked for the screen tells how far that is, and Esc ends the look."""
    monkeypatch.setattr(previous, "WINDOW", 1)  # Each with its gap: twenty seconds for these.
    captures = [a_capture(number, event=None) for number in range(1, 2_000)]
    async with showing(tmp_path, [*captures, a_capture(2_000)], size=(80, 24)) as see:
        await see.shows("#2000 ")
        await see.press("d")
        await see.shows("Searching captures before #2000 for its type: ", " passed … Esc stops.")
        screen = see.pilot.app.screen
        assert isinstance(screen, CompareScreen)
        await see.press("escape")
        await see.shows("2,000 captures")
        await wait_for(see.pilot, lambda: screen._comparison.is_over, "the end of the look")
        assert screen._comparison.looked_at < 2_000
