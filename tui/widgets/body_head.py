"""The slim line over a body: its views, of which one is chosen by a click, and how big it is."""

from __future__ import annotations

from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget


class BodyHead(Widget):
    """Names of views on the left, facts on the right."""

    DEFAULT_CSS = """
    BodyHead {
        height: 1;
        color: $text-muted;
    }
    """

    @dataclass
    class Chosen(Message):
        """A view was clicked."""

        body_head: BodyHead
        view: str

        @property
        def control(self) -> BodyHead:
            return self.body_head

    def __init__(self) -> None:
        super().__init__()
        self._names: tuple[str, ...] = ()
        self._chosen = ""
        self._facts = ""
        self._busy = ""

    def tell(self, names: tuple[str, ...], chosen: str, facts: str, busy: str) -> None:
        """Show these.

        Args:
            busy: what is going on, in place of the facts; empty for nothing.
        """
        self._names, self._chosen, self._facts, self._busy = names, chosen, facts, busy
        self.refresh()

    def render(self) -> Content:
        """One line; the facts give way where there is no room."""
        names = Content.assemble(
            *((f" {name} ", "bold reverse" if name == self._chosen else "not bold") for name in self._names)
        )
        words = self._busy or self._facts
        room = self.size.width - names.cell_length - 1
        if len(words) > room:
            # The size is worth more than where it comes from.
            words = words.partition(",")[0] if len(words.partition(",")[0]) <= room else ""
        return Content.assemble(names, " " * max(room + 1 - len(words), 0), words)

    def on_click(self, event: events.Click) -> None:
        """Choose the view whose name was clicked."""
        offset = event.get_content_offset(self)
        at = -1 if offset is None else offset.x
        for name in self._names:
            if 0 <= at < len(name) + 2:
                self.post_message(self.Chosen(self, name))
                return
            at -= len(name) + 2
