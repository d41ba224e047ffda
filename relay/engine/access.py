"""What commands ask of an engine: the running one, or this process as the engine for that long.

Loads the engine itself only where none runs, so that a command that asks a running one starts twice as fast.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from relay.config import Settings
from relay.control import client
from relay.control.exchange import A, EngineRequest, Requester
from relay.control.lock import holder


async def request(settings: Settings, message: EngineRequest[A]) -> A:
    """Send a request to the database's engine.

    Raises:
        Unreachable: an engine holds the database and does not answer.
        RelayError: the action's own error.
    """
    async with connect(settings) as send:
        return await send(message)


@asynccontextmanager
async def connect(settings: Settings) -> AsyncIterator[Requester]:
    """The same for several requests to one engine, for as long as the context lasts."""
    if holder(settings.db) is not None:
        async with client.connection(settings.db) as send:
            yield send
        return
    from relay.engine.engine import running

    async with running(settings, receive=False) as engine:
        yield engine.request
