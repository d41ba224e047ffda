"""Whether a database that is open is still the one at its path.

SQLite does not look in WAL mode: it writes on into files that were deleted or moved away, and their rows are
lost with them, or found by nobody (sqlite.org/howtocorrupt.html, section 2.4). A COMMIT in such a file must
not become a 200.
"""

from __future__ import annotations

import os
from pathlib import Path

_Identity = tuple[int, int]
"""Device and inode."""


class Whereabouts:
    """The files of one open database; two looks at the file system, 2 us, each time."""

    def __init__(self, path: Path) -> None:
        """Remember the files that are there now, just after they were opened."""
        self._path = path
        self._files = {
            str(each): known
            for each in (path, path.with_name(f"{path.name}-wal"))
            if (known := _identity(str(each))) is not None
        }

    def astray(self) -> str | None:
        """What has become of them, in words for a person with the next step; None while all is well."""
        for name, known in self._files.items():
            found = _identity(name)
            if found != known:
                how = "was moved or deleted" if found is None else "was replaced by another file"
                restart = "start lean-relay again, which goes on with what is there"
                return f"{name} {how} while it was in use; put it back, or {restart}"
        return None


def _identity(name: str) -> _Identity | None:
    try:
        found = os.stat(name)
    except OSError:
        return None
    return found.st_dev, found.st_ino
