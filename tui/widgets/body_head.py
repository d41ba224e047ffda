"""The line over a body: its views, which a click selects, and its size."""

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

    def show(self, names: tuple[str, ...], chosen: str, facts: str, busy: str) -> None:
        """Update the line.

        Args:
            busy: work in progress, shown instead of the facts; may be empty.
        """
        self._names, self._chosen, self._facts, self._busy = names, chosen, facts, busy
        self.refresh()

    def render(self) -> Content:
        """One line; the facts are cut where there is no room."""
        names = Content.assemble(
            *((f" {name} ", "bold reverse" if name == self._chosen else "not bold") for name in self._names)
        )
        words = self._busy or self._facts
        room = self.size.width - names.cell_length - 1
        if len(words) > room:
            # The size is more useful than the encoding.
            words = words.partition(",")[0] if len(words.partition(",")[0]) <= room else ""
        return Content.assemble(names, " " * max(room + 1 - len(words), 0), words)

    def on_click(self, event: events.Click) -> None:
        """Select the view whose name was clicked."""
        offset = event.get_content_offset(self)
        at = -1 if offset is None else offset.x
        for name in self._names:
            if 0 <= at < len(name) + 2:
                self.post_message(self.Chosen(self, name))
                return
            at -= len(name) + 2
