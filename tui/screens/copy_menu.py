"""The copy menu: a letter or a click copies, to the clipboard or to a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.presenters.copies import Item
from tui.widgets.toggle import Toggle

Chosen = tuple[Item, bool]
"""The item to copy, and whether to a file."""


class CopyMenu(ModalScreen[Chosen | None]):
    """Asks for the item to copy."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,y", "dismiss(None)", "cancel"),
        Binding("f", "file", "to a file"),
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
    ]

    def __init__(self, title: str, items: Sequence[Item]) -> None:
        super().__init__()
        self._title, self._items = title, items

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._title)
            dialog.border_subtitle = Content("a letter or Enter copies, Esc cancels")
            width = max(len(item.name) for item in self._items) + 2
            yield OptionList(
                *(
                    Option(
                        Content.assemble(
                            (f" {item.key or ' '}  ", "$text-accent"),
                            (item.name.ljust(width), "bold"),
                            (item.preview, "$dim"),
                        ),
                        id=str(at),
                    )
                    for at, item in enumerate(self._items)
                ),
                markup=False,
                compact=True,
            )
            yield Toggle("to a file instead (f)")

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        options.highlighted = 0
        options.focus()

    def action_file(self) -> None:
        self.query_one(Toggle).toggle()

    def action_down(self) -> None:
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        self.query_one(OptionList).action_cursor_up()

    def on_key(self, event: events.Key) -> None:
        item = next((item for item in self._items if item.key and item.key == event.character), None)
        if item is not None:
            event.stop()
            self._take(item)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._take(self._items[event.option_index])

    def _take(self, item: Item) -> None:
        self.dismiss((item, self.query_one(Toggle).value))
