"""A database without captures, in the default place."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from relay.config import default_db
from relay.store import schema


def empty_database() -> Path:
    """Make one as an engine would have made it."""
    path = default_db()
    path.parent.mkdir(parents=True, mode=0o700)
    path.touch(0o600)
    connection = sqlite3.connect(path)
    schema.migrate(connection)
    connection.close()
    return path
