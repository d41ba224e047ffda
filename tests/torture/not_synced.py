"""The program with a planted fault: commits are not brought to the disk before they are answered.

For the control of the power cut alone.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

from relay.cli import run
from relay.store import files

_connect = files.connect


def _not_synced(path: Path) -> sqlite3.Connection:
    connection = _connect(path)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


if __name__ == "__main__":
    setattr(files, "connect", _not_synced)  # noqa: B010 - mypy lets nobody assign to a module's function
    sys.exit(run(sys.argv[1:]))
