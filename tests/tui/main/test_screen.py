"""The main screen: what a developer sees and does first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.color import Color

from tests.support.factories import a_capture, a_delivery, insert, insert_all
from tests.support.screen import Showing, showing, wait_for
from tui.gateway import Gateway
from tui.gateway.engine import EngineClient
from tui.main import screen
from tui.main.screen import MainScreen
from tui.presenters.status import EngineState, Status
from tui.screens.dialogs import Confirm
from tui.state import listing
from tui.state.screen_state import ScreenState
from tui.widgets.body_page import BodyPage
from tui.widgets.capture_list import CaptureList
from tui.widgets.message_line import MessageLine
from tui.widgets.pages import PAGES
from tui.widgets.status_line import Arrivals


@pytest.mark.slow
async def test_first_rows(tmp_path: Path) -> None:
    """Captures stand in the list, the newest under the cursor, and its facts in the detail."""
    captures = [a_capture(1, target="/one", event=None), a_capture(2, deliveries=(a_delivery(1),))]
    async with showing(tmp_path, captures) as see:
        await see.shows("POST /one", "payment.updated", "✓ 200", "2 captures, 1 event · following", "#2 ")


@pytest.mark.slow
async def test_a_capture_that_comes_is_shown(tmp_path: Path) -> None:
    """What is committed by another process gets its row, and the cursor while the list follows."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.shows("1 capture, ")
        insert(see.log, a_capture(2, event=None, target="/fresh"))
        await see.shows("2 captures", "POST /fresh", "#2 ")


@pytest.mark.slow
async def test_stands_still_once_the_cursor_moves(tmp_path: Path) -> None:
    """A cursor that was moved stays where it is, and what is new is counted until `f`."""
    async with showing(tmp_path, map(a_capture, range(1, 101))) as see:
        await see.shows("#100 ")
        await see.press("k")
        await see.shows("#99 ", "100 captures")
        insert_all(see.log, map(a_capture, range(101, 104)))
        await see.shows("▼ 3 new", "#99 ")
        await see.press("f")
        await see.shows("following", "#103 ")


@pytest.mark.slow
async def test_headers_tab(tmp_path: Path) -> None:
    """Headers stand in their order, secret ones masked."""
    headers = (("Host", "x"), ("authorization", "Bearer 1234"), ("X-Two", "a"), ("x-two", "b"))
    async with showing(tmp_path, [a_capture(1, headers=headers)]) as see:
        await see.press("3")
        text = await see.shows("X-Two", "x-two", "<masked, 11 bytes>")
        assert text.index("X-Two") < text.index("x-two")
        assert "1234" not in text


async def test_empty(tmp_path: Path) -> None:
    """An empty database says what to do: the URL, the key for a sample, and what is not set up yet."""
    async with showing(tmp_path, port=5399) as see:
        await see.shows("No webhooks received yet", "http://127.0.0.1:5399", "t posts a sample, unsigned")
        await see.shows("○ secret", "lean-relay reload", "○ public URL", "✓ database")


async def test_quit(tmp_path: Path) -> None:
    """`q` leaves."""
    async with showing(tmp_path) as see:
        await see.press("q")
        assert see.pilot.app._exit


