"""Lock file and control socket, by which an engine is found: made again when they go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from relay.control.lock import Lock
from relay.control.server import ControlSocket
from relay.errors import RelayError

log = logging.getLogger("relay.engine")

LOOK_EVERY_S = 1.0


async def keep_reachable(db: Path, lock: Lock, control: ControlSocket, describe: Callable[[], None]) -> None:
    """Make lock file and control socket again after they were removed, for as long as the engine lives.

    Args:
        describe: writes into the lock file who holds it and where its socket is.
    """
    well = is_described = is_listening = True
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            if lock.put_back(db):
                is_described = False
                log.warning("the lock file was removed and is made again; a second engine could have started")
            if not is_listening or not control.is_there():
                is_described = is_listening = False
                await control.listen()
                is_listening = True
                log.info("the control socket was gone; it is now %s", control.path)
            well = True
        except (RelayError, OSError) as error:
            if well:
                log.warning("lock file or control socket are gone and cannot be made again: %s", error)
            well = False
        if not is_described:
            with suppress(OSError):  # The disk may be full; the next look tries again.
                describe()
                is_described = True
