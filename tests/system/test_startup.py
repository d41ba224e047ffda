"""Whatever keeps the program from starting is said in plain words with a stable one; nothing else does."""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.hostile import canary
from tests.support.program import RELAY, lean_relay, reading, running, start
from tests.torture.as_nobody import NOBODY
from tests.torture.races import race

WITHOUT_RIGHTS = ("-m", "tests.torture.as_nobody") if os.geteuid() == 0 else RELAY


def refused(folder: Path, *arguments: str, db: Path | None = None, launcher: Sequence[str] = RELAY) -> str:
    """Start, expect an end within 30 s with exit code 1 and nothing on stdout; its stderr."""
    folder.mkdir(parents=True, exist_ok=True)
    process = start(folder, *arguments, db=db, launcher=launcher)
    try:
        code = process.wait(30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
    said = (folder / "stderr").read_text()
    assert (code, (folder / "stdout").read_text()) == (1, ""), said
    assert "Traceback" not in said
    return said


def open_for_others(folder: Path) -> None:
    """Let another user pass through pytest's folders, which are closed to others."""
    for path in (folder, *folder.parents[:-2]):
        if path.stat().st_uid == os.geteuid():
            path.chmod(path.stat().st_mode | 0o011)


def test_port_taken(tmp_path: Path) -> None:
    """A port that another program listens on is named, with that program where the system tells."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused(tmp_path, "--port", str(port))
    assert said.startswith("lean-relay: [port-taken] "), said
    assert str(port) in said
    if sys.platform == "linux":
        assert f"pid {os.getpid()}" in said


def test_a_start_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Nor does it take anything away that was there before it: a database keeps its rows and its lock."""
    there = tmp_path / "there.db"
    with running(tmp_path / "before", db=there) as program:
        canary(program)
        assert program.stop() == 0
    before = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        refused(tmp_path / "run", "--port", port, db=tmp_path / "new/deep/er.db")
        refused(tmp_path / "run", "--port", port, db=there)
    assert not (tmp_path / "new").exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == before
    with reading(there) as log:
        assert log.execute("SELECT count(*) FROM captures").fetchone() == (1,)


def test_a_folder_that_is_made_is_named(tmp_path: Path) -> None:
    """A mistyped path shows itself in a line; the next start has nothing to say."""
    db = tmp_path / "new/deep/er.db"
    for said in ("made the folder " + str(db.parent), ""):
        with running(tmp_path / "run", db=db) as program:
            canary(program)
            assert ("made the folder" in program.said) == bool(said)
            assert said in program.said


@pytest.mark.parametrize(
    "name",
    ["x" * 250 + ".db", "é" * 125 + ".db", "/".join(["y" * 100] * 6) + "/r.db"],
    ids=["ascii", "é", "path"],
)
def test_a_name_that_is_too_long(tmp_path: Path, name: str) -> None:
    """It is said in bytes, and nothing is left behind."""
    said = refused(tmp_path / "run", db=tmp_path / "data" / name)
    assert said.startswith("lean-relay: [name-too-long] "), said
    assert "bytes, and at most" in said
    assert not (tmp_path / "data").exists()


def test_paths_of_every_kind(tmp_path: Path) -> None:
    """The longest that is taken, under two slashes, with what means something in a URI, and not in UTF-8."""
    odd = os.fsdecode(b"a?b#c%20d \xff&mode=memory")
    longest = "z" * (255 - len(".corrupt-20260131-235959-99-wal"))
    deep = tmp_path / "/".join(["y" * 100] * ((504 - len(os.fsencode(tmp_path))) // 101 - 1))
    deep = deep / ("w" * (504 - len(os.fsencode(deep)) - 2))
    for number, db in enumerate((Path(f"/{tmp_path}/{odd}"), tmp_path / longest, deep)):
        with running(tmp_path / str(number), db=db) as program:
            canary(program)
            listed = lean_relay(tmp_path / "list", "--db", str(db), "list")
            assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 1), listed.stderr


def test_second_engine(tmp_path: Path) -> None:
    """A second engine on one database ends with the first one's pid and URL, which goes on undisturbed."""
    with running(tmp_path / "first") as first:
        said = refused(tmp_path / "second", db=first.db)
        assert said.startswith("lean-relay: [engine-running] "), said
        assert f"pid {first.pid}" in said
        assert first.url in said
        canary(first)


def test_race_of_two_engines(tmp_path: Path) -> None:
    """Of two engines started at once on one new database, exactly one listens and the other says why not."""
    race(tmp_path, 3)


def test_read_only_folder(tmp_path: Path) -> None:
    """A folder that may not be written to is named before anything listens."""
    frozen = tmp_path / "frozen"
    frozen.mkdir()
    frozen.chmod(0o555)
    open_for_others(tmp_path)
    said = refused(tmp_path / "run", db=frozen / "relay.db", launcher=WITHOUT_RIGHTS)
    assert said.startswith("lean-relay: [read-only] "), said
    assert str(frozen) in said


def test_read_only_database(tmp_path: Path) -> None:
    """A database that may be read but not written to is refused, and its name said."""
    with running(tmp_path / "before", db=tmp_path / "relay.db") as program:
        canary(program)
        assert program.stop() == 0
    open_for_others(tmp_path)
    for path in tmp_path.glob("relay.db*"):
        path.chmod(0o444)
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
    said = refused(tmp_path / "run", db=tmp_path / "relay.db", launcher=WITHOUT_RIGHTS)
    assert said.startswith("lean-relay: [read-only] "), said
    assert "relay.db" in said


def test_newer_database(tmp_path: Path) -> None:
    """A database with a migration that this version does not know is refused and left as it is."""
    with running(tmp_path) as program:
        canary(program)
        assert program.stop() == 0
    db = tmp_path / "relay.db"
    with sqlite3.connect(db) as log:
        columns = [row[1] for row in log.execute("PRAGMA table_info(_sqlite_migrations)")]
        values = {"migration_set": "lean-relay", "name": "m9999_from_the_future", "applied_at": "2030-01-01"}
        names = [name for name in columns if name in values]
        log.execute(
            f"INSERT INTO _sqlite_migrations ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
            [values[name] for name in names],
        )
    log.close()
    before = db.read_bytes()
    said = refused(tmp_path / "again", db=db)
    assert said.startswith("lean-relay: [newer-database] "), said
    assert db.read_bytes() == before


def _another_programs(db: Path) -> None:
    with sqlite3.connect(db) as other:
        other.execute("CREATE TABLE moz_places (url TEXT)")
        other.execute("INSERT INTO moz_places VALUES ('https://example.test')")
    other.close()


def _text(db: Path) -> None:
    db.write_text("shopping list: milk, bread\n" * 100)


def _short_text(db: Path) -> None:
    db.write_text("milk")


@pytest.mark.parametrize("made", [_another_programs, _text, _short_text])
def test_foreign_file(tmp_path: Path, made: Callable[[Path], None]) -> None:
    """Another program's database, or a file that is none, is refused and not touched."""
    db = tmp_path / "other.db"
    made(db)
    before = db.read_bytes()
    said = refused(tmp_path / "run", db=db)
    assert said.startswith("lean-relay: [foreign-database] "), said
    assert db.read_bytes() == before
    assert [path.name for path in tmp_path.glob("other.db*corrupt*")] == []


def _scribble(db: Path) -> None:
    with open(db, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        for at in range(4096, size, 4096):
            file.seek(at)
            file.write(os.urandom(2048))


def _behead(db: Path) -> None:
    with open(db, "r+b") as file:
        file.write(b"\0" * 100)


def _truncate(db: Path) -> None:
    os.truncate(db, db.stat().st_size // 2 // 4096 * 4096 + 17)


@pytest.mark.parametrize("harm", [_scribble, _behead, _truncate])
def test_corrupt_database(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    """A corrupt database is moved aside whole and said, and the program serves with a new one."""
    with running(tmp_path) as program:
        for _ in range(30):
            canary(program)
        assert program.stop() == 0
    db = tmp_path / "relay.db"
    harm(db)
    ruined = db.read_bytes()
    with running(tmp_path / "again", db=db) as program:
        canary(program)
        (moved,) = [
            path for path in tmp_path.glob("relay.db.corrupt-*") if not path.name.endswith(("-wal", "-shm"))
        ]
        assert moved.read_bytes() == ruined
        assert str(moved) in program.said
        assert "Traceback" not in program.said
        with reading(db) as log:
            assert log.execute("SELECT count(*) FROM captures").fetchone() == (1,)


def test_corrupt_database_keeps_its_wal(tmp_path: Path) -> None:
    """What a killed engine left in the -wal goes aside with the database that it belongs to."""
    with running(tmp_path) as program:
        for _ in range(5):
            canary(program)
        program.kill()
    db = tmp_path / "relay.db"
    wal = db.with_name("relay.db-wal")
    assert wal.stat().st_size > 0
    db.write_bytes(b"\0" * 5000)
    with running(tmp_path / "again", db=db) as program:
        canary(program)
        names = sorted(path.name for path in tmp_path.glob("relay.db.corrupt-*"))
        assert any(name.endswith("-wal") for name in names), names


def test_empty_file(tmp_path: Path) -> None:
    """A file of no bytes is a database that was never filled: it is taken into use."""
    db = tmp_path / "relay.db"
    db.touch()
    with running(tmp_path, db=db) as program:
        canary(program)


def test_leftovers_of_a_crash(tmp_path: Path) -> None:
    """The lock and the socket of an engine that was killed do not hold up the next one."""
    with running(tmp_path) as program:
        canary(program)
        program.kill()
    assert (tmp_path / "relay.db.lock").exists()
    with running(tmp_path) as program:
        canary(program)
        assert program.stop() == 0
    assert not (tmp_path / "relay.db-wal").exists()


def test_private_files(tmp_path: Path) -> None:
    """Under any umask the database, its companions and their new folder are their owner's alone."""
    folder = tmp_path / "new"
    before = os.umask(0)
    try:
        with running(tmp_path, db=folder / "relay.db") as program:
            os.umask(before)
            canary(program)
            modes = {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()}
    finally:
        os.umask(before)
    assert oct(folder.stat().st_mode & 0o777) == "0o700"
    assert {"relay.db", "relay.db-wal", "relay.db-shm", "relay.db.lock"} <= set(modes)
    assert set(modes.values()) == {"0o600"}, modes
