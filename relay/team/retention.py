"""Removal from a team's log by its own limits, which any node asks for hourly."""

from __future__ import annotations

import asyncio
import logging

from relay.errors import RelayError
from relay.team.address import TeamAddress
from relay.team.connect import open_log
from relay.text.captures import captures

log = logging.getLogger("relay.retention")

EVERY_S = 3600.0


async def prune_hourly(address: TeamAddress, every_s: float = EVERY_S) -> None:
    """Remove what is too old or too much, on a connection of its own, for as long as the engine lives."""
    while True:
        try:
            gone = await prune(address)
            if gone:
                log.info("removed %s from the team's log", captures(gone))
        except RelayError as error:
            log.warning("could not remove old captures of the team: %s", error)
        await asyncio.sleep(every_s)


async def prune(address: TeamAddress) -> int:
    """Remove all that is too old or too much now; return how many captures.

    Raises:
        RelayError: as for `open_log`; what was removed before is gone.
    """
    team_log = await open_log(address, publish=True)
    try:
        total = 0
        while gone := await team_log.prune():
            total += gone
        return total
    finally:
        await team_log.close()
