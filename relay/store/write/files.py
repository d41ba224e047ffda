"""The database's files: allowed places, modes, and opening the one writing connection.

Owns creation and the checks before the first write. Never opens the database with Python's own
`open` while SQLite has it open: closing such a handle drops SQLite's locks (sqlite.org/howtocorrupt).
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import stat
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from itertools import count
from logging import getLogger
from pathlib import Path
from time import monotonic

from relay import private_files
from relay.errors import RelayError
from relay.processes import holders
from relay.store import identity, schema
from relay.store.errors import error_name, is_full, is_lock
from relay.store.opening import open_database
from relay.store.write.file_identity import gone
from relay.store.write.filesystems import network_filesystem

log = getLogger("relay.store")

CHECK_WITHIN_S = 2.0
"""Time limit of the check for corruption at start; `doctor` has none."""

SIDE_FILES = ("-wal", "-shm")

LONGEST_PATH = 504
"""Longest path that SQLite opens, in bytes: 512 less the suffixes that it adds (its MAX_PATHNAME)."""

LONGEST_END = len(".corrupt-20260131-235959-99-wal")
"""Length of the longest suffix of a database's files."""


def prepare_folder(path: Path, *, allow_network_fs: bool = False) -> list[Path]:
    """Create the database's folder (0700) if needed, and check that a database can be there.

    Returns:
        The folders that were created, the outermost first.

    Raises:
        RelayError: `name-too-long`, `network-filesystem` or `read-only`.
    """
    _require_short(path)
    try:
        made = private_files.make_folder(path.parent)
    except OSError as error:
        raise RelayError(
            f"cannot make the folder {path.parent}: {error.strerror}; name another file with --db",
            word="read-only",
        ) from error
    kind = network_filesystem(path.parent)
    if kind is not None and not allow_network_fs:
        raise RelayError(
            f"{path.parent} is on a {kind} file system, where SQLite's WAL can lose or corrupt captures; "
            "name a local file with --db, or set allow_network_fs = true to take the risk",
            word="network-filesystem",
        )
    return made


def _require_short(path: Path) -> None:
    name, whole = len(os.fsencode(path.name)), len(os.fsencode(path.absolute()))
    most = 255  # the common limit; file systems with a lower one report it when the file is created
    if name > most - LONGEST_END:
        what, bound = f"the file name has {name} bytes", most - LONGEST_END
    elif whole > LONGEST_PATH:
        what, bound = f"the path has {whole} bytes", LONGEST_PATH
    else:
        return
    raise RelayError(
        f"cannot keep a database at {path}: {what}, and at most {bound} work; name a shorter one with --db",
        word="name-too-long",
    )


def create_private(path: Path) -> bool:
    """Create the file empty, 0600, and make its name durable; False if it existed already.

    SQLite gives `-wal` and `-shm` the main file's mode, so this must come first.

    Raises:
        RelayError: `read-only`, the file cannot be created or written; `unsafe-file`, it or one of its side
            files is not ours alone.
    """
    for side in ("", *SIDE_FILES):
        each = path.with_name(path.name + side)
        reason = private_files.why_not_ours(each)
        if reason is not None:
            raise private_files.unsafe(each, reason, _way_out(each))
    try:
        private_files.create(path)
    except FileExistsError:
        if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK | os.X_OK):
            raise _read_only(path, "permission denied") from None
        return False
    except OSError as error:
        raise _read_only(path, error.strerror or str(error)) from error
    private_files.sync_folder(path.parent)
    return True


def _way_out(path: Path) -> str:
    found = path.lstat()
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
        # SQLite keeps a WAL for each name: programs that use different names do not see each other's writes.
        mend = f"keep one name (`find . -samefile {shlex.quote(path.name)}` lists them)"
    elif stat.S_ISREG(found.st_mode):
        mend = "use it as its owner"
    else:
        mend = "move it away"
    return f"{mend}, or name another file with --db"


def _read_only(path: Path, why: str) -> RelayError:
    return RelayError(
        f"cannot write {path}: {why}; "
        f"make the folder {path.parent} writable for you, or name another file with --db",
        word="read-only",
    )


