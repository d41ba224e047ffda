"""A replay: chosen captures sent again, in order and at a pace, each as a delivery of its own.

Owns one run from its first delivery to its last: what is sent, what is recorded, and how deliveries end that
are left when it is cancelled. Records are written in groups. A replay has connections and an order of its
own; nothing here is on the way from a request to its 200.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from array import array
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic

from msgspec.structs import replace

from relay.control.messages import ReplayState, ReplayStatus
from relay.delivery.attempt import AttemptConfig, attempt, attempt_record, internal_error
from relay.delivery.http.sender import Sender
from relay.delivery.replay_jobs import ReplayJob, ReplayJobs
from relay.delivery.replay_plan import Pace, ReplayPlan
from relay.delivery.replay_retries import WaitingRoom, next_due
from relay.delivery.replay_writer import ReplayWriter
from relay.delivery.store_writer import StoreWriter
from relay.errors import RelayError
from relay.lean.schedule import ANSWER_WITHIN_S
from relay.models import iso, to_micros
from relay.store.read.reader import Reader
from relay.store.write import replays
from relay.store.write.client import Writer
from relay.store.write.replays import ReplayAttempt
from relay.text.safe import visible

log = logging.getLogger("relay.replay")

MOST_IN_FLIGHT = 100
"""Attempts in flight, whether or not they hold up the next: each has its capture in memory."""

END_WITHIN_S = 0.5
"""How long attempts in flight may take once the run is cancelled."""

ENDED_AT_ONCE = 200
"""Unsent deliveries that are ended in one commit."""

GIVE_WAY_S = 0.001
"""Extra pause before each delivery while webhooks arrive: a loop that never rests delays their commits."""

RETRIES_IN_FLIGHT = 10
"""Retries on Lean's schedule at once: with a small scale, all of them are due together."""


