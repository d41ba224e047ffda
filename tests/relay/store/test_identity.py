import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from relay.errors import RelayError
from relay.store import identity, schema

PATH = Path("log.db")


def migrated() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    schema.migrate(connection)
    return connection


def word_of(connection: sqlite3.Connection, *, reading: bool = False) -> str | None:
    with pytest.raises(RelayError) as caught:
        (identity.check_readable if reading else identity.check)(connection, PATH)
    return caught.value.word


def test_names_are_the_schemas() -> None:
    """The names known without sqlite_utils are those of the migrations, in their order."""
    connection = migrated()
    assert tuple(identity.applied(connection)) == identity.MIGRATIONS
    assert schema.is_current(connection)


def test_a_fresh_log_is_ours() -> None:
    """A file that this version made passes both checks."""
    connection = migrated()
    identity.check(connection, PATH)
    identity.check_readable(connection, PATH)
    assert not identity.is_empty(connection)
    assert identity.is_empty(sqlite3.connect(":memory:"))


def test_foreign_database() -> None:
    """Another program's database is refused, whatever its tables are called."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE captures (id INTEGER)")
    assert word_of(connection) == "foreign-database"
    assert word_of(connection, reading=True) == "foreign-database"


def test_newer_database() -> None:
    """A migration that we do not know means a later version."""
    connection = migrated()
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, ?, ?)",
        (identity.MIGRATION_SET, "m9999_flying_cars", "2027-01-01"),
    )
    assert word_of(connection) == "newer-database"
    assert word_of(connection, reading=True) == "newer-database"


def test_other_migration_sets_are_not_ours() -> None:
    """Migrations that another tool keeps in the same table say nothing about us."""
    connection = migrated()
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('plugin', 'm1', '2027')"
    )
    identity.check_readable(connection, PATH)


def test_older_database() -> None:
    """A reader cannot migrate, so it asks for an engine; a writer goes on and migrates."""
    connection = migrated()
    connection.execute("DELETE FROM _sqlite_migrations")
    identity.check(connection, PATH)
    assert word_of(connection, reading=True) == "older-database"
    assert word_of(sqlite3.connect(":memory:"), reading=True) == "older-database"


def test_reading_does_not_import_sqlite_utils() -> None:
    """Reading commands start without sqlite_utils, aiohttp and Textual."""
    script = (
        "import sys, relay.store.selecting, relay.store.search;"
        "print([name for name in ('sqlite_utils', 'aiohttp', 'textual') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
