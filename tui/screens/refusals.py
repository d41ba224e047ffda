"""Refusals: requests and TLS handshakes that did not become captures, as they happen."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from relay.errors import RelayError
from relay.models import Refusal, RefusalTotals
from relay.text.refusals import line
from relay.text.safe import visible
from tui.gateway import Gateway
from tui.keyboard import keymap, keys
from tui.keyboard.keys import Key
from tui.presenters import refusals
from tui.screens.help import HelpScreen
from tui.state.listing import IdList, Listing
from tui.widgets.frame import Frame, labels
from tui.widgets.keys_foot import KeysFoot
from tui.widgets.lines import Line, LinesView
from tui.widgets.rows_list import RowsList
from tui.widgets.text import content

NEWS_S = 0.3


class RefusalsScreen(Screen[None]):
    """Counts by reason, the newest refusals below, and an explanation of the one under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.REFUSALS)]
    KEYS: ClassVar[tuple[Key, ...]] = (*keys.ROWS, *keys.REFUSALS)

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway = gateway
        self._today = date.today
        self._known: dict[int, Refusal] = {}
        self._is_reading = False
        self._tally: RefusalTotals | None = None
        """None until the database is read, and after an error."""
        self._only: str | None = None
        """The only reason listed; None for all."""
        self._listing = Listing()
        self._listing.newest_first = True
        self._frame = Frame(id="refusals-pane")
        self._head = Static(id="refusals-head", markup=False)
        self._columns = Static(id="refusals-columns", markup=False)
        self._list = RowsList(self._listing, self._row, id="refusals")
        self._detail = RefusalDetail()
        self._detail_frame = Frame(id="refusal")

    def compose(self) -> ComposeResult:
        with self._frame:
            yield self._head
            yield self._columns
            yield self._list
            yield Static(content(refusals.EMPTY), id="refusals-empty", markup=False)
        with self._detail_frame:
            yield self._detail
        yield KeysFoot()

    def on_mount(self) -> None:
        self._list.focus()
        self._frame.show_upper(labels([("Refusals", "strong")]))
        self._head.update(content([("Reading …", "dim")]))
        self._look()
        self.set_interval(NEWS_S, self._look)

    def on_resize(self) -> None:
        self._show_head()

    # -- updates -------------------------------------------------------------------------------

    @work(group="refusals")
    async def _look(self) -> None:
        # The next look does not end this one, which may be slow.
        if self._is_reading:
            return
        self._is_reading = True
        newest = max(self._known, default=0)
        try:
            if self._tally is None or self._gateway.newest_refusal() > newest:
                await self._read(newest)
        except RelayError as error:
            self._tally = None
            self._head.update(content([(visible(str(error)), "bad")]))
        finally:
            self._is_reading = False

    async def _read(self, after: int) -> None:
        came, self._tally = await self._gateway.refusals(after)
        self._known |= {refusal.id: refusal for refusal in came}
        gone = [number for number in self._known if number <= self._tally.dropped]
        for number in gone:
            del self._known[number]
        if gone or not isinstance(self._listing.ids, IdList):
            self._list_again()
        else:
            self._list.add_newer([refusal.id for refusal in came if self._only in (None, refusal.reason)])
        self._show_head()

    def _list_again(self) -> None:
        known = self._known.values()
        ids = [refusal.id for refusal in known if self._only in (None, refusal.reason)]
        self._listing.show(IdList(ids))
        self._list.rows_changed()

    def _show_head(self) -> None:
        if self._tally is None:
            return
        self.set_class(not self._tally.rows, "-nothing")
        if self.focused is None:  # A hidden list loses the focus.
            self.call_after_refresh(self._list.focus)
        on = keymap.of(self.app).written("refusals.next_reason")
        self._frame.show_upper(labels(refusals.total(self._tally)))
        self._head.update(content(refusals.heads(self._tally, self._only, on)))
        self._columns.update(
            Content(
                refusals.header(
                    self._list.scrollable_content_region.width, newest_first=self._listing.newest_first
                )
            )
        )

    def _row(self, number: int, width: int) -> Line:
        return refusals.row(self._known[number], width, self._today())

    @property
    def _under(self) -> Refusal | None:
        return self._known.get(self._listing.cursor or 0)

    def on_cursor_list_moved(self) -> None:
        refusal = self._under
        self._detail.show(refusal)
        self._detail_frame.show_upper(labels([] if refusal is None else refusals.title(refusal)))

    # -- actions -------------------------------------------------------------------------------

    def action_only(self, by: int) -> None:
        reasons = [None, *(self._tally.by_reason if self._tally is not None else ())]
        at = reasons.index(self._only) if self._only in reasons else 0
        self._only = reasons[(at + by) % len(reasons)]
        self._list_again()
        self._show_head()

    def action_follow(self) -> None:
        self._list.follow()

    def action_turn(self) -> None:
        self._list.turn()
        self._show_head()

    def action_copy(self) -> None:
        if self._under is not None:
            text = line(self._under)
            self.app.copy_to_clipboard(text)
            self.notify(text, title="Copied", markup=False)

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen("Keys on this screen", self.KEYS))

    def action_close(self) -> None:
        self.dismiss()


class RefusalDetail(LinesView):
    """One refusal with its cause and advice."""

    _refusal: Refusal | None = None

    def show(self, refusal: Refusal | None) -> None:
        """Show one, from the top unless it is the same."""
        other = refusal != self._refusal
        self._refusal = refusal
        self.lines_changed(to_top=other)

    def lines_for(self, width: int) -> list[Line]:
        return [] if self._refusal is None else refusals.lines(self._refusal, width)
