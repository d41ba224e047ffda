"""The engine's side of writing: sends captures and other changes to the writing process, and reports commits.

Owns the writing process (`relay.store.write.process`): starts it, ends it, and replaces it if it dies.
Futures complete after the COMMIT, never before: this is promise 1, and nothing else in the program may
answer 200. Runs no SQL.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sqlite3
import subprocess
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar, cast

from relay.errors import RelayError
from relay.processes import how_it_ended
from relay.store.columns import Row
from relay.store.errors import StoreClosed, StoreUnavailable, too_slow
from relay.store.write.answers import mark_answered_503, mark_answered_503_beyond
from relay.store.write.channel import WriterChannel
from relay.store.write.lifetime import ended, spawn
from relay.store.write.protocol import (
    Arrived,
    Buffer,
    Kind,
    Send,
    captures_frames,
    frame,
    payload_of,
)
from relay.store.write.recorder import WriteTimeouts
from relay.store.write.trouble import PROBE_EVERY_S

T = TypeVar("T")
log = logging.getLogger("relay.store")

BYTES_AT_ONCE = 1024 * 1024
"""A frame is sent when it has this many body bytes, so that large bodies block the loop one at a time."""


class _Waiting:
    """One capture on its way to the disk."""

    __slots__ = ("given_up", "since", "stored")

    def __init__(self, stored: asyncio.Future[int], since: float) -> None:
        self.stored = stored
        self.since = since
        self.given_up = False


class Writer:
    """Client of a database's writing process, for the event loop that opened it; use `open`."""

    def __init__(
        self,
        path: Path,
        *,
        lock: int | None = None,
        timeouts: WriteTimeouts | None = None,
        committed: Callable[[int, int], None] | None = None,
    ) -> None:
        self._path = path
        self._wal = path.with_name(f"{path.name}-wal")
        self._lock = lock
        self._timeouts = timeouts or WriteTimeouts()
        self._committed = committed
        self._loop = asyncio.get_running_loop()
        self._channel: WriterChannel | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._opened: asyncio.Future[int]
        self._ended: asyncio.Future[None]
        self._again: asyncio.Task[None] | None = None
        self._gathered: list[Arrived] = []
        self._gathered_bytes = 0
        self._gathered_since = 0.0
        self._captures: deque[_Waiting] = deque()
        self._jobs: deque[asyncio.Future[Any]] = deque()
        self._newest_id = 0
        self._heard_at = 0.0
        """Time of the process's last answer; or of the request, if none was pending before."""
        self._given_up = False
        self._its_trouble: StoreUnavailable | None = None
        self._our_trouble: StoreUnavailable | None = None
        self._closed = False
        self._is_stopping = False

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        ours: bool = False,
        lock: int | None = None,
        timeouts: WriteTimeouts | None = None,
        committed: Callable[[int, int], None] | None = None,
    ) -> Writer:
        """Start the writing process on an existing database file (`files.create_private`).

        Args:
            ours: as for `files.open_writer`.
            lock: descriptor of the engine's lock; the process holds it too until it has ended.
            committed: called on the loop after each group with its first id and its size; must be quick.

        Raises:
            RelayError: as for `files.open_writer`.
        """
        writer = cls(path, lock=lock, timeouts=timeouts, committed=committed)
        writer._newest_id = await writer._start(ours=ours)
        return writer

    # -- requests ------------------------------------------------------------------------------

    def add(self, row: Row, targets: tuple[Send, ...] = ()) -> asyncio.Future[int]:
        """Store one capture, and a delivery to each target; the future returns its id after the COMMIT.

        The write happens even if the waiter leaves. Raises StoreUnavailable, at once if the store is known to
        be in trouble, else through the future; StoreClosed after `close`.
        """
        if self._closed:
            raise StoreClosed
        trouble = self.trouble
        if trouble is not None:
            raise trouble.again()
        waiting = _Waiting(self._loop.create_future(), monotonic())
        if not self._captures and not self._jobs:
            self._heard_at = waiting.since
        self._captures.append(waiting)
        if not self._gathered:
            self._gathered_since = waiting.since
            self._loop.call_soon(self._hand_over)
        self._gathered.append((row, targets))
        self._gathered_bytes += len(row.body)
        if self._gathered_bytes >= BYTES_AT_ONCE:
            self._hand_over()
        return waiting.stored

    async def write(
        self,
        work: Callable[[sqlite3.Connection], T],
        *,
        synced: bool = True,
        within_s: float | None = None,
    ) -> T:
        """Run `work` in one transaction in the writing process and return its result.

        Committed when this returns. If the waiter is cancelled the write still happens. Keep it
        short: captures wait meanwhile. Work and result are pickled, so `work` must be a function of
        `relay.store` or a `partial` of one. Raises StoreClosed after `close`, StoreUnavailable if SQLite
        cannot write, and anything else that `work` raises, after rolling back.

        Args:
            synced: False for changes that a power failure may undo, but a crash of this program may not:
                the commit then does not wait for the disk, and the next synced one includes it.
            within_s: raise StoreUnavailable after this time; the write may still happen. None for no limit,
                for work that blocks no request.
        """
        return cast(T, await self._have_done(work, transaction=True, synced=synced, within_s=within_s))

    async def outside_transaction(
        self, work: Callable[[sqlite3.Connection], T], *, within_s: float | None = None
    ) -> T:
        """Run `work` there without a transaction, for checkpoints and the like."""
        return cast(T, await self._have_done(work, transaction=False, within_s=within_s))

    async def settled(self, *, within_s: float | None = None) -> None:
        """Bring the index of events up to date, before captures are removed."""
        await self._have_done(None, transaction=False, within_s=within_s)

    def give_up_late(self) -> int:
        """Fail captures that waited too long, so that no sender waits for a stalled disk; return the number.

        Called about four times a second. Such a capture may still be committed; its row is then marked as
        answered 503.
        """
        captures, now, given_up = self._captures, monotonic(), 0
        for waiting in captures:
            if now - waiting.since <= self._timeouts.answer_s:
                break
            if not waiting.stored.done():
                waiting.given_up = True
                given_up += 1
                waiting.stored.set_exception(too_slow())
        if given_up and self._our_trouble is None:
            self._our_trouble = too_slow()
        return given_up

    @property
    def silent_s(self) -> float:
        """Seconds for which the writing process has not answered; 0 if nothing is pending."""
        return monotonic() - self._heard_at if self._captures or self._jobs else 0.0

    def give_up(self) -> None:
        """Stop waiting for the writing process: fail everything pending, and let `close` kill it."""
        self._given_up = True
        self._our_trouble = too_slow()
        for waiting in self._captures:
            if not waiting.stored.done():
                waiting.given_up = True
                waiting.stored.set_exception(too_slow())
        for job in self._jobs:
            _fail(job, too_slow())

    @property
    def trouble(self) -> StoreUnavailable | None:
        """The reason why the store cannot accept captures; None while it can."""
        return self._our_trouble or self._its_trouble

    @property
    def waiting(self) -> int:
        """Number of captures whose commit is not confirmed yet."""
        return sum(not waiting.stored.done() for waiting in self._captures)

    @property
    def wal_bytes(self) -> int:
        """Size of the WAL on disk."""
        with suppress(OSError):
            return self._wal.stat().st_size
        return 0

    @property
    def pid(self) -> int | None:
        """Pid of the writing process; None while there is none."""
        return self._process.pid if self._process is not None else None

    async def close(self, within_s: float | None = None) -> None:
        """Finish pending work, copy the WAL back into the database, end the process; may be called twice.

        Args:
            within_s: kill the process after this time. Its commits are safe, and all other writes were not
                confirmed.
        """
        if not self._closed:
            self._hand_over()
            self._closed = True
            if self._again is not None:
                self._again.cancel()
            self._stop_if_reported()
        await self._gone(0.0 if self._given_up else within_s)

    def _stop_if_reported(self) -> None:
        """After `close`, end the process once no capture waits: until then some may have to be marked."""
        if self._closed and not self._captures and self._channel is not None and not self._is_stopping:
            self._is_stopping = True
            self._channel.send(frame(Kind.STOP))

    # -- the process ---------------------------------------------------------------------------

    async def _start(self, *, ours: bool) -> int:
        """Start the process and return the newest id."""
        here, there = socket.socketpair()
        with there:
            try:
                self._process = spawn(self._path, there, self._lock)
            except BaseException:
                here.close()
                raise
        # Not before there is a process, or nothing would end the wait for its end.
        self._opened = self._loop.create_future()
        self._ended = self._loop.create_future()
        await self._loop.create_unix_connection(partial(WriterChannel, self), sock=here)
        assert self._channel is not None
        self._channel.send(frame(Kind.OPEN, ours, self._timeouts))
        try:
            return await self._opened
        except RelayError:
            await self._gone()
            raise
        except asyncio.CancelledError:
            await self._gone(0.0)
            raise

    async def _gone(self, within_s: float | None = None) -> None:
        """Wait for the process to end, and kill it if that takes too long."""
        process = self._process
        if process is None:
            return
        if not await ended(process, within_s) and self._channel is not None:
            self._channel.abort()
        await self._ended

    def on_connected(self, channel: WriterChannel) -> None:
        """The socket to the process is open."""
        self._channel = channel

    def on_lost(self) -> None:
        """The process has ended, as requested or by itself."""
        self._channel = None
        if not self._ended.done():
            self._ended.set_result(None)
        trouble = StoreUnavailable(
            "store-failing", "the process that writes the database ended; another one starts"
        )
        if not self._opened.done():
            self._opened.set_exception(RelayError(trouble.detail, word="store-failing"))
        if self._opened.cancelled() or self._opened.exception() is not None:
            return  # it never opened the database, and `open` reports that
        for waiting in self._captures:
            _fail(waiting.stored, trouble.again())
        self._captures.clear()
        self._gathered.clear()
        self._gathered_bytes = 0
        while self._jobs:
            _fail(self._jobs.popleft(), StoreClosed() if self._closed else trouble.again())
        if not self._closed and (self._again is None or self._again.done()):
            log.warning("cannot store captures: %s; answering 503 until then", trouble.detail)
            self._our_trouble = trouble
            self._again = self._loop.create_task(self._start_again(trouble), name="store-again")

    async def _start_again(self, trouble: StoreUnavailable) -> None:
        while True:
            try:
                await self._gone()
                if self._process is not None and (code := self._process.returncode) is not None and code < 0:
                    log.warning("the process that writes the database was %s", how_it_ended(code))
                await self._start(ours=True)
                # Commits that it did not report are in the WAL, and their callers got a 503.
                await self.write(partial(mark_answered_503_beyond, newest_id=self._newest_id))
                self._its_trouble = self._our_trouble = None
                log.warning("storing captures again")
                return
            except RelayError as error:
                if str(error) != trouble.detail:
                    trouble = self._our_trouble = StoreUnavailable("store-failing", str(error))
                    log.warning("still cannot store captures: %s", error)
            except (StoreUnavailable, OSError):
                pass
            await asyncio.sleep(PROBE_EVERY_S)

    # -- sending -------------------------------------------------------------------------------

    def _hand_over(self) -> None:
        gathered = self._gathered
        if not gathered or self._channel is None:
            return
        for part in captures_frames(self._gathered_since, gathered):
            self._channel.send(part)
        self._gathered = []
        self._gathered_bytes = 0

    async def _have_done(
        self,
        work: Callable[[sqlite3.Connection], T] | None,
        *,
        transaction: bool,
        synced: bool = True,
        within_s: float | None = None,
    ) -> Any:
        if self._given_up:
            raise too_slow()
        # A process that is still opening the database would end on any other message.
        if self._closed or self._channel is None or not self._opened.done():
            raise StoreClosed if self._closed else _none_there()
        self._hand_over()  # keeps the order: a change sees every capture that was added before it
        job = frame(Kind.JOB, work, transaction, synced)
        done = self._loop.create_future()
        if not self._captures and not self._jobs:
            self._heard_at = monotonic()
        self._jobs.append(done)
        self._channel.send(job)
        try:
            async with asyncio.timeout(within_s):
                return await done
        except TimeoutError:
            raise StoreUnavailable(
                "store-slow", f"the store did not answer within {within_s:g} s; it may still do it later"
            ) from None

    # -- receiving -----------------------------------------------------------------------------

    def on_message(self, kind: Kind, payload: Buffer) -> None:
        self._heard_at = monotonic()
        said = payload_of(payload)
        if kind is Kind.STORED:
            self._stored(*said)
        elif kind is Kind.FAILED:
            self._failed(*said)
        elif kind is Kind.HEALTH:
            (self._its_trouble,) = said
        elif kind is Kind.LOG_LINE:
            log.log(*said)
        elif kind is Kind.OPENED:
            if not self._opened.done():
                self._opened.set_result(*said)
        elif not self._opened.done():
            self._opened.set_exception(*said)
        else:
            self._answered()
            job = self._jobs.popleft()
            if kind is Kind.RAISED:
                _fail(job, *said)
            elif not job.done():
                job.set_result(*said)

    def _stored(self, first_id: int, count: int) -> None:
        self._answered()
        self._newest_id = first_id + count - 1
        captures, missed = self._captures, []
        for number in range(first_id, first_id + count):
            waiting = captures.popleft()
            if not waiting.stored.done():
                waiting.stored.set_result(number)
            elif waiting.given_up or waiting.stored.cancelled():  # its caller got a 503 meanwhile
                missed.append(number)
        if missed and self._channel is not None:
            self._jobs.append(self._loop.create_future())
            self._channel.send(frame(Kind.JOB, partial(mark_answered_503, ids=missed), True, True))
        self._stop_if_reported()
        if self._committed is not None:
            self._committed(first_id, count)

    def _failed(self, count: int, trouble: StoreUnavailable) -> None:
        self._answered()
        for _ in range(count):
            _fail(self._captures.popleft().stored, trouble.again())
        self._stop_if_reported()

    def _answered(self) -> None:
        """The process responds again: it is no longer slow."""
        if self._given_up:
            return
        if self._our_trouble is not None and (self._again is None or self._again.done()):
            self._our_trouble = None


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _none_there() -> StoreUnavailable:
    return StoreUnavailable(
        "store-failing", "no process writes the database at the moment; another one starts"
    )
