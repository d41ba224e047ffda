"""Writes captures in groups and other changes one by one; knows only rows, jobs and SQLite.

Owns the only writing connection. A group of captures is one autocommitted INSERT of all waiting rows,
or one transaction with their deliveries. `stored` is reported after the COMMIT, never before:
this is promise 1.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time_ns
from typing import Any, Protocol, TypeVar

from msgspec.structs import astuple

from relay.errors import RelayError
from relay.store.columns import event_key, insert_of, is_searchable_as_bytes
from relay.store.errors import StoreUnavailable, diagnose, is_lock, too_slow
from relay.store.write import answers, changes, deliveries, files
from relay.store.write.checkpoints import Checkpoints
from relay.store.write.event_index import EventIndex
from relay.store.write.groups import groups
from relay.store.write.guard import Guard
from relay.store.write.protocol import Arrived, Send
from relay.store.write.trouble import Trouble

T = TypeVar("T")
log = logging.getLogger("relay.store")

PAGES_OF_A_FILL = 300
"""Estimated pages of filling the index of events; the next pass returns the true number."""

LOOK_EVERY_S = 1.0
"""Interval between checks of the files while idle, so that damage is found before a capture needs them."""


@dataclass(frozen=True, slots=True)
class WriteTimeouts:
    """Time limits of a capture; Lean waits 10 s in all, and 503 is due within 5 s."""

    locked_s: float = 4.0
    """For another program's transaction to end."""
    answer_s: float = 4.5
    """For the commit, if the disk stalls."""


class Listener(Protocol):
    """Receives the results of captures, in order of arrival."""

    def stored(self, first_id: int, count: int) -> None: ...
    def failed(self, count: int, trouble: StoreUnavailable) -> None: ...
    def health(self, trouble: StoreUnavailable | None) -> None: ...


class MustReopen(Exception):
    """The files were renamed or deleted; all commits were saved, and another process can open them again."""


