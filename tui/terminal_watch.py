"""End the process when its terminal is gone.

A terminal that closes usually sends SIGHUP. A process without a controlling terminal (in a container, by
setsid) gets none; Textual would then read end of file in a loop and block on drawing forever.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_S = 0.5

ENDS_WITHIN_S = 2.0
"""Time for a normal exit; drawing may already be blocked."""

HUNG_UP = 129
"""Exit code that a shell returns for a command ended by SIGHUP."""


@contextmanager
def watched(leave: Callable[[], object]) -> Iterator[None]:
    """End the process when its terminal is gone, while this context is open.

    Args:
        leave: called from another thread; a process that still runs ENDS_WITHIN_S later is killed.
    """
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(over, leave), name="terminal", daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()


def _watch(over: threading.Event, leave: Callable[[], object]) -> None:
    poll = select.poll()
    poll.register(sys.__stdin__.fileno() if sys.__stdin__ else 0, 0)
    while not over.wait(LOOK_S):
        for _, happened in poll.poll(0):
            if happened & select.POLLHUP:
                leave()
                if not over.wait(ENDS_WITHIN_S):
                    os._exit(HUNG_UP)
            return  # macOS cannot poll terminals; SIGHUP has to do there.
