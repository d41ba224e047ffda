"""List and detail on the main screen: which of them is seen, which has the focus, how to go between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.screen import Screen

from tui.widgets.body_view import BodyView
from tui.widgets.capture_list import CaptureList
from tui.widgets.detail import Detail

PANES = ("list", "detail")


class Panes:
    """The two panes of a screen."""

    def __init__(self, screen: Screen[Any], list: CaptureList, detail: Detail) -> None:
        self._screen, self._list, self._detail = screen, list, detail

    @property
    def zoom(self) -> str:
        """The only pane that is seen, `list` or `detail`; empty while both are."""
        return next((pane for pane in PANES if self._screen.has_class(f"-zoom-{pane}")), "")

    @zoom.setter
    def zoom(self, pane: str) -> None:
        for each in PANES:
            self._screen.set_class(each == pane, f"-zoom-{each}")

    def toggle_zoom(self) -> None:
        """Show only the pane with the focus, or both again."""
        pane = "detail" if self.are_in_detail else "list"
        self.zoom = "" if self.zoom == pane else pane

    @property
    def are_in_detail(self) -> bool:
        """Whether the detail has the focus."""
        return self._detail.has_focus_within

    def show_detail(self) -> Detail:
        """The detail; it comes back where only the list is seen."""
        if self.zoom == "list":
            self.zoom = ""
        return self._detail

    def go_to_list(self) -> None:
        """Focus the list; it comes back where only the detail is seen."""
        if self.zoom == "detail":
            self.zoom = ""
        self._list.focus()

    def act_on_body(self, action: Callable[[BodyView], None]) -> None:
        """Change the view of the body in sight; where none is, only open it: a change would be unseen."""
        detail = self.show_detail()
        seen = detail.body_in_sight is not None
        view = detail.open_body().view
        if seen:
            action(view)
