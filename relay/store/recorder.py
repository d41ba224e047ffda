"""Writes captures in groups and other changes one by one; hears of nothing but rows, jobs and SQLite.

Owns the only writing connection. A group of captures is one autocommitted INSERT of as many rows as wait,
or one transaction with their deliveries. Whoever is told `stored` is told so after the COMMIT, never before:
this is promise 1.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time_ns
from typing import Any, Protocol, TypeVar

from relay.errors import RelayError
from relay.store import delivering, files
from relay.store.checkpoint import Checkpoints
from relay.store.eventindex import EventIndex
from relay.store.frames import Arrived, Send
from relay.store.inserting import event_key, insert_of, plainness
from relay.store.trouble import StoreTrouble, diagnose, is_lock
from relay.store.whereabouts import Whereabouts

T = TypeVar("T")
log = logging.getLogger("relay.store")

ROWS_AT_ONCE = 64
"""Rows of one INSERT: one cached statement for each count up to this."""

BYTES_AT_ONCE = 8 * 1024 * 1024
"""A group ends after this many body bytes, so that nobody waits long behind large bodies."""

PAGES_OF_A_FILL = 300
"""What filling the index of events is counted as, roughly; the next pass gives the true number."""

PROBE_EVERY_S = 1.0
"""How often a store in trouble is tried again."""

TOO_LATE = "UPDATE captures SET answer = 503, answer_reason = 'stored too late' WHERE "


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a capture may wait; Lean gives 10 s in all, and 503 is due within 5 s."""

    locked_s: float = 4.0
    """For another program's transaction to end."""
    answer_s: float = 4.5
    """Until it is given up on, because of a stalled disk."""


class Listener(Protocol):
    """Who wants to know how captures fare; is told in the order in which they came."""

    def stored(self, first_id: int, count: int) -> None: ...
    def failed(self, count: int, trouble: StoreTrouble) -> None: ...
    def health(self, trouble: StoreTrouble | None) -> None: ...


