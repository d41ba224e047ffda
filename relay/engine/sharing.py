"""The engine's side of a node: opens the team's log, publishes what the receiver takes, and prunes hourly."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from relay.config import Settings
from relay.control.messages import NodeStatus
from relay.engine.tasks import background
from relay.errors import UsageError
from relay.team.address import TeamAddress
from relay.team.connect import node_name, open_log
from relay.team.log import TeamLog
from relay.team.publisher import Publisher
from relay.team.retention import prune_hourly

log = logging.getLogger("relay.team")


class Sharing:
    """A publisher and what it has done since the start."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher

    def status(self) -> NodeStatus:
        trouble = self.publisher.trouble
        return NodeStatus(
            state=trouble.reason if trouble else "ok",
            detail=trouble.detail if trouble else None,
            server=self.publisher.server or None,
            published=self.publisher.published,
            position=self.publisher.newest,
            waiting=self.publisher.waiting,
        )


def check_forwards_nothing(settings: Settings) -> None:
    """
    Raises:
        UsageError: a node has targets; each node would forward the same webhooks.
    """
    if settings.share and settings.forward:
        raise UsageError(
            f"a node that shares forwards nothing, as each node would; {settings.forward[0].where} names a "
            "target: leave it out, and forward from a machine that follows"
        )


@asynccontextmanager
async def sharing(settings: Settings) -> AsyncIterator[Sharing]:
    """Share webhooks while the context lasts.

    Raises:
        RelayError: the log cannot be used, so that no webhook would be taken; as for `open_log`.
        UsageError: its URL is not set or not valid.
    """
    address = TeamAddress.of_settings(settings, warn=log.warning)
    if address.is_plain:
        log.warning(
            "webhooks go to %s without verified TLS (allow_plain): anybody in between can read them", address
        )

    async def opened() -> TeamLog:
        return await open_log(address, publish=True)

    first = await opened()
    publisher = Publisher(node_name(), opened, log=first)
    log.info("webhooks are shared in %s, %s, and not stored here", first.server.address, first.server.stored)
    async with background(publisher.run(), prune_hourly(address)):
        try:
            yield Sharing(publisher)
        finally:
            await publisher.close()
