"""Ends the task that holds an engine when a client stops that engine."""

from __future__ import annotations

import asyncio
from types import TracebackType

from relay.errors import RelayError


class Interrupt:
    """Interrupts the task that holds this context when it is called; the context then raises `stopped`."""

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._asked = False

    def __call__(self) -> None:
        if not self._asked:
            self._asked = True
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._asked and kind is asyncio.CancelledError and not self._task.uncancel():
            raise RelayError("another command ended this one before it was done", word="stopped") from error
