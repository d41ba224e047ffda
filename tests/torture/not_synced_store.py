"""The writing process with a planted fault: commits are not brought to the disk before they are answered.

For the control of the power cut alone.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from relay.store.write import files, process
from relay.store.write.recorder import Recorder

_connect = files.connect


def _not_synced(path: Path) -> sqlite3.Connection:
    connection = _connect(path)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _never(recorder: Recorder, yes: bool) -> None:
    """Leave `synchronous` as it is."""


if __name__ == "__main__":
    setattr(files, "connect", _not_synced)  # noqa: B010 - mypy forbids assigning to a module's function
    setattr(Recorder, "_sync_commits", _never)  # noqa: B010 - nor to a method
    process.main()
