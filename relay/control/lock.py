"""The lock file next to a database, held by its engine for as long as that lives.

The lock is the kernel's (flock on the file), so that it ends with its processes however those end: the
engine, and its writer process. The text in the file names the holder and its control socket, and says whether
the last holder ended in order. The database file itself is never opened here.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep, time
from typing import Any

from relay import private_files
from relay.errors import RelayError
from relay.processes import is_alive

ENDS_WITHIN_S = 5.0
"""How long the writer process of an engine that died may take to end: it finishes a group of captures."""

LOOKED_AT_FOR_S = 0.2
"""How long `holder` in other processes may hold the lock while it looks."""

MOST_TEXT = 4096
BEGINS = b'{"pid": '
"""How the text of a lock begins; a file that begins otherwise is another program's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The engine that owns a database."""

    pid: int
    """0 where it is not known."""
    started_at: float
    """Unix time."""
    url: str | None = None
    """Where it takes webhooks; None for an engine without a receiver, or one that is starting."""
    socket: str | None = None
    """The path of its control socket; None while it is starting."""
    received_until: float | None = None
    """Unix time at which the last receiver of the database ended in order; None if it is not known."""


def lock_path(db: Path) -> Path:
    """The path of the lock file: next to the database file itself, whatever link leads there."""
    return Path(f"{os.path.realpath(db)}.lock")


class Lock:
    """The lock of one database; use `take`."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        """For a process that holds the lock too, for as long as it lives."""
        self._found = _text(descriptor)
        self.owned_before = _read(self._found) is not None
        """Whether an engine has owned this database before."""
        known = _known(self._found)
        self.left_open_by = _read(self._found) if known is not None and known.get("closed") is False else None
        """The last engine, if it ended without closing: killed, crashed, or its machine stopped."""
        last = _read(self._found)
        self.received_until = None if last is None or self.left_open_by is not None else last.received_until

    @classmethod
    def take(cls, db: Path) -> Lock:
        """Become the owner; waits while the writer process of an engine that died is ending.

        Raises:
            RelayError: `engine-running`, with the other's pid and URL; `read-only`; `unsafe-file`, another
                file is in its place.
        """
        path = lock_path(db)
        try:
            descriptor = _opened(path)
        except OSError as error:
            raise RelayError(
                f"could not write {path}: {error.strerror}; make the folder {path.parent} writable for you, "
                "or name another file with --db",
                word="read-only",
            ) from error
        try:
            _wait_for(descriptor, db)
            if _is_at(path, descriptor):
                return cls(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # A start that failed has removed the file; make another.
        return cls.take(db)

    def describe(self, holder: Holder) -> None:
        """Write the holder into the file."""
        self._write(json.dumps({**asdict(holder), "closed": False}).encode())

    def put_back(self, db: Path) -> bool:
        """Lock a new file if this one was removed or replaced; return whether it was.

        Raises:
            OSError: it cannot be created, or another engine has it by now.
            RelayError: `unsafe-file`.
        """
        path = lock_path(db)
        if _is_at(path, self.descriptor):
            return False
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.dup2(descriptor, self.descriptor, inheritable=False)
        finally:
            os.close(descriptor)
        return True

    def release(self, *, reported: bool = True, received: bool = False) -> None:
        """Release in order; the file stays, unless a start that failed has removed it.

        Args:
            reported: false if `left_open_by` was not reported, so that the next owner finds it again.
            received: whether webhooks were received until now.
        """
        known = _known(_text(self.descriptor))
        with suppress(OSError):  # On a full disk: then the next owner finds that this one did not close.
            if self.left_open_by is not None and not reported:
                self._write(self._found)
            elif known is not None:
                until = {"received_until": time()} if received else {}
                self._write(json.dumps({**known, **until, "closed": True}).encode())
        os.close(self.descriptor)

    def _write(self, text: bytes) -> None:
        os.pwrite(self.descriptor, text, 0)
        os.ftruncate(self.descriptor, len(text))


def _opened(path: Path) -> int:
    """Open a lock file, and make it where it is missing."""
    descriptor = private_files.open_ours(path)
    if not _is_lock(_text(descriptor)):
        os.close(descriptor)
        raise private_files.unsafe(path, "is not a lock file of lean-relay")
    return descriptor


def _is_at(path: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False


def _wait_for(descriptor: int, db: Path) -> None:
    begun = monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            waited = monotonic() - begun
            other = _read(_text(descriptor))
            ending = other is not None and not is_alive(other.pid)
            if waited > (ENDS_WITHIN_S if ending else LOOKED_AT_FOR_S):
                raise RelayError(_taken(db, other, ending=ending), word="engine-running") from error
            sleep(0.01)


def holder(db: Path) -> Holder | None:
    """The engine that owns the database now, or None.

    Of another user's engine only the process is returned: the text of its lock is not to be trusted.
    """
    try:
        descriptor = os.open(lock_path(db), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            known = _read(_text(descriptor)) or Holder(pid=0, started_at=0.0)
            if found.st_uid != os.geteuid():
                known = Holder(pid=known.pid, started_at=known.started_at)
            return known if not known.pid or is_alive(known.pid) else None
        return None  # Not held: the text is of an engine that has ended.
    finally:
        os.close(descriptor)


def owner(db: Path) -> int | None:
    """The uid that owns the lock file; None if there is no file."""
    try:
        return lock_path(db).lstat().st_uid
    except OSError:
        return None


def _text(descriptor: int) -> bytes:
    return os.pread(descriptor, MOST_TEXT, 0)


def _is_lock(text: bytes) -> bool:
    """Whether it is the text of a lock, or the rest of one after a power cut during its write."""
    text = text.strip(b"\0\n ")
    return text.startswith(BEGINS) or BEGINS.startswith(text)


def _known(text: bytes) -> dict[str, Any] | None:
    try:
        known = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return known if isinstance(known, dict) else None


def _read(text: bytes) -> Holder | None:
    known = _known(text)
    if known is None:
        return None
    try:
        found = Holder(
            pid=int(known["pid"]),
            started_at=float(known["started_at"]),
            url=known["url"],
            socket=known.get("socket"),
            received_until=None if known.get("received_until") is None else float(known["received_until"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError):
        return None
    return found if 0 <= found.pid < 1 << 31 else None  # Another user may have written it.


def _taken(db: Path, other: Holder | None, *, ending: bool) -> str:
    if ending:
        assert other is not None
        return (
            f"the engine of {db} (pid {other.pid}) has ended, but its writer process still waits for the "
            "disk; wait until that ends, or name another file with --db"
        )
    who = f"pid {other.pid}" if other is not None and other.pid else "another process"
    where = f", listening on {other.url}" if other is not None and other.url else ""
    return (
        f"an engine already owns {db} ({who}{where}); stop it with `lean-relay stop`, or name another file "
        "with --db"
    )
