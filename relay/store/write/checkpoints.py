"""Decides when to checkpoint: to copy the WAL back into the database.

Eager and PASSIVE: a pass of some 500 pages takes 1 to 4 ms, and the WAL restarts from its beginning
only after a complete pass, so passes are tried whenever nothing waits. Never a waiting RESTART or TRUNCATE
on the write path: both wait for readers.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from pathlib import Path
from time import monotonic

from relay.processes import holders

log = logging.getLogger("relay.store")

EAGER_PAGES = 500
"""From this size on, the WAL is copied as soon as nothing waits."""

APART_S = 0.25
ENOUGH_PAGES = 2_000
"""Passes with fewer pages are spaced apart: under full load many groups change the same page, and copying it
once for all of them saves a tenth of the throughput."""

FORCED_PAGES = 8_000
"""From this size on, it is copied even while captures wait."""

RETRY_S = 0.005
"""Pause after a pass that a reader kept incomplete; at least ten times the duration of the pass."""

IDLE_S = 1.0
SHRINK_BYTES = 32 * 1024 * 1024
"""A WAL larger than this is truncated when the writer has been idle for IDLE_S. A smaller one is kept: a sync
takes at least 1.5 times as long if the file has to grow."""

WARN_BYTES = 64 * 1024 * 1024
WARN_EVERY_S = 60.0


class Checkpoints:
    """The policy and its state; runs on the writer thread, between transactions."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(f"{path.name}-wal")
        self._pages = EAGER_PAGES  # the size of an earlier run's WAL is unknown: check early
        self._not_before = 0.0
        """Earliest time of a pass with few pages: passes in a row would write the same pages repeatedly."""
        self._retry_at = 0.0
        """Earliest time of any pass, after a reader kept the last one incomplete or the disk refused it."""
        self._wrote_at = monotonic()
        self._warned_at = -WARN_EVERY_S
        self._shrunk = False

    @property
    def wal_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except OSError:
            return 0

    @property
    def due_in_s(self) -> float:
        """Seconds until something is due."""
        if self._pages >= EAGER_PAGES:
            return max(self._not_before - monotonic(), 0.001)
        return 0.25 if not self._shrunk else 3600.0

    def wrote(self, rows: int, size: int) -> None:
        """Estimate a transaction's pages; the pass returns the true number.

        A row makes about one page of table and one of its random index; a commit a few more.
        """
        self._pages += 3 + 2 * rows + (size >> 12)
        self._wrote_at = monotonic()
        self._shrunk = False

    def is_due(self, *, quiet: bool) -> bool:
        """Whether a pass should run now.

        Args:
            quiet: whether no capture waits.
        """
        now = monotonic()
        if not quiet:
            return self._pages >= FORCED_PAGES and now >= self._retry_at
        if self._pages >= EAGER_PAGES:
            return now >= (self._not_before if self._pages < ENOUGH_PAGES else self._retry_at)
        return not self._shrunk and now - self._wrote_at >= IDLE_S

    def run(self, connection: sqlite3.Connection) -> None:
        """Run the pass that is due."""
        if self._pages >= EAGER_PAGES:
            self._pass(connection)
        else:
            self._shrink(connection)

    def at_end(self, connection: sqlite3.Connection) -> None:
        """Run the last pass, before the connection closes; frames in use remain for the next start."""
        without_waiting(connection, "PRAGMA wal_checkpoint(TRUNCATE)")

    def _pass(self, connection: sqlite3.Connection) -> None:
        started = monotonic()
        result = without_waiting(connection, "PRAGMA wal_checkpoint(PASSIVE)")
        now = monotonic()
        if result is None:  # disk trouble: the WAL keeps everything, and the next write reports the error
            self._not_before = self._retry_at = now + 1.0
            return
        _, in_log, copied = result
        if copied >= in_log:
            self._pages = 0
            self._not_before = now + APART_S
            self._retry_at = now
        else:
            self._not_before = self._retry_at = now + max(RETRY_S, 10 * (now - started))
            self._pages = max(in_log - copied, EAGER_PAGES)
            if in_log * 4096 > WARN_BYTES:
                self._warn(in_log * 4096, now)

    def _shrink(self, connection: sqlite3.Connection) -> None:
        self._shrunk = True
        if self.wal_bytes > SHRINK_BYTES:
            without_waiting(connection, "PRAGMA wal_checkpoint(TRUNCATE)")

    def _warn(self, size: int, now: float) -> None:
        if now - self._warned_at < WARN_EVERY_S:
            return
        self._warned_at = now
        others = holders(self._path)
        who = ", ".join(map(str, others)) if others else "a program that cannot be named"
        log.warning(
            "a reader keeps the WAL from shrinking; it has %d MiB now (%s) and shrinks when that one ends",
            size >> 20,
            who,
        )


def without_waiting(connection: sqlite3.Connection, pragma: str) -> tuple[int, int, int] | None:
    """Run a checkpoint that does not wait; None if the disk refused."""
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            busy, in_log, copied = connection.execute(pragma).fetchone()
            return busy, in_log, copied
        finally:
            connection.execute("PRAGMA busy_timeout = 2000")
    return None
