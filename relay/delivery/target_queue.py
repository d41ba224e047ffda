"""Deliver queued captures to one target, in order: claim, send, retry, record.

Owns the order of one target, its attempts in flight, up and down, and pause. Deliveries are rows, and this
process may end between any two steps: an attempt is recorded before the next one takes its place, so that a
crash repeats at most those that were in flight.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

from relay.delivery.attempt import AttemptConfig, attempt, attempt_record
from relay.delivery.clock import Clock
from relay.delivery.http.connect import unreachable_reason
from relay.delivery.http.outcomes import Outcome
from relay.delivery.http.request import Destination, OutgoingRequest
from relay.delivery.http.sender import Sender, SendResult
from relay.delivery.retry import RetryPolicy, is_retried, longest_wait, next_attempt_at
from relay.delivery.store_writer import StoreWriter
from relay.delivery.wakeup import Wakeup
from relay.lean import schedule
from relay.models import from_micros, to_micros
from relay.store.write import deliveries
from relay.store.write.client import Writer
from relay.store.write.deliveries import Claimed
from relay.text.safe import visible

log = logging.getLogger("relay.forwarder")

PROBE_FIRST_S = 1.0
PROBE_MOST_S = 15.0

END_WITHIN_S = 1.0
"""How long attempts in flight may take when the engine stops; those that take longer are sent again later."""

MOST_CLOSED = 3
"""How often a delivery is requeued because its connection was closed at once. If the target is up again each
time, this webhook is what crashes it, and it is not sent forever."""

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """How live deliveries are sent."""

    instance: str
    """Names this engine in `X-Lean-Relay`."""
    retry: str = "none"
    time_scale: float = 1.0
    timeout_s: float = 300.0
    in_flight: int = 1


class TargetQueue:
    """Delivers queued captures to one target, in order."""

    def __init__(
        self,
        writer: Writer,
        sender: Sender,
        name: str,
        to: Destination,
        policy: DeliveryPolicy,
        *,
        paused: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """
        Args:
            clock: for tests.
        """
        self.name = name
        self.paused = paused
        self.down: str | None = None
        """Why the target is down; None while it is up."""
        self._sender = sender
        self._config = AttemptConfig(to=to, instance=policy.instance, timeout_s=policy.timeout_s)
        self._policy = policy
        self._retry = RetryPolicy(policy.retry)
        self._longest = longest_wait(self._retry, policy.time_scale) // MICROSECOND
        self._clock = clock or Clock()
        self._wakeup = Wakeup(self._clock)
        self._store = StoreWriter(writer, self._write_failed)
        self._stopping = False
        self._end_within_s: float | None = END_WITHIN_S
        self._group: asyncio.TaskGroup
        self._busy = 0
        """Attempts that hold up the next: at most `policy.in_flight`."""
        self._claimed: deque[Claimed] = deque()
        """Claimed and not begun: each was claimed in the commit that recorded an attempt."""
        self._in_flight: set[int] = set()
        """Deliveries with an attempt in flight."""
        self._closed: dict[int, int] = {}
        """The delivery last requeued because its connection was closed at once, and how often that was."""
        self._unsure = False
        """A write failed, and may have claimed deliveries all the same."""

    def wake(self) -> None:
        """Look for work again."""
        self._wakeup.set()

    def pause(self, yes: bool) -> None:
        """Pause or resume; attempts in flight continue."""
        self.paused = yes
        self.wake()

    def stop(self) -> None:
        """Begin no more attempts; `run` returns when those in flight have ended, within END_WITHIN_S."""
        self._stopping = True
        self.wake()

    def leave(self) -> None:
        """Begin no more attempts; `run` returns when those in flight have ended, however long they take."""
        self._end_within_s = None
        self.stop()

    @property
    def state(self) -> str:
        return "paused" if self.paused else "down" if self.down else "up"

    async def run(self) -> None:
        """Claim and send deliveries until stopped."""
        attempts: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as self._group:
            while (claimed := await self._next()) is not None:
                self._busy += 1
                task = self._group.create_task(self._deliver(claimed), name=f"delivery {claimed.delivery_id}")
                attempts.add(task)
                task.add_done_callback(attempts.discard)
            if attempts:
                await asyncio.wait(attempts, timeout=self._end_within_s)
            for task in attempts:
                task.cancel()
        await self._requeue_claimed()

    async def write(self, work: Callable[[Any], Any]) -> Any:
        """Run a change in the store; wait while it is unavailable."""
        return await self._store.write(work)

    def _write_failed(self) -> None:
        self._unsure = True

    async def _next(self) -> Claimed | None:
        """Wait for the next delivery to send; None when stopped."""
        while not self._stopping:
            self._wakeup.clear()
            if self._clock.has_stepped:
                moved = self._clock.follow()  # First, so that what is recorded from now on is not moved.
                await self.write(partial(deliveries.move_due, target=self.name, by=moved))
            if self.paused or self.down is not None:
                await self._requeue_claimed()
                await (self._wakeup.wait() if self.paused else self._wait_until_up())
            elif self._busy >= self._policy.in_flight or (self._unsure and self._busy):
                await self._wakeup.wait()
            elif self._unsure:
                await self._reconcile_claims()
            elif self._claimed:
                return self._claimed.popleft()
            elif not await self._claim():
                await self._wakeup.wait_until(await self._next_due())
        return None

    async def _claim(self) -> bool:
        free = self._policy.in_flight - self._busy
        found = await self.write(
            partial(deliveries.claim, target=self.name, now=self._clock.now(), limit=free)
        )
        self._claimed.extend(found)
        return bool(found)

    async def _reconcile_claims(self) -> None:
        """Requeue what a failed write claimed. No attempt is in flight then that could claim more."""
        self._unsure = False
        known = [*self._in_flight, *(claimed.delivery_id for claimed in self._claimed)]
        await self.write(partial(deliveries.requeue_others, target=self.name, known=known))

    async def _requeue_claimed(self) -> None:
        """Requeue deliveries that are claimed and not begun, each in its old place."""
        if self._claimed:
            ids = [claimed.delivery_id for claimed in self._claimed]
            self._claimed.clear()
            reason = f"waits: {self.down}" if self.down else None
            await self.write(partial(deliveries.requeue, ids=ids, reason=reason))

    async def _next_due(self) -> int | None:
        now, longest = self._clock.now(), self._longest
        due: int | None = await self.write(
            partial(deliveries.next_due, target=self.name, now=now, longest=longest)
        )
        return due

    async def _wait_until_up(self) -> None:
        """Probe the target until it accepts a connection; then everything queued is sent, in order."""
        pause_s = PROBE_FIRST_S
        while not self._is_held():
            probe_at = monotonic() + pause_s
            while (left_s := probe_at - monotonic()) > 0 and not self._is_held():
                await self._wakeup.wait(left_s)  # New captures do not bring the probe forward.
                self._wakeup.clear()
            if self._is_held():
                return
            self.down = await unreachable_reason(self._config.to)
            if self.down is None:
                log.warning("%s is back; %s", visible(self.name), _waiting_text(await self._waiting()))
                return
            pause_s = min(pause_s * 2, PROBE_MOST_S)

    def _is_held(self) -> bool:
        return self._stopping or self.paused

    async def _waiting(self) -> int:
        found = await self.write(deliveries.backlog)
        return found[self.name].waiting if self.name in found else 0

    # -- one attempt ---------------------------------------------------------------------------

    async def _deliver(self, claimed: Claimed) -> None:
        free = _Once(self._free_place)
        self._in_flight.add(claimed.delivery_id)
        try:
            request, result = await attempt(
                self._sender,
                self._config,
                claimed.capture,
                claimed.capture,
                number=claimed.number,
                overdue=partial(self._overdue, claimed, free),
                probe_if_closed=self._closed.get(claimed.delivery_id, 0) < MOST_CLOSED,
            )
            if result.target_down:
                await self._set_down(claimed, result)
            else:
                await self._record(claimed, request, result, holds_up=not free.called)
        finally:
            self._in_flight.discard(claimed.delivery_id)
            free()

    def _free_place(self) -> None:
        self._busy -= 1
        self.wake()

    def _overdue(self, claimed: Claimed, free: _Once) -> None:
        free()
        self._group.create_task(self._report_overdue(claimed))

    async def _report_overdue(self, claimed: Claimed) -> None:
        """Report the verdict now: it is known long before the attempt ends."""
        most_s = self._policy.timeout_s
        words = f"no response within {schedule.ANSWER_WITHIN_S:g} s; waiting for up to {most_s:g} s"
        if claimed.capture.repeat_of is None:
            outlook = schedule.verdict(None, schedule.ANSWER_WITHIN_S, claimed.number).outlook
        else:  # Finding a repeat's number among Lean's attempts takes a query.
            outlook = schedule.OUTLOOK_UNKNOWN
        log.warning("%d: %s: %s: %s", claimed.capture.id, visible(self.name), words, outlook)
        await self.write(partial(deliveries.set_reason, delivery_id=claimed.delivery_id, reason=words))

    async def _set_down(self, claimed: Claimed, result: SendResult) -> None:
        reason = result.error or "not reachable"
        if result.outcome in (Outcome.CLOSED, Outcome.RESET):
            number = claimed.delivery_id
            self._closed = {number: self._closed.get(number, 0) + 1}
        ids = [claimed.delivery_id]
        await self.write(partial(deliveries.requeue, ids=ids, reason=f"waits: {reason}"))
        if self.down is None:
            self.down = reason
            waiting = _waiting_text(await self._waiting())
            log.warning("%s is down: %s; %s", visible(self.name), reason, waiting)

    async def _record(
        self, claimed: Claimed, request: OutgoingRequest | None, result: SendResult, *, holds_up: bool
    ) -> None:
        """Record the attempt, and claim the next delivery in the same commit.

        Where the attempt no longer holds up the next, its place is taken and nothing is claimed.
        """
        record = partial(
            deliveries.record,
            delivery_id=claimed.delivery_id,
            ended=attempt_record(claimed.number, request, result),
            due_at=self._retry_at(claimed, result),
        )
        if holds_up and not self._is_held() and self.down is None:
            record = partial(record, claim_for=self.name, now=self._clock.now())
        # An attempt that ended is recorded even while the engine stops.
        found = await asyncio.shield(asyncio.ensure_future(self.write(record)))
        self._claimed.extend(found)

    def _retry_at(self, claimed: Claimed, result: SendResult) -> int | None:
        if not is_retried(result.outcome, result.verdict, status=result.status):
            return None
        now = from_micros(self._clock.now())
        last = now - timedelta(seconds=result.elapsed_s)
        due = next_attempt_at(
            self._retry,
            attempts=claimed.number,
            first_at=last if claimed.first_at is None else from_micros(claimed.first_at),
            last_at=last,
            now=now,
            spread=random.random(),  # noqa: S311 - spreads attempts in time, guards nothing
            time_scale=self._policy.time_scale,
        )
        return None if due is None else to_micros(due)


class _Once:
    """Calls a function once, however often it is called."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function: Callable[[], None] | None = function

    @property
    def called(self) -> bool:
        return self._function is None

    def __call__(self) -> None:
        function, self._function = self._function, None
        if function is not None:
            function()


def _waiting_text(count: int) -> str:
    if not count:
        return "no webhook is waiting for it"
    return "1 webhook is waiting for it" if count == 1 else f"{count} webhooks are waiting for it"
