"""Writes refused requests to the database once a second; what cannot be written stays for the next time."""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial

from relay.receiver.refusals import Refusals
from relay.store.errors import StoreClosed, StoreUnavailable
from relay.store.write import changes
from relay.store.write.client import Writer

WRITE_EVERY_S = 1.0


async def keep_written(refusals: Refusals, writer: Writer) -> None:
    """Write them regularly; never ends by itself."""
    while True:
        await asyncio.sleep(WRITE_EVERY_S)
        await write(refusals, writer)


async def write(refusals: Refusals, writer: Writer) -> None:
    """Write those that are not in the database yet."""
    entries = refusals.take()
    if not entries:
        return
    try:
        await writer.write(partial(changes.add_refusals, entries=entries))
    except (StoreUnavailable, StoreClosed, sqlite3.Error):
        refusals.put_back(entries)
