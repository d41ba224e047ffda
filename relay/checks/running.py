"""The status of the running engine, for checks that look at what it really does."""

from __future__ import annotations

from relay.config import Settings
from relay.control import lock
from relay.control.messages import EngineStatus, StatusRequest
from relay.errors import RelayError


async def engine_status(settings: Settings) -> EngineStatus | None:
    """The status of the engine; None where none runs.

    Raises:
        RelayError: it does not answer.
    """
    if lock.holder(settings.db) is None:
        return None
    from relay.control import client  # loads aiohttp, which the screen's start does not need

    return await client.request(settings.db, StatusRequest())


async def running_engine(settings: Settings) -> EngineStatus | None:
    """As `engine_status`; None also where it does not answer, which the check of the engine reports."""
    try:
        return await engine_status(settings)
    except RelayError:
        return None


async def receiving_engine(settings: Settings) -> EngineStatus | None:
    """As `running_engine`; None also for an engine without a receiver."""
    status = await running_engine(settings)
    return status if status is not None and status.engine.url is not None else None
