"""The engine's side of forwarding: what an earlier engine left, the forwarder's life, and its actions.

Owns what happens at start and at the end, and what commands may ask. When what is sent is the forwarder's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from secrets import token_hex
from time import time_ns
from typing import Any

from relay.background import background
from relay.config import Settings
from relay.control import Action
from relay.errors import RelayError, UsageError
from relay.forwarder import Forwarder, Policy
from relay.outgoing import destination
from relay.routing import Routes, leads_to
from relay.store import delivering
from relay.store.trouble import StoreTrouble
from relay.store.writer import Writer

log = logging.getLogger("relay.forwarder")

PARKED_AFTER = timedelta(hours=1)
"""What has waited longer when an engine starts is not sent by itself: nobody expects it any more."""

ENDS_WITHIN_S = 1.5


class Forwarding:
    """A running forwarder, and what commands may ask of it."""

    def __init__(self, writer: Writer, forwarder: Forwarder) -> None:
        self._writer = writer
        self._forwarder = forwarder

    def notice(self) -> None:
        """Captures were committed: their deliveries can go."""
        self._forwarder.notice()

    def actions(self) -> dict[str, Action]:
        """The actions by the names that commands ask for."""
        return {"forward": self._send_again, "pause": self._pause, "resume": self._resume}

    async def targets(self) -> list[dict[str, Any]]:
        """Each target with its state and how much waits for it; parked deliveries of former targets too."""
        waits = await self._writer.write(delivering.backlog)
        none = delivering.Backlog()
        states = self._forwarder.states()
        names = {name for name, _, _ in states}
        states += [(name, "not configured", None) for name in waits if name not in names]
        return [
            {
                "target": name,
                "state": state,
                "reason": reason,
                "waiting": waits.get(name, none).waiting,
                "parked": waits.get(name, none).parked,
            }
            for name, state, reason in states
        ]

    async def _send_again(self, params: Mapping[str, Any]) -> dict[str, Any]:
        targets = self._forwarder.targets
        if not targets:
            raise UsageError("this engine has no target; start it with --forward-to, or set forward")
        ids = list(params["ids"])
        try:
            queued, released = await self._writer.write(
                partial(delivering.send_again, ids=ids, targets=targets, now=time_ns() // 1000)
            )
        except StoreTrouble as trouble:
            raise RelayError(f"nothing was queued: {trouble.detail}", word=trouble.reason) from trouble
        self._forwarder.notice()
        return {"queued": queued, "released": released, "targets": targets}

    async def _pause(self, params: Mapping[str, Any]) -> dict[str, Any]:
        self._forwarder.pause()
        return {"targets": await self.targets()}

    async def _resume(self, params: Mapping[str, Any]) -> dict[str, Any]:
        self._forwarder.resume()
        return {"targets": await self.targets()}


@asynccontextmanager
async def forwarding(writer: Writer, settings: Settings, routes: Routes) -> AsyncIterator[Forwarding]:
    """Take up what an earlier engine left and forward while the context lasts.

    At its end tries on their way may finish, and are recorded; the rest waits for the next engine.

    Raises:
        UsageError: `loop` where a target is this relay itself.
    """
    for target in routes.targets:
        if leads_to(target, settings.host, settings.port):
            raise UsageError(
                f"{target} is this relay itself: captures would go round in a circle", word="loop"
            )
    await _take_up(writer, routes)
    policy = Policy(
        instance=token_hex(4),
        retry=settings.retry,
        time_scale=settings.time_scale,
        timeout_s=settings.timeout_s,
        in_flight=settings.in_flight,
    )
    destinations = [
        (target, destination(target, insecure=settings.insecure, ca_file=settings.target_ca))
        for target in routes.targets
    ]
    forwarder = Forwarder(writer, destinations, policy)
    async with background(forwarder.run()) as tasks:
        yield Forwarding(writer, forwarder)
        forwarder.stop()
        await asyncio.wait(tasks, timeout=ENDS_WITHIN_S)


async def _take_up(writer: Writer, routes: Routes) -> None:
    before = int((datetime.now(UTC) - PARKED_AFTER).timestamp() * 1_000_000)
    await writer.write(delivering.recover)
    parked = await writer.write(partial(delivering.park, targets=routes.targets, before=before))
    if parked:
        what = "1 delivery" if parked == 1 else f"{parked} deliveries"
        log.warning("%s of earlier runs: parked; `lean-relay forward state:parked` sends them", what)
