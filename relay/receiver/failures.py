"""The response to a request that could not be stored, by the error that ended it."""

from __future__ import annotations

import asyncio
import logging
import traceback
from pathlib import Path

from relay.receiver.responses import Refused
from relay.store.errors import StoreClosed, StoreUnavailable

log = logging.getLogger("relay.receiver")


def refusal_of(error: BaseException, address: str) -> Refused:
    """The refusal for an error while a request was handled; an error of the relay's own is logged.

    Args:
        address: of the client.
    """
    if isinstance(error, Refused):
        return error
    if isinstance(error, StoreUnavailable):
        return Refused(503, error.reason, error.detail)
    if isinstance(error, StoreClosed):
        return Refused(503, "shutting-down", "the relay is stopping")
    if isinstance(error, asyncio.CancelledError):  # The relay stops, after waiting for it.
        return Refused(503, "shutting-down", "the relay stopped before it was known to be stored")
    log.error("a request from %s failed inside the relay: %s", address, _where(error))
    return Refused(500, "internal", _where(error))


def _where(error: BaseException) -> str:
    """Type and place of an internal error, without its message, which may quote the request."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-3:]]
    return f"{type(error).__name__} at {', '.join(places)}"
