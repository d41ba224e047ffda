"""The filter's controller: its questions to bar and pane, without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from relay.filters import Filter, FilterError
from tests.support.context import FakeContext
from tests.support.factories import a_capture
from tui.main.browser import Browser
from tui.main.filter import HALF_AFTER_S, WRITTEN_AFTER_S, FilterController
from tui.main.list_pane import ListController
from tui.state.completion import FilterValues
from tui.state.screen_state import FilterHistory, ScreenState


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


def test_removed_while_typing_pauses(tmp_path: Path) -> None:
    """A text that waits to be applied is gone with the filter."""
    with a_filter(tmp_path) as (context, bar, _, filter):
        bar.put("sig:in")
        filter.edited(bar.text, half=True)
        filter.clear()
        assert context.ui.timers[0].stopped


def test_a_wrong_text_can_be_turned_off(tmp_path: Path) -> None:
    """Off is off, also while the text is wrong and the last good filter is still applied."""
    with a_filter(tmp_path) as (_, bar, pane, filter):
        for turn_off in (filter.switch, lambda: filter.show(7)):
            bar.enabled = True
            filter.apply("sig:valid")
            bar.put("sig:x")
            filter.apply(bar.text)
            assert (bar.has_error, pane.applied) == (True, "sig:valid")
            turn_off()
            assert (bar.enabled, bar.has_error, pane.applied) == (False, False, "")
        filter.switch()
        assert (bar.has_error, pane.applied, filter.is_pending) == (True, "", True)


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
