"""The database and its folder: modes, file system, damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.checks import database
from relay.control.lock import Lock
from tests.support.loaded_settings import settings


def test_modes_of_the_log_and_its_folder(db: Path) -> None:
    """A folder that others can list is a warning, a file that they can read a fault, side files too."""
    assert [f.level for f in database.folder(settings())] == ["ok"]
    db.parent.chmod(0o755)
    (loose,) = database.folder(settings())
    assert (loose.level, loose.next_step) == (
        "warning",
        f"chmod 700 {db.parent}, or keep the database in a folder of its own",
    )
    wal = db.with_name("relay.db-wal")
    wal.touch()
    wal.chmod(0o640)
    assert next(iter(database.database(settings()))).next_step == f"chmod 600 {wal}"


def test_a_network_file_system_is_a_fault_unless_allowed(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log on NFS is a fault, and only a warning where the settings take the risk."""
    monkeypatch.setattr("relay.store.write.filesystems.network_filesystem", lambda folder: "nfs4")
    assert [f.level for f in database.folder(settings())][-1] == "fault"
    assert [f.level for f in database.folder(settings(allow_network_fs=True))][-1] == "warning"


def test_a_log_that_is_damaged_or_of_another_program(db: Path) -> None:
    """Another program's file, or a database with a damaged page, is a fault, and stays unchanged."""
    content = bytearray(db.read_bytes())
    content[4096 * 2 : 4096 * 3] = b"\xa5" * 4096
    db.write_bytes(content)
    assert [f.level for f in database.database(settings())] == ["fault"]
    assert db.read_bytes() == content
    db.write_bytes(b"something else entirely" * 300)
    assert [f.level for f in database.database(settings())] == ["fault"]


def test_a_log_without_tables_yet(db: Path) -> None:
    """A file that no engine has filled yet is a warning that says what fills it."""
    db.write_bytes(b"")
    assert [f.level for f in database.database(settings())] == ["warning"]


def test_a_large_log_in_use_is_not_looked_through(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an engine runs, a large log is left alone, since a long read would hold up its WAL."""
    monkeypatch.setattr(database, "LARGE_BYTES", 1)
    lock = Lock.take(db)
    try:
        (finding,) = database.database(settings())
    finally:
        lock.release()
    assert "not checked" in finding.text
    (finding,) = database.database(settings())
    assert "is not damaged" in finding.text
