"""Open a text in the user's editor: `$VISUAL`, `$EDITOR`, or vi.

Owns the temporary file: 0600 in a folder of its own, which is deleted with everything the editor left in it.
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
    """A file that can be opened in the editor, more than once; made by `edited`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"

    def open(self) -> bytes:
        """Open the editor, and return the edited text.

        Raises:
            UsageError: the editor cannot be started.
            RelayError: `not-edited`, the editor failed.
        """
        try:
            done = subprocess.run([*shlex.split(self._editor), str(self._path)], check=False)
        except (OSError, ValueError) as error:
            raise UsageError(f"could not start the editor {self._editor!r}: {error}; set EDITOR") from error
        if done.returncode:
            raise RelayError(
                f"the editor exited with code {done.returncode}; nothing was sent", word="not-edited"
            )
        return self._path.read_bytes()


@contextmanager
def edited(text: bytes, name: str) -> Iterator[Edited]:
    """A file with this text, for as long as the context lasts.

    Args:
        name: a safe file name.
    """
    with tempfile.TemporaryDirectory(prefix="lean-relay-") as folder:  # 0700
        path = Path(folder, name)
        private_files.create(path, text)
        yield Edited(path)
