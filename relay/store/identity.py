"""Checks that a file is a lean-relay database, its version, and that its tables are unchanged.

Must not import sqlite_utils, which would cost every reading command 100 ms; a test compares these names with
`relay.store.schema`, which does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from relay.errors import OlderDatabase, RelayError
from relay.store.tables import APPLICATION_ID, STEPS
from relay.text.safe import visible

MIGRATION_SET = "lean-relay"

MIGRATIONS = tuple(STEPS)
"""Every migration this version knows, in order."""


class _Object(NamedTuple):
    """A row of sqlite_master."""

    type: str
    name: str
    table: str
    sql: str


def is_empty(conn: sqlite3.Connection) -> bool:
    """Whether the file has no table: new, never filled, or just being created.

    The table of migrations exists a moment before the first migration, which also sets the application id.
    """
    return not _one(conn, "SELECT count(*) FROM sqlite_master WHERE tbl_name != '_sqlite_migrations'")


def check(conn: sqlite3.Connection, path: Path) -> None:
    """Check that an existing file is a database that this version can read or migrate.

    Raises:
        RelayError: `foreign-database` if another program created it, or changed our tables or added triggers
            to them; `newer-database` if a later version has migrated it.
    """
    if _one(conn, "PRAGMA application_id") != APPLICATION_ID:
        raise RelayError(
            f"{path} is a SQLite file, but not a lean-relay database; name another file with --db",
            word="foreign-database",
        )
    strange = [name for name in applied(conn) if name not in MIGRATIONS]
    if strange:
        raise RelayError(
            f"{path} was written by a newer lean-relay (it has {visible(strange[0])}); "
            "update this one, or name another file with --db",
            word="newer-database",
        )
    strange_part = _strange_part(conn)
    if strange_part is not None:
        raise RelayError(f"{path} {strange_part}", word="foreign-database")


def check_readable(conn: sqlite3.Connection, path: Path) -> None:
    """Check that a reader, which cannot migrate, finds the tables it knows.

    Raises:
        RelayError: as `check`, and `older-database` if it has to be migrated first.
    """
    with _snapshot(conn):
        _check_readable(conn, path)


@contextmanager
def _snapshot(conn: sqlite3.Connection) -> Iterator[None]:
    """Let all queries see one state: a starting engine may finish a migration between two of them."""
    if conn.in_transaction:
        yield
        return
    conn.execute("BEGIN")
    try:
        yield
    finally:
        conn.execute("ROLLBACK")


def _check_readable(conn: sqlite3.Connection, path: Path) -> None:
    if is_empty(conn):
        raise RelayError(
            f"{path} is still empty; start `lean-relay listen` on it, or name another file with --db",
            word="older-database",
        )
    check(conn, path)
    missing = [name for name in MIGRATIONS if name not in applied(conn)]
    if missing:
        raise OlderDatabase(
            f"{path} was written by an older lean-relay (it lacks {missing[0]}); "
            "start `lean-relay listen` on it once, which brings it up to date",
            path,
        )


def applied(conn: sqlite3.Connection) -> list[str]:
    """Names of the migrations applied to a file; none if their table is missing."""
    if not _one(conn, "SELECT count(*) FROM sqlite_master WHERE name = '_sqlite_migrations'"):
        return []
    rows = conn.execute(
        "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY id", (MIGRATION_SET,)
    )
    return [name for (name,) in rows]


def missing(conn: sqlite3.Connection) -> list[str]:
    """SQL of our indexes and views that are missing; they hold no data."""
    there = {each.name.lower() for each in _objects(conn)}
    return [each.sql for each in _expected(frozenset(applied(conn))).values() if each.name not in there]


def _strange_part(conn: sqlite3.Connection) -> str | None:
    """Describe the first changed object, with the next step; None if there is none.

    Users may add tables and views of their own, and plain indexes on our tables.
    """
    there = {each.name.lower(): each for each in _objects(conn)}
    expected = _expected(frozenset(applied(conn)))
    for name, ours in expected.items():
        found = there.get(name)
        if found is None and ours.type == "table":
            return f"has lost its table {name}; {_RESTORE}"
        if found is not None and (found.type, _plain(found.sql)) != (ours.type, _plain(ours.sql)):
            if ours.type != "table" or found.type != "table":
                return f"has a {found.type} {name} that is not lean-relay's; {_drop(found)}"
            return f"has a changed table {name}{_columns_differ(conn, found, ours)}; {_RESTORE}"
    known = _expected(frozenset(MIGRATIONS))
    for name, found in there.items():
        if name in known and name not in expected:
            return f"has a {found.type} {name}, but no record of the migration that adds it; {_RESTORE}"
        on = expected.get(found.table.lower())
        label = f"{visible(found.name)} on {found.table}"
        is_ours = found.table == "_sqlite_migrations" or (on is not None and on.type == "table")
        if found.type == "trigger" and is_ours:
            return f"has a trigger {label}, which can undo what is stored; {_drop(found)}"
        is_unique = found.type == "index" and found.sql.upper().startswith("CREATE UNIQUE")
        if is_unique and on is not None and name not in expected:
            return f"has an index {label}, which can refuse rows; {_drop(found)}"
    return None


_RESTORE = "put a backup in its place, or name another file with --db"


def _drop(found: _Object) -> str:
    quoted = found.name.replace('"', '""')
    return f'remove it with sqlite3: DROP {found.type.upper()} "{visible(quoted)}"'


def _columns_differ(conn: sqlite3.Connection, found: _Object, ours: _Object) -> str:
    """Describe the columns that differ, if any."""
    there = {row[1] for row in conn.execute("SELECT * FROM pragma_table_xinfo(?)", (found.name,))}
    with closing(sqlite3.connect(":memory:")) as model:
        model.execute(ours.sql)
        wanted = {row[1] for row in model.execute("SELECT * FROM pragma_table_xinfo(?)", (ours.name,))}
    lost, added = sorted(wanted - there), sorted(there - wanted)
    words = [f"without its column {', '.join(lost)}"] if lost else []
    words += [f"with a column {visible(', '.join(added))}"] if added else []
    return f" ({', '.join(words)})" if words else ""


@cache
def _expected(names: frozenset[str]) -> Mapping[str, _Object]:
    """The tables, indexes and views of these migrations by their names, as SQLite itself writes their SQL."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        for name in MIGRATIONS:
            for statement in STEPS[name] if name in names else ():
                model.execute(statement)
        return {each.name: each for each in _objects(model)}


def _objects(conn: sqlite3.Connection) -> list[_Object]:
    """All objects except those that SQLite creates itself."""
    rows = conn.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master"
        " WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    )
    return [_Object(*row) for row in rows]


def _plain(sql: str) -> str:
    return " ".join(sql.split())


def _one(conn: sqlite3.Connection, sql: str) -> Any:
    return conn.execute(sql).fetchone()[0]
