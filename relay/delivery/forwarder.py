"""Live forwarding: a queue per target, so that no target waits for another.

Owns the set of targets, and pause and stop for all of them. Nothing here is on the way from a request to its
200.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from relay.delivery.http.request import Destination
from relay.delivery.http.sender import Sender
from relay.delivery.target_queue import DeliveryPolicy, TargetQueue
from relay.store.write import deliveries
from relay.store.write.client import Writer


class Forwarder:
    """The target queues of one engine; `run` it once."""

    def __init__(
        self,
        writer: Writer,
        destinations: Mapping[str, Destination],
        policy: DeliveryPolicy,
        *,
        paused: bool = False,
    ) -> None:
        """
        Args:
            destinations: by the targets' names, as deliveries have them.
            paused: whether forwarding is paused from the start.
        """
        self._writer = writer
        self._policy = policy
        self._sender = Sender()
        self.is_paused = paused
        self._stopped = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._queues = {name: self._queue(name, to) for name, to in destinations.items()}
        self._leaving: set[TargetQueue] = set()

    def _queue(self, name: str, to: Destination) -> TargetQueue:
        return TargetQueue(self._writer, self._sender, name, to, self._policy, paused=self.is_paused)

    @property
    def targets(self) -> list[str]:
        return list(self._queues)

    async def run(self) -> None:
        """Send due deliveries until `stop`."""
        try:
            async with asyncio.TaskGroup() as self._group:
                for queue in self._queues.values():
                    self._start(queue)
                await self._stopped.wait()
        finally:
            self._group = None
            await self._sender.close()

    def _start(self, queue: TargetQueue) -> None:
        if self._group is not None and not self._stopped.is_set():
            self._group.create_task(self._run_queue(queue), name=f"queue of {queue.name}")

    async def _run_queue(self, queue: TargetQueue) -> None:
        await queue.run()
        if queue in self._leaving:
            self._leaving.discard(queue)
            await queue.write(partial(deliveries.park, targets=self.targets, before=0))
            self.notice()  # If the target has come back, what this queue left is due there.

    async def send_to(self, destinations: Mapping[str, Destination]) -> None:
        """Replace the targets.

        Attempts in flight to a removed target continue to their end; deliveries not finished then are parked.
        Deliveries queued for it are the caller's to park.
        """
        leaving = [self._queues.pop(name) for name in [*self._queues] if name not in destinations]
        self._leaving.update(leaving)
        for name, to in destinations.items():
            if name not in self._queues:
                self._queues[name] = self._queue(name, to)
                self._start(self._queues[name])
        for queue in leaving:
            await queue.leave()

    def notice(self) -> None:
        """Look for new deliveries."""
        for queue in self._queues.values():
            queue.notice()

    def pause(self, yes: bool = True) -> None:
        """Pause or resume all targets; attempts in flight continue."""
        self.is_paused = yes
        for queue in self._queues.values():
            queue.pause(yes)

    def stop(self) -> None:
        """Begin no more attempts; `run` returns when those in flight have ended, within a second."""
        self._stopped.set()
        for queue in [*self._queues.values(), *self._leaving]:
            queue.stop()

    def states(self) -> list[tuple[str, str, str | None]]:
        """Each target's name, its state (`up`, `down` or `paused`), and why it is down."""
        return [(queue.name, queue.state, queue.down) for queue in self._queues.values()]
