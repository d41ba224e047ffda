"""Removes the files that a failed start has created.

Removes only files that this start created, and only while its lock is held or was never taken: nothing of
another engine, and nothing that existed before.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from relay.store.write.files import SIDE_FILES


class CreatedFiles:
    """The files and folders of one start."""

    def __init__(self, db: Path, lock: Path) -> None:
        """Remember which of them are missing, before anything is created."""
        names = (*(db.with_name(db.name + side) for side in (*SIDE_FILES, "")), lock)
        self._files = [path for path in names if not os.path.lexists(path)] if not os.path.lexists(db) else []
        self.folders: Sequence[Path] = ()
        """Folders created for the database, the outermost first; set by the caller that creates them."""

    def remove_files(self) -> None:
        """Remove the files of a new, empty database; the caller holds its lock."""
        for path in self._files:
            path.unlink(missing_ok=True)

    def remove_folders(self) -> None:
        """Remove the folders that are empty again."""
        with suppress(OSError):
            for folder in reversed(self.folders):
                folder.rmdir()
