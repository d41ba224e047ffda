"""The engine actions that store captures of a file or a backfill.

The command reads the file and works out each row, so that a large import costs the engine's loop little.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import time_ns

from relay.control.messages import ChangeResult, CompleteWindowRequest, ImportRequest, ImportResult
from relay.control.server import Handlers
from relay.engine.store_errors import explained
from relay.store.write import imports
from relay.store.write.client import Writer

BATCH_WITHIN_S = 60.0
"""How long a batch may take; longer means that the store hangs."""


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
    work = partial(
        imports.add,
        captures=request.captures,
        origin=request.origin,
        received_at=time_ns() // 1000,
        bundle=request.bundle,
    )
    # After a power failure Lean still has its events, and a synced commit completes their window: a sync of
    # each batch would only hold up the webhooks that come meanwhile.
    synced = request.origin != "events-api"
    with explained("not all was imported"):
        stored = await writer.write(work, within_s=BATCH_WITHIN_S, synced=synced)
    new = [each.id for each in stored if each.is_new]
    if new:
        noticed(max(new))
    return ImportResult(
        added=len(new),
        known=len(stored) - len(new),
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
        return ChangeResult(int(await writer.write(work, within_s=BATCH_WITHIN_S)))
