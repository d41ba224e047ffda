"""Sending again through the engine: runs begun, followed, cancelled, and a request as a form to edit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from relay.config import Settings
from relay.errors import NotFound
from relay.replaywords import Progress
from relay.store.reader import Reader
from tui.gateway.editing import Form, form

Act = Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Has the engine act; raises RelayError where it cannot, or where there is none."""


class Replays:
    """The engine's replays, as a screen uses them."""

    def __init__(self, settings: Settings, act: Act) -> None:
        self._settings = settings
        self._act = act

    async def begin(self, order: Mapping[str, Any]) -> Progress:
        """Begin a run; gives how it stands. The order is that of `tui.facts.replaying`."""
        return await self._act("replay", order)

    async def progress(self, run: int, wait_s: float) -> Progress:
        """How a run stands, after news of it or the wait."""
        answer = await self._act("replays", {"run": run, "wait_s": wait_s})
        return dict(answer["runs"][0])

    async def cancel(self, run: int) -> Progress:
        """Send no more of a run, whoever began it; gives how it stood."""
        answer = await self._act("cancel", {"run": run})
        return dict(answer["runs"][0])

    async def form(self, number: int) -> Form:
        """A capture's request to be edited.

        Raises:
            NotFound: it is gone.
        """
        return await asyncio.to_thread(self._form, number)

    def _form(self, number: int) -> Form:
        with Reader(self._settings.db) as reader:
            capture = reader.capture(number)
        if capture is None:
            raise NotFound(f"capture {number} is no longer there")
        return form(capture, self._settings)
