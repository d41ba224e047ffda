"""The command palette: every action that has a key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.keyboard import keymap, keys
from tui.keyboard.keys import Key
from tui.main.screen import MainScreen
from tui.widgets.pages import PAGES


class KeyCommands(Provider):
    """Actions of the current screen; on the main screen those of all its parts, and the tabs."""

    async def discover(self) -> Hits:
        for text, help, run in self._all():
            yield DiscoveryHit(text, run, help=help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for text, help, run in self._all():
            score = max(matcher.match(text), matcher.match(help) * 0.8)
            if score > 0:
                yield Hit(score, matcher.highlight(text), run, help=help)

    def _all(self) -> list[tuple[str, str, Callable[[], Any]]]:
        screen = self.screen
        on_main = isinstance(screen, MainScreen)
        table = tuple(keys.main_keys() if on_main else getattr(screen, "KEYS", ()))
        in_force = keymap.of(self.app)
        found: list[tuple[str, str, Callable[[], Any]]] = [
            (f"{key.label.capitalize()}  {now.written}", key.tooltip, partial(self._run, key))
            for key, now in zip(table, in_force.applied(table), strict=True)
            if key.group != "Move"
        ]
        for place, tab in enumerate(PAGES if on_main else ()):
            show = partial(self.screen.run_action, f"show_tab({place})")
            found.append((f"Tab {tab.title}  {place + 1}", f"Open {tab.title} in the detail.", show))
        return found

    async def _run(self, key: Key) -> None:
        screen = self.screen
        if isinstance(screen, MainScreen):
            await screen.run_key(key)
        else:
            await self.app.run_action(key.action, default_namespace=screen)
