"""The keys of the main screen: which of them work now, why another does not, and the foot that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from textual.dom import DOMNode
from textual.screen import Screen

from tui.keyboard import foot, keymap, keys
from tui.keyboard.foot import Foot
from tui.keyboard.keys import Key
from tui.main.context import Services
from tui.main.panes import Panes
from tui.widgets.capture_list import CaptureList
from tui.widgets.detail import Detail
from tui.widgets.filter_bar import FilterBar


class Controller(Protocol):
    """A controller that knows why its actions cannot run."""

    def disabled_reason(self, action: str) -> str | None:
        """A sentence; None where the action can run, or is not its own."""


class ActiveKeys:
    """The keys of a screen, as its controllers allow them."""

    def __init__(
        self,
        screen: Screen[Any],
        ui: Services,
        panes: Panes,
        widgets: tuple[FilterBar, CaptureList, Detail],
        controllers: Sequence[Controller],
    ) -> None:
        """
        Args:
            controllers: the first that has a reason against an action is believed.
        """
        self._screen, self._ui, self._panes, self._controllers = screen, ui, panes, controllers
        self._bar, self._list, self._detail = widgets
        self._disabled: tuple[str, ...] = ()
        """Ids of the keys that cannot be used, as the foot knows them."""

    @property
    def foot(self) -> Foot:
        """The keys at the foot, by the place of the focus."""
        if self._bar.has_focus_within:
            return foot.FILTER
        if not self._panes.are_in_detail:
            return foot.LIST
        return foot.PAGE if self._detail.body_in_sight is None else foot.BODY

    def refresh(self) -> None:
        """Look again which keys work, and draw the foot if others do now."""
        # Looking at all bindings costs some milliseconds, so it is done only after a change.
        if self._disabled_keys() != self._disabled:
            self.shown()
            self._screen.refresh_bindings()

    def shown(self) -> None:
        """Note the keys that do not work; the foot calls it, a moment after it was asked to look."""
        self._disabled = self._disabled_keys()

    def _disabled_keys(self) -> tuple[str, ...]:
        return tuple(key.id for key in keys.MAIN if self.disabled_reason(key.action))

    def disabled_reason(self, action: str) -> str | None:
        """Why an action cannot run now, in a sentence; None where it can."""
        reasons = (controller.disabled_reason(action) for controller in self._controllers)
        return next((reason for reason in reasons if reason is not None), None)

    def is_active(self, action: str) -> bool | None:
        """Whether an action can run, as Textual asks for it: None is shown, but grey."""
        if action == "edit_filter" and self._bar.has_focus_within:
            return False
        return None if self.disabled_reason(action) else True

    def explain(self, pressed: str) -> bool:
        """Show why a pressed key does not work; False where it does."""
        key = keymap.of(self._screen.app).of_key(pressed)
        return key is not None and self._explained(key)

    def _explained(self, key: Key) -> bool:
        reason = self.disabled_reason(key.action)
        if reason is not None:
            self._ui.show_notice(reason, title=key.label, severity="warning")
        return reason is not None

    async def run(self, key: Key) -> None:
        """Run the action of a key, whatever has the focus; or show why it cannot run."""
        if self._explained(key):
            return
        where: DOMNode = self._screen
        if key in keys.LIST:
            where = self._list
        elif key in keys.BODY:
            view = self._detail.open_body().view
            where = view if key in keys.BODY_VIEW else view.text
        await self._screen.app.run_action(key.action, default_namespace=where)
