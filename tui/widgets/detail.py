"""The detail: one capture in tabs. A tab is filled when it is opened."""

from __future__ import annotations

from typing import cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static, TabbedContent, TabPane

from relay.text.captures import title
from tui.keyboard.keys import Key
from tui.presenters.blocks import CaptureDetail
from tui.presenters.format import Piece
from tui.widgets.body_page import BodyPage
from tui.widgets.exchange_page import ExchangePage
from tui.widgets.pages import PAGES, Page
from tui.widgets.text import content


class Detail(Vertical):
    """One capture in tabs."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._title = Static(id="detail-title", markup=False)
        self._pages: dict[str, Widget] = {tab.id: tab.page() for tab in PAGES}
        self._tabs = TabbedContent(id="tabs", initial=PAGES[0].id)
        self._current: CaptureDetail | None = None
        self._stale: set[str] = set()
        """Tabs that do not show the capture yet."""

    def compose(self) -> ComposeResult:
        yield self._title
        with self._tabs:
            for tab in PAGES:
                with TabPane(tab.title, id=tab.id):
                    yield self._pages[tab.id]

    @property
    def current(self) -> CaptureDetail | None:
        """The capture shown."""
        return self._current

    @property
    def active(self) -> str:
        """Id of the open tab."""
        return self._tabs.active

    def show(self, detail: CaptureDetail | None) -> None:
        """Show another capture, or nothing."""
        self._current = detail
        self._stale = {tab.id for tab in PAGES}
        self.set_class(detail is None, "-empty")
        self._title.update(_title(detail))
        self._fill()

    def open_tab(self, place: int) -> None:
        """Open a tab by its place, if there is one."""
        if 0 <= place < len(PAGES):
            self._open(PAGES[place].id)

    def _open(self, tab: str) -> None:
        had_keys = self._pages[self.active].has_focus_within
        self._tabs.active = tab
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
        self.open_tab((places.index(self.active) + by) % len(PAGES))

    def focus_page(self) -> None:
        """Focus the page in the open tab."""
        page = self._pages[self.active]
        inside = (child for child in page.walk_children(Widget) if child.focusable)
        (page if page.focusable else next(inside, page)).focus()

    @property
    def keys(self) -> tuple[Key, ...]:
        """Keys of the open tab's page."""
        return next(tab.keys for tab in PAGES if tab.id == self.active)

    @property
    def body_in_sight(self) -> BodyPage | None:
        """The body of the capture in the open tab, if that has it."""
        page = self._pages[self.active]
        if isinstance(page, ExchangePage):
            return page.body
        return page if isinstance(page, BodyPage) else None

    def value_at_cursor(self) -> tuple[str, str] | None:
        """Path and JSON of the value under the body's cursor, while a body is in sight."""
        body = self.body_in_sight
        if body is None or not body.view.is_ready:
            return None
        path, value = body.view.path_at_cursor(), body.view.value_at_cursor()
        if not path and self.active != "body":
            return None  # The cursor was not moved there.
        return None if path is None or value is None else (path, value)

    def next_difference(self) -> None:
        """Go to the next value in the body that differs from Lean's documentation."""
        self.open_body().next_difference()

    def open_body(self) -> BodyPage:
        """The body in sight; without one, open its tab."""
        if self.body_in_sight is None:
            self._open("body")
        self._fill()
        body = self.body_in_sight
        assert body is not None
        return body

    def on_tabbed_content_tab_activated(self) -> None:
        self._fill()

    def _fill(self) -> None:
        tab = self.active
        if self._current is None or tab not in self._stale:
            return
        self._stale.discard(tab)
        cast(Page, self._pages[tab]).show(self._current)


def _title(detail: CaptureDetail | None) -> Content:
    if detail is None:
        return Content("")
    capture = detail.capture
    pieces: list[Piece] = [
        (f"#{capture.id} ", "accent"),
        (title(capture), "strong"),
        ("  ★" if capture.starred else "", "warn"),
    ]
    return content(pieces)
