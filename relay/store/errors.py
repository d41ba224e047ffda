"""The reasons why the store cannot write, as a stable word and as text for people."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from relay.processes import holders, lock_holder

WRITE_LOCK = 120
"""The byte of `-shm` that a writer in WAL mode locks (sqlite.org/walformat.html, section 2.3)."""


class StoreUnavailable(Exception):
    """Nothing can be stored at the moment; `reason` is the stable word of a refusal."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[StoreUnavailable], tuple[str, str]]:
        return type(self), (self.reason, self.detail)

    def again(self) -> StoreUnavailable:
        """A new copy: an exception raised twice keeps both call stacks alive, with their bodies."""
        return StoreUnavailable(self.reason, self.detail)


class StoreClosed(Exception):
    """The store was closed and accepts nothing more."""


def too_slow() -> StoreUnavailable:
    """The error for a commit that takes longer than a sender waits."""
    return StoreUnavailable("store-slow", "the disk did not confirm the write in time")


def error_name(error: sqlite3.Error) -> str:
    """SQLite's name of an error; errors of Python's own module have none."""
    return getattr(error, "sqlite_errorname", "") or ""


def is_lock(error: sqlite3.Error) -> bool:
    """Whether another program's transaction blocks this one."""
    return error_name(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def is_full(error: sqlite3.Error) -> bool:
    """Whether the disk is full."""
    return error_name(error).startswith("SQLITE_FULL")


def diagnose(error: sqlite3.Error, path: Path) -> StoreUnavailable:
    """Translate SQLite's error: `store-locked`, `store-full` or `store-failing`."""
    if is_lock(error):
        return StoreUnavailable("store-locked", _who_locks(path))
    if is_full(error):
        return StoreUnavailable("store-full", "no space left on the disk for the database")
    name = error_name(error) or type(error).__name__
    return StoreUnavailable("store-failing", f"SQLite says: {error} ({name})")


def _who_locks(path: Path) -> str:
    other = lock_holder(path.with_name(f"{path.name}-shm"), WRITE_LOCK)
    if other is not None:
        return f"another program ({other}) has locked the database; end its transaction"
    some = "; ".join(map(str, holders(path)))
    return f"another program has locked the database{f'; these have it open: {some}' if some else ''}"
