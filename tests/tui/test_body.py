"""The body of a capture in the detail: its views, what stays, and what differs in it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from textual.widgets import Input

from relay.models import Attempt
from tests.support.factories import BODY, NOON, a_capture, a_delivery, insert_attempt
from tests.support.screen import Showing, showing, wait_for
from tui.widgets.body_page import BodyPage
from tui.widgets.body_text import BodyText

DRIFTING = BODY.replace(b"100.50", b'"100.50"').replace(b'"AED"', b"null")
LARGE = b'{"type":"payment.updated","payload":{"amount":"1","text":"' + b"x" * 10_000_000 + b'"}}'


def cursor_line(see: Showing) -> int:
    return see.pilot.app.screen.query_one("#tab-body").query_one(BodyText).line


async def test_pretty_with_each_number_as_it_came(tmp_path: Path) -> None:
    """The tab shows JSON laid out, digits kept, and says how big the body is."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.press("2")
        await see.shows('"amount": 100.50,', "pretty", "tree", "raw", "hex", f"{len(BODY)} B")


@pytest.mark.slow
async def test_keys_and_tabs_from_within(tmp_path: Path) -> None:
    """Enter goes in, keys move the cursor, a digit opens another tab, Esc leads back to the list."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.press("2", "enter", "j", "j")
        await wait_for(see.pilot, lambda: cursor_line(see) == 2, "the third line")
        await see.press("3")
        await see.shows("content-type")
        await see.press("2", "right_square_bracket", "escape", "g")
        await wait_for(see.pilot, lambda: see.pilot.app.focused is not None, "the focus")
        assert see.pilot.app.focused is not None
        assert see.pilot.app.focused.id == "list"


@pytest.mark.slow
async def test_zoomed_body(tmp_path: Path) -> None:
    """`z` in the body gives it the whole screen, Esc takes that back before it leads to the list."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.press("2", "enter", "z")
        await see.shows_no("1 capture, ")
        await see.press("escape")
        await see.shows("1 capture, ", '"amount": 100.50,')
        assert isinstance(see.pilot.app.focused, BodyText)
        await see.press("escape", "z")
        await see.shows_no("pretty")


@pytest.mark.slow
async def test_what_leads_into_the_detail_shows_it(tmp_path: Path) -> None:
    """With the list zoomed, Enter, a tab's key and `x` bring the detail back, and one zoom ends the other."""
    async with showing(tmp_path, [a_capture(1, body=DRIFTING)]) as see:
        await see.shows("#1 ")
        for key in ("enter", "2", "x"):
            await see.press("escape", "z")
            await see.shows_no("#1 ")
            await see.press(key)
            await see.shows("#1 ", "1 capture, ")
        await see.press("enter", "z")
        await see.shows_no("1 capture, ")
        await see.press("z")
        await see.shows("#1 ", "1 capture, ")


@pytest.mark.slow
async def test_view_stays_for_the_next_capture(tmp_path: Path) -> None:
    """A view that was chosen is kept while one moves through the list, where the next body has it."""
    captures = [a_capture(1), a_capture(2, body=b"a=1&b=2"), a_capture(3)]
    async with showing(tmp_path, captures) as see:
        await see.press("2", "enter", "v", "v")
        await see.shows('{"type":"payment.updated","payload"')
        await see.press("escape", "k")
        await see.shows("a=1&b=2", "#2 ")
        await see.press("k")
        await see.shows('{"type":"payment.updated","payload"', "#1 ")


