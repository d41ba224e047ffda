"""Removal by `keep`: older captures are removed when an engine starts, and then daily.

The `keep` of a project file, which may have come with a repository, removes nothing before the user has
agreed to its first removal (`relay.cli.trust_questions` asks).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from relay.config import Settings, trusted
from relay.config.values import format_span
from relay.engine import maintenance
from relay.errors import RelayError
from relay.models import to_micros
from relay.store.errors import StoreClosed, StoreUnavailable
from relay.store.read.reader import Reader
from relay.store.write import changes
from relay.store.write.client import Writer
from relay.text.captures import captures

log = logging.getLogger("relay.retention")

EVERY_S = 24 * 3600.0


async def remove_daily(writer: Writer, settings: Callable[[], Settings], *, receives: bool) -> None:
    """Remove captures that are too old, for as long as the engine lives.

    Args:
        settings: returns those in force.
        receives: whether the engine takes webhooks; the engine of a command logs nothing.
    """
    while True:
        now = settings()
        if now.keep is not None:
            if now.keep_file is None or trusted.may_remove(now.keep_file, now.db, now.keep):
                await _remove(writer, now.keep, now.sources.get("keep", "keep"))
            elif receives:
                await _log_pending_removal(now.keep_file, now.db, now.keep)
        await asyncio.sleep(EVERY_S)


async def _remove(writer: Writer, keep: timedelta, where: str) -> None:
    try:
        gone = await maintenance.delete_older(writer, to_micros(datetime.now(UTC) - keep))
        if gone:
            keep_s = int(keep.total_seconds())
            first = await writer.write(partial(changes.mark_removal, keep_s=keep_s))
            # A screen shows warnings alone, and the first removal by a new `keep` is worth one.
            level = logging.WARNING if first else logging.INFO
            log.log(level, "removed %s older than %s (%s)", captures(gone), format_span(keep), where)
    except (StoreUnavailable, StoreClosed, sqlite3.Error) as error:
        log.warning("could not remove old captures: %s", error)


async def _log_pending_removal(file: Path, db: Path, keep: timedelta) -> None:
    try:
        count = await asyncio.to_thread(_removable, db, keep)
    except RelayError as error:
        log.warning("could not count old captures: %s", error)
        return
    if count:
        log.warning(
            "%s older than %s (keep of %s) stay until you agree to their removal; the next start at a "
            "terminal asks, and `lean-relay prune until:%s` removes them now",
            captures(count),
            format_span(keep),
            file,
            format_span(keep),
        )


def _removable(db: Path, keep: timedelta) -> int:
    with Reader(db) as reader:
        return reader.removable(datetime.now(UTC) - keep)
