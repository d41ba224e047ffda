"""A pilot that goes on once nothing is under way, where Textual's own sleeps and looks at a clock.

Textual's pilot takes an application for idle once the whole process did next to nothing for 20 ms: two such
looks for each key, and more on a busy machine. What is asked here is what is meant: whether the event loop
has anything to run, a thread works for it, or the screen has something to draw.
"""

from __future__ import annotations

import asyncio
import contextlib
import unicodedata
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

from textual.app import App
from textual.events import Key
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.pilot import Pilot
from textual.screen import Screen

T = TypeVar("T")

THREADS_S = 0.25
"""How long a key waits for threads: a search may go on for as long as a test wants it to."""


REST_S = 60.0
"""How long an application may take to come to rest."""


class Quick(Pilot[None]):
    """Keys and mouse for an application in a loop of asyncio's own; made on that loop, once for each."""

    def __init__(self, app: App[None]) -> None:
        super().__init__(app)
        self._loop = asyncio.get_running_loop()
        self._working: set[asyncio.Future[Any]] = set()
        self._in_executor = self._loop.run_in_executor
        setattr(self._loop, "run_in_executor", self._counted)  # noqa: B010  mypy knows it as a method

    async def press(self, *keys: str) -> None:
        """Press keys, each once the one before has had its effect."""
        for key in keys:
            self._post(key)
            await self.idle()

    async def press_at_once(self, *keys: str) -> None:
        """Press keys that come in one read, as over a connection that stalls."""
        for key in keys:
            self._post(key)
        await self.idle()

    async def pause(self, delay: float | None = None) -> None:
        """Let the application do all that it can do now; then so many seconds more."""
        await self.idle()
        if delay is not None:
            await asyncio.sleep(delay)
            await self.idle()

    async def idle(self) -> None:
        """Return once only a clock, another process or a person can make something happen.

        Raises:
            AssertionError: the screen does not come to rest.
        """
        started = monotonic()
        while True:
            await self._nothing_ready()
            if self.app._exit:
                return  # Nothing is drawn any more.
            if self._working and monotonic() - started < THREADS_S:
                await asyncio.wait(self._working, timeout=THREADS_S, return_when=asyncio.FIRST_COMPLETED)
            elif is_undrawn(self.app.screen):
                assert monotonic() - started < REST_S, "the screen draws without an end"
                self.app.screen._on_timer_update()  # What its timer would do up to 17 ms later.
            else:
                return

    async def _wait_for_screen(self, timeout: float = 30.0) -> bool:  # noqa: ASYNC109  Textual's
        """What Textual's own helpers for the mouse and the window wait for."""
        await self.idle()
        return True

    async def _nothing_ready(self) -> None:
        """Return once the loop has had a look at clock and sockets and still has nothing to run."""
        looks, started = 0, monotonic()
        while looks < 2:
            assert monotonic() - started < REST_S, "the application does not come to rest"
            await asyncio.sleep(0)
            looks = 0 if self._loop._ready else looks + 1  # type: ignore[attr-defined]

    def _counted(self, executor: Any, work: Callable[..., T], *given: Any) -> asyncio.Future[T]:
        """`run_in_executor`, noted while it goes on."""
        future = self._in_executor(executor, work, *given)
        self._working.add(future)
        future.add_done_callback(self._working.discard)
        return future

    def _post(self, key: str) -> None:
        """A key as a terminal's driver tells it: its name, and its character where it has one."""
        character = key if len(key) == 1 else None
        if len(key) == 1 and not key.isalnum():
            key = _character_to_key(key)
        with contextlib.suppress(KeyError):
            character = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(key, key)))
        event = Key(key, character)
        event.set_sender(self.app)
        self.app.post_message(event)


def is_undrawn(screen: Screen[Any]) -> bool:
    """Whether there is something that the next tick of the screen's clock would draw or call."""
    return bool(
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    )
