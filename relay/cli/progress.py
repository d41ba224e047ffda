"""Progress of a long search, as one line on stderr that is overwritten and finally erased.

Prints nothing if stderr is not a terminal, or one that can only print lines.
"""

from __future__ import annotations

import shutil
import sys
from time import monotonic
from types import TracebackType

import click

from relay.cli.context import is_dumb

AFTER_S, EVERY_S = 0.5, 0.1
"""Seconds before the first message, and between later ones."""


class Progress:
    """The line; a context manager."""

    def __init__(self) -> None:
        self._is_seen = sys.stderr.isatty() and not is_dumb()
        self._due = monotonic() + AFTER_S
        self._is_there = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def show(self, words: str) -> None:
        """Replace the line by these words, which must be our own."""
        if self._is_seen and monotonic() >= self._due:
            self._write(words[: shutil.get_terminal_size().columns - 1])
            self._is_there = True
            self._due = monotonic() + EVERY_S

    def clear(self) -> None:
        """Erase the line, before something else is printed."""
        if self._is_there:
            self._write("")
            self._is_there = False

    def _write(self, words: str) -> None:
        click.echo(f"\r{words}\x1b[K", nl=False, err=True)
