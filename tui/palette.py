"""The command palette: every action that has a key, in the order of the foot; and a capture by its id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui.keyboard import keymap, keys
from tui.keyboard.foot import in_order
from tui.keyboard.keys import Key
from tui.main.screen import MainScreen
from tui.presenters.format import cut, fit
from tui.widgets.pages import PAGES

NAME, ABOUT, KEYS = 17, 30, 11
"""Cells of the parts of a row."""


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the palette."""

    name: str
    about: str
    key: str
    """As written; empty without one."""
    run: Callable[[], Any]

    def row(self, name: Content) -> Content:
        """The row, with its name as the search shows it."""
        about = fit(self.about, ABOUT)
        return Content.assemble(
            name.truncate(NAME, ellipsis=True, pad=True),
            (about, "$dim"),
            " ",
            (cut(self.key, KEYS).rjust(KEYS), "$accent"),
        )


class KeyCommands(Provider):
    """Actions of the current screen; on the main screen those of all its parts, and the tabs."""

    async def discover(self) -> Hits:
        for command in self._all():
            yield DiscoveryHit(command.row(Content(command.name)), command.run, text=command.name)

    async def search(self, query: str) -> Hits:
        if (go := self._capture(query)) is not None:
            yield Hit(1.0, go.row(Content(go.name)), go.run, text=go.name)
        matcher = self.matcher(query)
        for command in self._all():
            score = max(matcher.match(command.name), matcher.match(command.about) * 0.8)
            if score > 0:
                yield Hit(score, command.row(matcher.highlight(command.name)), command.run, text=command.name)

    def _capture(self, query: str) -> Command | None:
        """To go to the capture whose id was typed."""
        screen = self.screen
        number = int(query) if query.isdecimal() and len(query) < 19 else None
        if not isinstance(screen, MainScreen) or screen.row(number) is None or number is None:
            return None
        return Command(
            f"Go to {number}", "Put the cursor on this capture.", "", partial(screen.go_to, number)
        )

    def _all(self) -> list[Command]:
        screen = self.screen
        table: Sequence[Key] = getattr(screen, "KEYS", ())
        if isinstance(screen, MainScreen):
            table = tuple(in_order(screen.foot, tuple(keys.main_keys())))
        found = [
            Command(key.label.capitalize(), key.tooltip, now.written, partial(self._run, key))
            for key, now in zip(table, keymap.of(self.app).applied(table), strict=True)
            if key.group != "Move"
        ]
        for place, tab in enumerate(PAGES if isinstance(screen, MainScreen) else ()):
            show = partial(screen.run_action, f"show_tab({place})")
            found.append(
                Command(f"Tab {tab.title}", f"Open {tab.title} in the detail.", str(place + 1), show)
            )
        return found

    async def _run(self, key: Key) -> None:
        screen = self.screen
        if isinstance(screen, MainScreen):
            await screen.active_keys.run(key)
        else:
            await self.app.run_action(key.action, default_namespace=screen)
