"""The filter bar: what it finds, what is wrong with it, and the ways out of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from relay.config import Settings
from relay.filters import Filter
from relay.models import Capture, Event, Signature
from relay.store.read.search import Window
from tests.support.factories import NOON, a_capture, a_delivery, insert, insert_all, new_log
from tests.support.quick import Quick
from tests.support.screen import Showing, showing, wait_for
from tui.app import RelayApp
from tui.gateway import Gateway
from tui.main.screen import MainScreen
from tui.widgets.keys_foot import KeysFoot


def captures() -> list[Capture]:
    """One hundred, of which ten are invalid."""
    return [
        a_capture(
            number,
            signature=Signature.INVALID if number % 10 == 0 else Signature.VALID,
            event=Event(type=f"payment.kind{number}", event_id=str(number), at=NOON),
            body=b'{"number": %d}' % number,
        )
        for number in range(1, 101)
    ]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a word is not applied, however slowly a busy machine takes the keys."""
    monkeypatch.setattr("tui.main.filter.HALF_AFTER_S", 600.0)


async def write(see: Showing, text: str) -> None:
    """Open the bar and write."""
    await see.press("slash")
    await write_on(see, text)


async def write_on(see: Showing, text: str) -> None:
    """Write where the cursor is."""
    for character in text:
        await see.press(
            {" ": "space", ":": "colon", ".": "full_stop", "-": "minus"}.get(character, character)
        )


@pytest.mark.slow
async def test_finds_and_counts(tmp_path: Path) -> None:
    """What matches stands in the list, with number and share, and how far the search has come."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:invalid")
        text = await see.shows("10 match (10.0%) of 100 · all scanned", "payment.kind100")
        assert "payment.kind99" not in text


@pytest.mark.slow
async def test_fault_stands_under_its_character(tmp_path: Path) -> None:
    """A wrong filter is told under the place of the error, and the last good one stays."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:invalid")
        await see.shows("10 match")
        see.pilot.app.screen.query_one(Input).insert_text_at_cursor(" si:x")  # at once, as a paste comes
        text = await see.shows('there is no key "si:"', "10 match")
        lines = text.splitlines()
        at = next(at for at, line in enumerate(lines) if "/ sig:invalid si:x" in line)
        assert lines[at].index("si:x") == lines[at + 1].index("^")


@pytest.mark.slow
@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("key", ["enter", "tab", "down"])
async def test_a_wrong_filter_keeps_the_keyboard(tmp_path: Path, key: str) -> None:
    """No key leads from a wrong filter into the list, where its next letters would act on captures."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:invx")
        await see.press(key, "q", "D")
        text = await see.shows('"invxqD"', "100 captures", "the filter is not applied yet")
        assert "all scanned" not in text
        assert not see.pilot.app._exit
        await see.press("backspace", "backspace", "backspace", "a", "l", "i", "d", "enter")
        await see.shows("10 match (10.0%) of 100 · all scanned")
        await see.press("j")
        await see.shows("/ sig:invalid")


@pytest.mark.slow
async def test_keys_before_the_first_frame_are_no_filter(tmp_path: Path) -> None:
    """What is typed while the screen comes up moves the cursor; the hidden filter never has the keyboard."""
    db = tmp_path / "relay.db"
    with closing(new_log(db)) as log:
        insert_all(log, captures())
    with Gateway(Settings(db=db)) as gateway:
        app = RelayApp(gateway)

        async with app.run_test(size=(100, 30)):
            for _ in range(200):  # From before there is a screen until some time after.
                app.post_message(events.Key("j", "j"))
                await asyncio.sleep(0)
            quick = Quick(app)
            await wait_for(quick, lambda: isinstance(app.screen, MainScreen), "the main screen")
            screen = app.screen
            assert isinstance(screen, MainScreen)
            await wait_for(quick, lambda: screen.cursor is not None, "the list")
            assert not screen._bar.has_focus_within
            assert screen._bar.text == ""
            assert screen.state.current().filter == ""


@pytest.mark.slow
async def test_a_filter_that_is_not_shown_is_not_remembered(tmp_path: Path) -> None:
    """Whatever is in the closed bar, the next start is not narrowed by it."""
    async with showing(tmp_path, captures()) as see:
        screen = see.pilot.app.screen
        assert isinstance(screen, MainScreen)
        screen._bar._input.value = "jjd"
        assert screen.state.current().filter == ""
        await write(see, "")
        assert screen.state.current().filter == "jjd"


@pytest.mark.slow
async def test_enter_right_behind_a_paste(tmp_path: Path) -> None:
    """What was pasted before Enter counts, and is applied by it: nobody waits for a pause in the writing."""
    async with showing(tmp_path, captures()) as see:
        await see.press("slash")
        screen = see.pilot.app.screen
        assert isinstance(screen, MainScreen)
        applied: list[str] = []
        apply = screen._filter.apply

        def noted(text: str) -> bool:
            applied.append(text)
            return apply(text)

        screen._filter.apply = noted  # type: ignore[method-assign]
        see.pilot.app.post_message(events.Paste("sig:invalid"))
        see.pilot.app.post_message(events.Key("enter", "\r"))
        await see.shows("10 match (10.0%) of 100 · all scanned")
        assert applied[0] == "sig:invalid"
        assert not screen._bar.has_focus_within


@pytest.mark.slow
async def test_keys_at_the_foot_stay_where_none_works_differently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are drawn again only where other keys are to be shown."""
    async with showing(tmp_path, captures()) as see:
        await see.shows("#100 ")
        screen = see.pilot.app.screen
        foot = screen.query_one(KeysFoot)
        drawn = 0

        def counted(*given: object, **options: object) -> KeysFoot:
            nonlocal drawn
            drawn += 1
            return foot

        monkeypatch.setattr(foot, "refresh", counted)
        for _ in range(3):
            screen.refresh_bindings()
            await see.pilot.pause()
        assert drawn == 0
        await see.press("slash")
        await wait_for(see.pilot, lambda: drawn > 0, "other keys")


