"""Live deliveries: to each target in order, through its restarts, without anybody waiting for it.

Owns which targets there are, and what holds for all of them; each has a lane, so that none waits for
another. Nothing here is on the way from a request to its 200.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

from relay.delivery.http.request import Destination
from relay.delivery.http.sender import Sender
from relay.delivery.target_queue import DeliveryPolicy, Lane
from relay.store.write import deliveries
from relay.store.write.client import Writer


class Forwarder:
    """All lanes of one engine; `run` it once."""

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
            destinations: each target's name, as deliveries have it, and where that is.
            paused: whether everything is held back from the beginning.
        """
        self._writer = writer
        self._policy = policy
        self._sender = Sender()
        self.is_paused = paused
        self._stopped = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._lanes = {name: self._lane(name, where) for name, where in destinations.items()}
        self._leaving: set[Lane] = set()

    def _lane(self, name: str, where: Destination) -> Lane:
        return Lane(self._writer, self._sender, name, where, self._policy, paused=self.is_paused)

    @property
    def targets(self) -> list[str]:
        return list(self._lanes)

    async def run(self) -> None:
        """Send what is due until `stop`."""
        try:
            async with asyncio.TaskGroup() as self._group:
                for lane in self._lanes.values():
                    self._begin(lane)
                await self._stopped.wait()
        finally:
            self._group = None
            await self._sender.close()

    def _begin(self, lane: Lane) -> None:
        if self._group is not None and not self._stopped.is_set():
            self._group.create_task(self._go(lane), name=f"lane to {lane.name}")

    async def _go(self, lane: Lane) -> None:
        await lane.run()
        if lane in self._leaving:
            self._leaving.discard(lane)
            await lane.write(partial(deliveries.park, targets=self.targets, before=0))

    def send_to(self, destinations: Mapping[str, Destination]) -> None:
        """Have these targets and no others from now on.

        Tries on their way to one that is taken away go on to their end; what they leave is parked then,
        and what waits for it is the caller's to park.
        """
        for name in [name for name in self._lanes if name not in destinations]:
            lane = self._lanes.pop(name)
            self._leaving.add(lane)
            lane.leave()
        for name, where in destinations.items():
            if name not in self._lanes:
                self._lanes[name] = self._lane(name, where)
                self._begin(self._lanes[name])

    def notice(self) -> None:
        """Something was queued: look again."""
        for lane in self._lanes.values():
            lane.wake()

    def pause(self, yes: bool = True) -> None:
        """Hold everything back, or let go; tries on their way go on."""
        self.is_paused = yes
        for lane in self._lanes.values():
            lane.pause(yes)

    def stop(self) -> None:
        """Begin no more tries; `run` returns when those on their way have ended, within a second."""
        self._stopped.set()
        for lane in [*self._lanes.values(), *self._leaving]:
            lane.stop()

    def states(self) -> list[tuple[str, str, str | None]]:
        """Each target's name, `up`, `down` or `paused`, and why it is down."""
        return [(lane.name, lane.state, lane.down) for lane in self._lanes.values()]
