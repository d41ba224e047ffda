"""Live deliveries: in order to each target, through its restarts, without anybody waiting for it.

Owns when what is sent: order, tries in flight, targets up and down, pause, retries. The deliveries are
rows; this process may end at any step, and the next one goes on. One lane to a target, so that none
waits for another. Nothing here is on the way from a request to its 200.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any

from relay import retrying
from relay.connecting import reachable
from relay.lean import schedule
from relay.models import from_micros, to_micros
from relay.outcomes import Outcome
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


class Forwarder:
    """All lanes of one engine."""

    def __init__(
        self, writer: Writer, destinations: Sequence[tuple[str, Destination]], policy: Policy
    ) -> None:
        """
        Args:
            destinations: each target's name, as deliveries have it, and where that is.
        """
        self._sender = Sender()
        self._lanes = [Lane(writer, self._sender, name, where, policy) for name, where in destinations]

    @property
    def targets(self) -> list[str]:
        return [lane.name for lane in self._lanes]

    async def run(self) -> None:
        """Send what is due until `stop`; a failure that nobody foresaw ends this, loudly."""
        try:
            async with asyncio.TaskGroup() as lanes:
                for lane in self._lanes:
                    lanes.create_task(lane.run(), name=f"lane to {lane.name}")
        finally:
            await self._sender.close()

    def notice(self) -> None:
        """Something was queued: look again."""
        for lane in self._lanes:
            lane.wake()

    def pause(self) -> None:
        """Hold everything back until `resume`; tries on their way go on."""
        for lane in self._lanes:
            lane.paused = True
            lane.wake()

    def resume(self) -> None:
        for lane in self._lanes:
            lane.paused = False
            lane.wake()

    def stop(self) -> None:
        """Begin no more tries; `run` returns when those on their way have ended, within END_WITHIN_S."""
        for lane in self._lanes:
            lane.stopping = True
            lane.wake()

    def states(self) -> list[tuple[str, str, str | None]]:
        """Each target's name, `up`, `down` or `paused`, and why it is down."""
        return [
            (lane.name, "paused" if lane.paused else "down" if lane.down else "up", lane.down)
            for lane in self._lanes
        ]


class Lane:
    """The way to one target."""

    def __init__(self, writer: Writer, sender: Sender, name: str, where: Destination, policy: Policy) -> None:
        self.name = name
        self.paused = False
        self.stopping = False
        self.down: str | None = None
        """Why the target cannot be reached; None while it can."""
        self._writer = writer
        self._sender = sender
        self._where = where
        self._policy = policy
        self._changed = asyncio.Event()
        self._busy = 0
        """Tries that hold up the next: at most `policy.in_flight`."""
        self._claimed: Claimed | None = None
        """Claimed with the record of the try before it, to save a commit."""

    def wake(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Claim and send, one after the other, until told to stop."""
        tries: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while (claimed := await self._next()) is not None:
                self._busy += 1
                task = group.create_task(self._try(claimed), name=f"delivery {claimed.delivery_id}")
                tries.add(task)
                task.add_done_callback(tries.discard)
            if tries:
                await asyncio.wait(tries, timeout=END_WITHIN_S)
            for task in tries:
                task.cancel()

    async def _next(self) -> Claimed | None:
        """The next delivery to send, when there is one; None when told to stop."""
        while not self.stopping:
            self._changed.clear()
            if self.down is not None and not self.paused:
                await self._wait_until_up()
                continue
            if self.paused or self._busy >= self._policy.in_flight:
                await self._changed.wait()
                continue
            claimed = self._claimed or await self._claim()
            self._claimed = None
            if claimed is not None:
                return claimed
            await self._wait(await self._until_due_s())
        if self._claimed is not None:
            unsent, self._claimed = self._claimed.delivery_id, None
            await self._write(partial(delivering.give_back, delivery_id=unsent, reason=None))
        return None

    async def _claim(self) -> Claimed | None:
        found = await self._write(partial(delivering.claim, target=self.name, now=_now(), limit=1))
        return found[0] if found else None

    async def _until_due_s(self) -> float | None:
        due = await self._write(partial(delivering.next_due, target=self.name))
        return None if due is None else max((due - _now()) / 1e6, 0.001)

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
        return self.stopping or self.paused

    async def _waiting(self) -> int:
        found = await self._write(delivering.backlog)
        return found[self.name].waiting if self.name in found else 0

    # -- one try -------------------------------------------------------------------------------

    async def _try(self, claimed: Claimed) -> None:
        free = _Once(self._freed)
        held = asyncio.get_running_loop().call_later(HOLDS_UP_S, free)
        try:
            in_circles = why_not_onward(claimed.capture.headers, self._policy.instance)
            if in_circles is not None:
                tried = not_sent(Outcome.LOOP, in_circles, number=claimed.number)
                await self._record(claimed, _ended(claimed, None, tried), None)
                return
            try:
                request = outgoing(claimed.capture, self._where, instance=self._policy.instance)
            except ValueError as error:  # What another program put into the log may be no request.
                tried = not_sent(Outcome.UNSENDABLE, visible(str(error)), number=claimed.number)
                await self._record(claimed, _ended(claimed, None, tried), None)
                return
            tried = await self._sender.send(
                request, self._where, timeout_s=self._policy.timeout_s, number=claimed.number
            )
            held.cancel()
            if tried.before_any_byte:
                await self._gone_down(claimed, tried)
            else:
                ended, due_at = _ended(claimed, request, tried), self._due_again(claimed, tried)
                await self._record(claimed, ended, due_at, holds_up=not free.called)
        finally:
            held.cancel()
            free()

    def _freed(self) -> None:
        self._busy -= 1
        self.wake()

    async def _gone_down(self, claimed: Claimed, tried: Tried) -> None:
        reason = tried.error or "not reachable"
        back = partial(delivering.give_back, delivery_id=claimed.delivery_id, reason=f"waits: {reason}")
        await self._write(back)
        if self.down is None:
            self.down = reason
            log.warning("%s is down: %s; %s", visible(self.name), reason, _that_wait(await self._waiting()))

    async def _record(
        self, claimed: Claimed, ended: Ended, due_at: int | None, *, holds_up: bool = False
    ) -> None:
        """Write down how it ended, and claim the next in the same commit where that is this try's to do.

        It is where the try is the only one that holds up the next: two that claimed at once would
        leave one of theirs behind.
        """
        goes_on = holds_up and not (
            self.stopping or self.paused or self.down or self._claimed or self._policy.in_flight > 1
        )
        record = partial(delivering.record, delivery_id=claimed.delivery_id, ended=ended, due_at=due_at)
        if goes_on:
            record = partial(record, claim_for=self.name, now=_now())
        # A try that ended is recorded even while the engine stops.
        self._claimed = await asyncio.shield(asyncio.ensure_future(self._write(record))) or self._claimed

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

    async def _write(self, work: Callable[[Any], Any]) -> Any:
        """Run a change in the store; while that is in trouble, wait for it to heal."""
        while True:
            try:
                return await self._writer.write(work)
            except StoreTrouble:
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


def _ended(claimed: Claimed, request: Outgoing | None, tried: Tried) -> Ended:
    return Ended(
        number=claimed.number,
        started_at=to_micros(tried.started_at),
        elapsed_us=round(tried.elapsed_s * 1e6),
        outcome=tried.outcome,
        status=tried.status,
        verdict=tried.verdict.word,
        verdict_reason=tried.verdict.reason,
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
