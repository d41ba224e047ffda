"""Files for copies where the terminal has no clipboard: mode 0600 in a folder of mode 0700."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from relay import private_files
from relay.errors import RelayError


class Copies:
    """The files of one screen; they stay after it ends."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def save(self, name: str, data: bytes) -> Path:
        """Write a file; if the name is taken, add a number to it.

        Args:
            name: with its extension, safe characters only.

        Raises:
            RelayError: it cannot be written.
        """
        try:
            return self._save(Path(name), data)
        except OSError as error:
            raise RelayError(
                f"could not write {error.filename or name}: {error.strerror}", word="no-copy"
            ) from error

    def _save(self, name: Path, data: bytes) -> Path:
        if self._folder is None or not self._folder.is_dir():
            base = os.environ.get("XDG_RUNTIME_DIR")
            usable = base is not None and os.access(base, os.W_OK)
            self._folder = Path(tempfile.mkdtemp(prefix="lean-relay-", dir=base if usable else None))  # 0700
        number = 1
        while True:
            path = self._folder / (name.name if number == 1 else f"{name.stem}-{number}{name.suffix}")
            try:
                private_files.create(path, data)
            except FileExistsError:
                number += 1
                continue
            return path
