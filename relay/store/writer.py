"""The one writer thread: captures in groups, other changes one by one, each answered after its COMMIT.

Owns the only writing connection. A group of captures is one autocommitted INSERT of as many rows
as wait: each `sqlite3_step` gives the interpreter away and must win it back from a busy event loop,
and one statement makes one such hand-over where rows one by one make two each.

Whoever waits hears after the commit, never before: this is promise 1, and nothing else in the
program may answer 200.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic, time_ns
from typing import Any, Generic, TypeVar

from relay.errors import RelayError
from relay.store import delivering, files
from relay.store.checkpoint import Checkpoints
from relay.store.eventindex import EVENT_ID, EventIndex
from relay.store.inserting import Row, insert_of
from relay.store.trouble import Health, StoreClosed, StoreTrouble, diagnose, is_lock

T = TypeVar("T")
log = logging.getLogger("relay.store")

ROWS_AT_ONCE = 64
"""Rows of one INSERT: one cached statement for each count up to this."""

BYTES_AT_ONCE = 8 * 1024 * 1024
"""A group ends after this many body bytes, so that nobody waits long behind large bodies."""

PAGES_OF_A_FILL = 300
"""What filling the index of events is counted as, roughly; the next pass gives the true number."""

LOCKED_FOR_S = 4.0
"""How long a capture waits for another program's transaction; Lean gives 10 s in all."""

ANSWER_WITHIN_S = 4.5
"""When a capture whose commit is still under way is given up on (a stalled disk): 503 is due within 5 s."""

