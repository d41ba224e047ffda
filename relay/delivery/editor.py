"""A text in the editor of the person: `$VISUAL`, `$EDITOR`, or vi.

Owns the file for it: 0600 in a folder of its own, and gone afterwards, whatever the editor left beside it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from relay import private_files
from relay.errors import RelayError, UsageError


class Edited:
    """A file that can be opened in the editor, again and again; made by `edited`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"

    def open(self) -> bytes:
        """What the person makes of it.

        Raises:
            UsageError: there is no such editor.
            RelayError: `not-edited`, the editor says that it failed.
        """
        try:
            done = subprocess.run([*shlex.split(self._editor), str(self._path)], check=False)
        except (OSError, ValueError) as error:
            raise UsageError(f"the editor {self._editor!r} cannot be started: {error}; set EDITOR") from error
        if done.returncode:
            raise RelayError(
                f"the editor ended with {done.returncode}, so nothing was sent", word="not-edited"
            )
        return self._path.read_bytes()


@contextmanager
def edited(text: bytes, name: str) -> Iterator[Edited]:
    """A file with this text, while the context lasts.

    Args:
        name: of the file, harmless.
    """
    with tempfile.TemporaryDirectory(prefix="lean-relay-") as folder:  # 0700
        path = Path(folder, name)
        private_files.create(path, text)
        yield Edited(path)