class Recorder:
    """The writing connection of a database; belongs to one thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        listener: Listener,
        timeouts: WriteTimeouts | None = None,
    ) -> None:
        """Take over an open connection (`files.open_writer`)."""
        self._path = path
        self._connection = connection
        self._listener = listener
        self._timeouts = timeouts or WriteTimeouts()
        self._trouble = Trouble(listener.health)
        self._left: list[Guard] = []
        """Guards of replaced connections; their files stay open as long as ours."""
        self._unheard: list[tuple[int, int]] = []
        """Ranges of ids that were committed too late or to files out of place, and refused; to be marked."""
        self._prepare()
        self._checkpoints = Checkpoints(path)

    @property
    def newest_id(self) -> int:
        """The last id assigned, even if that capture was removed; 0 before the first."""
        return self._next_id - 1

    def _prepare(self, before: Guard | None = None) -> None:
        self._guard = Guard(self._path, self._connection, before)
        self._events = EventIndex(self._connection)
        self._guard.changed()
        self._number()
        self._synced = True  # set by `files.connect`

    def _number(self) -> None:
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'captures'").fetchone()
        self._next_id = (row[0] if row else 0) + 1

    # -- captures ------------------------------------------------------------------------------

    def store(self, arrived: Sequence[Arrived], since: float) -> None:
        """Store captures that have waited since `since` (`monotonic()`); report them to the listener."""
        for group in groups(arrived):
            if self._trouble.why is not None:  # waiting would not help, so fail them at once
                self._listener.failed(len(group), self._trouble.why)
            elif monotonic() - since > self._timeouts.answer_s:
                self._listener.failed(len(group), too_slow())
            else:
                self._store_group(group, since)

    def _store_group(self, group: Sequence[Arrived], since: float) -> None:
        try:
            if not self._guard.is_quiet():
                self._require_in_place()
            self._write_group(group, since)
        except sqlite3.Error as error:
            self._listener.failed(len(group), self._diagnose(error))
        except StoreUnavailable as trouble:
            self._listener.failed(len(group), trouble)

    def _write_group(self, group: Sequence[Arrived], since: float) -> None:
        first_id = self._next_id
        values: list[Any] = []
        new: dict[str | None, int] = {}
        for number, (row, _) in enumerate(group, first_id):
            key = event_key(row)
            first = self._events.first(key) or new.get(key)
            if first is None and key is not None:
                new[key] = number
            values += (key, first, number, is_searchable_as_bytes(row))
            values += astuple(row)
        pairs = [
            (number, target) for number, (_, targets) in enumerate(group, first_id) for target in targets
        ]
        self._sync_commits(True)
        if pairs:
            stored = self._insert_with_deliveries(insert_of(len(group)), values, pairs, since)
        else:
            stored = self._retrying(
                lambda: self._connection.execute(insert_of(len(group)), values).rowcount, since
            )
        self._next_id += len(group)
        self._unheard.append((first_id, self._next_id))
        try:
            self._report(group, first_id, stored, since)
        finally:
            if stored == len(group):  # Also if it is refused: a retry of Lean's is its repeat.
                rows = [row for row, _ in group]
                self._events.committed(first_id, rows)
                self._checkpoints.wrote(len(rows), sum(len(row.body) for row in rows))

    def _report(self, group: Sequence[Arrived], first_id: int, stored: int, since: float) -> None:
        """Report a group that was committed.

        Raises:
            StoreUnavailable: it has to be refused, as it is not whole or not in the right file.
            sqlite3.Error: that cannot be known.
        """
        self._require_in_place(committed=True)
        if stored != len(group):
            # A trigger, of another program's commit just before ours: if it ignored all rows, we made none,
            # and the guard took that one for ours.
            raise self._trouble.begin(self._guard.strange_tables() or _not_all(stored, len(group)))
        if monotonic() - since > self._timeouts.answer_s:
            self._mark_unheard()
            self._listener.failed(len(group), too_slow())
        else:
            self._unheard.pop()
            self._listener.stored(first_id, len(group))

    def _insert_with_deliveries(
        self, statement: str, values: list[Any], pairs: Sequence[tuple[int, Send]], since: float
    ) -> int:
        """Return the number of captures that were inserted."""
        connection = self._connection
        self._retrying(lambda: connection.execute("BEGIN IMMEDIATE"), since)
        try:
            stored = connection.execute(statement, values).rowcount
            deliveries.queue_live(connection, pairs, time_ns() // 1000)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return stored

    def _retrying(self, act: Callable[[], T], since: float) -> T:
        """Run `act`; repeat it while another program holds the lock, until `since` is `locked_s` ago."""
        while True:
            try:
                return act()
            except sqlite3.OperationalError as error:
                if not is_lock(error) or monotonic() - since > self._timeouts.locked_s - 1.0:
                    raise

    # -- other changes -------------------------------------------------------------------------

    def perform(
        self, work: Callable[[sqlite3.Connection], T], *, transaction: bool, synced: bool = True
    ) -> T:
        """Run a change alone between BEGIN IMMEDIATE and COMMIT, or with no transaction open.

        Args:
            synced: whether the commit waits for the disk.

        Raises:
            StoreUnavailable: SQLite cannot write.
            Exception: raised by `work`, after rolling back.
        """
        connection = self._connection
        try:
            self._require_in_place()
            self._mark_unheard()
            self._sync_commits(synced)
            if not transaction:
                try:
                    return work(connection)
                finally:
                    self._guard.changed()
            self._retrying(lambda: connection.execute("BEGIN IMMEDIATE"), monotonic())
            before = connection.total_changes
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._follow_job()
            self._require_in_place(committed=True)
        except sqlite3.DatabaseError as error:
            # The class itself is raised for a damaged database; other subclasses are errors of `work`.
            if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
                raise self._diagnose(error) from error
            raise
        if connection.total_changes != before:  # only an actual change proves that writing works
            self._checkpoints.wrote(4, 0)
            self._well()
        return result

    def _follow_job(self) -> None:
        """Continue after the captures that a job has added, if it has."""
        before = self._next_id
        self._number()
        if self._next_id != before:
            self._events.follow(self._connection)
            self._checkpoints.wrote(self._next_id - before, 0)

    def _sync_commits(self, yes: bool) -> None:
        """Set whether COMMIT waits for the disk; if not, it survives our crash, but not a power failure."""
        if yes != self._synced:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if yes else 'NORMAL'}")
            self._synced = yes

    def settle(self) -> None:
        """Bring the index of events up to date, before captures are removed.

        Raises:
            StoreUnavailable: SQLite cannot write.
        """
        self.perform(lambda connection: self._events.fill(connection), transaction=False)

    # -- between writes ------------------------------------------------------------------------

    @property
    def may_rest_s(self) -> float:
        """Seconds until `rest` is due; while all is well, only if nothing arrives meanwhile."""
        if self._trouble.why is not None:
            return self._trouble.probe_in_s
        due_in_s = self._events.due_in_s
        return min(self._checkpoints.due_in_s, LOOK_EVERY_S if due_in_s is None else due_in_s)

    def rest(self) -> None:
        """After this time: check whether trouble has passed, or run `tidy`."""
        if self._trouble.why is None:
            with suppress(StoreUnavailable, sqlite3.Error):  # reported; the next write or rest tries again
                self._require_in_place()
            self.tidy(quiet=True)
        else:
            self._probe()
            self._trouble.probed()

    def tidy(self, *, quiet: bool) -> None:
        """Work between commits: fill the index of events, and copy the WAL back into the database."""
        if self._trouble.why is not None:
            return
        try:
            if self._unheard:
                self._require_in_place()
                self._mark_unheard()
            if self._events.is_due:
                self._require_in_place()
                self._events.fill(self._connection)
                self._require_in_place(committed=True)
                self._checkpoints.wrote(PAGES_OF_A_FILL, 0)
            if self._checkpoints.is_due(quiet=quiet):
                self._require_in_place()
                self._checkpoints.run(self._connection)
                self._guard.changed()
        except sqlite3.Error as error:
            self._diagnose(error)
        except StoreUnavailable:
            return  # already reported

    def close(self) -> bool:
        """Copy the WAL back into the database and close it.

        False if its paths now lead to other files: SQLite would delete files by name, so the connection must
        stay open until the process ends.
        """
        with suppress(sqlite3.Error):
            if self._guard.trouble() is not None:
                self._save()
                return False
            self._mark_unheard()
            self._checkpoints.at_end(self._connection)
        self._connection.close()
        for guard in (*self._left, self._guard):
            guard.close()
        return True

    # -- trouble -------------------------------------------------------------------------------

    def _diagnose(self, error: sqlite3.Error) -> StoreUnavailable:
        trouble = None
        with suppress(sqlite3.Error):
            trouble = self._guard.trouble()  # damage to the files explains more than SQLite's error
        if trouble is not None:
            return self._trouble.begin(trouble)
        trouble = diagnose(error, self._path)
        if trouble.reason == "store-failing":
            self._reopen()
        return self._trouble.begin(trouble)

    def _require_in_place(self, *, committed: bool = False) -> None:
        """
        Args:
            committed: we made one COMMIT since the last check, which is not reported yet.
        """
        trouble = self._guard.trouble(committed=committed)
        if trouble is not None:
            raise self._trouble.begin(trouble)
        if self._guard.others_wrote():
            if not self._events.agrees(self._connection):
                self._events = EventIndex(self._connection)
                self._guard.changed()
            self._number()

    def _well(self) -> None:
        if self._trouble.why is not None:
            self._mark_unheard()
            self._trouble.end()

    def _mark_unheard(self) -> None:
        """Mark the captures that were refused, as far as that can be written; `tidy` tries again."""
        self._unheard = [
            span for span in self._unheard if not answers.mark_range_answered_503(self._connection, *span)
        ]

    def _probe(self) -> None:
        """Write something harmless; success ends the trouble, and the next capture proves it.

        Raises:
            MustReopen: only another process can recover.
        """
        try:
            self._require_in_place()
            self._connection.execute("BEGIN IMMEDIATE")
            changes.rewrite(self._connection)
            self._connection.execute("COMMIT")
            self._require_in_place(committed=True)
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            self._diagnose(error)
        except StoreUnavailable as trouble:  # already reported, and not over
            if trouble.reason == "store-gone" and self._save():
                log.warning("what was stored is kept: all of it is in %s now", self._path)
                raise MustReopen from None
        else:
            self._well()

    def _save(self) -> bool:
        """Save what is in files out of place; return whether the database can be opened again."""
        if self._unheard and self._guard.may_still_write():
            self._mark_unheard()
            self._guard.changed()
        return self._guard.save()

    def _reopen(self) -> None:
        """Replace a connection that had an I/O error: its cached state may differ from the disk."""
        before = left = self._connection, self._guard
        try:
            self._connection = files.connect(self._path)
        except (sqlite3.Error, RelayError):
            return  # the next probe uses the old one again
        try:
            self._prepare(self._guard)
        except (sqlite3.Error, RelayError):
            left = self._connection, self._guard
            self._connection, self._guard = before
        connection, guard = left
        if not guard.shares_files(self._guard):
            self._left.append(guard)
        with suppress(sqlite3.Error):
            connection.close()


def _not_all(stored: int, count: int) -> StoreUnavailable:
    return StoreUnavailable("store-failing", f"SQLite stored {stored} of {count} captures")
