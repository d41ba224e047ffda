"""The terminal UI's application: theme, screens, and the way in and out."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import App
from textual.binding import Binding
from textual.command import Provider

from relay.config import Settings
from tui.gateway import Gateway, Listener
from tui.keyboard.keymap import Keymap, name
from tui.main.screen import MainScreen
from tui.palette import KeyCommands
from tui.terminal_watch import watched
from tui.theme import DARK, LIGHT, THEMES

SWITCH_S = 0.0005
"""How long a search in Python may hold the interpreter while a key waits; with Python's 5 ms, rows read for
the screen wait so long each time, and a key took 120 ms instead of 40."""


class RelayApp(App[None]):
    """lean-relay's screens on one log."""

    TITLE = "lean-relay"
    CSS_PATH = "styles.tcss"
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (50, "-broad")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (16, "-high")]  # noqa: RUF012
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {KeyCommands}

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway = gateway
        self._loop_of_it: asyncio.AbstractEventLoop | None = None
        self.keys_in_force = keymap(gateway.settings)
        self.animation_level = "none"  # A key shows its effect at once.
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name

    def on_mount(self) -> None:
        loop = self._loop_of_it = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            # Python's own way would leave the terminal as it is: raw, with its mouse and no cursor.
            loop.add_signal_handler(number, self.exit)
        self.set_keymap(self.keys_in_force.wanted)
        self.push_screen(MainScreen(self._gateway))

    def exit(self, result: None = None, return_code: int = 0, message: Any = None) -> None:
        """Leave, whoever asks for it; how the screen is now is what it begins with next time."""
        for screen in self.screen_stack:
            if isinstance(screen, MainScreen):
                screen.leave_memory()
        super().exit(result, return_code, message)

    def leave_soon(self) -> None:
        """Leave; may be asked from any thread, and before there is a screen."""
        if self._loop_of_it is not None:
            self._loop_of_it.call_soon_threadsafe(self.exit)

    def _fatal_error(self) -> None:
        """End after a fault of ours; `run` raises it on the terminal that is itself again.

        Textual's own would print local variables, and with them bodies and escapes, past `relay.text.safe`.
        """
        self._close_messages_no_wait()

    def get_key_display(self, binding: Binding) -> str:
        """A key as help and palette write it."""
        return binding.key_display or name(binding.key)

    def action_help_quit(self) -> None:
        """Ctrl-C with nothing selected to copy: leave, as elsewhere in a terminal."""
        self.exit()

    def action_turn_theme(self) -> None:
        """Light in place of dark, or the other way round."""
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name


def keymap(settings: Settings) -> Keymap:
    """The keys that settings ask for.

    Raises:
        UsageError: they cannot be.
    """
    return Keymap(settings.keys, settings.sources.get("keys", "keys"))


def run(settings: Settings, listener: Listener | None = None) -> int:
    """Show the log of these settings until somebody leaves.

    Args:
        listener: the process that takes webhooks for this screen, where one was started for it.

    Raises:
        NotFound: there is no log.
        UsageError: keys of the settings are wrong.
        RelayError: it cannot be read.
    """
    sys.setswitchinterval(SWITCH_S)
    for variable in ("COLUMNS", "LINES"):
        # Textual would take them for the size of the terminal, which has one of its own and can change it.
        os.environ.pop(variable, None)
    with Gateway(settings, listener) as gateway:
        app = RelayApp(gateway)
        with watched(app.leave_soon):
            app.run()
        if app._exception is not None:
            raise app._exception
        return app.return_code or 0
