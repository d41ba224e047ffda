"""The engine actions that store captures of a file or a backfill.

The command reads the file and works out each row, so that a large import costs the engine's loop little. A
request is stored in slices: webhooks that come meanwhile wait for one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import time_ns

from relay.control.messages import ChangeResult, CompleteWindowRequest, ImportRequest, ImportResult
from relay.control.server import Handlers
from relay.engine.store_errors import explained
from relay.store.write import imports
from relay.store.write.changes import rewrite
from relay.store.write.client import Writer
from relay.store.write.imports import StoredImport

SLICE = 5
"""Captures of one transaction."""

WITHIN_S = 60.0
"""How long a transaction may take; longer means that the store hangs."""


def handlers(writer: Writer, noticed: Callable[[int], None]) -> Handlers:
    """The handlers of ImportRequest and CompleteWindowRequest.

    Args:
        noticed: called with the newest id after each commit that added captures.
    """
    return {
        ImportRequest: partial(_import, writer, noticed),
        CompleteWindowRequest: partial(_complete_window, writer),
    }


async def _import(writer: Writer, noticed: Callable[[int], None], request: ImportRequest) -> ImportResult:
    stored: list[StoredImport] = []
    received_at = time_ns() // 1000
    with explained("not all was imported"):
        for start in range(0, len(request.captures), SLICE):
            work = partial(
                imports.add,
                captures=request.captures[start : start + SLICE],
                origin=request.origin,
                received_at=received_at,
                bundle=request.bundle,
            )
            some = await writer.write(work, within_s=WITHIN_S, synced=False)
            stored += some
            if new := [each.id for each in some if each.is_new]:
                noticed(max(new))
        # One sync for all: more would only hold up the webhooks that come meanwhile. After a power failure
        # Lean still has its events, and a synced commit completes their window.
        if request.origin != "events-api":
            await writer.write(rewrite, within_s=WITHIN_S)
    added = sum(each.is_new for each in stored)
    return ImportResult(
        added=added,
        known=len(stored) - added,
        ids=[each.id for each in stored],
        is_new=[each.is_new for each in stored],
    )


async def _complete_window(writer: Writer, request: CompleteWindowRequest) -> ChangeResult:
    work = partial(
        imports.complete_window,
        environment=request.environment,
        region=request.region,
        start=request.start,
        end=request.end,
    )
    with explained("all was stored, but not that it is complete"):
        return ChangeResult(int(await writer.write(work, within_s=WITHIN_S)))