@pytest.mark.slow
async def test_escape_clears_it(tmp_path: Path) -> None:
    """Esc empties the bar, and all captures are there again."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:invalid")
        await see.shows("10 match", "all scanned")  # Before that, Esc ends the search.
        await see.press("escape")
        text = await see.shows("100 captures")
        assert "sig:invalid" not in text


@pytest.mark.slow
async def test_switched_off_and_on(tmp_path: Path) -> None:
    """One key shows everything and, again, what matches; the text stays."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:invalid")
        await see.press("enter", "F")
        await see.shows("100 captures", "sig:invalid")
        await see.press("F")
        await see.shows("10 match", "all scanned")
        await see.press("escape")
        await see.shows("100 captures")


@pytest.mark.slow
async def test_what_comes_is_filtered_too(tmp_path: Path) -> None:
    """A new capture appears where it matches, and only there."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:invalid")
        await see.shows("10 match", "all scanned")
        await see.press("enter")
        insert(see.log, a_capture(101, signature=Signature.VALID))
        insert(see.log, a_capture(102, signature=Signature.INVALID, event=None, target="/late"))
        await see.shows("11 match", "POST /late")


async def test_a_verdict_that_comes_later(tmp_path: Path) -> None:
    """A filter on verdicts takes up a capture once its try has ended so."""
    waits = a_delivery(7, state="queued", attempts=0, verdict=None, status=None)
    async with showing(tmp_path, [a_capture(1), a_capture(2, deliveries=(waits,))]) as see:
        await write(see, "verdict:retry")
        await see.shows("0 match", "all scanned")
        see.log.execute(
            "INSERT INTO attempts(delivery_id, number, started_at, elapsed_us, outcome, status, verdict)"
            " VALUES (7, 1, 0, 5000, 'answered', 500, 'retry')"
        )
        see.log.execute("UPDATE deliveries SET state = 'ended' WHERE id = 7")
        await see.shows("1 match", "✗ 500")


@pytest.mark.slow
async def test_the_cursor_stays_on_a_capture_that_matches(tmp_path: Path) -> None:
    """Narrowing the list keeps the capture that one is looking at."""
    async with showing(tmp_path, captures()) as see:
        await see.press("k", *["k"] * 9)
        await see.shows("#90 ")
        await write(see, "sig:invalid")
        await see.shows("10 match", "#90 ")


@pytest.mark.slow
async def test_keys_and_values_are_completed(tmp_path: Path) -> None:
    """What can be written is offered with its meaning; Tab takes it, and what is taken is applied."""
    async with showing(tmp_path, captures()) as see:
        await see.press("slash")
        await see.shows("type:", "event type, and all below it by dots")
        await write_on(see, "si")
        text = await see.shows("sig:", "size:", "since:")
        assert "verdict:" not in text
        await see.press("tab")
        await see.shows("/ sig:", "sig:valid", "sig:invalid", "sig:missing")
        await see.press("down", "tab")
        await see.shows("/ sig:invalid", "10 match")
        await see.shows_no("sig:missing")


@pytest.mark.slow
async def test_values_of_the_log_are_offered(tmp_path: Path) -> None:
    """Types that came are found by any part of them, and taken with the arrow to the right."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "type:kind77")
        await see.shows("type:payment.kind77")
        await see.press("right")
        await see.shows("/ type:payment.kind77", "1 match")


