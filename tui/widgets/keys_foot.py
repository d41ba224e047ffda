"""The keys at the foot of a screen, drawn again only after a change."""

from __future__ import annotations

from textual.screen import Screen
from textual.widgets import Footer

Shown = tuple[tuple[str, str, str, bool], ...]


class KeysFoot(Footer):
    """A footer. Textual's own makes a widget for each key, 20 ms for all, whenever the focus moves."""

    _shown: Shown | None = None
    """The keys shown; None before the first time."""
    _is_due = False

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)

    def bindings_changed(self, screen: Screen[object]) -> None:
        self._bindings_ready = True
        if screen.app.app_focus and self.is_attached and screen is self.screen and not self._is_due:
            self._is_due = True
            self.call_after_refresh(self._show_keys)

    async def _show_keys(self) -> None:
        self._is_due = False
        if not self.is_attached:
            return
        shown = tuple(
            (binding.key, binding.action, binding.description, enabled)
            for _, binding, enabled, _ in self.screen.active_bindings.values()
            if binding.show
        )
        if shown != self._shown:
            self._shown = shown
            await self.recompose()
