"""What makes a file a lean-relay log, and of which age.

Owns the mark and the names of the migrations. Must not import sqlite_utils, which costs
every reading command 100 ms; `relay.store.schema`, which does, is held to these names by a test.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from relay.errors import RelayError

APPLICATION_ID = 0x4C454157
"""`LEAW` in SQLite's header: this file is a lean-relay log."""

MIGRATION_SET = "lean-relay"

MIGRATIONS = ("m0001_first_tables", "m0002_sent_request_line", "m0003_plain")
"""Every migration this version knows, in order."""


def is_empty(conn: sqlite3.Connection) -> bool:
    """Whether the file holds no table: new, never filled, or just being made.

    The table of migrations is there a moment before the first of them, which sets the mark too.
    """
    return not _one(conn, "SELECT count(*) FROM sqlite_master WHERE tbl_name != '_sqlite_migrations'")


def check(conn: sqlite3.Connection, path: Path) -> None:
    """That an existing file is a log this version can read or bring up to date.

    Raises:
        RelayError: `foreign-database` where another program's tables are in it,
            `newer-database` where a later version has migrated it.
    """
    if _one(conn, "PRAGMA application_id") != APPLICATION_ID:
        raise RelayError(
            f"{path} is a SQLite file, but not a lean-relay log; name another file with --db",
            word="foreign-database",
        )
    strange = [name for name in applied(conn) if name not in MIGRATIONS]
    if strange:
        raise RelayError(
            f"{path} was written by a newer lean-relay (it has {strange[0]}); "
            "update this one, or name another file with --db",
            word="newer-database",
        )


def check_readable(conn: sqlite3.Connection, path: Path) -> None:
    """That a reader, which cannot migrate, finds the tables it knows.

    Raises:
        RelayError: as `check`, and `older-database` where a migration is still to be made.
    """
    if is_empty(conn):
        raise RelayError(
            f"{path} holds nothing yet; start `lean-relay listen` on it, or name another file with --db",
            word="older-database",
        )
    check(conn, path)
    missing = [name for name in MIGRATIONS if name not in applied(conn)]
    if missing:
        raise RelayError(
            f"{path} was written by an older lean-relay (it lacks {missing[0]}); "
            "start `lean-relay listen` on it once, which brings it up to date",
            word="older-database",
        )


def applied(conn: sqlite3.Connection) -> list[str]:
    """The names of the migrations a file has had; none where the table of them is missing."""
    if not _one(conn, "SELECT count(*) FROM sqlite_master WHERE name = '_sqlite_migrations'"):
        return []
    rows = conn.execute(
        "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY id", (MIGRATION_SET,)
    )
    return [name for (name,) in rows]


def _one(conn: sqlite3.Connection, sql: str) -> Any:
    return conn.execute(sql).fetchone()[0]
