"""Deliver queued captures to one target, in order: send, retry, record.

Owns the order of one target, its attempts in flight, up and down, and pause. Deliveries are rows, and this
process may end between any two steps. An attempt is recorded while the next one is sent, and before the one
after that begins: a crash repeats at most those that were in flight, and one more.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
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
from relay.delivery.look_ahead import LookAhead
from relay.delivery.places import Place, Places
from relay.delivery.retry import RetryPolicy, is_retried, longest_wait, next_attempt_at
from relay.delivery.store_writer import StoreWriter
from relay.delivery.wakeup import Wakeup
from relay.lean import schedule
from relay.models import from_micros, to_micros
from relay.store.errors import StoreUnavailable
from relay.store.write import deliveries
from relay.store.write.client import Writer
from relay.store.write.deliveries import DueDelivery
from relay.text.safe import visible

log = logging.getLogger("relay.forwarder")

state_log = log.getChild("state")
"""Whether targets are up, which a screen shows by itself."""

PROBE_FIRST_S = 1.0
PROBE_MOST_S = 15.0

END_WITHIN_S = 1.0
"""How long attempts in flight may take when the engine stops; those that take longer are sent again later."""

MOST_CLOSED = 3
"""How often a delivery is requeued because its connection was closed at once. If the target is up again each
time, this webhook is what crashes it, and it is not sent forever."""

MARKED_AFTER_S = 0.05
"""How long an attempt may take until its delivery is marked as being sent: most are over before that, and a
mark costs a commit."""

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
        self._clock = clock or Clock()
        self._wakeup = Wakeup(self._clock)
        self._writer = writer
        self._store = StoreWriter(writer)
        self._stopping = False
        self._end_within_s: float | None = END_WITHIN_S
        self._group: asyncio.TaskGroup
        self._ahead = LookAhead(name, longest_wait(self._retry, policy.time_scale) // MICROSECOND)
        self._places = Places(policy.in_flight, self._wakeup.set)
        self._begun: dict[int, float | None] = {}
        """Deliveries whose attempt is not recorded yet, and when it began, by `monotonic()`; None once the
        attempt has ended or the delivery is marked as being sent."""
        self._marking: asyncio.TimerHandle | None = None
        self._closed: dict[int, int] = {}
        """The delivery last requeued because its connection was closed at once, and how often that was."""
        self._is_resting = False
        """Nothing is due, and nothing else to be done."""

    def notice(self) -> None:
        """Note that deliveries may have been queued."""
        self._ahead.changed()
        if self._is_resting:
            self._wakeup.set()

    def pause(self, yes: bool) -> None:
        """Pause or resume; attempts in flight continue, and their deliveries are marked."""
        self.paused = yes
        self._wakeup.set()
        if yes and self._begun:
            self._group.create_task(self._mark_sending())

    def stop(self) -> None:
        """Begin no more attempts; `run` returns when those in flight have ended, within END_WITHIN_S."""
        self._stopping = True
        self._wakeup.set()

    async def leave(self) -> None:
        """Begin no more attempts; `run` returns when those in flight have ended, however long they take.

        Then, only deliveries without an attempt in flight are still queued.
        """
        self._end_within_s = None
        self.stop()
        await self._mark_sending()

    @property
    def state(self) -> str:
        return "paused" if self.paused else "down" if self.down else "up"

    async def run(self) -> None:
        """Send deliveries until stopped."""
        attempts: set[asyncio.Task[None]] = set()
        try:
            async with asyncio.TaskGroup() as self._group:
                while (due := await self._next()) is not None:
                    self._begun[due.delivery_id] = monotonic()
                    delivering = self._deliver(due, self._places.take())
                    task = self._group.create_task(delivering, name=f"delivery {due.delivery_id}")
                    attempts.add(task)
                    task.add_done_callback(attempts.discard)
                if attempts:
                    await asyncio.wait(attempts, timeout=self._end_within_s)
                for task in attempts:
                    task.cancel()
        finally:
            if self._marking is not None:
                self._marking.cancel()

    async def write(self, work: Callable[[Any], Any]) -> Any:
        """Run a change in the store; wait while it is unavailable."""
        return await self._store.write(work)

    async def _next(self) -> DueDelivery | None:
        """Wait for the next delivery to send; None when stopped."""
        ahead = self._ahead
        while not self._stopping:
            self._wakeup.clear()
            if self._clock.has_stepped:
                moved = self._clock.follow()  # First, so that what is recorded from now on is not moved.
                await self.write(partial(deliveries.move_due, target=self.name, by=moved))
                ahead.drop()
            if self.paused or self.down is not None:
                ahead.drop()
                await (self._wakeup.wait() if self.paused else self._wait_until_up())
            elif self._places.are_taken:
                await self._wakeup.wait()
            elif (due := ahead.take()) is not None:
                return due
            elif ahead.is_looking:
                await self._wakeup.wait()
            elif ahead.has_all:
                await self._rest(ahead.next_at)
            else:
                look = ahead.begin(self._clock.now(), self._begun)
                ahead.end(await self.write(partial(deliveries.due, look=look)))
        return None

    async def _rest(self, until: int | None) -> None:
        """Wait until a retry is due, or something changes."""
        self._is_resting = True
        await self._wakeup.wait_until(until)
        self._is_resting = False
        if until is not None and self._clock.now() >= until:
            self._ahead.changed()

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
                state_log.warning("%s is back; %s", visible(self.name), _waiting_text(await self._waiting()))
                return
            pause_s = min(pause_s * 2, PROBE_MOST_S)

    def _is_held(self) -> bool:
        return self._stopping or self.paused

    async def _waiting(self) -> int:
        found = await self.write(deliveries.backlog)
        return found[self.name].waiting if self.name in found else 0

    # -- one attempt ---------------------------------------------------------------------------

    async def _deliver(self, due: DueDelivery, place: Place) -> None:
        if self._marking is None:
            self._mark_later()
        try:
            request, result = await attempt(
                self._sender,
                self._config,
                due.capture,
                due.capture,
                number=due.number,
                overdue=partial(self._overdue, due, place),
                probe_if_closed=self._closed.get(due.delivery_id, 0) < MOST_CLOSED,
            )
            self._begun[due.delivery_id] = None
            if result.target_down:
                await self._set_down(due, result)
            else:
                place.attempt_ended()
                await self._record(due, request, result)
        finally:
            self._begun.pop(due.delivery_id, None)
            place.give_back()
            self._wakeup.set()  # Also where the place was given back before: what it found or requeued waits.

    def _overdue(self, due: DueDelivery, place: Place) -> None:
        place.give_back()
        self._group.create_task(self._report_overdue(due))

    async def _report_overdue(self, due: DueDelivery) -> None:
        """Report the verdict now: it is known long before the attempt ends."""
        most_s = self._policy.timeout_s
        words = f"no response within {schedule.ANSWER_WITHIN_S:g} s; waiting for up to {most_s:g} s"
        if due.capture.repeat_of is None:
            outlook = schedule.verdict(None, schedule.ANSWER_WITHIN_S, due.number).outlook
        else:  # Finding a repeat's number among Lean's attempts takes a query.
            outlook = schedule.OUTLOOK_UNKNOWN
        log.warning("%d: %s: %s: %s", due.capture.id, visible(self.name), words, outlook)
        await self._mark_sending()
        await self.write(partial(deliveries.set_reason, delivery_id=due.delivery_id, reason=words))

    async def _set_down(self, due: DueDelivery, result: SendResult) -> None:
        reason = result.error or "not reachable"
        if result.outcome in (Outcome.CLOSED, Outcome.RESET):
            number = due.delivery_id
            self._closed = {number: self._closed.get(number, 0) + 1}
        ids = [due.delivery_id]
        await self.write(partial(deliveries.requeue, ids=ids, reason=f"waits: {reason}"))
        self._ahead.changed()
        if self.down is None:
            self.down = reason
            waiting = _waiting_text(await self._waiting())
            state_log.warning("%s is down: %s; %s", visible(self.name), reason, waiting)

    async def _record(self, due: DueDelivery, request: OutgoingRequest | None, result: SendResult) -> None:
        """Record the attempt; where few deliveries are left of those read before, read more with it."""
        retry_at = self._retry_at(due, result)
        reads = self._ahead.is_low and not self._is_held() and self.down is None
        look = self._ahead.begin(self._clock.now(), self._begun) if reads else None
        record = partial(
            deliveries.record,
            delivery_id=due.delivery_id,
            ended=attempt_record(due.number, request, result),
            due_at=retry_at,
            look=look,
        )
        # An attempt that ended is recorded even while the engine stops.
        found = await asyncio.shield(asyncio.ensure_future(self.write(record)))
        del self._begun[due.delivery_id]
        if look is not None:
            self._ahead.end(found)
        if retry_at is not None:
            self._ahead.changed()

    def _mark_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._marking = loop.call_later(MARKED_AFTER_S, self._mark_old)

    def _mark_old(self) -> None:
        """Mark deliveries whose attempt takes long, and look again while there are younger ones."""
        self._marking = None
        began = [at for at in self._begun.values() if at is not None]
        if began and not self._stopping:
            self._mark_later()
            if min(began) < monotonic() - MARKED_AFTER_S:
                self._group.create_task(self._mark_sending())

    async def _mark_sending(self) -> None:
        """Mark the deliveries of attempts in flight; without success they stay queued, and nothing is lost.

        Never repeated: then it could come after the end of an attempt.
        """
        ids = [delivery_id for delivery_id, at in self._begun.items() if at is not None]
        self._begun.update(dict.fromkeys(ids))
        if ids:
            with suppress(StoreUnavailable):
                await self._writer.write(partial(deliveries.mark_sending, ids=ids), synced=False)

    def _retry_at(self, due: DueDelivery, result: SendResult) -> int | None:
        if not is_retried(result.outcome, result.verdict, status=result.status):
            return None
        now = from_micros(self._clock.now())
        last = now - timedelta(seconds=result.elapsed_s)
        retry_at = next_attempt_at(
            self._retry,
            attempts=due.number,
            first_at=last if due.first_at is None else from_micros(due.first_at),
            last_at=last,
            now=now,
            spread=random.random(),  # noqa: S311 - spreads attempts in time, guards nothing
            time_scale=self._policy.time_scale,
        )
        return None if retry_at is None else to_micros(retry_at)


def _waiting_text(count: int) -> str:
    if not count:
        return "no webhook is waiting for it"
    return "1 webhook is waiting for it" if count == 1 else f"{count} webhooks are waiting for it"
