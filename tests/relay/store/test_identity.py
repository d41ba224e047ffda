import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

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
    assert not schema.migrations.pending(Database(migrated, execute_plugins=False))


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


def test_a_migration_between_two_looks(tmp_path: Path) -> None:
    """A reader that looks while an engine migrates finds an older database, never a foreign one."""
    path = tmp_path / "relay.db"
    engine, reader = (sqlite3.connect(path, isolation_level=None) for _ in range(2))
    engine.execute("PRAGMA journal_mode = WAL")
    stop = identity.MIGRATIONS[-1]
    schema.migrations.apply(Database(engine, execute_plugins=False), stop_before=stop)
    looks: list[str] = []

    def look(statement: str) -> None:
        looks.append(statement)
        if "sqlite_master" in statement and "FROM _sqlite_migrations" in looks[-2]:
            schema.migrate(engine)

    reader.set_trace_callback(look)
    assert word_of(reader, reading=True) == "older-database"
    reader.set_trace_callback(None)
    assert not schema.migrations.pending(Database(engine, execute_plugins=False))
    identity.check_readable(reader, path)
    reader.close()
    engine.close()


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
    migrated.execute("ALTER TABLE captures DROP COLUMN plain")
    migrated.execute("DELETE FROM _sqlite_migrations WHERE name = 'm0003_plain'")
    identity.check(migrated, PATH)
    assert word_of(migrated, reading=True) == "older-database"


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE mine (a); CREATE TRIGGER t AFTER INSERT ON mine BEGIN SELECT 1; END",
        "CREATE VIEW mine AS SELECT id FROM captures",
        "CREATE TRIGGER t INSTEAD OF INSERT ON captures_readable BEGIN SELECT 1; END",
        "CREATE INDEX mine ON captures (customer_id)",
        "PRAGMA user_version = 7",
        "ANALYZE",
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('mine', 'a', '2027')",
    ],
)
def test_a_person_s_own_things_stay(migrated: sqlite3.Connection, change: str) -> None:
    """Tables, views and triggers beside ours are nobody's business, and plain indexes on ours are not."""
    migrated.executescript(change)
    identity.check_readable(migrated, PATH)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "CREATE TRIGGER quiet BEFORE INSERT ON captures BEGIN SELECT RAISE(IGNORE); END",
            "a trigger quiet on captures, which can undo what is stored; remove it with sqlite3: "
            'DROP TRIGGER "quiet"',
        ),
        ("CREATE TRIGGER t AFTER INSERT ON _sqlite_migrations BEGIN SELECT 1; END", 'DROP TRIGGER "t"'),
        ('CREATE TRIGGER "a""b" AFTER DELETE ON notes BEGIN SELECT 1; END', 'DROP TRIGGER "a␛""b"'),
        (
            "CREATE UNIQUE INDEX one ON captures (event_id)",
            'which can refuse rows; remove it with sqlite3: DROP INDEX "one"',
        ),
        (
            "DROP TABLE notes",
            "has lost its table notes; put a backup in its place, or name another file with --db",
        ),
        ("ALTER TABLE captures DROP COLUMN plain", "a changed table captures (without its column plain)"),
        ("ALTER TABLE captures ADD COLUMN mine TEXT", "a changed table captures (with a column mine)"),
        ("ALTER TABLE captures ADD COLUMN m TEXT AS ('')", "a changed table captures (with a column m)"),
        (
            "ALTER TABLE captures RENAME TO old; CREATE VIEW captures AS SELECT * FROM old",
            "a view captures that is not",
        ),
        (
            "ALTER TABLE notes RENAME TO n; CREATE TABLE notes (a)",
            "a changed table notes (without its column capture_id, ",
        ),
        (
            "DROP VIEW refusals_readable; CREATE VIEW refusals_readable AS SELECT 1",
            'DROP VIEW "refusals_readable"',
        ),
        (
            "DROP INDEX attempts_delivery; CREATE INDEX attempts_delivery ON attempts (id)",
            'DROP INDEX "attempts_delivery"',
        ),
        ("DELETE FROM _sqlite_migrations", "a table captures, but no record of the migration that adds it"),
        ("PRAGMA application_id = 1", "not a lean-relay database"),
    ],
)
def test_what_is_not_as_we_made_it_is_named(migrated: sqlite3.Connection, change: str, said: str) -> None:
    """A trigger on our tables, and tables that are not as they were, are refused with the next step."""
    migrated.executescript(change)
    for check in (identity.check, identity.check_readable):
        with pytest.raises(RelayError, match=re.escape(said)) as caught:
            check(migrated, PATH)
        assert caught.value.word == "foreign-database"


@pytest.mark.parametrize("change", ["DROP VIEW captures_readable", "DROP INDEX deliveries_waiting"])
def test_what_holds_nothing_is_made_again(migrated: sqlite3.Connection, change: str) -> None:
    """A view or an index of ours that was dropped hinders no reader, and comes back with the next engine."""
    before = migrated.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    migrated.executescript(change)
    identity.check_readable(migrated, PATH)
    schema.migrate(migrated)
    assert migrated.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall() == before


def test_empty_file(empty: sqlite3.Connection) -> None:
    """A file without tables is nobody's yet; a reader asks for an engine."""
    assert identity.is_empty(empty)
    empty.execute("CREATE TABLE _sqlite_migrations(id INTEGER PRIMARY KEY, migration_set, name, applied_at)")
    assert identity.is_empty(empty), "as it is for a moment while an engine makes it"
    assert word_of(empty, reading=True) == "older-database"


def test_reading_does_not_import_sqlite_utils() -> None:
    """Reading commands start without sqlite_utils, aiohttp and Textual."""
    script = (
        "import sys, relay.store.read.selection, relay.store.read.search;"
        "print([name for name in ('sqlite_utils', 'aiohttp', 'textual') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
