"""The way to one target: what waits for it is claimed and sent in order, held, tried again, written down.

Owns order, tries in flight, up and down, and pause of one target. The deliveries are rows, and this process
may end between any two steps: a try is written down before the next one of its place begins, so that a crash
repeats at most as many as were in flight.
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

from relay.delivery.attempt import Way, attempt, ended
from relay.delivery.clock import Clock
from relay.delivery.http.connect import unreachable_reason
from relay.delivery.http.outcomes import Outcome
from relay.delivery.http.request import Destination, OutgoingRequest
from relay.delivery.http.sender import Sender, SendResult
from relay.delivery.retry import RetryPolicy, is_tried_again, longest_wait, next_try
from relay.lean import schedule
from relay.models import from_micros, to_micros
from relay.store.errors import StoreUnavailable
from relay.store.write import deliveries
from relay.store.write.client import Writer
from relay.store.write.deliveries import Claimed
from relay.text.safe import visible

log = logging.getLogger("relay.forwarder")

PROBE_FIRST_S = 1.0
PROBE_MOST_S = 15.0

END_WITHIN_S = 1.0
"""How long tries on their way may take when the engine stops; what they leave is sent again later."""

STORE_AGAIN_S = 1.0

MOST_DOUBTS = 3
"""So often a delivery waits because its connection was closed at once; should the target be back each time
in between, it is this webhook that ends it, and it is not sent for ever."""

LOOK_EVERY_S = 5.0
"""How soon the machine's sleep and a step of its clock are noticed while something is to be sent later."""

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


