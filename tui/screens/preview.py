"""The dry run: requests as they would be sent."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from relay.control.messages import ReplayRequest
from relay.errors import RelayError
from relay.text.safe import visible
from tui.gateway import PREVIEWED_AT_ONCE, Replays
from tui.keyboard import keymap, keys
from tui.keyboard.keys import Key
from tui.presenters.blocks import Block, Note
from tui.presenters.preview import blocks
from tui.screens.help import HelpScreen
from tui.widgets.facts_page import block_lines
from tui.widgets.frame import Frame, labels
from tui.widgets.keys_foot import KeysFoot
from tui.widgets.lines import Line, LinesView


class PreviewScreen(Screen[None]):
    """The requests of a replay, a page of captures at a time."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.PREVIEW)]
    KEYS: ClassVar[tuple[Key, ...]] = (*keys.SCROLL, *keys.PREVIEW)

    def __init__(self, replays: Replays, request: ReplayRequest) -> None:
        super().__init__()
        self._replays, self._request = replays, request
        self._page = 0
        self._pages = 1
        self._frame = Frame(id="preview")
        self._shown = Requests()

    def compose(self) -> ComposeResult:
        with self._frame:
            yield self._shown
        yield KeysFoot()

    def on_mount(self) -> None:
        self._frame.show_upper(labels([("Dry run: nothing is sent", "good")]))
        self._shown.focus()
        self._read()

    @work(exclusive=True, group="preview")
    async def _read(self) -> None:
        try:
            previews, captures = await self._replays.preview(self._request, self._page)
        except RelayError as error:
            self._shown.show((Note(visible(str(error)), "bad"),))
            return
        self._pages = -(-captures // PREVIEWED_AT_ONCE)
        on = keymap.of(self.app).written("preview.next")
        self.refresh_bindings()
        self._shown.show(tuple(blocks(previews, self._page, PREVIEWED_AT_ONCE, captures, on)))

    def action_page(self, by: int) -> None:
        if self._pages > 1:
            self._page = (self._page + by) % self._pages
            self._read()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "page" or self._pages > 1

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen("Keys on this screen", self.KEYS))

    def action_close(self) -> None:
        self.dismiss()


class Requests(LinesView):
    """Blocks as wrapped lines."""

    _blocks: tuple[Block, ...] = ()

    def show(self, blocks: tuple[Block, ...]) -> None:
        """Show blocks, from the top."""
        self._blocks = blocks
        self.lines_changed(to_top=True)

    def lines_for(self, width: int) -> list[Line]:
        lines: list[Line] = []
        for block in self._blocks:
            lines += block_lines(block, width, first=not lines, in_force=keymap.of(self.app))
        return lines
