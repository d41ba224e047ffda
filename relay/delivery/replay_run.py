"""A replay: chosen captures sent again, in order and at a pace, each try recorded as a delivery of its own.

Owns one run from its first page to its end: what is fetched, queued and sent, and what becomes of the rest
when it is cancelled. Bodies come in pages and records go in groups, so that neither memory nor commits grow
with the run. Live deliveries have connections and an order of their own; nothing here is on the way from a
request to its 200.
"""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from relay.control.messages import ReplayState, ReplayStatus
from relay.delivery.attempt import Way, attempt, ended
from relay.delivery.edits import is_signature_stale
from relay.delivery.http.sender import Sender
from relay.delivery.replay_plan import Pace, Plan, rounds
from relay.delivery.replay_writer import Records
from relay.models import Capture, iso, to_micros
from relay.store.errors import StoreUnavailable
from relay.store.read.reader import Reader
from relay.store.read.selection import pages
from relay.store.write import replays
from relay.store.write.client import Writer
from relay.store.write.replays import ReplayAttempt
from relay.text.safe import visible

T = TypeVar("T")
log = logging.getLogger("relay.replay")

MOST_AWAITED = 100
"""Tries on their way at once, whatever they hold up: each has its capture in memory."""

END_WITHIN_S = 0.5
"""How long tries on their way may take once the run is cancelled."""

ENDED_AT_ONCE = 200
"""Deliveries that one commit ends unsent."""

STORE_AGAIN_S = 1.0

GIVE_WAY_S = 0.001
"""What each delivery waits more while webhooks come: a loop that never rests makes their commits late."""

AGAIN_FIRST_S = 1.0
AGAIN_MOST_S = 15.0
"""Pauses of `until_delivered`: the first, doubled up to the most."""


@dataclass(slots=True, eq=False)
class _Job:
    delivery_id: int
    capture: Capture
    sent: Capture | str
    """The capture as it is to be sent, or why it cannot be."""
    target: str
    holds_up: bool = True


