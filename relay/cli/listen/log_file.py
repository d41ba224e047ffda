"""Log file of a listener in the background: replaces stderr, and is rotated when it is full."""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from platformdirs import user_state_path

from relay import private_files
from relay.cli.listen.line_writer import STDERR, before_stderr

MOST_BYTES = 5 * 1024 * 1024
"""Size limit of one file; one previous file is kept."""


def log_path(db: Path) -> Path:
    """Log file for the engine of a database, in the user's state folder."""
    name = sha256(os.fsencode(db.resolve())).hexdigest()[:8]
    return user_state_path("lean-relay", appauthor=False) / "log" / f"{db.stem[:100]}-{name}.log"


class LogFile:
    """The open log file, 0600; a restart appends to it."""

    def __init__(self, path: Path) -> None:
        """Open the file; create it and its folders if they are missing.

        Raises:
            RelayError: `unsafe-file`, something else has its name.
            OSError: it cannot be created.
        """
        self._path = path
        self._full = path.with_name(f"{path.name}.1")
        self._turning = threading.Lock()
        private_files.make_folder(path.parent)
        self._descriptor = self._opened()

    def take_over(self) -> None:
        """Redirect stderr to the file."""
        self._into_stderr()
        before_stderr(self.make_room)

    def make_room(self, size_bytes: int) -> None:
        """Rotate the file if this many more bytes would exceed the limit."""
        with self._turning:
            if os.fstat(STDERR).st_size + size_bytes <= MOST_BYTES:
                return
            with suppress(FileNotFoundError):  # Removed, or the last rotation failed halfway.
                self._path.replace(self._full)
            self._descriptor = self._opened()
            self._into_stderr()

    def _opened(self) -> int:
        descriptor = private_files.open_ours(self._path)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND)
        return descriptor

    def _into_stderr(self) -> None:
        os.dup2(self._descriptor, STDERR)
        os.close(self._descriptor)
