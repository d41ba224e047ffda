"""What keeps the store from writing, in words that a refusal and a person can use."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from relay.processes import holders, lock_holder

WRITE_LOCK = 120
"""The byte of `-shm` that who writes in WAL mode has locked (sqlite.org/walformat.html, section 2.3)."""


class StoreUnavailable(Exception):
    """Nothing can be stored just now; `reason` is a refusal's stable word."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[StoreUnavailable], tuple[str, str]]:
        return type(self), (self.reason, self.detail)

    def again(self) -> StoreUnavailable:
        """The same, new: an exception raised twice keeps the frames of both alive, with their bodies."""
        return StoreUnavailable(self.reason, self.detail)


class StoreClosed(Exception):
    """The store was closed; nothing more is taken."""


def is_lock(error: sqlite3.Error) -> bool:
    """Whether another program's transaction is in the way."""
    return _name(error).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def diagnose(error: sqlite3.Error, path: Path) -> StoreUnavailable:
    """SQLite's error as trouble: `store-locked`, `store-full` or `store-failing`."""
    if is_lock(error):
        return StoreUnavailable("store-locked", _who_locks(path))
    if _name(error).startswith("SQLITE_FULL"):
        return StoreUnavailable("store-full", "no room left on the disk for the log")
    return StoreUnavailable("store-failing", f"SQLite says: {error} ({_name(error) or type(error).__name__})")


def _who_locks(path: Path) -> str:
    other = lock_holder(path.with_name(f"{path.name}-shm"), WRITE_LOCK)
    if other is not None:
        return f"another program ({other}) holds the log; end its transaction"
    some = "; ".join(map(str, holders(path)))
    return f"another program holds the log{f', one of those that have it open ({some})' if some else ''}"


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "") or ""