def loose_mode(path: Path) -> int | None:
    """The permission bits of a file or folder that other users can read; None if it is private."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return mode if mode & 0o077 else None


def open_writer(path: Path, *, ours: bool) -> sqlite3.Connection:
    """Open the writing connection, durable and migrated; a corrupt file is moved aside, never deleted.

    A log line reports the move.

    Args:
        ours: an engine has owned this file before, so an invalid header means damage, not another
            program's file.

    Raises:
        RelayError: foreign-database, newer-database, read-only, database-locked.
    """
    is_empty = not path.stat().st_size
    if is_empty and _has_wal(path):
        # SQLite would remove it, as it does not belong to an empty file.
        moved = move_aside(path, SIDE_FILES)
        log.warning("%s is empty, and %s-wal belongs to another database: moved to %s-wal", path, path, moved)
    elif is_empty and ours:
        log.warning("%s is empty, although lean-relay has used it; what it held before is gone", path)
    try:
        return _connect_and_check(path)
    except sqlite3.DatabaseError as error:
        damage = _damage(error)
        if damage is None:
            raise start_error(path, error) from error
        if damage == "SQLITE_NOTADB" and not ours:
            raise RelayError(
                f"{path} is not a SQLite database; name another file with --db", word="foreign-database"
            ) from error
    if _is_sound_alone(path):
        moved = move_aside(path, SIDE_FILES)
        log.warning(
            "%s is sound, but does not belong to its -wal, for example after a backup was restored; "
            "the -wal was moved to %s-wal, and the database is used as it is",
            path,
            moved,
        )
    else:
        moved = move_aside(path, ("", *SIDE_FILES))
        create_private(path)
        log.warning(
            "the database was corrupt; it was moved to %s and a new one begun. To restore a backup, stop "
            "lean-relay, put the backup at %s, and remove %s-wal and %s-shm",
            moved,
            path,
            path,
            path,
        )
    try:
        return _connect_and_check(path)
    except sqlite3.DatabaseError as error:
        raise start_error(path, error) from error


def _has_wal(path: Path) -> bool:
    wal = path.with_name(f"{path.name}-wal")
    return wal.exists() and wal.stat().st_size > 0


def _is_sound_alone(path: Path) -> bool:
    """Whether a corrupt database is sound without its WAL."""
    if not _has_wal(path):
        return False
    try:
        with closing(open_database(path, "ro&immutable=1")) as connection:
            if identity.is_empty(connection):
                return False
            identity.check(connection, path)
            _quick_check(connection)
    except (sqlite3.DatabaseError, RelayError):
        return False
    return True


def connect(path: Path) -> sqlite3.Connection:
    """Open the writing connection, and read back each setting that promise 1 depends on.

    Raises:
        sqlite3.DatabaseError: SQLite's own error.
        RelayError: `not-durable`, SQLite did not accept a setting.
    """
    connection = open_database(path, "rw", cached_statements=160)
    try:
        for pragma in (
            "secure_delete = ON",
            "trusted_schema = OFF",
            "cell_size_check = ON",
            "foreign_keys = ON",
            "mmap_size = 0",
            "wal_autocheckpoint = 0",
            f"journal_size_limit = {64 * 1024 * 1024}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        connection.execute("PRAGMA synchronous = FULL")
        synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
        if sys.platform == "darwin":
            # fsync on macOS does not reach the disk, F_FULLFSYNC does (sqlite.org/pragma.html).
            connection.execute("PRAGMA fullfsync = ON")
            connection.execute("PRAGMA checkpoint_fullfsync = ON")
        if mode != "wal" or synchronous != 2:
            raise RelayError(
                f"{path}: SQLite answers journal_mode={mode}, synchronous={synchronous} instead of wal, 2: "
                "a 200 would not mean stored; name a file on a local disk with --db",
                word="not-durable",
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_and_check(path: Path) -> sqlite3.Connection:
    _inspect(path)
    connection = connect(path)
    try:
        schema.migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _inspect(path: Path) -> None:
    """Check whose file it is and whether it is sound, without changing a byte.

    A writing connection would turn another program's file into a WAL database, and on closing would copy a
    damaged `-wal` into its database and remove it.
    """
    connection = open_database(path, "ro")
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        if not identity.is_empty(connection):
            identity.check(connection, path)
            _quick_check(connection)
    finally:
        connection.close()


def _quick_check(connection: sqlite3.Connection) -> None:
    deadline = monotonic() + CHECK_WITHIN_S
    connection.set_progress_handler(lambda: monotonic() > deadline, 20_000)
    try:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname != "SQLITE_INTERRUPT":
            raise
        return  # too large to check within the time limit; sound as far as it was read
    finally:
        connection.set_progress_handler(None, 0)
    if verdict != "ok":
        damage = sqlite3.DatabaseError(verdict)
        damage.sqlite_errorname = "SQLITE_CORRUPT"
        raise damage


def _damage(error: sqlite3.DatabaseError) -> str | None:
    name = error_name(error)
    return name if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) else None


def start_error(path: Path, error: sqlite3.Error | OSError) -> RelayError:
    """The error for a database that cannot be opened for writing."""
    if isinstance(error, FileNotFoundError):
        return RelayError(gone(str(path)), word="store-gone")
    if isinstance(error, OSError):
        return _read_only(path, error.strerror or str(error))
    if is_lock(error):
        return RelayError(
            f"{path} is locked by another program{_named(path)}; end its transaction and start again",
            word="database-locked",
        )
    if is_full(error):
        return RelayError(f"no room on the disk for {path}; free some and start again", word="disk-full")
    return _read_only(path, str(error))


def _named(path: Path) -> str:
    others = holders(path)
    return f" ({', '.join(map(str, others))})" if others else ""


def move_aside(path: Path, sides: Sequence[str]) -> Path:
    """Rename a database's files to names with the time; return the new path of the main one.

    Args:
        sides: suffixes of the files to rename; empty for the main file.
    """
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    names = (f"{path.name}.corrupt-{stamp}{f'-{number}' if number > 1 else ''}" for number in count(1))
    target = next(
        there
        for there in map(path.with_name, names)
        if not any(there.with_name(there.name + side).exists() for side in ("", *SIDE_FILES))
    )
    for side in sides:
        source = path.with_name(path.name + side)
        if source.exists():
            source.rename(target.with_name(target.name + side))
    return target
