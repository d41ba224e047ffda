"""Who owns a database: a lock file beside it, held by the engine for as long as it lives.

The lock is the kernel's (flock on the file), so that it ends with its processes however those end: the
engine, and the one that writes for it. The text in it only says who holds it. The database file itself is
never opened here.
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic, sleep

from relay.errors import RelayError
from relay.processes import is_alive

ENDS_WITHIN_S = 5.0
"""How long the writing process of an engine that died may take to end: it finishes a group of captures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The engine that owns a database."""

    pid: int
    started_at: float
    """Unix time."""
    url: str | None = None
    """Where it takes webhooks; None for an engine without a receiver, or one that is still starting."""
    socket: str | None = None
    """The path of its control socket; None while it is starting."""


def lock_path(db: Path) -> Path:
    """The lock file's place: beside the database itself, whatever name it is opened by."""
    return Path(f"{os.path.realpath(db)}.lock")


class Lock:
    """The lock of one database; use `take`."""

    def __init__(self, descriptor: int, *, owned_before: bool) -> None:
        self.descriptor = descriptor
        """For a process that shall hold the lock too, for as long as it lives."""
        self.owned_before = owned_before
        """An engine has owned this database in the past."""

    @classmethod
    def take(cls, db: Path) -> Lock:
        """Become the owner; where the last one has died and its writing process is ending, in a moment.

        Raises:
            RelayError: `engine-running`, with the other's pid and URL; `read-only`.
        """
        path = lock_path(db)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RelayError(
                f"cannot write {path}: {error.strerror}; make the folder {path.parent} writable for you, "
                "or name another file with --db",
                word="read-only",
            ) from error
        give_up_at = monotonic() + ENDS_WITHIN_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                other = _read(descriptor)
                if other is None or is_alive(other.pid) or monotonic() > give_up_at:
                    os.close(descriptor)
                    raise RelayError(_taken(db, other), word="engine-running") from error
                sleep(0.01)
        return cls(descriptor, owned_before=_read(descriptor) is not None)

    def describe(self, holder: Holder) -> None:
        """Say in the file who holds it."""
        text = json.dumps(asdict(holder)).encode()
        os.pwrite(self.descriptor, text, 0)
        os.ftruncate(self.descriptor, len(text))

    def release(self) -> None:
        """Let go; the file stays, so that no two processes ever lock different files of one name."""
        os.close(self.descriptor)


def holder(db: Path) -> Holder | None:
    """The engine that owns the database now; None when there is none."""
    try:
        descriptor = os.open(lock_path(db), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            found = _read(descriptor) or Holder(pid=0, started_at=0.0)
            return found if not found.pid or is_alive(found.pid) else None
        return None  # Nobody holds it: the text is of an engine that has ended.
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Holder | None:
    try:
        known = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(
            pid=int(known["pid"]),
            started_at=float(known["started_at"]),
            url=known["url"],
            socket=known.get("socket"),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _taken(db: Path, other: Holder | None) -> str:
    who = f"pid {other.pid}" if other is not None and other.pid else "another process"
    where = f", listening on {other.url}" if other is not None and other.url else ""
    return f"an engine already owns {db} ({who}{where}); stop it, or name another file with --db"