class ReplayRun:
    """One replay; `run` it once."""

    def __init__(
        self, number: int, plan: ReplayPlan, db: Path, writer: Writer, sender: Sender, *, by: str
    ) -> None:
        """
        Args:
            by: who started it, `command` or `screen`; it is only reported.
        """
        self.number = number
        self._by = by
        self.state = ReplayState.RUNNING
        self.reason: str | None = None
        """Why not all was sent; None where it was, or while it runs."""
        self.attempts = array("q")
        """Ids of the attempts recorded so far, in order."""
        self._plan = plan
        self._db = db
        self._store = StoreWriter(writer)
        self._sender = sender
        self._started_at = datetime.now(UTC)
        self._started = monotonic()
        self._elapsed_s: float | None = None
        self._delivered = self._failed = self._begun = 0
        self._stop = asyncio.Event()
        self._news = asyncio.Event()
        self._room = asyncio.Semaphore(plan.concurrency)
        self._retries = asyncio.Semaphore(RETRIES_IN_FLIGHT)
        self._sending = 0
        """Attempts that are being made."""
        self._waiting = WaitingRoom()
        self._in_flight: dict[int, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._unreachable: dict[str, str] = {}
        self._jobs = ReplayJobs(plan, self._store.write, self._unreachable)
        self._records = ReplayWriter(self._store.write, self._recorded)

    # -- progress ------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        return self._elapsed_s is not None

    def status(self) -> ReplayStatus:
        """The progress so far; counts are of deliveries that are recorded on disk."""
        plan, done = self._plan, self._delivered + self._failed
        return ReplayStatus(
            run=self.number,
            by=self._by,
            state=str(self.state if self.is_over else ReplayState.RUNNING),
            reason=self.reason,
            targets=tuple(plan.destinations),
            captures=len(plan.ids),
            total=plan.total,
            done=done,
            tried=self._begun,
            delivered=self._delivered,
            failed=self._failed,
            skipped=self._jobs.skipped,
            left=plan.total - done - self._jobs.skipped,
            stale_signatures=self._jobs.stale,
            waits=self._store.waits_because,
            started_at=iso(self._started_at),
            elapsed_s=round(self._elapsed_s or monotonic() - self._started, 3),
        )

    async def news(self, after: int, within_s: float) -> None:
        """Wait until more than `after` attempts are recorded or the run is over, or the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while len(self.attempts) <= after and not self.is_over:
                    await self._news.wait()

    async def over(self) -> None:
        """Wait until the run is over."""
        while not self.is_over:
            await self._news.wait()

    def cancel(self, reason: str, state: ReplayState = ReplayState.CANCELLED) -> None:
        """Send no more; `run` returns soon. Deliveries that were not sent end with the reason."""
        if self.reason is None:
            self.reason, self.state = reason, state
        self._stop.set()

    # -- the run -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send everything, or what can be sent until `cancel`; failures are states and raise nothing."""
        reader: Reader | None = None
        try:
            reader = await asyncio.to_thread(Reader, self._db)
            async with asyncio.TaskGroup() as group:
                recording = group.create_task(self._records.run(), name=f"records of replay {self.number}")
                sending = group.create_task(self._send_all(reader, group), name=f"replay {self.number}")
                stopped = group.create_task(self._stop.wait(), name=f"end of replay {self.number}")
                await asyncio.wait({sending, stopped}, return_when=asyncio.FIRST_COMPLETED)
                stopped.cancel()
                sending.cancel()
                await self._end_attempts()
                self._records.close()
                await recording
                await self._end_unsent()
            if self.reason is None:
                self.state = ReplayState.UNREACHABLE if self._unreachable else ReplayState.ENDED
                self.reason = "; ".join(self._unreachable.values()) or None
        except Exception as error:
            cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            is_known = isinstance(cause, RelayError | sqlite3.Error)
            self.reason = visible(str(cause)) if is_known else internal_error(cause)
            self.state = ReplayState.FAILED
            log.error("replay %d failed: %s", self.number, self.reason)
            with suppress(Exception):  # The next engine ends what is left.
                await self._end_unsent()
        finally:
            if reader is not None:
                reader.close()
            self._elapsed_s = monotonic() - self._started
            self._notify()

    async def _send_all(self, reader: Reader, group: asyncio.TaskGroup) -> None:
        pace = Pace(self._plan)
        async for job in self._jobs.run(reader, group):
            await pace.wait_for(job.capture)
            if self._plan.is_busy():
                await asyncio.sleep(GIVE_WAY_S)
            await self._waiting.fits()
            await self._room.acquire()
            job.place = self._room
            await self._records.room()
            if self._stop.is_set() or job.target in self._unreachable:
                self._free_place(job)
                continue
            del self._jobs.queued[job.delivery_id]
            self._in_flight[job.delivery_id] = None
            task = group.create_task(self._deliver(job), name=f"delivery {job.delivery_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _deliver(self, job: ReplayJob) -> None:
        try:
            due = await self._attempt(job)
            if due is not None and not self._plan.until_delivered:
                self._free_place(job)
                await self._retry_as_lean(job, due)
                return
            while due is not None and not await self._is_stopped_by(due):
                due = await self._attempt(job)
        finally:
            self._free_place(job)

    async def _retry_as_lean(self, job: ReplayJob, due: datetime) -> None:
        """Retry on Lean's schedule; the deliveries that follow do not wait for it."""
        size = len(job.capture.body)
        self._waiting.enter(size)
        try:
            following: datetime | None = due
            while following is not None and not await self._is_stopped_by(following):
                await self._retries.acquire()
                job.place = self._retries
                following = None if self._stop.is_set() else await self._attempt(job)
                self._free_place(job)
        finally:
            self._waiting.leave(size)

    async def _is_stopped_by(self, due: datetime) -> bool:
        """Wait until a retry is due; return at once, and True, when the run is cancelled."""
        with suppress(TimeoutError):
            async with asyncio.timeout((due - datetime.now(UTC)).total_seconds()):
                await self._stop.wait()
        return self._stop.is_set()

    async def _attempt(self, job: ReplayJob) -> datetime | None:
        """Make one attempt and record it; return when the next one is due, None where there is none."""
        plan = self._plan
        job.attempts += 1
        number = job.attempts
        self._begun += number == 1
        self._records.started(job.delivery_id)
        # On Lean's schedule nothing is awaited for longer than Lean waits, so that the next one is in time.
        timeout_s = plan.timeout_s if plan.retries is None else min(plan.timeout_s, ANSWER_WITHIN_S)
        self._sending += 1
        try:
            request, result = await attempt(
                self._sender,
                AttemptConfig(to=plan.destinations[job.target], instance=plan.instance, timeout_s=timeout_s),
                job.capture,
                job.edited,
                number=number,
                overdue=partial(self._overdue, job),
            )
        finally:
            self._sending -= 1
        job.first_at = job.first_at or result.started_at
        due: datetime | None = None
        if request is not None and result.verdict.word != "delivered":
            due = next_due(plan, number, job.first_at, result.started_at, datetime.now(UTC))
        if result.target_down and not plan.is_retried:
            self._set_unreachable(job.target, result.error or "no connection")
        if due is None:
            del self._in_flight[job.delivery_id]
        stored = job.capture
        sent = stored if request is None or isinstance(job.edited, str) else job.edited
        record = ReplayAttempt(
            delivery_id=job.delivery_id,
            ended=replace(
                attempt_record(number, request, result),
                sent_method=None if sent.method == stored.method else sent.method,
                sent_target=None if sent.target == stored.target else sent.target,
                sent_body=None if sent.body == stored.body else sent.body,
            ),
            due_at=None if due is None else to_micros(due),
            pin=plan.pin,
        )
        self._records.ended(record)
        return due

    def _overdue(self, job: ReplayJob) -> None:
        if self._sending < MOST_IN_FLIGHT and not self._plan.until_delivered:
            self._free_place(job)

    def _free_place(self, job: ReplayJob) -> None:
        if job.place is not None:
            job.place.release()
            job.place = None

    def _set_unreachable(self, target: str, reason: str) -> None:
        """Send no more to this target."""
        self._unreachable[target] = f"could not reach {visible(target)}: {reason}"
        if len(self._unreachable) == len(self._plan.destinations):
            self.cancel("; ".join(self._unreachable.values()), ReplayState.UNREACHABLE)

    # -- the end -------------------------------------------------------------------------------

    async def _end_attempts(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=END_WITHIN_S)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _end_unsent(self) -> None:
        """End the deliveries without an attempt, so that none looks as if it were still queued."""
        await self._jobs.settle()
        why = self.reason or "; ".join(self._unreachable.values()) or "the run ended"
        for ids, reason in (
            (self._jobs.queued, f"not sent: {why}"),
            (self._in_flight, f"interrupted: {why}"),
        ):
            left = list(ids)
            for first in range(0, len(left), ENDED_AT_ONCE):
                part = left[first : first + ENDED_AT_ONCE]
                await self._store.write(partial(replays.end, ids=part, reason=reason))
            ids.clear()

    def _recorded(self, done: Sequence[ReplayAttempt], attempts: Sequence[int]) -> None:
        final = [one for one in done if one.due_at is None]
        delivered = sum(one.ended.verdict == "delivered" for one in final)
        self._delivered += delivered
        self._failed += len(final) - delivered
        self.attempts.extend(attempts)
        self._notify()

    def _notify(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