@pytest.mark.slow
async def test_quit_in_the_detail_leads_back(tmp_path: Path) -> None:
    """In the detail `q` is back to the list, as on every screen over it; a second one leaves."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.press("enter", "z", "q")
        assert not see.pilot.app._exit
        await see.shows("1 capture, ")
        await see.press("q")
        assert see.pilot.app._exit


@pytest.mark.slow
@pytest.mark.parametrize("size", [(40, 10), (30, 8), (24, 6), (80, 24)])
async def test_a_question_in_a_small_window(tmp_path: Path, size: tuple[int, int]) -> None:
    """Both buttons are in sight in any window, and the question scrolls to its end."""
    question = "Removed for good: " + " ".join(f"word{number}" for number in range(20)) + " the end"
    async with showing(tmp_path, [a_capture(1)], size=size) as see:
        await see.pilot.app.push_screen(Confirm("Delete?", question, "Yes, delete"))
        await see.shows("Removed for", "No, keep (n)", "Yes, delete (y)")
        for _ in range(20):
            await see.press("down")
        await see.shows("the end", "No, keep (n)", "Yes, delete (y)")


@pytest.mark.slow
async def test_another_size(tmp_path: Path) -> None:
    """Rows and the names of their columns follow the size of the window, wider and narrower."""
    async with showing(tmp_path, [a_capture(1)], size=(80, 24)) as see:
        text = await see.shows("payment.updated")
        for size, start in (
            ((250, 70), "┃     id  time"),
            ((80, 24), "┃     id time"),
            ((120, 40), "┃     id  time"),
        ):
            await see.pilot.resize_terminal(*size)
            text = await see.shows(f"\n{start}")
            head = next(line for line in text.splitlines() if line.startswith(start))
            row = next(line for line in text.splitlines() if line.startswith("┃      1 "))
            assert head.index("summary") == row.index("PENDING_")
            assert head.index("signature") <= row.index("unchecked") <= head.index("signature") + 2


@pytest.mark.slow
async def test_marking_goes_down(tmp_path: Path) -> None:
    """Space marks and goes one row down in either order; on the last row it stays, and unmarks again."""
    async with showing(tmp_path, map(a_capture, range(1, 6))) as see:
        await see.shows("#5 ")
        await see.press("space")
        await see.shows("1 marked", "#5 ")
        await see.press("space")
        await see.shows_no("marked")
        await see.press("g", "space", "space")
        await see.shows("2 marked", "#3 ")
        await see.press("escape", "o", "g", "space", "space")
        await see.shows("2 marked", "#3 ")


@pytest.mark.slow
async def test_a_row_says_what_happened(tmp_path: Path) -> None:
    """The telling fields are in the row; `h` hides them, and they stay hidden the next time."""
    async with showing(tmp_path, [a_capture(1)], size=(120, 30)) as see:
        await see.press("3")  # The body has the status too.
        await see.shows("summary", " PENDING_WITH_BANK  ")
        await see.press("h")
        await see.shows_no("PENDING_WITH_BANK")
        await see.press("h")
        await see.shows(" PENDING_WITH_BANK  ")
        await see.press("h", "q")
    (tmp_path / "relay.db").unlink()
    async with showing(tmp_path, [a_capture(1)], size=(120, 30)) as see:
        await see.shows("#1 ")
        assert "PENDING_WITH_BANK" not in see.text()


@pytest.mark.slow
async def test_only_rows_in_sight_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No row out of sight is read, as its summary takes its body; with summaries hidden no body is read."""
    asked: list[tuple[set[int], bool]] = []
    rows = Gateway.rows

    def noted(gateway: Gateway, ids: Sequence[int], *, summaries: bool = False) -> Any:
        asked.append((set(ids), summaries))
        return rows(gateway, ids, summaries=summaries)

    monkeypatch.setattr(Gateway, "rows", noted)
    async with showing(tmp_path, map(a_capture, range(1, 501))) as see:
        await see.shows("#500 ")
        captures = see.pilot.app.screen.query_one(CaptureList)
        height = captures.size.height
        before = height + 3  # It was taller before the banner came.
        assert set().union(*(ids for ids, _ in asked)) <= set(range(501 - before, 501))
        for key, first in (("g", 1), ("pagedown", 1), ("j", 2), ("G", 501 - height), ("k", 501 - height)):
            asked.clear()
            await see.press(key)
            await wait_for(see.pilot, lambda: captures.scroll_offset.y + 1 == first, key)  # noqa: B023
            await see.pilot.idle()
            seen = set(range(first, first + height)) | {captures.listing.cursor}
            assert set().union(*(ids for ids, _ in asked)) <= seen, key
            assert all(summaries for _, summaries in asked)
        await see.press("h")
        asked.clear()
        await see.press("g")
        await see.shows("#1 ")
        assert asked
        assert not any(summaries for _, summaries in asked)


def lines_under_a_cursor(see: Showing, colour: Color | None) -> list[str]:
    """The lines that are drawn on a colour."""
    strips = see.pilot.app.screen._compositor.render_strips()
    return [
        strip.text
        for strip in strips
        if any(segment.style is not None and segment.style.bgcolor == colour for segment in strip)
    ]


@pytest.mark.slow
async def test_one_row_is_under_the_cursor(tmp_path: Path) -> None:
    """Only the rows that the cursor leaves and reaches are drawn again, and no other one stays bright."""
    async with showing(tmp_path, map(a_capture, range(1, 61)), size=(100, 30)) as see:
        await see.shows("#60 ")
        captures = see.pilot.app.screen.query_one(CaptureList)
        colour = captures.style_of("list--cursor").bgcolor
        keys = ("k", "k", "pageup", "g", "j", "space", "o", "j", "j", "o", "f", "k", "G", "shift+up", "A")
        for key in keys:
            await see.press(key)
            await wait_for(
                see.pilot,
                lambda: (
                    [f" {captures.listing.cursor} " in line for line in lines_under_a_cursor(see, colour)]
                    == [True]
                ),
                f"one row after {key}",
            )
        insert(see.log, a_capture(61))
        await see.shows("1 new")
        assert len(lines_under_a_cursor(see, colour)) == 1
        await see.press("2", "enter", "j", "j", "k", "v", "j", "enter", "enter", "G", "g", "j")
        await see.shows(" tree ", "2/13")
        text = see.pilot.app.screen.query_one("#tab-body", BodyPage).view.text
        colour = text.get_component_rich_style("body--cursor", partial=True).bgcolor
        assert ['"type"' in line for line in lines_under_a_cursor(see, colour)] == [True]