@pytest.mark.slow
async def test_a_choice_is_clicked_on(tmp_path: Path) -> None:
    """The mouse takes a choice too, and one goes on writing."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:")
        await see.shows("sig:malformed")
        await see.pilot.click("Suggestions", offset=(3, 1))
        await see.shows("/ sig:invalid", "10 match")
        await write_on(see, "x")
        await see.shows("/ sig:invalid x")


@pytest.mark.slow
async def test_half_a_word_is_no_fault(tmp_path: Path) -> None:
    """While there is something on offer nothing is complained about; once one leaves it is."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:")
        text = await see.shows("sig:malformed")
        assert "a value is missing" not in text
        await see.press("enter")
        await see.shows("^ a value is missing")


@pytest.mark.slow
@pytest.mark.usefixtures("patient")
async def test_half_a_value_is_not_applied_yet(tmp_path: Path) -> None:
    """Until a filter is finished or right, the counts are not shown as if they were its own."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:inv")
        text = await see.shows("100 captures", "the filter is not applied yet")
        assert "match" not in text
        await write_on(see, "alid")
        text = await see.shows("10 match (10.0%) of 100 · all scanned")
        assert "not applied yet" not in text
        await write_on(see, "x")
        await see.shows("10 match · the filter is not applied yet")
        await see.press("backspace", "enter")
        await see.shows("10 match (10.0%) of 100 · all scanned")


@pytest.mark.slow
async def test_values_come_with_counts(tmp_path: Path) -> None:
    """Beside a value stands how many captures have it."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:")
        await see.shows("sig:valid      90", "sig:invalid    10", "sig:missing    0")


@pytest.mark.slow
async def test_earlier_filters(tmp_path: Path) -> None:
    """Arrow up in an empty bar brings filters back, the newest first; arrow down goes forth again."""
    async with showing(tmp_path, captures()) as see:
        for text in ("sig:invalid", "sig:valid"):
            await write(see, text)
            await see.shows(f"/ {text}")
            await see.press("enter")
            await see.press("escape")
            await see.shows("100 captures")
        await see.press("slash", "up")
        await see.shows("/ sig:valid", "90 match")
        await see.press("up")
        await see.shows("/ sig:invalid", "10 match")
        await see.press("down")
        await see.shows("/ sig:valid", "90 match")
        await see.press("down")
        await see.shows("100 captures")


@pytest.mark.slow
async def test_arrow_down_leads_to_the_list(tmp_path: Path) -> None:
    """With nothing on offer the arrow leaves the bar, and moves on in the list."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:invalid")
        await see.shows("10 match", "all scanned")
        await see.press("down", "k")
        await see.shows("#90 ")


@pytest.mark.slow
async def test_a_search_is_stopped(tmp_path: Path) -> None:
    """Esc ends a search that goes on and keeps what it found; the next one takes the filter away."""
    async with showing(tmp_path, captures()) as see:
        screen = see.pilot.app.screen
        assert isinstance(screen, MainScreen)
        at_first = asyncio.Event()
        scan = screen.gateway.search

        def slow(filter: Filter, *, before: int) -> Generator[Window, None, None]:
            """Finds one and goes on for as long as nobody stops it."""
            stopped.clear()  # By the search before: on a busy machine a pause in typing starts one.
            yield Window([100], 100)
            see.pilot.app.call_from_thread(at_first.set)
            while not stopped.wait(0.01):
                yield Window([], 100)

        stopped = threading.Event()
        stop = screen.gateway.stop_search
        screen.gateway.search = slow  # type: ignore[method-assign]
        screen.gateway.stop_search = lambda: (stopped.set(), stop())[1]  # type: ignore[method-assign,func-returns-value]
        await write(see, "sig:invalid")
        await at_first.wait()
        await see.shows("1 matches", "Esc stops")
        await see.press("escape")
        await see.shows("1 matches", "stopped at #100")
        screen.gateway.search = scan  # type: ignore[method-assign]
        insert(see.log, a_capture(101, signature=Signature.INVALID))
        await see.shows("2 match")
        await see.press("escape")
        await see.shows("101 captures")
