"""Ends a listener: in order on the first signal, at once on the second, by force if it hangs."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import threading

from relay.cli.listen.line_writer import STDERR, write
from relay.errors import Exit

BY_FORCE_AFTER_S = 7.0
"""Longer than an orderly end takes even with a hanging store; shorter than Docker's 10 s to SIGKILL."""


class Shutdown:
    """Ends the task that creates it; every request to end calls `ask`."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._is_starting = True
        self._interrupted = False

    def on_signals(self) -> None:
        """Handle SIGINT and SIGTERM: the first asks, the second ends the process at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._signalled)

    def _signalled(self) -> None:
        if self._asked.is_set():
            os._exit(Exit.INTERRUPTED)
        self.ask()

    def ask(self) -> None:
        """End in order. A start in progress is interrupted: it may be waiting for a disk that hangs."""
        if self._asked.is_set():
            return
        self._asked.set()
        # A thread, because the loop may hang, or another thread that the loop waits for when it ends.
        timer = threading.Timer(BY_FORCE_AFTER_S, _by_force)
        timer.daemon = True
        timer.start()
        if self._is_starting:
            self._interrupted = True
            self._task.cancel()

    def started(self) -> None:
        """Mark the start as done: from now on the end is awaited."""
        self._is_starting = False

    def interrupted_start(self) -> bool:
        """Whether `ask` interrupted the start; the task is no longer being cancelled then."""
        return self._interrupted and self._task.uncancel() == 0

    async def asked(self) -> None:
        """Wait until `ask` is called."""
        await self._asked.wait()


def _by_force() -> None:
    try:
        if select.select([], [STDERR], [], 0)[1]:  # A blocked terminal would block this, too.
            write(
                STDERR,
                f"lean-relay: the listener did not stop within {BY_FORCE_AFTER_S:g} s and was killed\n",
            )
    finally:  # also where stderr cannot be written
        os._exit(Exit.FAILED)
