import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.errors import RelayError
from relay.store import identity, schema

PATH = Path("log.db")


@pytest.fixture
def empty() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


@pytest.fixture
def migrated(empty: sqlite3.Connection) -> sqlite3.Connection:
    schema.migrate(empty)
    return empty


def word_of(connection: sqlite3.Connection, *, reading: bool = False) -> str | None:
    with pytest.raises(RelayError) as caught:
        (identity.check_readable if reading else identity.check)(connection, PATH)
    return caught.value.word


def test_names_are_the_schemas(migrated: sqlite3.Connection) -> None:
    """The names known without sqlite_utils are those of the migrations, in their order."""
    assert tuple(identity.applied(migrated)) == identity.MIGRATIONS
    assert schema.is_current(migrated)


def test_a_fresh_log_is_ours(migrated: sqlite3.Connection) -> None:
    """A file that this version made passes both checks."""
    identity.check(migrated, PATH)
    identity.check_readable(migrated, PATH)
    assert not identity.is_empty(migrated)


def test_foreign_database(empty: sqlite3.Connection) -> None:
    """Another program's database is refused, whatever its tables are called."""
    empty.execute("CREATE TABLE captures (id INTEGER)")
    assert word_of(empty) == "foreign-database"
    assert word_of(empty, reading=True) == "foreign-database"


def test_newer_database(migrated: sqlite3.Connection) -> None:
    """A migration that we do not know means a later version."""
    migrated.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES (?, ?, ?)",
        (identity.MIGRATION_SET, "m9999_flying_cars", "2027-01-01"),
    )
    assert word_of(migrated) == "newer-database"
    assert word_of(migrated, reading=True) == "newer-database"


def test_other_migration_sets_are_not_ours(migrated: sqlite3.Connection) -> None:
    """Migrations that another tool keeps in the same table say nothing about us."""
    migrated.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('plugin', 'm1', '2027')"
    )
    identity.check_readable(migrated, PATH)


def test_older_database(migrated: sqlite3.Connection) -> None:
    """A reader cannot migrate, so it asks for an engine; a writer goes on and migrates."""
    migrated.execute("DELETE FROM _sqlite_migrations")
    identity.check(migrated, PATH)
    assert word_of(migrated, reading=True) == "older-database"


def test_empty_file(empty: sqlite3.Connection) -> None:
    """A file without tables is nobody's yet; a reader asks for an engine."""
    assert identity.is_empty(empty)
    empty.execute("CREATE TABLE _sqlite_migrations(id INTEGER PRIMARY KEY, migration_set, name, applied_at)")
    assert identity.is_empty(empty), "as it is for a moment while an engine makes it"
    assert word_of(empty, reading=True) == "older-database"


def test_reading_does_not_import_sqlite_utils() -> None:
    """Reading commands start without sqlite_utils, aiohttp and Textual."""
    script = (
        "import sys, relay.store.selecting, relay.store.search;"
        "print([name for name in ('sqlite_utils', 'aiohttp', 'textual') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
