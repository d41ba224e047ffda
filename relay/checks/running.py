"""The status of the running engine, for checks that look at what it really does."""

from __future__ import annotations

from relay.config import Settings
from relay.control import lock
from relay.control.messages import EngineStatus, StatusRequest
from relay.errors import Unreachable


async def engine_status(settings: Settings) -> EngineStatus | None:
    """The status of the engine; None where none runs.

    Raises:
        RelayError: it does not answer.
    """
    if lock.holder(settings.db) is None:
        return None
    from relay.control import client  # loads aiohttp, which the screen's start does not need

    try:
        return await client.request(settings.db, StatusRequest())
    except Unreachable as error:
        if error.word == "no-engine":  # It has ended meanwhile.
            return None
        raise


def receiver(status: EngineStatus | None) -> EngineStatus | None:
    """The status of an engine with a receiver; None for one without."""
    return status if status is not None and status.engine.url is not None else None
