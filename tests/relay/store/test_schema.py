"""Migrations: each schema that was ever published comes to today's."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from relay.store import schema
from relay.store.read import refusals
from relay.store.read.reader import Reader
from tests.support.receiving import rows

SCHEMAS = Path(__file__).parent / "schemas"
"""A database of each published schema, as its version left it: `m0001.db` after m0001. Never changed."""

HELD = "SELECT id, method, target, headers, body, event_id, repeat_of FROM captures"


def shape_of(path: Path) -> list[tuple[object, ...]]:
    return rows(path, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")


@pytest.mark.parametrize("old", sorted(SCHEMAS.glob("m*.db")), ids=lambda path: path.stem)
def test_an_old_database_comes_to_today_s_schema_with_all_it_held(old: Path, tmp_path: Path) -> None:
    """After migrating, its tables are those of a new database, and each row is still there."""
    path, fresh = tmp_path / "old.db", tmp_path / "fresh.db"
    shutil.copy(old, path)
    before = rows(path, HELD)
    for database in (path, fresh):
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            schema.migrate(connection)
    assert shape_of(path) == shape_of(fresh)
    assert rows(path, HELD) == before
    with Reader(path) as reader:
        captures = reader.captures(range(1, 6))
        assert [capture.id for capture in captures] == [1, 2, 3, 4, 5]
        assert captures[1].repeat_of == 1
        assert captures[2].body == bytes(range(256))
        assert captures[0].starred
        assert captures[0].note == "look at this"
        assert captures[0].deliveries[0].status == 500
        assert refusals.newest(reader, 10)[0].reason == "cross-site"


def test_what_an_earlier_version_quoted_of_a_refused_request_is_gone(tmp_path: Path) -> None:
    """Details in a parser's words held whole header lines and bodies; those in our own words stay."""
    path = tmp_path / "old.db"
    shutil.copy(SCHEMAS / "m0003.db", path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.executemany(
            "INSERT INTO refusals (at, client, reason, detail) VALUES (1, '10.0.0.9', ?, ?)",
            [
                ("malformed", "Invalid header token:   b'lean-app-token : canary'   ^"),
                ("internal", "ValueError('canary')"),
                ("too-large", "a body of 5 bytes or more"),
            ],
        )
        schema.migrate(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"canary" not in path.read_bytes()
    with Reader(path) as reader:
        kept = {each.reason: each.detail for each in refusals.newest(reader, 3)}
    assert kept["too-large"] == "a body of 5 bytes or more"
    assert kept["malformed"] == "an earlier version told more, which may have quoted what came"


def test_there_is_a_database_of_the_newest_schema() -> None:
    """Whoever adds a migration keeps a database that it left, for those who come later."""
    newest = sorted(path.stem for path in SCHEMAS.glob("m*.db"))[-1]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection)
        name = connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id DESC").fetchone()[0]
    assert name.startswith(newest)


def test_readable_views_show_times_as_text(tmp_path: Path) -> None:
    """The views give ISO 8601 with all six digits."""
    path = tmp_path / "relay.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema.migrate(connection)
        connection.execute(
            "INSERT INTO captures"
            " (received_at, method, target, http_version, client, body_sha256, headers, body)"
            " VALUES (1780000000000042, 'GET', '/', '1.1', '', '', '[]', x'')"
        )
    assert rows(path, "SELECT received, event_time FROM captures_readable") == [
        ("2026-05-28T20:26:40.000042Z", None)
    ]


def test_the_view_of_attempts_has_the_address(tmp_path: Path) -> None:
    """Whoever reads attempts with other tools sees where each one went, as `show --attempts` tells it."""
    path = tmp_path / "old.db"
    shutil.copy(max(SCHEMAS.glob("m*.db")), path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "UPDATE attempts SET address = '[::1]:8000' WHERE id = (SELECT min(id) FROM attempts)"
        )
        [(first, address)] = connection.execute(
            "SELECT id, address FROM attempts_readable ORDER BY id LIMIT 1"
        )
    assert (first, address) == (1, "[::1]:8000")
