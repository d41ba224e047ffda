"""The detail: one capture in tabs. A tab is filled when it is opened."""

from __future__ import annotations

from typing import cast

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.widget import Widget

from relay.text.captures import title
from tui.keyboard.keys import Key
from tui.presenters.blocks import CaptureDetail
from tui.presenters.format import Piece, cut
from tui.presenters.tabs import visible_tabs
from tui.theme import TONES
from tui.widgets.body_page import BodyPage
from tui.widgets.exchange_page import ExchangePage
from tui.widgets.frame import Frame, Label, labels
from tui.widgets.pages import PAGES, Page

ROOMY, TIGHT = "  ", " "
"""Between two tabs, where there is room and where there is not."""

LEAST_NAME = 12
"""Cells from which the type of the event is shown next to the tabs; the row of the list has it anyway."""


class Detail(Frame):
    """One capture in tabs, which are in the upper edge of its frame."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._pages: dict[str, Widget] = {tab.id: tab.page() for tab in PAGES}
        self._active = PAGES[0].id
        self._current: CaptureDetail | None = None
        self._stale: set[str] = set()
        """Tabs that do not show the capture yet."""
        self._last_body: BodyPage | None = None
        """The body that was in sight last: another one goes on from it."""

    def compose(self) -> ComposeResult:
        for id, page in self._pages.items():
            page.id = f"tab-{id}"
            page.display = id == self._active
            yield page

    @property
    def current(self) -> CaptureDetail | None:
        """The capture shown."""
        return self._current

    @property
    def active(self) -> str:
        """Id of the open tab."""
        return self._active

    def show(self, detail: CaptureDetail | None) -> None:
        """Show another capture, or nothing."""
        self._current = detail
        self._stale = {tab.id for tab in PAGES}
        self.set_class(detail is None, "-empty")
        self._fill()

    def open_tab(self, place: int) -> None:
        """Open a tab by its place, if there is one."""
        if 0 <= place < len(PAGES):
            self._open(PAGES[place].id)

    def _open(self, tab: str) -> None:
        had_keys = self._pages[self._active].has_focus_within
        self._last_body = self.body_in_sight or self._last_body
        self._active = tab
        for id, page in self._pages.items():
            page.display = id == tab
        self._fill()
        body = self.body_in_sight
        if body is not None and self._last_body is not None and body is not self._last_body:
            body.continue_from(self._last_body)
        if had_keys:  # A hidden widget loses the focus, and then nothing has it.
            self.call_after_refresh(self.focus_page)

    def open_tab_named(self, id: str) -> None:
        """Open a tab by its id, if there is one."""
        places = [tab.id for tab in PAGES]
        if id in places:
            self.open_tab(places.index(id))

    def turn(self, by: int) -> None:
        """Open the next or previous tab."""
        places = [tab.id for tab in PAGES]
        self.open_tab((places.index(self._active) + by) % len(PAGES))

    def focus_page(self) -> None:
        """Focus the page in the open tab."""
        page = self._pages[self._active]
        inside = (child for child in page.walk_children(Widget) if child.focusable)
        (page if page.focusable else next(inside, page)).focus()

    @property
    def keys(self) -> tuple[Key, ...]:
        """Keys of the open tab's page."""
        return next(tab.keys for tab in PAGES if tab.id == self._active)

    @property
    def body_in_sight(self) -> BodyPage | None:
        """The body of the capture in the open tab, if that has it."""
        page = self._pages[self._active]
        if isinstance(page, ExchangePage):
            return page.body
        return page if isinstance(page, BodyPage) else None

    def value_at_cursor(self) -> tuple[str, str] | None:
        """Path and JSON of the value under the body's cursor, while a body is in sight."""
        body = self.body_in_sight
        if body is None or not body.view.is_ready:
            return None
        path, value = body.view.path_at_cursor(), body.view.value_at_cursor()
        if not path and self._active != "body":
            return None  # The cursor was not moved there.
        return None if path is None or value is None else (path, value)

    def next_difference(self) -> None:
        """Go to the next value in the body that differs from Lean's documentation."""
        self.open_body().next_difference()

    def open_body(self) -> BodyPage:
        """The body in sight; without one, open its tab."""
        if self.body_in_sight is None:
            self._open("body")
        body = self.body_in_sight
        assert body is not None
        return body

    def action_show_view(self, name: str) -> None:
        """Show a view of the body in sight."""
        body = self.body_in_sight
        if body is not None:
            body.view.show_view(name)
            body.focus()

    def _fill(self) -> None:
        tab = self._active
        if self._current is not None and tab in self._stale:
            self._stale.discard(tab)
            cast(Page, self._pages[tab]).show(self._current)
        self._show_edges()

    # -- the frame -----------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._show_edges()

    def on_body_view_edge_changed(self) -> None:
        self._show_edges()

    def _show_edges(self) -> None:
        if self._current is None:
            self.show_upper(())
            self.show_lower(())
            return
        self.show_upper(self._name_and_tabs(self._current))
        self.show_lower(cast(Page, self._pages[self._active]).edge())

    def _name_and_tabs(self, detail: CaptureDetail) -> list[Label]:
        """The name of the capture, shorter where the tabs need its room, and the tabs that fit."""
        capture = detail.capture
        number: Piece = f"#{capture.id}", "accent"
        star: list[Piece] = [(" ★", "warn")] if capture.starred else []
        name: list[Piece] = [number, *star]
        left = self.room - _cells(name) - _tab_cells(ROOMY)
        if left > LEAST_NAME:
            name.insert(1, (f" {cut(title(capture), left - 1)}", "strong"))
        gap = ROOMY if left >= 0 else TIGHT
        active = next(place for place, tab in enumerate(PAGES) if tab.id == self._active)
        cells = [len(tab.title) + len(gap) for tab in PAGES]
        places = visible_tabs(cells, active, self.room - _cells(name))
        shown = labels(name)
        if places.start:
            shown += [Label(gap), Label("‹", TONES["accent"], "screen.tab(-1)")]
        for place in places:
            style = "bold reverse $primary" if place == active else TONES["dim"]
            shown += [Label(gap), Label(PAGES[place].title, style, f"screen.show_tab({place})")]
        if places.stop < len(PAGES):
            shown += [Label(gap), Label("›", TONES["accent"], "screen.tab(1)")]
        return shown


def _cells(pieces: list[Piece]) -> int:
    return sum(cell_len(text) for text, _ in pieces)


def _tab_cells(gap: str) -> int:
    return sum(len(gap) + len(tab.title) for tab in PAGES)
