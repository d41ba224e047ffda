"""The checks of the database and its folder: modes, file system, damage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from relay.checks.findings import Finding, fault, ok, warning
from relay.config import Settings
from relay.control import lock
from relay.errors import NotFound, RelayError

LARGE_BYTES = 256 * 2**20
"""About a second to read from a usual disk."""


def folder(settings: Settings) -> Iterator[Finding]:
    """Whether the folder of the database exists, is ours and is local."""
    from relay.store.write.files import loose_mode
    from relay.store.write.filesystems import network_filesystem

    path = settings.db.parent
    if not path.exists():
        yield ok("folder", f"{path} does not exist yet; the first `lean-relay listen` creates it")
        return
    if not path.is_dir():
        yield fault("folder", f"{path} is not a folder", "name another file with --db")
        return
    mode = loose_mode(path)
    if mode is None:
        yield ok("folder", f"{path} is yours alone")
    else:
        yield warning(
            "folder",
            f"{path} has mode {mode:04o}, so other users can list its files, but not read them",
            f"chmod 700 {path}, or keep the database in a folder of its own",
        )
    kind = network_filesystem(path)
    if kind is not None:
        found = warning if settings.allow_network_fs else fault
        yield found(
            "folder",
            f"{path} is on a {kind} file system, where a database can lose captures or be damaged",
            "name a file on a local disk with --db",
        )


def modes(settings: Settings) -> Iterator[Finding]:
    """The files of the database that other users can read, if any."""
    from relay.store.write.files import loose_mode

    db = settings.db
    loose = [
        path
        for path in (db, *(db.with_name(db.name + suffix) for suffix in ("-wal", "-shm", ".lock")))
        if path.exists() and loose_mode(path) is not None
    ]
    if loose:
        names = " ".join(map(str, loose))
        yield fault("log", f"other users of this machine can read {names}", f"chmod 600 {names}")


def database(settings: Settings) -> Iterator[Finding]:
    """The database files: their modes, and whether SQLite finds damage."""
    from relay.store.read.reader import Reader

    db = settings.db
    yield from modes(settings)
    if _is_long_work(db):
        yield ok("log", f"{db} is large and in use, so it was not checked; stop the engine to check it")
        return
    try:
        with Reader(db) as reader:
            (first, *_) = reader.rows("PRAGMA quick_check(1)")[0]
            newest = reader.newest_id()
    except NotFound:
        yield ok("log", f"{db} does not exist yet")
    except RelayError as error:
        if error.word == "older-database":
            yield warning(
                "log", str(error), "run `lean-relay listen` once, which brings the database up to date"
            )
        else:
            yield fault(
                "log", str(error), "`lean-relay listen` moves a damaged database aside and does not delete it"
            )
    else:
        if first == "ok":
            yield ok("log", f"{db} is not damaged; newest capture: {newest or 'none yet'}")
        else:
            yield fault(
                "log",
                f"{db} is damaged: {first}",
                "copy it, then recover what you can with `sqlite3 FILE .recover`",
            )


def _is_long_work(db: Path) -> bool:
    """Whether a check of the database would take seconds, in which a running engine cannot reset its WAL."""
    return db.exists() and db.stat().st_size > LARGE_BYTES and lock.holder(db) is not None
