"""The dialog for columns: a line for each, on or off; the list behind it changes at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.keyboard import keys
from tui.presenters.columns import COLUMNS, Column, Layout, chosen, usual

BACK_TO_USUAL = "usual"

Choose = Callable[[tuple[str, ...]], Layout]
"""Shows columns and returns the layout."""


class ColumnsDialog(ModalScreen[None]):
    """Asks for columns; the list shows each change at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *keys.bindings(keys.COLUMNS),
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
    ]

    def __init__(self, names: tuple[str, ...], choose: Choose) -> None:
        """
        Args:
            names: the columns so far; empty for the defaults.
            choose: shows other columns.
        """
        super().__init__()
        self._names, self._choose = names, choose
        self._team = False
        self._options = OptionList(markup=False, compact=True)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content("Columns of the list")
            dialog.border_subtitle = Content("Space or a click turns one on or off, Esc closes")
            yield self._options

    def on_mount(self) -> None:
        self._options.add_options([Option("", id=column.name) for column in COLUMNS])
        self._options.add_options([None, Option("back to the default columns (u)", id=BACK_TO_USUAL)])
        self._options.highlighted = 0
        self._options.focus()
        self._show()

    def on_resize(self, event: events.Resize) -> None:
        # The list behind gets its new width only after this.
        self.call_after_refresh(self._show)

    # -- the choice ----------------------------------------------------------------------------

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._turn(event.option.id)

    def action_turn(self) -> None:
        option = self._options.highlighted_option
        if option is not None:
            self._turn(option.id)

    def action_usual(self) -> None:
        self._names = ()
        self._show()

    def action_down(self) -> None:
        self._options.action_cursor_down()

    def action_up(self) -> None:
        self._options.action_cursor_up()

    def _turn(self, name: str | None) -> None:
        if name is None or name == BACK_TO_USUAL:
            self.action_usual()
            return
        wanted = set(self._wanted) ^ {name}
        if not wanted:
            self.notify("At least one column is needed.", severity="warning", markup=False)
            return
        self._names = chosen(wanted, team=self._team)
        self._show()

    @property
    def _wanted(self) -> tuple[str, ...]:
        return chosen(self._names, team=self._team) or usual(team=self._team)

    def _show(self) -> None:
        layout = self._choose(self._names)
        self._team = layout.team
        for column in COLUMNS:
            on = column.name in self._wanted
            text = line(column, on=on, fits=column.name not in layout.left_out)
            self._options.replace_option_prompt(column.name, text)


def line(column: Column, *, on: bool, fits: bool) -> Content:
    """`[x] client       no room at this width: The address of the sender.`."""
    width = max(len(column.head) for column in COLUMNS) + 2
    return Content.assemble(
        f"[{'x' if on else ' '}] ",
        (column.head.ljust(width), "bold" if on else ""),
        ("" if fits else "no room at this width: ", "$text-warning"),
        (column.about, "$dim"),
    )