async def test_all_and_ranges_are_marked(tmp_path: Path) -> None:
    """`a` marks all that the filter matches, `A` unmarks them, Shift and an arrow mark a range."""
    captures = [a_capture(number, origin="sample" if number > 2 else "received") for number in range(1, 5)]
    async with showing(tmp_path, captures, size=(120, 30)) as see:
        await see.press("slash", *"origin:sample", "enter")
        await see.shows("2 match")
        await see.press("a")
        await see.shows("2 marked")
        await see.press("A")
        await see.shows_no("marked")
        await see.press("shift+up")
        await see.shows("2 marked")


async def test_too_many_to_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More marks than an action can take are refused, in the line for messages."""
    monkeypatch.setattr(listing, "MOST_MARKS", 2)
    async with showing(tmp_path, map(a_capture, range(1, 4))) as see:
        await see.press("a")
        await see.shows("3 captures are too many to mark; use a filter")
        assert see.pilot.app.screen.query_one(MessageLine).is_shown
        assert "marked" not in see.text()


async def test_the_first_tab_is_the_exchange(tmp_path: Path) -> None:
    """The body is in sight at once; a saved tab that is no more opens the exchange too."""
    for old in ("", "event"):
        saved = tmp_path / old
        saved.mkdir(exist_ok=True)
        async with showing(saved, [a_capture(1, deliveries=(a_delivery(1),))]) as see:
            screen = see.pilot.app.screen
            assert isinstance(screen, MainScreen)
            screen.state.restore(ScreenState(tab=old))
            await see.shows('"currency": "AED"', "localhost:3000", "✓ 200 in 42 ms: Lean would count")


async def test_side_by_side_only_where_both_fit(tmp_path: Path) -> None:
    """Up to 169 cells the detail is below the list, from 170 on next to it; the list keeps its columns."""
    async with showing(tmp_path, [a_capture(1)], size=(139, 40)) as see:
        for width, beside in ((139, False), (140, False), (169, False), (170, True), (200, True)):
            await see.pilot.resize_terminal(width, 40)
            await wait_for(see.pilot, lambda: is_laid_out(see, width, beside), f"{width} cells")  # noqa: B023
            text = see.text()
            assert all(name in text for name in (" id", "time", "summary", "signature", "backend", "marks"))
            tabs = next(line for line in text.splitlines() if "Exchange" in line)
            whole = [tab.title for tab in PAGES if f" {tab.title} " in f"{tabs} "]
            assert whole == [tab.title for tab in PAGES][: len(whole)]
            assert len(whole) == len(PAGES) or "›" in tabs


def is_laid_out(see: Showing, width: int, beside: bool) -> bool:
    """Whether the frames fill the window, next to each other or not."""
    frames = [see.pilot.app.screen.query_one(id).region for id in ("#list-pane", "#detail")]
    return frames[1].right == width and (frames[0].y == frames[1].y) is beside


@pytest.mark.slow
async def test_an_engine_that_is_slow_to_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs is found silent after seconds: the looks that are due meanwhile do not begin before."""

    async def slowly(self: EngineClient) -> Status:
        await asyncio.sleep(0.1)
        return Status(engine=EngineState.SILENT, detail="pid 7")

    monkeypatch.setattr(screen, "STATUS_S", 0.01)
    monkeypatch.setattr(EngineClient, "status", slowly)
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.shows("The engine does not answer: pid 7")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dialog", "keys"), [("J", ("enter", "enter")), ("y", ("enter", "enter")), ("y", ("b", "b"))]
)
async def test_two_keys_in_one_burst_close_one_dialog(
    tmp_path: Path, dialog: str, keys: Sequence[str]
) -> None:
    """Both are for the dialog; the screen below it stays."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.press(dialog)
        await wait_for(see.pilot, lambda: not isinstance(see.pilot.app.screen, MainScreen), "the dialog")
        await see.pilot.pause(0.05)
        await see.press_at_once(*keys)
        await wait_for(see.pilot, lambda: isinstance(see.pilot.app.screen, MainScreen), "the main screen")
        await see.shows("1 capture, ")


def test_arrivals_after_the_clock_was_set_back() -> None:
    """Bars of a time that is yet to come make way for those of now."""
    arrivals = Arrivals()
    arrivals.add(7, 1e9 + 3600)
    arrivals.add(1, 1e9)
    arrivals.add(2, 1e9 - 30)
    assert arrivals.rate == "3/min"


async def test_an_exit_before_the_first_frame(tmp_path: Path) -> None:
    """The screen state that is saved, and not restored yet, is not replaced by an empty one."""
    async with showing(tmp_path) as see:
        saved: list[ScreenState] = []
        gateway = see.pilot.app.screen.gateway  # type: ignore[attr-defined]
        gateway.save_state_now = saved.append
        early = MainScreen(gateway)
        early.state.save_now()
        assert saved == []
        see.pilot.app.exit()
        assert len(saved) == 1
