"""The palette: everything that has a key, by its words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui import keys
from tui.keys import Key
from tui.widgets.pages import PAGES


class KeyCommands(Provider):
    """Actions of the main screen and the list, and the tabs."""

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
        found: list[tuple[str, str, Callable[[], Any]]] = [
            (f"{key.label.capitalize()}  {key.written}", key.tooltip, partial(self._run, key))
            for key in keys.all_keys()
            if key.group != "Move"
        ]
        for place, tab in enumerate(PAGES):
            show = partial(self.screen.run_action, f"show_tab({place})")
            found.append((f"Tab {tab.title}  {place + 1}", f"Open {tab.title} in the detail.", show))
        return found

    async def _run(self, key: Key) -> None:
        where = self.focused if key not in keys.MAIN and self.focused is not None else self.screen
        await self.app.run_action(key.action, default_namespace=where)
