"""The manual: its topics beside the page that is read."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Markdown, OptionList
from textual.widgets.option_list import Option

from relay.docs.pages import TOPICS, page
from tui.keyboard.keys import keys_table

TABLES = {"keys": keys_table, "commands": lambda: "`lean-relay --help` lists the commands."}
"""Tables of the manual that `relay.docs` cannot make itself."""


class ManualScreen(ModalScreen[None]):
    """The pages of `lean-relay help TOPIC`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "close"),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
        Binding("space,pagedown", "scroll(1)", show=False, priority=True),
        Binding("b,pageup", "scroll(-1)", show=False, priority=True),
    ]

    def compose(self) -> ComposeResult:
        with Horizontal(classes="dialog -tall") as dialog:
            dialog.border_title = Content("Manual")
            dialog.border_subtitle = Content("j/k topic  Space/b page  Esc closes")
            yield OptionList(*(Option(topic, id=topic) for topic in TOPICS), id="topics")
            with VerticalScroll(id="page", can_focus=False):
                yield Markdown(open_links=False)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option.id is not None:
            self._show(event.option.id)

    @work(exclusive=True)
    async def _show(self, topic: str) -> None:
        text = await asyncio.to_thread(page, topic, TABLES)
        await self.query_one(Markdown).update(text)
        self.query_one("#page", VerticalScroll).scroll_home(animate=False)

    def action_move(self, by: int) -> None:
        topics = self.query_one(OptionList)
        if by > 0:
            topics.action_cursor_down()
        else:
            topics.action_cursor_up()

    def action_scroll(self, by: int) -> None:
        shown = self.query_one("#page", VerticalScroll)
        shown.scroll_relative(y=by * max(1, shown.size.height - 2), animate=False)
