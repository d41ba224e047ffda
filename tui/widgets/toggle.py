"""A checkbox in a line, shown by a sign and not by colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import RenderResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class Toggle(Widget, can_focus=True):
    """`[x] sign again`; a click, Space or Enter toggles it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "turn", show=False)]

    value: reactive[bool] = reactive(False)

    @dataclass
    class Changed(Message):
        """It was toggled."""

        toggle: Toggle
        value: bool

        @property
        def control(self) -> Toggle:
            return self.toggle

    def __init__(self, label: str, value: bool = False, *, id: str | None = None) -> None:
        """
        Args:
            label: safe to show.
        """
        super().__init__(id=id)
        self._label = label
        self.set_reactive(Toggle.value, value)

    def render(self) -> RenderResult:
        return Content(f"[{'x' if self.value else ' '}] {self._label}")

    def toggle(self) -> None:
        """Toggle it."""
        self.value = not self.value
        self.post_message(self.Changed(self, self.value))

    def action_turn(self) -> None:
        self.toggle()

    def on_click(self) -> None:
        self.toggle()
