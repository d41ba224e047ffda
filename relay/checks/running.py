"""The status of the engine that receives webhooks, for checks that look at what it really does."""

from __future__ import annotations

from relay.config import Settings
from relay.control import lock
from relay.control.messages import EngineStatus, StatusRequest
from relay.errors import RelayError


async def receiving_engine(settings: Settings) -> EngineStatus | None:
    """The status of the engine with a receiver; None where none runs, or it does not say."""
    if lock.holder(settings.db) is None:
        return None
    from relay.control import client  # loads aiohttp, which the screen's start does not need

    try:
        status = await client.request(settings.db, StatusRequest())
    except RelayError:  # The check of the engine reports that.
        return None
    return status if status.engine.url is not None else None
