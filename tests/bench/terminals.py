"""A screen at a pseudo-terminal, read while something is measured."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.terminal import Terminal


def until(see: Terminal, wanted: bytes, start: int = 0, within_s: float = 60.0) -> None:
    """Read until these bytes have come after a place."""
    deadline = time.perf_counter() + within_s
    while wanted not in see.written[start:]:
        assert time.perf_counter() < deadline, f"no {wanted!r}"
        assert see.read(0.5), see.plain()[-500:]


def quiet(see: Terminal, for_s: float = 0.15) -> None:
    """Read until nothing has come for a while, but for the line that tells each second."""
    deadline = time.perf_counter() + 5
    while time.perf_counter() < deadline:
        before = len(see.written)
        see.read(for_s)
        if len(see.written) == before:
            return


@contextmanager
def drained(see: Terminal) -> Iterator[None]:
    """The terminal is read meanwhile, as one that somebody looks at."""
    over = threading.Event()

    def read() -> None:
        while not over.is_set() and see.read(0.05):
            see.written = see.written[-65536:]

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        over.set()
        reader.join()
