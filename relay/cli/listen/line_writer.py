"""Writes lines to a terminal or pipe that may block, in threads that nothing waits for.

Ctrl-S in a terminal and a full pipe block the writer. Log lines therefore go through a bounded queue, and
all output bypasses Python's buffers, which would be flushed, and block, at exit.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable
from types import TracebackType

from relay.text.safe import visible

STDOUT = 1
STDERR = 2

LINES_WAITING = 1_000
"""Lines beyond this are dropped and counted."""

END_WITHIN_S = 1.0


_make_room: Callable[[int], None] | None = None


def before_stderr(make_room: Callable[[int], None]) -> None:
    """Set a function to call with the number of bytes before each write to stderr."""
    global _make_room  # Like stderr, it belongs to the whole process.
    _make_room = make_room


def write(descriptor: int, text: str) -> None:
    """Write a whole text.

    Raises:
        OSError: the reader has gone, or there is no space left.
    """
    data = text.encode("utf-8", "backslashreplace")
    if descriptor == STDERR and _make_room is not None:
        _make_room(len(data))
    while data:
        data = data[os.write(descriptor, data) :]


def close_stdout() -> None:
    """Redirect stdout to nothing, so that its reader stops waiting."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, STDOUT)
    os.close(null)


class LogLines(logging.Handler):
    """Writes log records as cleaned lines to stderr; a context manager that writes pending ones on exit."""

    def __init__(self, worded: Callable[[str], str] = str) -> None:
        """
        Args:
            worded: converts a message before it is cleaned.
        """
        super().__init__()
        self._worded = worded
        self._queue: queue.Queue[str | None] = queue.Queue(LINES_WAITING)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="log-lines", daemon=True)

    def __enter__(self) -> LogLines:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._queue.put(None, timeout=END_WITHIN_S)
        except queue.Full:
            return
        self._thread.join(END_WITHIN_S)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._queue.put_nowait(visible(self._worded(record.getMessage())))
        except queue.Full:
            self._dropped += 1

    def _run(self) -> None:
        while (line := self._queue.get()) is not None:
            dropped, self._dropped = self._dropped, 0
            more = f"lean-relay: ({dropped} lines were dropped here)\n" if dropped else ""
            try:
                write(STDERR, f"lean-relay: {line}\n{more}")
            except OSError:  # The reader has gone, or a full disk may have room again.
                self._dropped += dropped + 1