class Run:
    """One run; `go` does it."""

    def __init__(
        self, number: int, plan: Plan, log_path: Path, writer: Writer, sender: Sender, *, by: str
    ) -> None:
        """
        Args:
            by: who began it, `command` or `screen`; it is only told.
        """
        self.number = number
        self._by = by
        self.state = ReplayState.RUNNING
        self.reason: str | None = None
        """Why not all was sent; None where it was, or is still going on."""
        self.attempts = array("q")
        """The ids of the attempts that are recorded by now, in order."""
        self._plan = plan
        self._log_path = log_path
        self._writer = writer
        self._sender = sender
        self._started_at = datetime.now(UTC)
        self._started = monotonic()
        self._elapsed_s: float | None = None
        self._delivered = self._failed = self._skipped = self._stale = self._tried = 0
        self._waits: str | None = None
        self._stop = asyncio.Event()
        self._news = asyncio.Event()
        self._room = asyncio.Semaphore(plan.concurrency)
        self._unsent: dict[int, None] = {}
        self._flying: dict[int, None] = {}
        self._tries: set[asyncio.Task[None]] = set()
        self._page: asyncio.Task[list[_Job] | None] | None = None
        self._unreachable: dict[str, str] = {}
        self._records = Records(self._write, self._recorded)

    # -- for whoever asks ----------------------------------------------------------------------

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
            tried=self._tried,
            delivered=self._delivered,
            failed=self._failed,
            skipped=self._skipped,
            left=plan.total - done - self._skipped,
            stale_signatures=self._stale,
            waits=self._waits,
            started_at=iso(self._started_at),
            elapsed_s=round(self._elapsed_s or monotonic() - self._started, 3),
        )

    async def news(self, after: int, within_s: float) -> None:
        """Wait until more than `after` attempts are recorded, the run is over, or the time is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while len(self.attempts) <= after and not self.is_over:
                    await self._news.wait()

    def cancel(self, reason: str, state: ReplayState = ReplayState.CANCELLED) -> None:
        """Send no more; `go` returns soon. What was not sent ends with the reason."""
        if self.reason is None:
            self.reason, self.state = reason, state
        self._stop.set()

    # -- the run -------------------------------------------------------------------------------

    async def go(self) -> None:
        """Send all of it, or what can be sent until `cancel`; never raises for what lies in the data."""
        reader: Reader | None = None
        try:
            reader = await asyncio.to_thread(Reader, self._log_path)
            async with asyncio.TaskGroup() as group:
                recording = group.create_task(self._records.run(), name=f"records of replay {self.number}")
                sending = group.create_task(self._send_all(reader, group), name=f"replay {self.number}")
                stopped = group.create_task(self._stop.wait(), name=f"end of replay {self.number}")
                await asyncio.wait({sending, stopped}, return_when=asyncio.FIRST_COMPLETED)
                stopped.cancel()
                sending.cancel()
                await self._end_tries()
                self._records.close()
                await recording
                await self._end_rest()
            if self.reason is None:
                self.state = ReplayState.UNREACHABLE if self._unreachable else ReplayState.ENDED
                self.reason = "; ".join(self._unreachable.values()) or None
        except Exception as error:
            log.exception("replay %d failed", self.number)
            cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            self.state, self.reason = ReplayState.FAILED, visible(str(cause)) or type(cause).__name__
            with suppress(Exception):  # What stays as it is, the next engine ends.
                await self._end_rest()
        finally:
            if reader is not None:
                reader.close()
            self._elapsed_s = monotonic() - self._started
            self._tell()

    async def _send_all(self, reader: Reader, group: asyncio.TaskGroup) -> None:
        pace = Pace(self._plan)
        async for job in self._jobs(reader, group):
            await pace.wait_for(job.capture)
            if self._plan.is_busy():
                await asyncio.sleep(GIVE_WAY_S)
            await self._room.acquire()
            await self._records.room()
            if job.target in self._unreachable:
                self._room.release()
                continue
            del self._unsent[job.delivery_id]
            self._flying[job.delivery_id] = None
            task = group.create_task(self._try(job), name=f"delivery {job.delivery_id}")
            self._tries.add(task)
            task.add_done_callback(self._tries.discard)
        while self._tries:
            await asyncio.wait(self._tries)

    async def _jobs(self, reader: Reader, group: asyncio.TaskGroup) -> AsyncIterator[_Job]:
        """What is to be sent, in order; the next page is fetched while one is sent."""
        plan = self._plan
        following = pages(reader, rounds(plan.ids, plan.times, plan.shuffle))
        self._page = group.create_task(self._fetch(following))
        while True:
            # Shielded: a page on its way to the disk has to be known when the run is cancelled.
            jobs = await asyncio.shield(self._page)
            if jobs is None:
                return
            self._page = group.create_task(self._fetch(following))
            for job in jobs:
                yield job

    async def _fetch(self, following: Iterator[list[Capture]]) -> list[_Job] | None:
        """The next page, its deliveries committed; None at the end."""
        page = await asyncio.to_thread(self._next_page, following)
        if page is None:
            return None
        wanted = []
        for capture, sent in page:
            targets = self._plan.targets_of(capture)
            self._skipped += len(self._plan.destinations) - len(targets)
            wanted += [(capture, sent, target) for target in targets if target not in self._unreachable]
        if not wanted:
            return []
        pairs = [(capture.id, target) for capture, _, target in wanted]
        made = await self._write(partial(replays.queue, pairs=pairs, now=to_micros(datetime.now(UTC))))
        jobs = [
            _Job(delivery_id, capture, sent, target)
            for delivery_id, (capture, sent, target) in zip(made, wanted, strict=True)
            if delivery_id is not None
        ]
        self._unsent.update(dict.fromkeys(job.delivery_id for job in jobs))
        return jobs

    def _next_page(self, following: Iterator[list[Capture]]) -> list[tuple[Capture, Capture | str]] | None:
        """In a thread: reading waits for the disk, and large bodies take their time to edit and sign."""
        captures = next(following, None)
        if captures is None:
            return None
        return [(capture, self._prepared(capture)) for capture in captures]

    def _prepared(self, capture: Capture) -> Capture | str:
        if self._plan.prepare is None:
            return capture
        try:
            sent = self._plan.prepare(capture)
        except ValueError as error:
            return visible(str(error))
        self._stale += is_signature_stale(capture, sent)
        return sent

    async def _try(self, job: _Job) -> None:
        try:
            number, pause_s = 1, AGAIN_FIRST_S
            while await self._try_once(job, number, pause_s):
                await asyncio.sleep(pause_s)
                number, pause_s = number + 1, min(pause_s * 2, AGAIN_MOST_S)
        finally:
            self._free(job)

    async def _try_once(self, job: _Job, number: int, pause_s: float) -> bool:
        """One try, recorded; whether there is to be another, so many seconds later."""
        plan = self._plan
        self._tried += number == 1
        self._records.started(job.delivery_id)
        request, tried = await attempt(
            self._sender,
            Way(to=plan.destinations[job.target], instance=plan.instance, timeout_s=plan.timeout_s),
            job.capture,
            job.sent,
            number=number,
            overdue=partial(self._hold_up_no_more, job),
        )
        again = plan.until_delivered and request is not None and tried.verdict.word != "delivered"
        if tried.target_down and not again:
            self._gone(job.target, tried.error or "it cannot be reached")
        due_at = to_micros(datetime.now(UTC) + timedelta(seconds=pause_s)) if again else None
        if not again:
            del self._flying[job.delivery_id]
        came = job.capture
        sent = came if request is None or isinstance(job.sent, str) else job.sent
        done = ReplayAttempt(
            delivery_id=job.delivery_id,
            ended=replace(
                ended(number, request, tried), sent_body=None if sent.body == came.body else sent.body
            ),
            sent_method=None if sent.method == came.method else sent.method,
            sent_target=None if sent.target == came.target else sent.target,
            due_at=due_at,
        )
        self._records.ended(done)
        return again

    def _hold_up_no_more(self, job: _Job) -> None:
        if len(self._tries) < MOST_AWAITED and not self._plan.until_delivered:
            self._free(job)

    def _free(self, job: _Job) -> None:
        if job.holds_up:
            job.holds_up = False
            self._room.release()

    def _gone(self, target: str, reason: str) -> None:
        """Nobody is there: what is left for this target is not tried any more."""
        self._unreachable[target] = f"{visible(target)} cannot be reached: {reason}"
        if len(self._unreachable) == len(self._plan.destinations):
            self.cancel("; ".join(self._unreachable.values()), ReplayState.UNREACHABLE)

    # -- the end -------------------------------------------------------------------------------

    async def _end_tries(self) -> None:
        if self._tries:
            await asyncio.wait(self._tries, timeout=END_WITHIN_S)
        for task in self._tries:
            task.cancel()
        if self._tries:
            await asyncio.wait(self._tries)

    async def _end_rest(self) -> None:
        """End the deliveries that have no attempt, so that none looks as if it were still to come."""
        if self._page is not None:
            await asyncio.wait({self._page})
        why = self.reason or "; ".join(self._unreachable.values()) or "the run ended"
        for ids, reason in (
            (self._unsent, f"not sent: {why}"),
            (self._flying, f"interrupted: {why}"),
        ):
            left = list(ids)
            for first in range(0, len(left), ENDED_AT_ONCE):
                part = left[first : first + ENDED_AT_ONCE]
                await self._write(partial(replays.end, ids=part, reason=reason))
            ids.clear()

    # -- the log -------------------------------------------------------------------------------

    async def _write(self, work: Callable[[Any], T]) -> T:
        """Run a change in the store; while that is in trouble, wait: nothing is sent unrecorded."""
        while True:
            try:
                result = await self._writer.write(work, synced=False)
            except StoreUnavailable as trouble:
                self._waits = trouble.detail
                await asyncio.sleep(STORE_AGAIN_S)
            else:
                self._waits = None
                return result

    def _recorded(self, done: Sequence[ReplayAttempt], attempts: Sequence[int]) -> None:
        final = [one for one in done if one.due_at is None]
        delivered = sum(one.ended.verdict == "delivered" for one in final)
        self._delivered += delivered
        self._failed += len(final) - delivered
        self.attempts.extend(attempts)
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
