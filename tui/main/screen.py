"""The main screen: the list, the detail beside or below it, what is wrong above, and the keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from time import time
from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.dom import DOMNode

from relay.errors import RelayError
from relay.models import CaptureRow
from relay.text.safe import visible
from tui.gateway import Gateway
from tui.keyboard import keymap, keys
from tui.keyboard.keys import Key
from tui.main.browser import Browsing
from tui.main.detail import DetailingScreen
from tui.main.filter import Filtering
from tui.presenters.blocks import Subject
from tui.presenters.columns import Layout
from tui.presenters.status import Status, banners
from tui.screens.columns import ColumnsDialog
from tui.screens.help import HelpScreen
from tui.screens.refusals import RefusalsScreen
from tui.widgets.capture_list import CaptureList
from tui.widgets.detail import Detail
from tui.widgets.filter_bar import FilterBar
from tui.widgets.keys_foot import KeysFoot
from tui.widgets.list_frame import Empty, ListFoot, ListHead
from tui.widgets.replay_line import ReplayLine
from tui.widgets.status_line import BAR_S, BARS, Banners, StatusLine

POLL_S = 0.1
STATUS_S = 1.0

ARRIVALS_READ = 5_000
"""Captures whose times make the first sparkline."""

WIDE = 140
"""Columns from which list and detail stand side by side."""


class MainScreen(Filtering, DetailingScreen):
    """Browse, filter, understand."""

    AUTO_FOCUS = "#list"
    """Textual would take the first field, the hidden filter, and the first keys would go there unseen."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.MAIN), *keys.tab_bindings()]

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self.gateway = gateway
        self._browsing = Browsing(gateway, self._rows_changed)
        self._status = StatusLine(id="status")
        self._banners = Banners(id="banners")
        self._bar = FilterBar(id="filter")
        self._head = ListHead(id="list-head")
        self._list = CaptureList(self._browsing.listing, self._rows, date.today, id="list")
        self._empty = Empty(id="empty")
        self._foot = ListFoot(id="list-foot")
        self._detail = Detail(id="detail")
        self._replay_line = ReplayLine(id="replay")
        self._unreadable: str | None = None
        self._refused: tuple[str, ...] = ()
        """Ids of the keys that are grey."""

    def compose(self) -> ComposeResult:
        yield self._status
        yield self._banners
        with Container(id="panes"):
            with Vertical(id="list-pane"):
                yield self._bar
                yield self._head
                yield self._list
                yield self._empty
                yield self._foot
            yield self._detail
        yield self._replay_line
        yield KeysFoot()

    def on_mount(self) -> None:
        self._start_arrivals()
        self._take_up(self.gateway.memory())
        self.set_interval(POLL_S, self._poll)
        self.set_interval(STATUS_S, self._look)
        self._look()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")

    # -- what actions are about ----------------------------------------------------------------

    @property
    def engine(self) -> Status:
        return self._status.status

    def chosen(self) -> list[int]:
        return self._browsing.listing.chosen()

    @property
    def subject(self) -> Subject | None:
        return self._detail.subject

    @property
    def cursor(self) -> int | None:
        return self._browsing.listing.cursor

    @property
    def replay_line(self) -> ReplayLine:
        return self._replay_line

    def value_at_cursor(self) -> tuple[str, str] | None:
        return self._detail.value_at_cursor()

    def is_starred(self, number: int) -> bool:
        row = self._list.row(number)
        return row is not None and row.starred

    def note_of(self, ids: list[int]) -> str:
        row = self._list.row(ids[0]) if len(ids) == 1 else None  # The detail is read a moment later.
        return row.note or "" if row is not None else ""

    def done(self) -> None:
        self._browsing.listing.marks.clear()
        self._show_again()

    def action_help(self) -> None:
        if self._detail.has_focus_within:
            self.app.push_screen(HelpScreen("Keys in the detail", (*self._detail.keys, *keys.MAIN)))
        else:
            self.app.push_screen(HelpScreen("Keys in the list", (*keys.LIST, *keys.MAIN)))

    async def run_key(self, key: Key) -> None:
        """Do what a key does, wherever the keyboard is; or say why not."""
        if (reason := self.why_not(key.action)) is not None:
            self.notify(reason, title=key.label, severity="warning", markup=False)
            return
        where: DOMNode = self
        if key in keys.LIST:
            where = self._list
        elif key in keys.BODY:
            self._detail.open_body()
            where = self._detail.body.view if key in keys.BODY_VIEW else self._detail.body.view.text
        await self.app.run_action(key.action, default_namespace=where)

    # -- keeping up ----------------------------------------------------------------------------

    def _rows(self, ids: Sequence[int]) -> Mapping[int, CaptureRow] | None:
        """Rows for the list; None, at once, while the log cannot be read."""
        if self._unreadable is None:
            try:
                found = self.gateway.rows(ids)
                gone = [number for number in ids if number not in found]
                if gone:
                    self.call_later(self._lose, gone)  # Not while it is being drawn.
                return found
            except RelayError as error:
                self._cannot_read(error)
        return None

    def _lose(self, ids: list[int]) -> None:
        """Rows were removed elsewhere."""
        self._browsing.lost(ids)
        self._count()

    def _cannot_read(self, error: RelayError) -> None:
        """Leave the log alone; `_look` sees when it can be read again."""
        self._unreadable = str(error)

    def _show_again(self) -> None:
        """Read the list anew, through the filter where there is one."""
        finding = self._browsing.finding
        try:
            if finding is not None:
                self._search(finding.filter)
            else:
                self._browsing.show_all()
                self._count()
        except RelayError as error:
            self._cannot_read(error)

    def _poll(self) -> None:
        if self._unreadable is not None:
            return
        try:
            came = self._browsing.poll()
        except RelayError as error:
            self._cannot_read(error)
            return
        if came is None:
            return
        if came:
            self._status.arrivals.add(came, time())
        self._rows_changed()
        if not self._browsing.is_counted:
            self._count()

    @work(group="count")
    async def _count(self) -> None:
        try:
            await self._browsing.count()
        except RelayError as error:
            self._cannot_read(error)

    def _start_arrivals(self) -> None:
        since = datetime.now(UTC) - timedelta(seconds=BARS * BAR_S)
        with suppress(RelayError):  # What follows meets it too, and says so.
            for at in self.gateway.arrivals(since, ARRIVALS_READ):
                self._status.arrivals.add(1, at.timestamp())

    def _rows_changed(self) -> None:
        if not self._list.is_attached:
            return  # The screen is going: what a count or a search finds meanwhile is shown to nobody.
        self._list.rows_changed()
        listing, finding = self._browsing.listing, self._browsing.finding
        nothing = not len(listing) and finding is None
        self._list.display = not nothing
        self._empty.display = nothing
        self.set_class(nothing, "-nothing")
        if nothing:
            self._empty.url = self.gateway.url()
            self._empty.signs = bool(self.gateway.settings.secrets)
        self._tell()
        self._read_detail_if_changed()

    def _tell(self) -> None:
        self._head.show(self._list.columns_now(), newest_first=self._browsing.listing.newest_first)
        browsing = self._browsing
        self._foot.show(
            browsing.listing,
            browsing.finding,
            total=browsing.total,
            events=browsing.events,
            exact=browsing.is_counted,
        )
        self._bar.busy = browsing.is_searching

    @work(exclusive=True, group="status")
    async def _look(self) -> None:
        status = await self.gateway.status()
        if not self._list.is_attached:
            return
        self._status.status = status
        self._empty.public_url = status.public_url
        self.show_others(status.replays)
        self._status.arrivals.turn(time())
        self._status.refresh()
        self._keep_memory()
        listener = self.gateway.listener
        ended = None
        if listener is not None:
            listed = isinstance(self.app.screen, RefusalsScreen)
            for words in listener.said():
                if listed and words.startswith("refused"):
                    continue  # It comes in there, and a message would cover what is said of it.
                self.notify(visible(words), title="listener", severity="warning", markup=False)
            how = listener.ended()
            if how is not None and status.url is None:
                ended = (
                    f"The listener has ended ({how}), so nothing is caught now. "
                    f"Start it again: {keymap.of(self.app).written('quit')}, then lean-relay."
                )
        self._banners.said = tuple(
            banners(
                status,
                unreadable=self._unreadable or self.gateway.missing(),
                ended=ended,
                pause=keymap.of(self.app).written("relay.pause"),
            )
        )
        if self._unreadable is not None and await self.gateway.is_readable():
            self._unreadable = None
            self._show_again()
        if self.gateway.reopened():
            self._show_again()
        self._grey_keys()

    def _grey_keys(self) -> None:
        """Draw the footer anew where other keys work than before; it is made of widgets, and costs 10 ms."""
        refused = tuple(key.id for key in keys.MAIN if self.why_not(key.action))
        if refused != self._refused:
            self._refused = refused
            self.refresh_bindings()

    # -- where one is --------------------------------------------------------------------------

    def on_capture_list_moved(self) -> None:
        self._tell()
        self._read_detail_if_changed()

    def action_follow(self) -> None:
        listing = self._browsing.listing
        if listing.following:
            listing.hold()
        else:
            listing.follow()
        self._list.moved()

    def action_turn(self) -> None:
        self._browsing.listing.turn()
        self._list.rows_changed()
        self._list.moved()

    def on_list_head_order_wanted(self) -> None:
        self.action_turn()

    def action_choose_columns(self) -> None:
        self.app.push_screen(ColumnsDialog(self._list.chosen_columns, self._show_columns))

    def _show_columns(self, names: tuple[str, ...]) -> Layout:
        self._list.choose_columns(names)
        return self._list.columns_now()

    def action_zoom(self) -> None:
        zoomed, other = "-zoom-list", "-zoom-detail"
        if self._detail.has_focus_within:
            zoomed, other = other, zoomed
        self.set_class(not self.has_class(zoomed), zoomed)
        self.remove_class(other)

    def action_back(self) -> None:
        if self.has_class("-zoom-detail"):
            self.remove_class("-zoom-detail")
        elif self._detail.has_focus_within:
            self._list.focus()
        elif self._browsing.is_searching:
            self._browsing.stop_search()
        elif self._replay_line.progress is not None:
            self.cancel_replay()
        elif self.has_class("-zoom-list"):
            self.remove_class("-zoom-list")
        elif self._browsing.listing.marks:
            self._browsing.listing.marks.clear()
            self._list.rows_changed()
            self._tell()
        elif self._bar.text:
            self._bar.clear()
            self._apply("")
        elif self._replay_line.others:  # Last, since it is somebody else's and may take long.
            self.end_other()

    def go_to(self, number: int) -> None:
        listing = self._browsing.listing
        if not len(listing) or listing.id_at(listing.y_of(number)) != number:
            self._bar.enabled = False
            self._apply(self._bar.text)
            switch = keymap.of(self.app).written("filter.switch")
            self.notify(f"The filter hides it, so it is off; {switch} switches it on.", markup=False)
        self._list.go_to(listing.y_of(number))

    def action_leave(self) -> None:
        """From the detail back to the list; from the list out of the program."""
        if self._detail.has_focus_within:
            self.remove_class("-zoom-detail")
            self._list.focus()
        else:
            self.app.exit()

    def action_copy_url(self) -> None:
        status = self._status.status
        url = status.public_url or self.gateway.url()
        self.app.copy_to_clipboard(url)
        self.notify(visible(url), title="Copied", markup=False)

    def on_status_line_url_wanted(self) -> None:
        self.action_copy_url()
