"""The connections of a reader: one for everything, and more while a window of ids is searched in parts.

SQLite scans rows without Python's lock, so that threads search at the same time. A part is taken by the
thread that is free: on a busy machine nothing waits for one that does not get its turn.
"""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread
from types import FrameType
from typing import Any

from relay.errors import RelayError
from relay.store.read.opening import open_reader
from relay.store.read.processors import Processors

Function = Callable[..., Any]
Rows = list[tuple[Any, ...]]

MOST = 4
"""Most connections that search at the same time."""

SPLIT_FROM = 20_000
"""Smallest number of ids that is split."""

FEW_CALLS = 0.1
"""Calls of Python for each id, from which on a statement is not split: these calls wait for each other."""

PARTS_EACH = 4
"""Parts for each connection, so that they end at about the same time."""


class Connections:
    """Read-only connections to one database, with the same functions."""

    def __init__(self, path: Path, wait_s: float) -> None:
        self._path, self._wait_s = path, wait_s
        self._file = _identity(path)
        self._open = [open_reader(path, wait_s)]
        self._processors = Processors()
        self._function_numbers = count()
        self._functions: dict[tuple[str, int], Function] = {}
        self._calls = 0
        self._last_window = "", 0.0
        """The statement of the last window, and how often it called Python for each id."""
        self.interruptions = 0

    def close(self) -> None:
        """Close all; may be called twice."""
        for connection in self._open:
            connection.close()

    def is_replaced(self) -> bool:
        """Whether another file is at the path now; not if there is none."""
        return _identity(self._path) not in (self._file, None)

    def interrupt(self) -> None:
        """End the statements that run; may be called by another thread, and after `close`."""
        self.interruptions += 1
        with suppress(sqlite3.ProgrammingError):  # the connection is closed
            for connection in self._open:
                connection.interrupt()

    @contextmanager
    def ended_by_ctrl_c(self) -> Iterator[None]:
        """Let Ctrl-C end the statements of a command; SQLite hides what is raised while it calls Python."""
        is_main = current_thread() is main_thread()
        if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        pressed = Event()

        def end(number: int, frame: FrameType | None) -> None:
            pressed.set()
            self.interrupt()

        signal.signal(signal.SIGINT, end)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            if pressed.is_set():
                raise KeyboardInterrupt

    def add_function(self, arguments: int, function: Function) -> str:
        """Register a function with all connections; return its name in SQL."""

        def counted(*values: Any) -> Any:
            self._calls += 1
            return function(*values)

        name = f"leaf_{next(self._function_numbers)}"
        self._functions[name, arguments] = counted
        for connection in self._open:
            connection.create_function(name, arguments, counted, deterministic=True)
        return name

    def remove_function(self, name: str, arguments: int) -> None:
        """Remove a function again; may be called after `close`."""
        self._functions.pop((name, arguments), None)
        with suppress(sqlite3.ProgrammingError):  # the connection is closed
            for connection in self._open:
                connection.create_function(name, arguments, None)

    def rows(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Rows:
        """All rows of a statement."""
        return self._open[0].execute(sql, parameters).fetchall()

    def window(
        self, sql: str, parameters: Mapping[str, Any], low: int, high: int, *, newest_first: bool
    ) -> Rows:
        """All rows of a statement on the ids from `:low` to `:high`, which may be searched in parts.

        Incomplete where `interrupt` was called.

        Args:
            newest_first: the order of the statement.
        """
        last_sql, calls_each = self._last_window
        is_split = high - low + 1 >= SPLIT_FROM and (sql != last_sql or calls_each < FEW_CALLS)
        at_once = min(MOST, self._processors.idle()) if is_split else 1
        calls_before = self._calls
        if at_once > 1:
            found = self._in_parts(sql, parameters, low, high, at_once, newest_first)
        else:
            found = self.rows(sql, {**parameters, "low": low, "high": high})
        self._last_window = sql, (self._calls - calls_before) / (high - low + 1)
        return found

    def _in_parts(
        self, sql: str, parameters: Mapping[str, Any], low: int, high: int, at_once: int, newest_first: bool
    ) -> Rows:
        """The same by so many threads, each with a connection of its own."""
        started = self.interruptions
        self._open_upto(at_once)
        used = self._open[:at_once]
        width = -(-(high - low + 1) // (PARTS_EACH * len(used)))
        parts = [(first, min(high, first + width - 1)) for first in range(low, high + 1, width)]
        found: list[Rows] = [[] for _ in parts]
        failed: list[BaseException] = []
        left = iter(list(enumerate(parts)))

        def take_parts(connection: sqlite3.Connection) -> None:
            try:
                for number, (first, last) in left:
                    if failed or self.interruptions != started:
                        return
                    bounds = {**parameters, "low": first, "high": last}
                    found[number] = connection.execute(sql, bounds).fetchall()
            except BaseException as error:
                # A second Ctrl-C too waits for the threads: they use connections that are closed next.
                failed.append(error)

        threads = [Thread(target=take_parts, args=(each,), name="search") for each in used[1:]]
        for thread in threads:
            thread.start()
        take_parts(used[0])
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]
        return [row for some in (reversed(found) if newest_first else found) for row in some]

    def _open_upto(self, wanted: int) -> None:
        """Open so many connections; fewer where one cannot be opened, or another file is at the path."""
        while len(self._open) < wanted:
            try:
                connection = open_reader(self._path, self._wait_s)
            except (sqlite3.Error, RelayError):
                return
            if _identity(self._path) != self._file:
                connection.close()
                return
            for (name, arguments), function in self._functions.items():
                connection.create_function(name, arguments, function, deterministic=True)
            self._open.append(connection)


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        found = os.stat(path)
        return found.st_dev, found.st_ino
    return None
