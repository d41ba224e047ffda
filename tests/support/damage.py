"""Every way that we know to take an open database's files from under it, or its rows out of it.

Each does what a person or a program would do while an engine runs, by file names and other processes.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

Act = Callable[[Path, Path], None]
"""Takes the database and a sound backup of it, older than its last rows."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way."""

    act: Act
    destroys: bool = False
    """Whether bytes that were acknowledged before may be gone by it: from the path, or at all."""
    harmless: bool = False
    """Whether the relay has to go on storing, for nothing is lost by it."""
    heals: bool = False
    """Whether it has to go on by itself, after a moment in which it refuses."""


WAYS: dict[str, Way] = {}


def _way(
    name: str, *, destroys: bool = False, harmless: bool = False, heals: bool = False
) -> Callable[[Act], Act]:
    def add(act: Act) -> Act:
        WAYS[name] = Way(act, destroys, harmless, heals)
        return act

    return add


def _side(db: Path, suffix: str) -> Path:
    return db.with_name(db.name + suffix)


def elsewhere(db: Path, suffix: str = "") -> Path:
    """Where a file is moved to."""
    folder = db.parent / "elsewhere"
    folder.mkdir(exist_ok=True)
    return folder / (db.name + suffix)


def _sql(db: Path, *statements: str) -> None:
    """Run SQL as another program does, in a process of its own, so that its locks are its own."""
    script = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)\n"
        "for statement in sys.argv[2:]: db.execute(statement).fetchall()\n"
    )
    subprocess.run([sys.executable, "-c", script, str(db), *statements], check=True, timeout=60)


# -- backups put back ----------------------------------------------------------------------------


@_way("cp BACKUP DB", destroys=True)
def _cp(db: Path, backup: Path) -> None:
    shutil.copyfile(backup, db)


@_way("cp -p BACKUP DB", destroys=True)
def _cp_p(db: Path, backup: Path) -> None:
    shutil.copyfile(backup, db)
    shutil.copystat(backup, db)


@_way("mv BACKUP DB", destroys=True)
def _mv_over(db: Path, backup: Path) -> None:
    copy = shutil.copyfile(backup, elsewhere(db, ".copy"))
    os.replace(copy, db)


@_way("ln -f BACKUP DB", destroys=True)
def _hard_link(db: Path, backup: Path) -> None:
    copy = shutil.copyfile(backup, elsewhere(db, ".copy"))
    db.unlink()
    os.link(copy, db)


