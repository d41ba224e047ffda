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
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any

from relay import retrying
from relay.connecting import reachable
from relay.lean import schedule
from relay.models import from_micros, to_micros
from relay.outcomes import NOT_SENT, Outcome
from relay.outgoing import Destination, Outgoing, outgoing, why_not_onward
from relay.sender import Sender, Tried, not_sent
from relay.store import delivering
from relay.store.delivering import Claimed, Ended
from relay.store.trouble import StoreTrouble
from relay.store.writer import Writer
from relay.text import visible

log = logging.getLogger("relay.forwarder")

HOLDS_UP_S = schedule.ANSWER_WITHIN_S
"""A try without an answer holds up the next for so long; then its verdict is clear."""

PROBE_FIRST_S = 1.0
PROBE_MOST_S = 15.0

END_WITHIN_S = 1.0
"""How long tries on their way may take when the engine stops; what they leave is sent again later."""

STORE_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
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
        policy: Policy,
        *,
        paused: bool = False,
    ) -> None:
        self.name = name
        self.paused = paused
        self.down: str | None = None
        """Why the target cannot be reached; None while it can."""
        self._writer = writer
        self._sender = sender
        self._where = where
        self._policy = policy
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
                await self._wait(await self._until_due_s())
        return None

    async def _claim(self) -> bool:
        free = self._policy.in_flight - self._busy
        found = await self.write(partial(delivering.claim, target=self.name, now=_now(), limit=free))
        self._claimed.extend(found)
        return bool(found)

    async def _make_sure(self) -> None:
        """What was claimed and never heard of waits again; no try is in hand that could claim meanwhile."""
        self._unsure = False
        known = [*self._on_way, *(claimed.delivery_id for claimed in self._claimed)]
        await self.write(partial(delivering.give_back_others, target=self.name, known=known))

    async def _put_back(self) -> None:
        """What was claimed and will not be sent now waits again, in its old place."""
        if self._claimed:
            ids = [claimed.delivery_id for claimed in self._claimed]
            self._claimed.clear()
            reason = f"waits: {self.down}" if self.down else None
            await self.write(partial(delivering.give_back, ids=ids, reason=reason))

    async def _until_due_s(self) -> float | None:
        now = _now()
        due = await self.write(partial(delivering.next_due, target=self.name, now=now))
        return None if due is None else max((due - now) / 1e6, 0.001)

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
            why_not = await reachable(self._where)
            if why_not is None:
                self.down = None
                log.warning("%s is back; %s", visible(self.name), _that_wait(await self._waiting()))
                return
            self.down = why_not
            pause_s = min(pause_s * 2, PROBE_MOST_S)

    def _held(self) -> bool:
        return self._stopping or self.paused

    async def _waiting(self) -> int:
        found = await self.write(delivering.backlog)
        return found[self.name].waiting if self.name in found else 0

    # -- one try -------------------------------------------------------------------------------

    async def _try(self, claimed: Claimed) -> None:
        free = _Once(self._freed)
        self._on_way.add(claimed.delivery_id)
        held = asyncio.get_running_loop().call_later(HOLDS_UP_S, self._overdue, claimed, free)
        try:
            request, tried = await self._send(claimed)
            held.cancel()
            if tried.before_any_byte:
                await self._gone_down(claimed, tried)
            else:
                await self._record(claimed, request, tried, holds_up=not free.called)
        finally:
            held.cancel()
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
        words = f"no answer within {HOLDS_UP_S:g} s; it is awaited for up to {most_s:g} s"
        first = (
            claimed.capture.repeat_of is None
        )  # Which of Lean's tries a repeat is takes a look at the log.
        number = claimed.number
        outlook = schedule.verdict(None, HOLDS_UP_S, number).outlook if first else schedule.OUTLOOK_UNKNOWN
        log.warning("%d: %s has given %s: %s", claimed.capture.id, visible(self.name), words, outlook)
        await self.write(partial(delivering.remark, delivery_id=claimed.delivery_id, reason=words))

    async def _send(self, claimed: Claimed) -> tuple[Outgoing | None, Tried]:
        """One try, and what was sent; None where nothing was."""
        in_circles = why_not_onward(claimed.capture.headers, self._policy.instance)
        if in_circles is not None:
            return None, not_sent(Outcome.LOOP, in_circles, number=claimed.number)
        try:
            request = outgoing(claimed.capture, self._where, instance=self._policy.instance)
        except ValueError as error:  # What another program put into the log may be no request.
            return None, not_sent(Outcome.UNSENDABLE, str(error), number=claimed.number)
        try:
            return request, await self._sender.send(
                request, self._where, timeout_s=self._policy.timeout_s, number=claimed.number
            )
        except Exception as error:  # One that nobody foresaw costs this delivery, not all others.
            words = f"a fault of this relay, please report it: {type(error).__name__}: {error}"
            log.error("delivery %d of capture %d: %s", claimed.delivery_id, claimed.capture.id, words)
            return request, not_sent(Outcome.FAULT, words, number=claimed.number)

    async def _gone_down(self, claimed: Claimed, tried: Tried) -> None:
        reason = tried.error or "not reachable"
        ids = [claimed.delivery_id]
        await self.write(partial(delivering.give_back, ids=ids, reason=f"waits: {reason}"))
        if self.down is None:
            self.down = reason
            log.warning("%s is down: %s; %s", visible(self.name), reason, _that_wait(await self._waiting()))

    async def _record(
        self, claimed: Claimed, request: Outgoing | None, tried: Tried, *, holds_up: bool
    ) -> None:
        """Write down how it ended, and in the same commit claim the next for the place that it leaves.

        One that holds up nobody any more leaves no place: the lane has filled it.
        """
        record = partial(
            delivering.record,
            delivery_id=claimed.delivery_id,
            ended=ended(claimed.number, request, tried),
            due_at=self._due_again(claimed, tried),
        )
        if holds_up and not self._held() and self.down is None:
            record = partial(record, claim_for=self.name, now=_now())
        # A try that ended is recorded even while the engine stops.
        found = await asyncio.shield(asyncio.ensure_future(self.write(record)))
        self._claimed.extend(found)

    def _due_again(self, claimed: Claimed, tried: Tried) -> int | None:
        policy = self._policy
        now = datetime.now(UTC)
        first = tried.started_at if claimed.first_at is None else from_micros(claimed.first_at)
        if not retrying.is_tried_again(tried.outcome, tried.verdict):
            return None
        due = retrying.next_try(
            retrying.Policy(policy.retry),
            tries=claimed.number,
            first_at=first,
            now=now,
            spread=random.random(),  # noqa: S311 - spreads tries in time, guards nothing
            time_scale=policy.time_scale,
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
            except StoreTrouble:
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


def ended(number: int, request: Outgoing | None, tried: Tried) -> Ended:
    """A try as it is recorded.

    Args:
        number: 1 for the first of its delivery.
        request: None where nothing was sent.
    """
    judged = tried.outcome not in NOT_SENT
    return Ended(
        number=number,
        started_at=to_micros(tried.started_at),
        elapsed_us=round(tried.elapsed_s * 1e6),
        outcome=tried.outcome,
        status=tried.status,
        verdict=tried.verdict.word if judged else None,
        verdict_reason=tried.verdict.reason if judged else None,
        error=tried.error or tried.note,
        sent_headers=None if request is None else request.headers,
        headers=tried.headers,
        body=tried.body,
        body_size=tried.body_size,
    )


def _that_wait(count: int) -> str:
    if not count:
        return "nothing waits for it"
    return "1 capture waits for it" if count == 1 else f"{count} captures wait for it"


def _now() -> int:
    return to_micros(datetime.now(UTC))
