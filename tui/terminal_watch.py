"""A terminal that goes without a word: the screen has to end, since nobody can see or end it.

A terminal's end is usually told by SIGHUP. A screen that was started without one that is its own (in a
container, by setsid) hears nothing; and Textual would read its end of file in a loop, and wait for ever to
draw.
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
"""For leaving as `q` does; drawing may stand still already."""

HUNG_UP = 129
"""Exit code, as of a shell whose command a SIGHUP has ended."""


@contextmanager
def watched(leave: Callable[[], object]) -> Iterator[None]:
    """Within this the process ends when its terminal has gone.

    Args:
        leave: called from another thread then; what takes longer to end is ended.
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
            return  # macOS cannot ask terminals so; there SIGHUP has to do.