@_way("cp of all three, old ones", destroys=True)
def _cp_set(db: Path, backup: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        shutil.copyfile(_side(backup, suffix) if suffix else backup, _side(db, suffix))


@_way("rsync --inplace BACKUP DB", destroys=True)
def _in_place(db: Path, backup: Path) -> None:
    with open(db, "r+b") as file:
        file.write(backup.read_bytes())
        file.truncate()


@_way("sqlite3 DB '.restore BACKUP'", destroys=True, harmless=True)
def _restore(db: Path, backup: Path) -> None:
    script = (
        "import sqlite3, sys\nsqlite3.connect(sys.argv[2]).backup(sqlite3.connect(sys.argv[1], timeout=10))\n"
    )
    subprocess.run([sys.executable, "-c", script, str(db), str(backup)], check=True, timeout=60)


# -- the database itself -------------------------------------------------------------------------


@_way("> DB", destroys=True)
def _empty(db: Path, backup: Path) -> None:
    os.truncate(db, 0)


@_way("truncate -s HALF DB", destroys=True)
def _cut(db: Path, backup: Path) -> None:
    os.truncate(db, db.stat().st_size // 2)


@_way("dd over its header", destroys=True)
def _behead(db: Path, backup: Path) -> None:
    with open(db, "r+b") as file:
        file.write(b"\0" * 100)


@_way("dd over its pages", destroys=True)
def _scribble(db: Path, backup: Path) -> None:
    with open(db, "r+b") as file:
        for at in range(4096, db.stat().st_size, 4096):
            file.seek(at)
            file.write(os.urandom(1024))


@_way("mv DB AWAY", destroys=True)
def _mv(db: Path, backup: Path) -> None:
    db.rename(elsewhere(db))


@_way("mv of all three", destroys=True)
def _mv_set(db: Path, backup: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        _side(db, suffix).rename(elsewhere(db, suffix))


@_way("mv DB AWAY; mv AWAY DB", harmless=True)
def _mv_and_back(db: Path, backup: Path) -> None:
    db.rename(elsewhere(db))
    elsewhere(db).rename(db)


@_way("mv DB AWAY; ln -s AWAY DB", destroys=True)
def _symlink(db: Path, backup: Path) -> None:
    db.rename(elsewhere(db))
    db.symlink_to(elsewhere(db))


@_way("rm DB", destroys=True)
def _rm(db: Path, backup: Path) -> None:
    db.unlink()


@_way("rm DB DB-wal DB-shm", destroys=True)
def _rm_set(db: Path, backup: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        _side(db, suffix).unlink()


@_way("mv FOLDER; mkdir FOLDER", destroys=True)
def _mv_folder(db: Path, backup: Path) -> None:
    db.parent.rename(db.parent.with_name("moved"))
    db.parent.mkdir()


# -- the -wal ------------------------------------------------------------------------------------


@_way("rm DB-wal", heals=True)
def _rm_wal(db: Path, backup: Path) -> None:
    _side(db, "-wal").unlink()


@_way("mv DB-wal AWAY", heals=True)
def _mv_wal(db: Path, backup: Path) -> None:
    _side(db, "-wal").rename(elsewhere(db, "-wal"))


@_way("cp OLD-wal DB-wal", destroys=True)
def _cp_wal(db: Path, backup: Path) -> None:
    shutil.copyfile(_side(backup, "-wal"), _side(db, "-wal"))


@_way("> DB-wal", destroys=True)
def _empty_wal(db: Path, backup: Path) -> None:
    os.truncate(_side(db, "-wal"), 0)


@_way("truncate -s HALF DB-wal", destroys=True)
def _cut_wal(db: Path, backup: Path) -> None:
    wal = _side(db, "-wal")
    os.truncate(wal, wal.stat().st_size // 2)


@_way("dd over DB-wal", destroys=True)
def _scribble_wal(db: Path, backup: Path) -> None:
    wal = _side(db, "-wal")
    size = wal.stat().st_size
    with open(wal, "r+b") as file:
        file.write(os.urandom(size))


# -- the -shm ------------------------------------------------------------------------------------


@_way("rm DB-shm", heals=True)
def _rm_shm(db: Path, backup: Path) -> None:
    _side(db, "-shm").unlink()


@_way("mv DB-shm AWAY", heals=True)
def _mv_shm(db: Path, backup: Path) -> None:
    _side(db, "-shm").rename(elsewhere(db, "-shm"))


@_way("rm DB-wal DB-shm", heals=True)
def _rm_sides(db: Path, backup: Path) -> None:
    _side(db, "-wal").unlink()
    _side(db, "-shm").unlink()


@_way("> DB-shm")
def _empty_shm(db: Path, backup: Path) -> None:
    os.truncate(_side(db, "-shm"), 0)


@_way("dd over DB-shm", harmless=True)
def _scribble_shm(db: Path, backup: Path) -> None:
    shm = _side(db, "-shm")
    size = shm.stat().st_size
    with open(shm, "r+b") as file:
        file.write(os.urandom(size))


# -- through SQLite ------------------------------------------------------------------------------


@_way("sqlite3: a table of one's own, rows in it", harmless=True)
def _own_table(db: Path, backup: Path) -> None:
    _sql(db, "CREATE TABLE mine (a)", *["INSERT INTO mine VALUES (randomblob(50000))"] * 20)


@_way("sqlite3: wal_checkpoint(PASSIVE)", harmless=True)
def _passive(db: Path, backup: Path) -> None:
    _sql(db, *["PRAGMA wal_checkpoint(PASSIVE)"] * 50)


@_way("sqlite3: wal_checkpoint(TRUNCATE)", harmless=True)
def _truncating(db: Path, backup: Path) -> None:
    _sql(db, *["PRAGMA wal_checkpoint(TRUNCATE)"] * 20)


@_way("sqlite3: VACUUM", harmless=True)
def _vacuum(db: Path, backup: Path) -> None:
    _sql(db, "VACUUM")


@_way("sqlite3: rows changed and rolled back", harmless=True)
def _rolled_back(db: Path, backup: Path) -> None:
    _sql(
        db,
        "PRAGMA cache_size = 10",
        "BEGIN IMMEDIATE",
        "CREATE TABLE mine AS SELECT body FROM captures",
        "ROLLBACK",
    )


@_way("sqlite3: journal_mode = DELETE", harmless=True)
def _no_wal(db: Path, backup: Path) -> None:
    with closing(sqlite3.connect(db, isolation_level=None, timeout=0.2)) as other:
        # The engine holds on to it.
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("PRAGMA journal_mode = DELETE").fetchall()


@_way("sqlite3: a trigger that ignores captures")
def _trigger(db: Path, backup: Path) -> None:
    _sql(db, "CREATE TRIGGER quiet BEFORE INSERT ON captures BEGIN SELECT RAISE(IGNORE); END")


@_way("sqlite3: a trigger that removes captures")
def _removing(db: Path, backup: Path) -> None:
    _sql(
        db,
        "CREATE TRIGGER gone AFTER INSERT ON captures BEGIN DELETE FROM captures WHERE id = new.id; END",
    )


@_way("sqlite3: DROP TABLE captures", destroys=True)
def _drop(db: Path, backup: Path) -> None:
    _sql(db, "DROP TABLE captures")


@_way("sqlite3: ALTER TABLE captures")
def _alter(db: Path, backup: Path) -> None:
    _sql(db, "ALTER TABLE captures ADD COLUMN mine TEXT")


@_way("sqlite3: another application_id")
def _application_id(db: Path, backup: Path) -> None:
    _sql(db, "PRAGMA application_id = 1")


# -- what only looks like harm -------------------------------------------------------------------


@_way("touch DB-wal", harmless=True)
def _touch(db: Path, backup: Path) -> None:
    os.utime(_side(db, "-wal"))


@_way("chmod 0400 DB", harmless=True)
def _chmod(db: Path, backup: Path) -> None:
    db.chmod(0o400)


@_way("ln DB SECOND", harmless=True)
def _second_name(db: Path, backup: Path) -> None:
    os.link(db, elsewhere(db))
