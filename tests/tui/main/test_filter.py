"""The filter bar: what it finds, what is wrong with it, and the ways out of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from relay.config import Settings
from relay.filters import Filter, FilterError
from relay.models import Capture, Event, Signature
from relay.store.read.search import Window
from tests.support.context import FakeContext
from tests.support.factories import NOON, a_capture, a_delivery, insert, insert_all, new_log
from tests.support.quick import Quick
from tests.support.screen import Showing, showing, wait_for
from tui.app import RelayApp
from tui.gateway import Gateway
from tui.main.browser import Browser
from tui.main.filter import HALF_AFTER_S, WRITTEN_AFTER_S, FilterController
from tui.main.list_pane import ListController
from tui.main.screen import MainScreen
from tui.state.completion import FilterValues
from tui.state.screen_state import FilterHistory, ScreenState
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
    insert_all(new_log(db), captures())
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


# -- the controller, without a terminal ------------------------------------------------------------


class FakeBar:
    """A bar that the test writes in."""

    def __init__(self) -> None:
        self.enabled = True
        self.seen: FilterValues = {}
        self.history = FilterHistory()
        self.text = ""
        self.is_open = False
        self.error: FilterError | None = None

    @property
    def shown_text(self) -> str:
        return self.text if self.is_open else ""

    @property
    def has_error(self) -> bool:
        return self.error is not None

    def edit(self) -> None:
        self.is_open = True

    def put(self, text: str) -> None:
        self.text, self.is_open = text, self.is_open or bool(text)

    def clear(self) -> None:
        self.text, self.is_open = "", False

    def show_error(self, error: FilterError | None) -> None:
        self.error = error

    def seen_changed(self) -> None:
        pass


class Pane(ListController):
    """A list whose searches are noted and not made."""

    applied = ""
    focused = 0

    @property
    def filter_text(self) -> str:
        return self.applied

    def search(self, filter: Filter) -> None:
        self.applied = filter.text

    def show_all(self) -> None:
        self.applied = ""

    def has(self, number: int) -> bool:
        return not self.applied

    def go_to(self, number: int) -> None:
        self.went_to = number

    def focus(self) -> None:
        self.focused += 1

    def read_again(self) -> None:
        pass


@contextmanager
def a_filter(folder: Path) -> Iterator[tuple[FakeContext, FakeBar, Pane, FilterController]]:
    """A filter's controller with its bar and its list."""
    with FakeContext(folder, [a_capture(1)]) as context:
        bar = FakeBar()
        pane = Pane(context, Browser(context.gateway, lambda: None), None)  # type: ignore[arg-type]
        yield context, bar, pane, FilterController(context, bar, pane)


async def test_values_are_read_for_the_bar(tmp_path: Path) -> None:
    """Opening the bar offers what the database has."""
    with a_filter(tmp_path) as (context, bar, _, filter):
        filter.edit()
        await context.ui.settled()
        assert bar.is_open
        assert "payment.updated" in bar.seen["type"]


def test_applied_once_typing_pauses(tmp_path: Path) -> None:
    """Each letter puts it off, and longer at the beginning of a word; leaving applies it at once."""
    with a_filter(tmp_path) as (context, bar, pane, filter):
        filter.edited("si", half=True)
        filter.edited("sig:valid", half=False)
        first, second = context.ui.timers
        assert (first.seconds, first.stopped) == (HALF_AFTER_S, True)
        assert (second.seconds, second.stopped, pane.applied) == (WRITTEN_AFTER_S, False, "")
        second.fire()
        assert pane.applied == "sig:valid"
        filter.edited("sig:invalid", half=False)
        bar.text = "sig:invalid"
        filter.left(cleared=False)
        assert (context.ui.timers[2].stopped, pane.applied, pane.focused) == (True, "sig:invalid", 1)
        assert bar.history.filters == ("sig:invalid",)


def test_a_wrong_filter_changes_nothing(tmp_path: Path) -> None:
    """The last good filter stays applied and remembered, and the bar keeps the keys."""
    with a_filter(tmp_path) as (_, bar, pane, filter):
        bar.put("sig:valid")
        assert filter.apply(bar.text)
        state = filter.add_to(ScreenState())
        bar.put("sig:x")
        filter.left(cleared=False)
        assert (bar.has_error, pane.applied, pane.focused) == (True, "sig:valid", 0)
        assert filter.add_to(state).filter == "sig:valid"
        filter.left(cleared=True)
        assert (bar.has_error, pane.applied, pane.focused) == (False, "", 1)


def test_what_is_not_applied_yet(tmp_path: Path) -> None:
    """A text that waits for a pause, or is wrong; not one that is applied, turned off or gone."""
    with a_filter(tmp_path) as (_, bar, _, filter):

        def pending_after(act: Callable[[], object]) -> bool:
            act()
            return filter.is_pending

        assert not pending_after(lambda: None)
        bar.put("sig:in")
        assert pending_after(lambda: filter.edited(bar.text, half=True))
        assert pending_after(lambda: filter.apply(bar.text))
        bar.put("sig:invalid ")
        assert not pending_after(lambda: filter.apply(bar.text))
        assert pending_after(lambda: bar.put("sig:valid"))
        assert not pending_after(filter.switch)
        assert not pending_after(filter.clear)


def test_off_on_and_gone(tmp_path: Path) -> None:
    """Turned off, the text stays; a capture that it hides turns it off and says so."""
    with a_filter(tmp_path) as (context, bar, pane, filter):
        bar.put("sig:valid")
        filter.apply(bar.text)
        filter.switch()
        assert (pane.applied, bar.text, filter.add_to(ScreenState()).filter_on) == ("", "sig:valid", False)
        filter.switch()
        assert pane.applied == "sig:valid"
        filter.show(7)
        assert (pane.applied, pane.went_to, len(context.ui.notices)) == ("", 7, 1)
        filter.show(8)
        assert (pane.went_to, len(context.ui.notices)) == (8, 1)
        filter.clear()
        assert (bar.text, pane.applied) == ("", "")


def test_restored(tmp_path: Path) -> None:
    """A filter of the time before is applied again where it was on."""
    for on in (True, False):
        folder = tmp_path / str(on)
        folder.mkdir()
        with a_filter(folder) as (_, bar, pane, filter):
            state = ScreenState(("a", "sig:valid"), filter="sig:valid", filter_on=on)
            filter.restore(state)
            assert (pane.applied, bar.is_open) == ("sig:valid" if on else "", True)
            assert filter.add_to(ScreenState()) == state