PROBE_EVERY_S = 1.0
"""How often a store in trouble is tried again."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """One capture on its way to the disk."""

    row: Row
    targets: tuple[str, ...]
    since: float
    stored: asyncio.Future[int]
    given_up: bool = False


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    """Any other change: runs alone between BEGIN IMMEDIATE and COMMIT."""

    work: Callable[[sqlite3.Connection], T]
    done: asyncio.Future[T]
    transaction: bool = True


@dataclass(slots=True, eq=False)
class _Stop:
    done: threading.Event = field(default_factory=threading.Event)


class Writer:
    """The writer thread's owner; its methods belong to the event loop that made it."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        *,
        committed: Callable[[int, Sequence[Row]], None] | None = None,
    ) -> None:
        """Take over an open connection (`files.open_writer`).

        Args:
            committed: called on the loop after each group with the first id and the rows; must be quick.
        """
        self._path = path
        self._connection = connection
        self._committed = committed
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Waiting | _Job[Any] | _Stop] = SimpleQueue()
        self._pending: deque[_Waiting] = deque()
        self._closed = False
        self.health = Health()
        self._prepare()
        self._checkpoints = Checkpoints(path)
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    # -- on the loop ---------------------------------------------------------------------------

    def add(self, row: Row, targets: tuple[str, ...] = ()) -> asyncio.Future[int]:
        """Store one capture, and a delivery to each target; the future gives its id after the COMMIT.

        The write happens even if the waiter leaves. Raises StoreTrouble, at once where the store is
        known to be in trouble, else through the future; StoreClosed after `close`.
        """
        if self._closed:
            raise StoreClosed
        if self.health.trouble is not None:
            raise self.health.trouble.again()
        waiting = _Waiting(row, targets, monotonic(), self._loop.create_future())
        self._pending.append(waiting)
        self._queue.put(waiting)
        return waiting.stored

    async def settled(self) -> None:
        """Have the index of events hold all that is committed: before captures are removed."""
        await self.outside_transaction(lambda connection: self._events.fill(connection))

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one transaction on the writer thread and give its result.

        Committed when this returns. If the waiter is cancelled the write still happens. Keep it
        short: captures wait meanwhile. Raises StoreClosed after `close`, StoreTrouble where SQLite
        cannot write, and whatever else `work` raises, after rolling back.
        """
        return await self._do(work, transaction=True)

    async def outside_transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on the writer thread with no transaction open: for checkpoints and the like."""
        return await self._do(work, transaction=False)

    async def _do(self, work: Callable[[sqlite3.Connection], T], *, transaction: bool) -> T:
        if self._closed:
            raise StoreClosed
        job = _Job(work, self._loop.create_future(), transaction)
        self._queue.put(job)
        result: T = await job.done
        return result

    def give_up_late(self) -> int:
        """Fail what has waited too long, so that no caller waits on a stalled disk; gives how many.

        Called about four times a second. Such a capture may still be committed; its row then says
        that it was answered 503.
        """
        pending, now, given_up = self._pending, monotonic(), 0
        while pending and (pending[0].stored.done() or now - pending[0].since > ANSWER_WITHIN_S):
            waiting = pending.popleft()
            if not waiting.stored.done():
                waiting.given_up = True
                given_up += 1
                trouble = StoreTrouble("store-slow", "the disk did not confirm the write in time")
                waiting.stored.set_exception(trouble)
                if self.health.trouble is None:
                    self.health = Health(trouble, now)
        return given_up

    @property
    def waiting(self) -> int:
        """Captures whose commit is not confirmed yet."""
        return sum(not waiting.stored.done() for waiting in self._pending)

    @property
    def wal_bytes(self) -> int:
        """Size of the write-ahead log on disk."""
        return self._checkpoints.wal_bytes

    async def close(self) -> None:
        """Finish what waits, write the log back into the database, close; may be called twice."""
        if not self._closed:
            self._closed = True
            stop = _Stop()
            self._queue.put(stop)
            await self._loop.run_in_executor(None, stop.done.wait)
        await self._loop.run_in_executor(None, self._thread.join)

    # -- on the writer thread ------------------------------------------------------------------

    def _prepare(self) -> None:
        self._events = EventIndex(self._connection)
        row = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'captures'").fetchone()
        self._next_id = (row[0] if row else 0) + 1

    def _run(self) -> None:
        held: _Waiting | _Job[Any] | _Stop | None = None
        while True:
            if held is None:
                try:
                    held = self._queue.get(timeout=self._wait_s())
                except Empty:
                    self._rest()
                    continue
            if isinstance(held, _Waiting):
                group, held = self._gather(held)
                self._store(group)
            elif isinstance(held, _Job):
                self._perform(held)
                held = None
            else:
                self._finish(held)
                return
            self._tidy(quiet=held is None and self._queue.empty())

    def _wait_s(self) -> float:
        if self.health.trouble is not None:
            return PROBE_EVERY_S
        due_in_s = self._events.due_in_s
        return self._checkpoints.due_in_s if due_in_s is None else min(due_in_s, self._checkpoints.due_in_s)

    def _rest(self) -> None:
        """Nothing has come: look whether trouble has passed, or tidy the log."""
        if self.health.trouble is not None:
            self._probe()
        else:
            self._tidy(quiet=True)

    def _tidy(self, *, quiet: bool) -> None:
        """What goes on behind the commits: the index of events, and the log back into the database."""
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

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], _Waiting | _Job[Any] | _Stop | None]:
        """What waits now, up to a group's bounds; and the first that is no capture."""
        group, size = [first], len(first.row[-1])
        with suppress(Empty):
            while len(group) < ROWS_AT_ONCE and size < BYTES_AT_ONCE:
                following = self._queue.get_nowait()
                if not isinstance(following, _Waiting):
                    return group, following
                group.append(following)
                size += len(following.row[-1])
        return group, None

    def _store(self, group: list[_Waiting]) -> None:
        group = [waiting for waiting in group if not waiting.given_up]
        if not group:
            return
        first_id = self._next_id
        values: list[Any] = []
        new: dict[str | None, int] = {}
        for number, waiting in enumerate(group, first_id):
            event_id = waiting.row[EVENT_ID]
            first = self._events.first(event_id) or new.get(event_id)
            if first is None and event_id is not None:
                new[event_id] = number
            values += (event_id, first, number)
            values += waiting.row
        try:
            if any(waiting.targets for waiting in group):
                self._insert_with_deliveries(group, first_id, values)
            else:
                statement = insert_of(len(group))
                self._retrying(lambda: self._connection.execute(statement, values), group[0].since)
        except sqlite3.Error as error:
            self._fail(group, error)
            return
        self._next_id += len(group)
        self._events.committed(first_id, [waiting.row for waiting in group])
        self._checkpoints.wrote(len(group), sum(len(waiting.row[-1]) for waiting in group))
        self._well()
        late = {number for number, waiting in enumerate(group, first_id) if waiting.given_up}
        if late:
            self._confess(self._connection, late)
        self._tell(self._stored, first_id, group, late)

    def _insert_with_deliveries(self, group: list[_Waiting], first_id: int, values: list[Any]) -> None:
        """Captures and their deliveries in one transaction: four hand-overs for the group, not one."""
        connection = self._connection
        pairs = [
            (number, target) for number, waiting in enumerate(group, first_id) for target in waiting.targets
        ]
        self._retrying(lambda: connection.execute("BEGIN IMMEDIATE"), group[0].since)
        try:
            connection.execute(insert_of(len(group)), values)
            delivering.queue_live(connection, pairs, time_ns() // 1000)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _retrying(self, act: Callable[[], T], since: float) -> T:
        """Act, again while another program holds the lock, until `since` is LOCKED_FOR_S ago."""
        while True:
            try:
                return act()
            except sqlite3.OperationalError as error:
                if not is_lock(error) or monotonic() - since > LOCKED_FOR_S - 1.0:
                    raise

    def _perform(self, job: _Job[Any]) -> None:
        connection = self._connection
        try:
            if not job.transaction:
                result = job.work(connection)
            else:
                self._retrying(lambda: connection.execute("BEGIN IMMEDIATE"), monotonic())
                try:
                    result = job.work(connection)
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
                self._checkpoints.wrote(4, 0)
                self._well()
        except sqlite3.OperationalError as error:
            trouble = self._diagnose(error)
            self._tell(_fail_future, job.done, trouble)
        except Exception as error:
            self._tell(_fail_future, job.done, error)
        else:
            self._tell(_give, job.done, result)

    def _finish(self, stop: _Stop) -> None:
        """The queue is closed behind `stop`, so everything before it has been served."""
        try:
            with suppress(sqlite3.Error):
                self._checkpoints.at_end(self._connection)
            self._connection.close()
        finally:
            stop.done.set()

    # -- trouble -------------------------------------------------------------------------------

    def _fail(self, group: list[_Waiting], error: sqlite3.Error) -> None:
        trouble = self._diagnose(error)
        # Those behind in the queue would only wait for the same: they hear at once.
        kept = []
        with suppress(Empty):
            while True:
                following = self._queue.get_nowait()
                if isinstance(following, _Waiting):
                    group.append(following)
                else:
                    kept.append(following)
        for item in kept:
            self._queue.put(item)
        self._tell(_fail_group, group, trouble)

    def _diagnose(self, error: sqlite3.Error) -> StoreTrouble:
        trouble = diagnose(error, self._path)
        if trouble.reason == "store-failing":
            self._reopen()
        if self.health.trouble is None:
            log.warning("cannot store captures: %s; answering 503 until it passes", trouble.detail)
            self.health = Health(trouble, monotonic())
        else:
            self.health = Health(trouble, self.health.since)
        return trouble

    def _well(self) -> None:
        if self.health.trouble is not None:
            log.warning("storing captures again after %.0f s", monotonic() - self.health.since)
            self.health = Health()

    def _probe(self) -> None:
        """Write something harmless; success ends the trouble, and the next capture proves it."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("UPDATE sqlite_sequence SET seq = seq WHERE name = 'captures'")
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            self._diagnose(error)
        else:
            self._well()

    def _reopen(self) -> None:
        """A connection that met an I/O error is replaced: its cached state may not be the disk's."""
        try:
            fresh = files.connect(self._path)
        except (sqlite3.Error, RelayError):
            return  # The next probe tries again with the old one.
        with suppress(sqlite3.Error):
            self._connection.close()
        self._connection = fresh
        with suppress(sqlite3.Error):
            self._prepare()

    def _confess(self, connection: sqlite3.Connection, ids: set[int]) -> None:
        """Rows that were committed after their caller had been answered 503 say so."""
        with suppress(sqlite3.Error):
            connection.executemany(
                "UPDATE captures SET answer = 503, answer_reason = 'stored too late' WHERE id = ?",
                [(number,) for number in ids],
            )

    # -- back to the loop ----------------------------------------------------------------------

    def _tell(self, function: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # A loop that has closed has nobody left who waits.
            self._loop.call_soon_threadsafe(function, *arguments)

    def _stored(self, first_id: int, group: list[_Waiting], confessed: set[int]) -> None:
        missed = set()
        for number, waiting in enumerate(group, first_id):
            if not waiting.stored.done():
                waiting.stored.set_result(number)
            elif waiting.given_up and number not in confessed:
                missed.add(number)  # Given up on while the word of its commit was on its way here.
        if missed and not self._closed:
            self._queue.put(
                _Job(lambda connection: self._confess(connection, missed), self._loop.create_future())
            )
        pending = self._pending
        while pending and pending[0].stored.done():
            pending.popleft()
        if self._committed is not None:
            self._committed(first_id, [waiting.row for waiting in group])


def _give(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _fail_future(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _fail_group(group: list[_Waiting], trouble: StoreTrouble) -> None:
    for waiting in group:
        _fail_future(waiting.stored, trouble.again())
