"""The Textual application: themes, screens, start and exit."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from textual import events
from textual._context import active_message_pump
from textual.actions import ActionParseResult
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.binding import Binding
from textual.command import Provider
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widgets import Input, TextArea

from relay.config import Settings
from tui.gateway import Gateway, Listener
from tui.keyboard.keymap import Keymap, name
from tui.main.screen import MainScreen
from tui.palette import KeyCommands
from tui.terminal_watch import watched
from tui.theme import DARK, LIGHT, THEMES
from tui.web import DRIVER

SWITCH_S = 0.0005
"""How long a search in Python may hold the interpreter while a key waits. With Python's default of 5 ms
each read of rows waited that long, and a key took 120 ms instead of 40."""


class RelayApp(App[None]):
    """The terminal UI on one database."""

    TITLE = "lean-relay"
    CSS_PATH = "styles.tcss"
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (50, "-broad")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (16, "-high"), (28, "-tall")]  # noqa: RUF012
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {KeyCommands}

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway = gateway
        self._event_loop: asyncio.AbstractEventLoop | None = None
        self.keys_in_force = keymap(gateway.settings)
        if self.animation_level != "full":  # As TEXTUAL_ANIMATIONS has it.
            stop_blinking()
        self.animation_level = "none"  # Keys take effect at once.
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name

    def on_mount(self) -> None:
        loop = self._event_loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            # Python's default handling would leave the terminal raw, with mouse reporting and no cursor.
            loop.add_signal_handler(number, self.exit)
        self.set_keymap(self.keys_in_force.wanted)
        self.push_screen(MainScreen(self._gateway))
        if self.is_web:
            # The driver begins as in a window that is not in front, whatever its page has said by then.
            self.call_after_refresh(self.post_message, events.AppFocus())

    def exit(self, result: None = None, return_code: int = 0, message: Any = None) -> None:
        """Save the screen state for the next start, then exit."""
        for screen in self.screen_stack:
            if isinstance(screen, MainScreen):
                screen.state.save_now()
        super().exit(result, return_code, message)

    def pop_screen(self) -> AwaitComplete:
        """Close the screen on top.

        A dialog that was answered is closed once. Of two Enters in one burst both are the dialog's, and the
        second would close the screen below it.
        """
        asking = active_message_pump.get(None)
        if isinstance(asking, Screen) and asking not in self.screen_stack:
            return AwaitComplete()
        return super().pop_screen()

    def leave_soon(self) -> None:
        """Exit; safe to call from any thread, also before there is a screen."""
        if self._event_loop is not None:
            self._event_loop.call_soon_threadsafe(self.exit)

    def _fatal_error(self) -> None:
        """End after an internal error; `run` raises it once the terminal is restored.

        Textual's own handler would print local variables, and with them bodies and escapes, without
        `relay.text.safe`.
        """
        self._close_messages_no_wait()

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        if isinstance(default_namespace, MainScreen) and isinstance(action, str):
            default_namespace.acted(action)
        return await super().run_action(action, default_namespace, namespaces)

    def get_key_display(self, binding: Binding) -> str:
        """A key as written in help and palette."""
        return binding.key_display or name(binding.key)

    def action_help_quit(self) -> None:
        """Ctrl-C with nothing selected to copy: exit, as in other terminal programs."""
        self.exit()

    def action_turn_theme(self) -> None:
        """Switch between the dark and the light theme."""
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name


def stop_blinking() -> None:
    """Let no text cursor blink, not even those of Textual's own inputs."""
    for widget in (Input, TextArea):
        widget.cursor_blink = False  # type: ignore[assignment]


def keymap(settings: Settings) -> Keymap:
    """The keys as configured.

    Raises:
        UsageError: the `keys` setting is not valid.
    """
    return Keymap(settings.keys, settings.sources.get("keys", "keys"))


def _page_size() -> tuple[int, int] | None:
    """The first size of the page, columns and lines, where the screen is in a browser."""
    if os.environ.get("TEXTUAL_DRIVER") != DRIVER:
        return None
    return int(os.environ.get("COLUMNS", 80)), int(os.environ.get("ROWS", 24))


def run(
    settings: Settings, listener: Listener | None = None, reread: Callable[[], Settings] | None = None
) -> int:
    """Run the terminal UI until the user leaves.

    Args:
        listener: the receiving process, if one was started for this screen.
        reread: reads the settings again, for the first screen.

    Raises:
        NotFound: there is no database.
        UsageError: the `keys` setting is not valid.
        RelayError: the database cannot be read.
    """
    sys.setswitchinterval(SWITCH_S)
    size = _page_size()
    for variable in ("COLUMNS", "LINES"):
        # Textual would take them for the size of the terminal, which can change.
        os.environ.pop(variable, None)
    with Gateway(settings, listener, reread) as gateway:
        app = RelayApp(gateway)
        with watched(app.leave_soon):
            app.run(size=size)
        if app._exception is not None:
            raise app._exception
        return app.return_code or 0