@pytest.mark.slow
async def test_cursor_stays_when_something_comes_for_the_same_capture(tmp_path: Path) -> None:
    """A verdict, a star or a note changes the capture, and its body stays as it was left."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.press("2", "enter", "j", "j", "j")
        await wait_for(see.pilot, lambda: cursor_line(see) == 3, "the fourth line")
        see.log.execute("INSERT INTO notes(capture_id, starred, text) VALUES (1, 1, 'odd')")
        await see.shows("★  ")
        assert cursor_line(see) == 3


@pytest.mark.slow
async def test_exchange_and_body_go_on_from_each_other(tmp_path: Path) -> None:
    """They show one body: its view, folds and cursor are the same in both, and a tab between keeps them."""
    async with showing(tmp_path, [a_capture(1, body=DRIFTING), a_capture(2)]) as see:
        await see.press("1", "enter", "v", "j", "j", "enter", "j")
        await see.shows("tree · 10/", "▸ ")
        await see.press("2")
        await see.shows(" 10/", "▸ ")
        assert shown_view(see) == "tree"
        await see.press("k", "V", "3", "1")
        await see.shows("pretty · 3/")
        await see.press("j")
        await see.shows("pretty · 4/")
        await see.press("2")
        await wait_for(see.pilot, lambda: cursor_line(see) == 3, "the same line")
        await see.press("escape", "k")
        await see.shows("#1 ")
        await wait_for(see.pilot, lambda: cursor_line(see) == 0, "the beginning of another body")


def shown_view(see: Showing) -> str:
    return see.pilot.app.screen.query_one("#tab-body", BodyPage).view.view


@pytest.mark.slow
async def test_a_difference_is_in_sight(tmp_path: Path) -> None:
    """In a small window the exchange begins at the first value that differs, unless the cursor was moved."""
    other = DRIFTING.replace(b"5b1f0f0e", b"5b1f0f0f")
    captures = [a_capture(1), a_capture(2, body=other), a_capture(3, body=DRIFTING)]
    async with showing(tmp_path, captures, size=(80, 24)) as see:
        await see.shows("#3 ", '"100.50",  ! number is documented')
        await see.press("enter", "g")
        await see.shows('"type": "payment.updated"')
        await see.press("escape", "k")
        await see.shows("#2 ", '"100.50",  ! number is documented')
        await see.press("k")
        await see.shows("#1 ", '"type": "payment.updated"')


@pytest.mark.slow
async def test_no_body(tmp_path: Path) -> None:
    """A request without a body says so, and names no view and no place in it."""
    async with showing(tmp_path, [a_capture(1, body=b"")]) as see:
        text = await see.shows("The request has no body.")
        assert "1/1" not in text
        await see.press("2")
        text = await see.shows("The request has no body.")
        assert "raw" not in text


@pytest.mark.slow
async def test_differences_are_marked_and_gone_through(tmp_path: Path) -> None:
    """`x` opens the body and goes from one value that differs to the next, each with what was expected."""
    async with showing(tmp_path, [a_capture(1, body=DRIFTING)]) as see:
        await see.shows("#1 ")
        await see.press("3", "x")
        await see.shows('! warning: number is documented; got string "100.50"')
        page = see.pilot.app.screen.query_one("#tab-body", BodyPage)
        places = set()
        for _ in range(6):
            places.add(page.view.path_at_cursor())
            await see.press("x")
        assert {"payload.amount", "payload.currency"} <= places


async def test_keys_of_the_body_from_the_list(tmp_path: Path) -> None:
    """From the list `v`, `w` and `^f` act on the body in sight; where none is, they open it."""
    async with showing(tmp_path, [a_capture(1, body=DRIFTING)]) as see:
        await see.shows('"type": "payment.updated"', "! number is documented")
        await see.press("v")
        await see.shows("▾ {")
        await see.press("w")
        await see.press("3", "v", "v")
        await see.shows('{"type":"payment.updated","payload"', "pretty")
        await see.press("ctrl+f", *"AED")
        assert isinstance(see.pilot.app.focused, Input)
        await see.press("escape", "escape")
        assert see.pilot.app.focused is not None
        assert see.pilot.app.focused.id == "list"


@pytest.mark.slow
async def test_differences_lead_out_of_a_view_without_paths(tmp_path: Path) -> None:
    """In hex nothing can be marked, so `x` goes back to a view where it can."""
    async with showing(tmp_path, [a_capture(1, body=DRIFTING)]) as see:
        await see.press("2", "enter", "V")
        await see.shows("00000000")
        await see.press("x")
        await see.shows("! warning: number is documented")


async def test_nothing_differs(tmp_path: Path) -> None:
    """Where nothing differs, the key says so."""
    async with showing(tmp_path, [a_capture(1, body=b"no json")]) as see:
        await see.shows("#1 ")
        await see.press("x")
        await see.shows("No differences: not-json")


@pytest.mark.slow
async def test_large_body_is_there_at_once_and_judged_after(tmp_path: Path) -> None:
    """Ten million bytes open in a thread; keys work meanwhile, and what differs comes in when it is known."""
    async with showing(tmp_path, [a_capture(1), a_capture(2, body=LARGE)]) as see:
        await see.press("2")
        await see.shows("9.5 MiB", '"type": "payment.updated"', within_s=20)
        await see.press("5")
        await see.shows('string "1"', "payload.amount", within_s=20)
        await see.press("k")
        await see.shows("#1 ")


@pytest.mark.slow
async def test_answers_are_laid_out(tmp_path: Path) -> None:
    """A backend's answer stands decoded and laid out, its digits kept."""
    answer = gzip.compress(json.dumps({"error": {"code": 7}}).replace("7", "7.00").encode())
    headers = (("content-type", "application/json"), ("content-encoding", "gzip"))
    attempt = Attempt(
        id=1,
        delivery_id=1,
        capture_id=1,
        target="http://localhost:3000",
        kind="live",
        number=1,
        started_at=NOON,
        elapsed_ms=5.0,
        outcome="answered",
        status=500,
        verdict="retry",
        headers=headers,
        body=answer,
        body_size=len(answer),
    )
    waits = a_delivery(1, state="ended", attempts=0, verdict=None, status=None)
    async with showing(tmp_path, [a_capture(1, deliveries=(waits,))], size=(120, 60)) as see:
        insert_attempt(see.log, attempt)
        await see.press("4")
        await see.shows('"code": 7.00', '"error": {', "gzip")
