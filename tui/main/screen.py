"""The main screen: the list, the detail next to it or below, banners above, and the keys.

Owns the widgets and their visibility. Its controllers run the actions, and know why one cannot run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from time import time
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen

from relay.errors import RelayError
from relay.models import CaptureRow
from tui.gateway import Gateway
from tui.keyboard import keys
from tui.keyboard.foot import Foot
from tui.main.active_keys import ActiveKeys
from tui.main.browser import Browser
from tui.main.captures import CaptureController
from tui.main.detail import DetailController
from tui.main.engine import EngineController
from tui.main.filter import FilterController
from tui.main.list_pane import ListController
from tui.main.panes import Panes
from tui.main.rehearsal import RehearsalController
from tui.main.replay import ReplayController
from tui.main.saved_state import SavedState
from tui.main.services import ScreenServices
from tui.presenters.blocks import CaptureDetail
from tui.presenters.columns import Layout
from tui.presenters.status import Status
from tui.screens.columns import ColumnsDialog
from tui.screens.dialogs import LeaveDialog
from tui.screens.help import HelpScreen
from tui.screens.refusals import RefusalsScreen
from tui.widgets.body_view import BodyView
from tui.widgets.capture_list import CaptureList
from tui.widgets.detail import Detail
from tui.widgets.filter_bar import FilterBar
from tui.widgets.keys_foot import KeysFoot
from tui.widgets.list_frame import Empty, ListFrame, ListHead
from tui.widgets.message_line import MessageLine
from tui.widgets.replay_line import ReplayLine
from tui.widgets.status_line import BAR_S, BARS, Banners, StatusLine

POLL_S = 0.1
STATUS_S = 1.0

ARRIVALS_READ = 5_000
"""Captures read for the first sparkline."""

WIDE = 170
"""From this many cells on, list and detail are side by side."""

ACTS = frozenset(key.action for key in keys.MAIN if key.group in ("Act", "List"))
"""Actions that put away what the last one said."""


class MainScreen(Screen[None]):
    """Browse, filter, understand; a `CaptureContext` for its controllers."""

    AUTO_FOCUS = "#list"
    """Textual would focus the first field, the hidden filter, and the first keys would go there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings((*keys.MAIN, *keys.BODY_FROM_AFAR)),
        *keys.tab_bindings(),
    ]

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self.gateway = gateway
        browser = self._browser = Browser(gateway, self._show_rows)
        self._status = StatusLine(id="status")
        self._banners = Banners(id="banners")
        self._bar = FilterBar(id="filter")
        self._head = ListHead(id="list-head")
        self._list = CaptureList(browser.listing, self._fetch, date.today, id="list")
        self._empty = Empty(id="empty")
        self._frame = ListFrame(id="list-pane")
        self._detail = Detail(id="detail")
        self._replay_line = ReplayLine(id="replay")
        self._message = MessageLine(id="message")
        self._is_looking = False

        self.ui = ScreenServices(self, self._message)
        self._engine = EngineController(self)
        self._pane = ListController(self, browser, self._list)
        self._filter = FilterController(self, self._bar, self._pane)
        self._reading = DetailController(self, self._detail, lambda: browser.listing.following)
        self._captures = CaptureController(self)
        self._replays = ReplayController(self, self._replay_line)
        self._rehearsals = RehearsalController(self, self._filter.show_only)
        self.panes = Panes(self, self._list, self._detail)
        self.state = SavedState(self, gateway, self._list, self._detail, self.panes, self._filter)
        self.active_keys = ActiveKeys(
            self,
            self.ui,
            self.panes,
            (self._bar, self._list, self._detail),
            (self._reading, self._replays, self._rehearsals, self._captures, self._engine, self._pane),
        )

    def _fetch(self, ids: Sequence[int], *, summaries: bool) -> Mapping[int, CaptureRow] | None:
        return self._pane.fetch(ids, summaries=summaries)

    def compose(self) -> ComposeResult:
        yield self._status
        yield self._banners
        with Container(id="panes"):
            with self._frame:
                yield self._bar
                yield self._head
                yield self._list
                yield self._empty
            yield self._detail
        yield self._replay_line
        yield self._message
        yield KeysFoot(self.active_keys.shown)

    def on_mount(self) -> None:
        self._start_arrivals()
        self.state.restore(self.gateway.load_state())
        self.set_interval(POLL_S, self._poll)
        self.set_interval(STATUS_S, self._look)
        self._look()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")

    # -- the context of controllers ------------------------------------------------------------

    @property
    def engine_status(self) -> Status:
        return self._engine.status

    @property
    def detail(self) -> CaptureDetail | None:
        return self._detail.current

    @property
    def cursor(self) -> int | None:
        return self._browser.listing.cursor

    def selected_ids(self) -> list[int]:
        return self._browser.listing.chosen()

    def row(self, number: int | None) -> CaptureRow | None:
        return self._list.row(number)

    def value_at_cursor(self) -> tuple[str, str] | None:
        return self._detail.value_at_cursor()

    def go_to(self, number: int) -> None:
        self._filter.show(number)

    def refresh_list(self, *, unmark: Collection[int] = ()) -> None:
        self._pane.refresh(unmark=unmark)

    @property
    def foot(self) -> Foot:
        """The keys at the foot, by the place of the focus."""
        return self.active_keys.foot

    def refresh_keys(self) -> None:
        self.active_keys.refresh()

    def cannot_read(self, error: RelayError) -> None:
        self._pane.cannot_read(error)

    # -- keys ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.active_keys.is_active(action)

    def on_key(self, event: events.Key) -> None:
        # Keys whose binding is disabled arrive here.
        if self.active_keys.explain(event.key):
            event.stop()

    # -- updates -------------------------------------------------------------------------------

    def _poll(self) -> None:
        came = self._pane.poll()
        if came:
            self._status.arrivals.add(came, time())

    def _start_arrivals(self) -> None:
        since = datetime.now(UTC) - timedelta(seconds=BARS * BAR_S)
        with suppress(RelayError):  # The next read shows the error.
            for at in self.gateway.arrivals(since, ARRIVALS_READ):
                self._status.arrivals.add(1, at.timestamp())

    def _show_rows(self) -> None:
        if not self._list.is_attached:
            return  # The screen is closing, while a count or a search still runs.
        self._list.rows_changed()
        nothing = not len(self._browser.listing) and self._browser.filter_search is None
        self._list.display = not nothing
        self._empty.display = nothing
        self.set_class(nothing, "-nothing")
        if nothing:
            self._empty.url = self.gateway.engine.url()
        self.on_cursor_list_moved()

    def on_cursor_list_moved(self) -> None:
        browser = self._browser
        self._head.show(self._list.columns_now(), newest_first=browser.listing.newest_first)
        self._show_counts()
        self._bar.busy = browser.is_searching
        self._reading.show(self._list.row(browser.listing.cursor))

    def _show_counts(self) -> None:
        browser = self._browser
        self._frame.show_counts(
            browser.listing,
            browser.filter_search,
            total=browser.total,
            events=browser.events,
            exact=browser.is_counted,
            pending=self._filter.is_pending,
        )

    @work(group="status")
    async def _look(self) -> None:
        # The next look does not end this one: that a hanging engine is silent is known after 5 s.
        if not self._is_looking:
            self._is_looking = True
            try:
                await self._show_status()
            finally:
                self._is_looking = False

    async def _show_status(self) -> None:
        status = await self._engine.look()
        if not self._list.is_attached:
            return
        self._status.status = status
        self._empty.status = status
        if self._empty.display:
            self._empty.setup = await self.gateway.setup(status)
        self._replays.show_others(status.replays)
        self._status.arrivals.turn(time())
        self._status.refresh()
        self.run_worker(self.state.save_changes(), group="state", exclusive=True)
        self._engine.show_listener_lines(refusals_shown=isinstance(self.app.screen, RefusalsScreen))
        unreadable = self._pane.unreadable or self.gateway.missing()
        self._banners.sentences = self._engine.banners(unreadable=unreadable)
        await self._pane.recover()
        self.refresh_keys()

    # -- actions on the selected captures ------------------------------------------------------

    def action_star(self) -> None:
        self._captures.star()

    def action_note(self) -> None:
        self.ui.start(self._captures.note, group="dialog")

    def action_delete(self) -> None:
        self.ui.start(self._captures.delete, group="dialog")

    def action_compare(self) -> None:
        self._captures.compare()

    def action_copy(self) -> None:
        self.ui.start(self._captures.copy, group="dialog")

    def action_journey(self) -> None:
        self.ui.start(self._captures.journey, group="dialog")

    def action_replay(self) -> None:
        self.ui.start(self._replays.replay, group="dialog")

    def action_replay_to(self) -> None:
        self.ui.start(self._replays.replay_to, group="dialog")

    def action_rehearse(self) -> None:
        self.ui.start(self._rehearsals.rehearse, group="dialog")

    def action_edit(self) -> None:
        self.ui.start(self._replays.edit, group="dialog")

    def on_replay_line_cancel_wanted(self) -> None:
        self._replays.end()

    # -- actions on the engine -----------------------------------------------------------------

    def action_pause(self) -> None:
        self._engine.pause()

    def action_trigger(self) -> None:
        self.ui.start(self._engine.trigger, group="dialog")

    def action_copy_url(self) -> None:
        self._engine.copy_url()

    def on_status_line_url_wanted(self) -> None:
        self._engine.copy_url()

    def action_refusals(self) -> None:
        self.ui.open(RefusalsScreen(self.gateway))

    def on_status_line_refusals_wanted(self) -> None:
        self.action_refusals()

    # -- actions on the list -------------------------------------------------------------------

    def action_edit_filter(self) -> None:
        self._filter.edit()

    def action_switch_filter(self) -> None:
        self._filter.switch()

    def on_filter_bar_edited(self, event: FilterBar.Edited) -> None:
        self._filter.edited(event.text, half=event.half)
        self._show_counts()

    def on_filter_bar_left(self, event: FilterBar.Left) -> None:
        self._filter.left(cleared=event.cleared)
        self._show_counts()

    def on_filter_bar_stop_wanted(self) -> None:
        self._browser.stop_search()

    def action_follow(self) -> None:
        self._pane.follow()

    def action_turn(self) -> None:
        self._pane.turn()

    def on_list_head_order_wanted(self) -> None:
        self.action_turn()

    def action_summaries(self) -> None:
        self._list.show_summaries(not self._list.shows_summaries)

    def action_choose_columns(self) -> None:
        self.ui.open(ColumnsDialog(self._list.chosen_columns, self._show_columns))

    def _show_columns(self, names: tuple[str, ...]) -> Layout:
        self._list.choose_columns(names)
        return self._list.columns_now()

    # -- actions on the view -------------------------------------------------------------------

    def on_capture_list_opened(self) -> None:
        if self._message.captures:
            self.on_message_line_open_wanted()
        else:
            self.panes.show_detail().focus_page()

    def on_capture_list_not_marked(self, event: CaptureList.NotMarked) -> None:
        self.ui.show_notice(event.reason, severity="warning")

    def on_message_line_open_wanted(self) -> None:
        ids = self._message.captures
        self._message.clear()
        self._filter.show_only(ids)

    def acted(self, action: str) -> None:
        """A key starts an action; where it changes anything, the last message has been read."""
        if action in ACTS:
            self._message.clear()

    def action_tab(self, by: int) -> None:
        self.panes.show_detail().turn(by)

    def action_show_tab(self, place: int) -> None:
        self.panes.show_detail().open_tab(place)

    def action_next_difference(self) -> None:
        self.panes.show_detail().next_difference()

    def action_next_view(self) -> None:
        self.panes.act_on_body(BodyView.action_next_view)

    def action_previous_view(self) -> None:
        self.panes.act_on_body(BodyView.action_previous_view)

    def action_wrap(self) -> None:
        self.panes.act_on_body(BodyView.action_wrap)

    def action_find(self) -> None:
        self.panes.show_detail().open_body().view.action_find()

    def action_zoom(self) -> None:
        self.panes.toggle_zoom()

    def action_help(self) -> None:
        if self.panes.are_in_detail:
            self.ui.open(HelpScreen("Keys in the detail", (*self._detail.keys, *keys.MAIN)))
        else:
            self.ui.open(HelpScreen("Keys in the list", (*keys.LIST, *keys.MAIN)))

    def action_back(self) -> None:
        """Undo one step: the innermost first, a replay that was started elsewhere last."""
        if self.panes.zoom == "detail":
            self.panes.zoom = ""
        elif self.panes.are_in_detail:
            self.panes.go_to_list()
        elif self._browser.is_searching:
            self._browser.stop_search()
        elif self._replays.is_running:
            self._replays.end()
        elif self._message.is_shown:
            self._message.clear()
        elif self.panes.zoom:
            self.panes.zoom = ""
        elif self._browser.listing.marks:
            self._browser.clear_marks()
        elif self._bar.text:
            self._filter.clear()
        else:
            self._replays.end()

    def action_leave(self) -> None:
        """Go from the detail to the list; from the list, exit."""
        if self.panes.are_in_detail:
            self.panes.go_to_list()
        else:
            self.ui.start(self._leave, group="dialog")

    async def _leave(self) -> None:
        costs, listener = self._engine.leaving_costs(datetime.now(UTC)), self.gateway.listener
        how = await self.ui.ask(LeaveDialog(costs)) if costs is not None else "leave"
        if how == "detach" and listener is not None:
            listener.detach()
        if how is not None:
            self.app.exit()
