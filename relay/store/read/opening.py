"""Opens a database for reading, also in a folder that cannot be written."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from relay.errors import RelayError
from relay.store import identity
from relay.store.errors import error_name
from relay.store.opening import open_database

_NO_SHM = ("SQLITE_CANTOPEN", "SQLITE_READONLY")
"""SQLite's errors when it cannot create the file that readers and writer share; builds differ."""


def open_reader(path: Path, wait_s: float) -> sqlite3.Connection:
    """A read-only connection to a database whose tables this version knows."""
    connection = _connect(path, "ro", wait_s)
    try:
        try:
            identity.is_empty(connection)
        except sqlite3.OperationalError as error:
            # In a folder that cannot be written there is no `-shm`; without a `-wal`, reading only the main
            # file loses nothing, and no process can be writing it.
            if not error_name(error).startswith(_NO_SHM) or os.path.exists(f"{path}-wal"):
                raise
            connection.close()
            connection = _connect(path, "ro&immutable=1", wait_s)
        identity.check_readable(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: Path, mode: str, wait_s: float) -> sqlite3.Connection:
    connection = open_database(path, mode, timeout_s=wait_s)
    # Other programs may have stored invalid UTF-8; reading it must not raise.
    connection.text_factory = _text
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def unreadable(path: Path, error: sqlite3.DatabaseError) -> RelayError:
    """The error for a file that SQLite cannot read."""
    if error_name(error) == "SQLITE_NOTADB":
        return RelayError(
            f"{path} is not a SQLite file; name another file with --db", word="foreign-database"
        )
    return RelayError(
        f"cannot read {path}: {error}; `lean-relay doctor` looks closer, --db names another file",
        word="unreadable-database",
    )