class Lane:
    """The way to one target; `run` goes it."""

    def __init__(
        self,
        writer: Writer,
        sender: Sender,
        name: str,
        where: Destination,
        policy: DeliveryPolicy,
        *,
        paused: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """
        Args:
            clock: a test may bring one of its own.
        """
        self.name = name
        self.paused = paused
        self.down: str | None = None
        """Why the target cannot be reached; None while it can."""
        self._writer = writer
        self._sender = sender
        self._way = Way(to=where, instance=policy.instance, timeout_s=policy.timeout_s)
        self._policy = policy
        self._retry = RetryPolicy(policy.retry)
        self._longest = longest_wait(self._retry, policy.time_scale) // MICROSECOND
        self._clock = clock or Clock()
        self._stopping = False
        self._end_within_s: float | None = END_WITHIN_S
        self._changed = asyncio.Event()
        self._group: asyncio.TaskGroup
        self._busy = 0
        """Tries that hold up the next: at most `policy.in_flight`."""
        self._claimed: deque[Claimed] = deque()
        """Not begun yet: each came with the record of the try before it, to save a commit."""
        self._on_way: set[int] = set()
        """Deliveries with a try in hand."""
        self._closed_on: dict[int, int] = {}
        """The delivery that was last given back because its connection was closed, and how often it was."""
        self._unsure = False
        """A write failed, and nobody knows whether it was committed before: it may have claimed something."""

    def wake(self) -> None:
        """Something changed: look again."""
        self._changed.set()

    def pause(self, yes: bool) -> None:
        """Hold everything back, or let go; tries on their way go on."""
        self.paused = yes
        self.wake()

    def stop(self) -> None:
        """Begin no more tries; `run` returns when those on their way have ended, within END_WITHIN_S."""
        self._stopping = True
        self.wake()

    def leave(self) -> None:
        """Begin no more tries; `run` returns when those on their way have ended, however long they take."""
        self._end_within_s = None
        self.stop()

    @property
    def state(self) -> str:
        return "paused" if self.paused else "down" if self.down else "up"

    async def run(self) -> None:
        """Claim and send, one after the other, until told to stop."""
        tries: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as self._group:
            while (claimed := await self._next()) is not None:
                self._busy += 1
                task = self._group.create_task(self._try(claimed), name=f"delivery {claimed.delivery_id}")
                tries.add(task)
                task.add_done_callback(tries.discard)
            if tries:
                await asyncio.wait(tries, timeout=self._end_within_s)
            for task in tries:
                task.cancel()
        await self._put_back()

    async def _next(self) -> Claimed | None:
        """The next delivery to send, when there is one; None when told to stop."""
        while not self._stopping:
            self._changed.clear()
            if self._clock.has_stepped:
                moved = self._clock.follow()  # First, so that what is recorded from now on is not moved.
                await self.write(partial(deliveries.move_due, target=self.name, by=moved))
            if self.paused or self.down is not None:
                await self._put_back()
                await (self._changed.wait() if self.paused else self._wait_until_up())
            elif self._busy >= self._policy.in_flight or (self._unsure and self._busy):
                await self._changed.wait()
            elif self._unsure:
                await self._make_sure()
            elif self._claimed:
                return self._claimed.popleft()
            elif not await self._claim():
                await self._wait_until(await self._next_due())
        return None

    async def _claim(self) -> bool:
        free = self._policy.in_flight - self._busy
        found = await self.write(
            partial(deliveries.claim, target=self.name, now=self._clock.now(), limit=free)
        )
        self._claimed.extend(found)
        return bool(found)

    async def _make_sure(self) -> None:
        """What was claimed and never heard of waits again; no try is in hand that could claim meanwhile."""
        self._unsure = False
        known = [*self._on_way, *(claimed.delivery_id for claimed in self._claimed)]
        await self.write(partial(deliveries.requeue_others, target=self.name, known=known))

    async def _put_back(self) -> None:
        """What was claimed and will not be sent now waits again, in its old place."""
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

    async def _wait_until(self, due: int | None) -> None:
        """Until then by the lane's clock, or until something changed; for ever where there is no then."""
        while not self._changed.is_set() and not (due is not None and self._clock.has_stepped):
            left_s = None if due is None else (due - self._clock.now()) / 1e6
            if left_s is not None and left_s <= 0:
                return
            # Not in one go: a timer stands still while the machine sleeps, and the clock may be set.
            await self._wait(None if left_s is None else min(max(left_s, 0.001), LOOK_EVERY_S))

    async def _wait(self, most_s: float | None) -> None:
        try:
            async with asyncio.timeout(most_s):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _wait_until_up(self) -> None:
        """Knock until somebody opens; then everything that waits goes at once, in order."""
        pause_s = PROBE_FIRST_S
        while not self._held():
            knock_at = monotonic() + pause_s
            while (left_s := knock_at - monotonic()) > 0 and not self._held():
                await self._wait(left_s)  # A notice of new captures is no reason to knock earlier.
                self._changed.clear()
            if self._held():
                return
            why_not = await unreachable_reason(self._way.to)
            if why_not is None:
                self.down = None
                log.warning("%s is back; %s", visible(self.name), _that_wait(await self._waiting()))
                return
            self.down = why_not
            pause_s = min(pause_s * 2, PROBE_MOST_S)

    def _held(self) -> bool:
        return self._stopping or self.paused

    async def _waiting(self) -> int:
        found = await self.write(deliveries.backlog)
        return found[self.name].waiting if self.name in found else 0

    # -- one try -------------------------------------------------------------------------------

    async def _try(self, claimed: Claimed) -> None:
        free = _Once(self._freed)
        self._on_way.add(claimed.delivery_id)
        try:
            request, tried = await attempt(
                self._sender,
                self._way,
                claimed.capture,
                claimed.capture,
                number=claimed.number,
                overdue=partial(self._overdue, claimed, free),
                probe_if_closed=self._closed_on.get(claimed.delivery_id, 0) < MOST_DOUBTS,
            )
            if tried.target_down:
                await self._gone_down(claimed, tried)
            else:
                await self._record(claimed, request, tried, holds_up=not free.called)
        finally:
            self._on_way.discard(claimed.delivery_id)
            free()

    def _freed(self) -> None:
        self._busy -= 1
        self.wake()

    def _overdue(self, claimed: Claimed, free: _Once) -> None:
        free()
        self._group.create_task(self._say_overdue(claimed))

    async def _say_overdue(self, claimed: Claimed) -> None:
        """Its verdict is clear: nobody shall have to wait for the end of the try to see that."""
        most_s = self._policy.timeout_s
        words = f"no response within {schedule.ANSWER_WITHIN_S:g} s; it is awaited for up to {most_s:g} s"
        first = (
            claimed.capture.repeat_of is None
        )  # Which of Lean's tries a repeat is takes a look at the log.
        number = claimed.number
        outlook = (
            schedule.verdict(None, schedule.ANSWER_WITHIN_S, number).outlook
            if first
            else schedule.OUTLOOK_UNKNOWN
        )
        log.warning("%d: %s has given %s: %s", claimed.capture.id, visible(self.name), words, outlook)
        await self.write(partial(deliveries.set_reason, delivery_id=claimed.delivery_id, reason=words))

    async def _gone_down(self, claimed: Claimed, tried: SendResult) -> None:
        reason = tried.error or "not reachable"
        if tried.outcome in (Outcome.CLOSED, Outcome.RESET):
            number = claimed.delivery_id
            self._closed_on = {number: self._closed_on.get(number, 0) + 1}
        ids = [claimed.delivery_id]
        await self.write(partial(deliveries.requeue, ids=ids, reason=f"waits: {reason}"))
        if self.down is None:
            self.down = reason
            log.warning("%s is down: %s; %s", visible(self.name), reason, _that_wait(await self._waiting()))

    async def _record(
        self, claimed: Claimed, request: OutgoingRequest | None, tried: SendResult, *, holds_up: bool
    ) -> None:
        """Write down how it ended, and in the same commit claim the next for the place that it leaves.

        One that holds up nobody any more leaves no place: the lane has filled it.
        """
        record = partial(
            deliveries.record,
            delivery_id=claimed.delivery_id,
            ended=ended(claimed.number, request, tried),
            due_at=self._due_again(claimed, tried),
        )
        if holds_up and not self._held() and self.down is None:
            record = partial(record, claim_for=self.name, now=self._clock.now())
        # A try that ended is recorded even while the engine stops.
        found = await asyncio.shield(asyncio.ensure_future(self.write(record)))
        self._claimed.extend(found)

    def _due_again(self, claimed: Claimed, tried: SendResult) -> int | None:
        if not is_tried_again(tried.outcome, tried.verdict, status=tried.status):
            return None
        now = from_micros(self._clock.now())
        last = now - timedelta(seconds=tried.elapsed_s)
        due = next_try(
            self._retry,
            tries=claimed.number,
            first_at=last if claimed.first_at is None else from_micros(claimed.first_at),
            last_at=last,
            now=now,
            spread=random.random(),  # noqa: S311 - spreads tries in time, guards nothing
            time_scale=self._policy.time_scale,
        )
        return None if due is None else to_micros(due)

    async def write(self, work: Callable[[Any], Any]) -> Any:
        """Run a change in the store; while that is in trouble, wait for it to heal.

        No disk is waited for: should the power fail, the newest tries may be made again. The death of this
        process alone takes nothing back.
        """
        while True:
            try:
                return await self._writer.write(work, synced=False)
            except StoreUnavailable:
                self._unsure = True
                await asyncio.sleep(STORE_AGAIN_S)


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


def _that_wait(count: int) -> str:
    if not count:
        return "nothing waits for it"
    return "1 capture waits for it" if count == 1 else f"{count} captures wait for it"