class Recorder:
    """One database's writing connection and all that is done with it; belongs to one thread."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, listener: Listener, bounds: Bounds | None = None
    ) -> None:
        """Take over an open connection (`files.open_writer`)."""
        self._path = path
        self._connection = connection
        self._listener = listener
        self._bounds = bounds or Bounds()
        self._trouble: StoreTrouble | None = None
        self._since = 0.0
        """`monotonic()` of the first failure of this trouble."""
        self._prepare()
        self._checkpoints = Checkpoints(path)

    @property
    def newest_id(self) -> int:
        """The id given last, whether that capture is still there or not; 0 before the first."""
        return self._next_id - 1

    def _prepare(self) -> None:
        self._synced = True  # As `files.connect` left it.
        self._whereabouts = Whereabouts(self._path)
        self._events = EventIndex(self._connection)
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'captures'").fetchone()
        self._next_id = (row[0] if row else 0) + 1

    # -- captures ------------------------------------------------------------------------------

    def store(self, arrived: Sequence[Arrived], since: float) -> None:
        """Store captures that have waited since then (`monotonic()`); the listener hears of each."""
        for group in _groups(arrived):
            if self._trouble is not None:  # They would only wait for the same: they hear at once.
                self._listener.failed(len(group), self._trouble)
            elif monotonic() - since > self._bounds.answer_s:
                self._listener.failed(len(group), _too_slow())
            else:
                self._store_group(group, since)

    def _store_group(self, group: Sequence[Arrived], since: float) -> None:
        first_id = self._next_id
        values: list[Any] = []
        new: dict[str | None, int] = {}
        for number, (row, _) in enumerate(group, first_id):
            key = event_key(row)
            first = self._events.first(key) or new.get(key)
            if first is None and key is not None:
                new[key] = number
            values += (key, first, number, plainness(row))
            values += row
        pairs = [
            (number, target) for number, (_, targets) in enumerate(group, first_id) for target in targets
        ]
        try:
            self._require_in_place()
            self._sync_commits(True)
            if pairs:
                self._insert_with_deliveries(insert_of(len(group)), values, pairs, since)
            else:
                self._retrying(lambda: self._connection.execute(insert_of(len(group)), values), since)
        except sqlite3.Error as error:
            self._listener.failed(len(group), self._diagnose(error))
            return
        except StoreTrouble as trouble:
            self._listener.failed(len(group), trouble)
            return
        self._next_id += len(group)
        if monotonic() - since > self._bounds.answer_s:
            self._confess(first_id, self._next_id)
            self._listener.failed(len(group), _too_slow())
        else:
            self._listener.stored(first_id, len(group))
        rows = [row for row, _ in group]
        self._events.committed(first_id, rows)
        self._checkpoints.wrote(len(rows), sum(len(row[-1]) for row in rows))

    def _insert_with_deliveries(
        self, statement: str, values: list[Any], pairs: Sequence[tuple[int, Send]], since: float
    ) -> None:
        connection = self._connection
        self._retrying(lambda: connection.execute("BEGIN IMMEDIATE"), since)
        try:
            connection.execute(statement, values)
            delivering.queue_live(connection, pairs, time_ns() // 1000)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _retrying(self, act: Callable[[], T], since: float) -> T:
        """Act, again while another program holds the lock, until `since` is `locked_s` ago."""
        while True:
            try:
                return act()
            except sqlite3.OperationalError as error:
                if not is_lock(error) or monotonic() - since > self._bounds.locked_s - 1.0:
                    raise

    def _confess(self, first_id: int, end_id: int) -> None:
        """Rows that were committed after their caller had been answered 503 say so."""
        with suppress(sqlite3.Error):
            self._connection.execute(f"{TOO_LATE} id >= ? AND id < ?", (first_id, end_id))

    # -- other changes -------------------------------------------------------------------------

    def perform(
        self, work: Callable[[sqlite3.Connection], T], *, transaction: bool, synced: bool = True
    ) -> T:
        """Run a change alone between BEGIN IMMEDIATE and COMMIT, or with no transaction open.

        Args:
            synced: whether the commit waits for the disk.

        Raises:
            StoreTrouble: SQLite cannot write.
            Exception: what `work` raises, after rolling back.
        """
        connection = self._connection
        self._require_in_place()
        try:
            self._sync_commits(synced)
            if not transaction:
                return work(connection)
            self._retrying(lambda: connection.execute("BEGIN IMMEDIATE"), monotonic())
            before = connection.total_changes
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise self._diagnose(error) from error
        if connection.total_changes != before:  # What changed nothing proves nothing.
            self._checkpoints.wrote(4, 0)
            self._well()
        return result

    def _sync_commits(self, yes: bool) -> None:
        """Whether a COMMIT waits until the disk has it; without, the system has it, which outlives us."""
        if yes != self._synced:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if yes else 'NORMAL'}")
            self._synced = yes

    def settle(self) -> None:
        """Have the index of events hold all that is committed: before captures are removed.

        Raises:
            sqlite3.Error: it does not.
        """
        self._events.fill(self._connection)

    # -- between -------------------------------------------------------------------------------

    @property
    def may_rest_s(self) -> float:
        """How long nothing need be done if nothing comes."""
        if self._trouble is not None:
            return PROBE_EVERY_S
        due_in_s = self._events.due_in_s
        return self._checkpoints.due_in_s if due_in_s is None else min(due_in_s, self._checkpoints.due_in_s)

    def rest(self) -> None:
        """Nothing has come for that long: look whether trouble has passed, or tidy the log."""
        if self._trouble is not None:
            self._probe()
        else:
            self.tidy(quiet=True)

    def tidy(self, *, quiet: bool) -> None:
        """What goes on behind the commits: the index of events, and the log back into the database."""
        if self._trouble is not None:
            return
        try:
            if self._events.fill_when_due(self._connection):
                self._checkpoints.wrote(PAGES_OF_A_FILL, 0)
        except sqlite3.Error as error:
            self._diagnose(error)
            return
        if quiet:
            self._checkpoints.when_quiet(self._connection)
        else:
            self._checkpoints.when_busy(self._connection)

    def close(self) -> bool:
        """Write the log back into the database and let go of it.

        False where the files of its names are not its own any more: SQLite would tidy up by name, so that the
        connection has to be left to the end of the process.
        """
        if self._whereabouts.astray() is not None:
            return False
        with suppress(sqlite3.Error):
            self._checkpoints.at_end(self._connection)
        self._connection.close()
        return True

    # -- trouble -------------------------------------------------------------------------------

    def _diagnose(self, error: sqlite3.Error) -> StoreTrouble:
        trouble = diagnose(error, self._path)
        if trouble.reason == "store-failing":
            self._reopen()
        return self._in_trouble(trouble)

    def _require_in_place(self) -> None:
        astray = self._whereabouts.astray()
        if astray is not None:
            raise self._in_trouble(StoreTrouble("store-gone", astray))

    def _in_trouble(self, trouble: StoreTrouble) -> StoreTrouble:
        if self._trouble is None:
            log.warning("cannot store captures: %s; answering 503 until it passes", trouble.detail)
            self._since = monotonic()
        self._trouble = trouble
        self._listener.health(trouble)
        return trouble

    def _well(self) -> None:
        if self._trouble is not None:
            log.warning("storing captures again after %.0f s", monotonic() - self._since)
            self._trouble = None
            self._listener.health(None)

    def _probe(self) -> None:
        """Write something harmless; success ends the trouble, and the next capture proves it."""
        try:
            self._require_in_place()
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("UPDATE sqlite_sequence SET seq = seq WHERE name = 'captures'")
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            self._diagnose(error)
        except StoreTrouble:
            return  # It has been told, and is not over.
        else:
            self._well()

    def _reopen(self) -> None:
        """A connection that met an I/O error is replaced: its cached state may not be the disk's."""
        if self._whereabouts.astray() is not None:
            return  # What lies at the path is another log, with ids of its own.
        try:
            fresh = files.connect(self._path)
        except (sqlite3.Error, RelayError):
            return  # The next probe tries again with the old one.
        with suppress(sqlite3.Error):
            self._connection.close()
        self._connection = fresh
        with suppress(sqlite3.Error):
            self._prepare()


def confess(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """A job: these rows were committed, and their callers had been answered 503."""
    connection.executemany(f"{TOO_LATE} id = ?", [(number,) for number in ids])


def confess_beyond(connection: sqlite3.Connection, newest_id: int) -> None:
    """A job: so were all after this one, whose process ended before it could say that they were stored."""
    connection.execute(f"{TOO_LATE} id > ?", (newest_id,))


def _groups(arrived: Sequence[Arrived]) -> Iterator[Sequence[Arrived]]:
    start = size = 0
    for end, (row, _) in enumerate(arrived):
        if end - start >= ROWS_AT_ONCE or size >= BYTES_AT_ONCE:
            yield arrived[start:end]
            start, size = end, 0
        size += len(row[-1])
    if start < len(arrived):
        yield arrived[start:]


def _too_slow() -> StoreTrouble:
    return StoreTrouble("store-slow", "the disk did not confirm the write in time")
