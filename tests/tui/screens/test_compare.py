"""Two captures side by side on a screen: its keys, its partners, and how a search for one ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from relay.models import Capture
from relay.store.read.partners import Partner, partners
from relay.store.read.reader import Reader
from tests.support.factories import BODY, a_capture
from tests.support.screen import showing, wait_for
from tui.gateway import comparison_task
from tui.screens.compare import CompareScreen

OTHER = BODY.replace(b"100.50", b"100.5").replace(b"PENDING_WITH_BANK", b"ACCEPTED_BY_BANK")
PAYMENT = "5b1f0f0e-7c55-4c0a-9a3e-2f4f6f0a1d01"
ANOTHER = BODY.replace(PAYMENT.encode(), b"another")


@pytest.mark.slow
async def test_with_the_one_before_of_its_payment(tmp_path: Path) -> None:
    """`d` puts the last one of the same payment to the left; `x` swaps them, and Esc leaves."""
    event = a_capture().event
    captures = [a_capture(1), a_capture(2, body=ANOTHER, event=event), a_capture(3, body=OTHER, event=event)]
    async with showing(tmp_path, captures) as see:
        await see.shows("#3 ")
        await see.press("d")
        text = await see.shows(
            "#3 payment.updated compared with #1, the one before of the same payment",
            "~ payload.amount",
            "~ payload.status",
            "the same",
        )
        assert "payload.currency" not in text
        sides = text.splitlines()[1]
        assert sides.index("#1 ") < sides.index("#3 ")
        await see.press("x")
        sides = (await see.shows("#3 payment.updated compared with #1")).splitlines()[1]
        assert sides.index("#3 ") < sides.index("#1 ")
        await see.press("escape")
        await see.shows("3 captures")


@pytest.mark.slow
async def test_folds(tmp_path: Path) -> None:
    """Each key, and a click, open and close a fold; `a` and Enter all of them."""
    body = OTHER.replace(b"b0a1c2d3", b"b0a1c2d4")
    captures = [a_capture(1), a_capture(2, body=body, headers=(("Host", "elsewhere"),))]
    async with showing(tmp_path, captures) as see:
        await see.shows("#2 ")
        await see.press("d")
        await see.shows("▸ 1 id or time differs i   ▸ 2 headers differ h   ▸ 9 the same s")
        await see.press("i")
        await see.shows("▾ 1 id or time differs", "~ event_id")
        await see.press("h")
        await see.shows("▾ 2 headers differ", "~ host")
        await see.press("i", "h", "s")
        await see.shows("▸ 1 id", "▸ 2 headers", "▾ 9 the same", "payload.currency")
        await see.press("a")
        await see.shows("~ event_id", "~ host", "payload.currency")
        await see.press("enter")
        await see.shows_no("payload.currency")
        lines = see.text().splitlines()
        at = next(number for number, line in enumerate(lines) if "▸ 2 headers" in line)
        await see.pilot.click(offset=(lines[at].index("headers"), at))
        await see.shows("▾ 2 headers differ", "~ host")


@pytest.mark.slow
async def test_other_partners(tmp_path: Path) -> None:
    """`]` and `[` go to other captures to compare with, and the head says what they share."""
    captures = [
        a_capture(1, body=ANOTHER, event=a_capture().event),
        a_capture(2, body=OTHER, event=None),
        a_capture(3),
    ]
    async with showing(tmp_path, captures, size=(80, 24)) as see:
        await see.shows("#3 ")
        await see.press("d")
        await see.shows("compared with #2, the one before of the same payment")
        await see.press("right_square_bracket")
        await see.shows("compared with #1, the one before of the same event")
        await see.press("right_square_bracket")
        await see.shows("compared with #2, the one before of the same payment")
        await see.press("left_square_bracket")
        await see.shows("compared with #1, the one before of the same event")


@pytest.mark.slow
async def test_two_marks_and_more(tmp_path: Path) -> None:
    """Two marked captures are compared; of three it is said that two can be."""
    captures = [a_capture(number, event=None, target=f"/{number}") for number in range(1, 4)]
    async with showing(tmp_path, captures, size=(80, 24)) as see:
        await see.press("g", "space", "space")
        await see.shows("2 marked")
        await see.press("d")
        await see.shows("#2 POST /2 compared with #1, as marked", "~ request target")
        await see.press("q")
        await see.shows("2 marked")
        await see.press("space")
        await see.shows("3 marked")
        await see.press("d")
        await see.shows("only two can be compared")


@pytest.mark.slow
async def test_nothing_to_compare_with(tmp_path: Path) -> None:
    """Where no other capture has anything in common, the screen says what to do."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.shows("#1 ")
        await see.press("d")
        await see.shows("no other capture has an id, the event or the type of capture 1; mark two captures")


@pytest.mark.slow
async def test_a_long_search_is_reported_and_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The screen says how far the search is; Esc ends it and keeps the comparison, and then leaves."""
    going_on, find = Event(), partners

    def slow(reader: Reader, capture: Capture, report: Callable[[int], None]) -> Iterator[Partner]:
        for partner in find(reader, capture, report):
            going_on.wait()
            yield partner
            while True:
                report(12_345)

    monkeypatch.setattr(comparison_task, "partners", slow)
    async with showing(tmp_path, [a_capture(1), a_capture(2, body=OTHER)], size=(80, 24)) as see:
        await see.shows("#2 ")
        await see.press("d")
        await see.shows("Searching for a capture to compare #2 with … Esc stops.")
        going_on.set()
        await see.shows("compared with #1")
        screen = see.pilot.app.screen
        assert isinstance(screen, CompareScreen)
        await see.press("right_square_bracket")
        await see.shows("Searching for a capture to compare #2 with: 12,345 passed … Esc stops.")
        await see.press("escape")
        await see.shows("compared with #1")
        await see.press("right_square_bracket")
        await see.shows("12,345 passed")
        screen.dismiss()
        await see.shows("2 captures")
        await wait_for(see.pilot, lambda: screen._comparisons.is_over, "the end of the search")
