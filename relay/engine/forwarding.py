"""The engine's side of forwarding: the forwarder from start to end, and the actions about live deliveries.

Owns what happens to deliveries of an earlier engine. The forwarder decides what is sent when.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic, thread_time, time_ns

from relay.config import Settings
from relay.control.messages import (
    ForwardRequest,
    ForwardResult,
    PauseRequest,
    PauseResult,
    ResumeRequest,
    TargetStatus,
)
from relay.control.server import Handlers
from relay.delivery.destinations import destinations
from relay.delivery.forwarder import Forwarder
from relay.delivery.target_queue import DeliveryPolicy
from relay.engine.store_errors import STORE_WITHIN_S, explained
from relay.engine.tasks import background
from relay.errors import UsageError
from relay.models import from_micros, iso
from relay.receiver.routes import Routes
from relay.store.backlog import COUNT, Backlog, by_target
from relay.store.read.reader import Reader
from relay.store.write import deliveries
from relay.store.write.changes import slices
from relay.store.write.client import Writer
from relay.text.local_time import local
from relay.text.targets import leads_to
from relay.text.units import format_deliveries

log = logging.getLogger("relay.forwarder")

PARKED_AFTER = timedelta(hours=1)
"""Deliveries that have waited longer when an engine starts are parked: by then they would be a surprise."""

ENDS_WITHIN_S = 1.5

COUNTED_WITHIN_S = 1.0
"""How long `targets` waits for deliveries to be counted."""

LONG_S = 0.02
USED_FOR = 20
"""A count that took more processor time than LONG_S is used for so many times that: a million deliveries take
half a second."""

Counted = tuple[dict[str, Backlog], float]
"""The backlog of each target, and the seconds of processor time that the count took."""

RESUME = "run `lean-relay resume` to continue"


class Forwarding:
    """A running forwarder and its actions."""

    def __init__(self, writer: Writer, forwarder: Forwarder, settings: Settings) -> None:
        self._writer = writer
        self._forwarder = forwarder
        self._settings = settings
        self._counting: asyncio.Task[Counted] | None = None
        self._counted: dict[str, Backlog] | None = None
        self._counted_until = 0.0
        self._stopped_at: float | None = None

    def notice(self) -> None:
        """Note that captures were committed: their deliveries can go."""
        self._forwarder.notice()

    def handlers(self) -> Handlers:
        """Handlers of the requests about live deliveries."""
        return {ForwardRequest: self._forward, PauseRequest: self._pause, ResumeRequest: self._resume}

    async def targets(self) -> tuple[TargetStatus, ...]:
        """The status of each target, and of former targets that still have parked deliveries."""
        none: Backlog | None = Backlog()
        counted = await self._backlog()
        waits = counted or {}
        if counted is None:
            none = None
        states = self._forwarder.states()
        names = {name for name, _, _ in states}
        states += [(name, "not configured", None) for name in waits if name not in names]
        return tuple(
            TargetStatus(
                target=name,
                state=state,
                reason=reason,
                waiting=found.waiting if found else None,
                parked=found.parked if found else None,
                next_at=_future(found.next_at if found else None),
            )
            for name, state, reason in states
            for found in [waits.get(name, none)]
        )

    async def _backlog(self) -> dict[str, Backlog] | None:
        """The backlog of each target; None if it is not counted in time, or cannot be read.

        Concurrent callers share one query, so that queries to a disk that hangs do not pile up. The result of
        one that took long is used for a while.
        """
        if monotonic() < self._counted_until:
            return self._counted
        if self._counting is None:
            count = asyncio.to_thread(_count, self._settings.db)
            self._counting = asyncio.get_running_loop().create_task(count, name="backlog")
            self._counting.add_done_callback(self._note_count)
        counting = self._counting
        await asyncio.wait({counting}, timeout=COUNTED_WITHIN_S)
        return self._counted if counting.done() else None

    def _note_count(self, counting: asyncio.Task[Counted]) -> None:
        self._counting = None
        self._counted, spent_s = None, 0.0
        if not counting.cancelled() and counting.exception() is None:
            self._counted, spent_s = counting.result()
        if spent_s > LONG_S:
            self._counted_until = monotonic() + USED_FOR * spent_s

    def stop(self) -> None:
        """Begin no more attempts; those in flight may take `ENDS_WITHIN_S` from now on."""
        if self._stopped_at is None:
            self._stopped_at = monotonic()
            self._forwarder.stop()

    async def _end(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        self.stop()
        assert self._stopped_at is not None
        await asyncio.wait(tasks, timeout=max(self._stopped_at + ENDS_WITHIN_S - monotonic(), 0.1))
        if self._counting is not None:
            self._counting.cancel()

    async def _forward(self, request: ForwardRequest) -> ForwardResult:
        work = partial(deliveries.resend, now=time_ns() // 1000)
        targets = self._targets()
        queued = released = 0
        for some in slices(request.ids):
            targets = self._targets()  # A reload between two slices may have replaced them.
            with explained("not all was queued" if queued or released else "nothing was queued"):
                counts = await self._writer.write(
                    partial(work, ids=some, targets=targets), within_s=STORE_WITHIN_S
                )
            queued, released = queued + counts[0], released + counts[1]
            self._forwarder.notice()
        return ForwardResult(queued=queued, released=released, targets=targets)

    def _targets(self) -> list[str]:
        targets = self._forwarder.targets
        if not targets:
            raise UsageError("this engine has no target; start it with --forward-to, or set forward")
        return targets

    async def _pause(self, request: PauseRequest) -> PauseResult:
        return await self._set_paused(time_ns() // 1000)

    async def _resume(self, request: ResumeRequest) -> PauseResult:
        return await self._set_paused(None)

    async def _set_paused(self, paused_since: int | None) -> PauseResult:
        """Pause or resume, and store it: the next engine is paused too."""
        changed = self._forwarder.is_paused is (paused_since is None)
        self._forwarder.pause(paused_since is not None)
        if changed:
            log.info("forwarding is resumed" if paused_since is None else f"forwarding is paused; {RESUME}")
        with explained("done, but the next engine will not know of it"):
            await self._writer.write(
                partial(deliveries.keep_paused, since=paused_since), within_s=STORE_WITHIN_S
            )
        return PauseResult(changed=changed, targets=await self.targets())

    async def send_to(self, targets: Sequence[str]) -> int:
        """Replace the targets, and park deliveries to former ones.

        Returns:
            How many deliveries were parked.

        Raises:
            RelayError: the store is unavailable; the targets are replaced nevertheless.
        """
        await self._forwarder.send_to(destinations(targets, self._settings))
        with explained("could not park deliveries to former targets"):
            return await self._writer.write(
                partial(deliveries.park, targets=self._forwarder.targets, before=0), within_s=STORE_WITHIN_S
            )


@asynccontextmanager
async def forwarding(
    writer: Writer, settings: Settings, routes: Routes, *, instance: str
) -> AsyncIterator[Forwarding]:
    """Forward while the context lasts, beginning with deliveries that an earlier engine left.

    At its end attempts in flight may finish, and are recorded; the rest is left for the next engine.

    Args:
        instance: names this engine in `X-Lean-Relay`.

    Raises:
        UsageError: `loop`, a target is this relay itself.
    """
    check_no_loops(routes, settings.host, settings.port)
    paused = await _recover(writer, routes)
    policy = DeliveryPolicy(
        instance=instance,
        retry=settings.retry,
        time_scale=settings.time_scale,
        timeout_s=settings.timeout_s,
        in_flight=settings.in_flight,
    )
    forwarder = Forwarder(writer, destinations(routes.targets, settings), policy, paused=paused)
    async with background(forwarder.run()) as tasks:
        running = Forwarding(writer, forwarder, settings)
        yield running
        await running._end(tasks)


def _count(db: Path) -> Counted:
    """Count beside the writing process: webhooks would wait there for it."""
    begun = thread_time()
    with Reader(db) as reader:
        found = by_target(reader.rows(COUNT))
    return found, thread_time() - begun


def check_no_loops(routes: Routes, host: str, port: int) -> None:
    """
    Raises:
        UsageError: `loop`, a target is the listener at `host` and `port`.
    """
    for target in routes.targets:
        if leads_to(target, host, port):
            raise UsageError(
                f"{target} is this relay itself: webhooks would be forwarded in a loop", word="loop"
            )


async def _recover(writer: Writer, routes: Routes) -> bool:
    """Recover deliveries of an earlier engine, and log them; return whether forwarding was paused."""
    before = time_ns() // 1000 - PARKED_AFTER // timedelta(microseconds=1)
    await writer.write(deliveries.recover)
    parked = await writer.write(partial(deliveries.park, targets=routes.targets, before=before))
    if parked:
        log.warning(
            "parked %s of earlier runs; `lean-relay forward state:parked` sends them",
            format_deliveries(parked),
        )
    since = await writer.outside_transaction(deliveries.paused_since)
    if since is None or not routes.targets:
        return since is not None
    waits = await writer.outside_transaction(deliveries.backlog)
    count = sum(each.waiting for each in waits.values())
    log.warning(
        f"forwarding has been paused since %s and %s; {RESUME}",
        f"{local(from_micros(since)):%Y-%m-%d %H:%M}",
        f"{format_deliveries(count)} {'is' if count == 1 else 'are'} waiting"
        if count
        else "the queue is empty",
    )
    return True


def _future(at: int | None) -> str | None:
    """A future time in microseconds UTC as ISO 8601, else None."""
    return None if at is None or at <= time_ns() // 1000 else iso(from_micros(at))
