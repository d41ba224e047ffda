"""Engine actions that change stored captures: star, note, verify, recheck, prune.

Each change goes through the engine's writer, long ones in slices, so that new captures never wait for them.
The SQL is `relay.store.write.changes`'s.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Sequence
from functools import partial

from relay.control.messages import (
    ChangeResult,
    NoteRequest,
    PruneRequest,
    PruneResult,
    ShapesRequest,
    StarRequest,
    VerifyRequest,
)
from relay.control.server import Handlers
from relay.engine.store_errors import STORE_WITHIN_S, explained
from relay.errors import UsageError
from relay.models import MOST_NOTE_BYTES
from relay.store.write import changes
from relay.store.write.client import Writer
from relay.store.write.shapes import save_shapes

SLICE_WITHIN_S = 60.0
"""How long one slice of a removal may take; longer means that the store hangs."""

EMPTY_ATTEMPTS, EMPTY_EVERY_S = 20, 0.1
"""How often, and how far apart, the WAL is emptied while a reader holds it; most reads take milliseconds."""

Range = tuple[int, int]
"""First and last id."""


def handlers(writer: Writer) -> Handlers:
    """Handlers of the requests about stored captures."""
    return {
        StarRequest: partial(_star, writer),
        NoteRequest: partial(_note, writer),
        VerifyRequest: partial(_verify, writer),
        ShapesRequest: partial(_shapes, writer),
        PruneRequest: partial(_prune, writer),
    }


async def delete_older(writer: Writer, before: int) -> int:
    """Remove captures from before a time (microseconds UTC), except starred ones; return how many.

    Raises:
        StoreUnavailable: nothing can be written; captures removed until then stay removed.
    """
    gone = await _delete(writer, [(1, sys.maxsize)], starred_too=False, before=before)
    if gone:
        await _empty_wal(writer)
    return gone


async def _star(writer: Writer, request: StarRequest) -> ChangeResult:
    work = partial(changes.set_star, starred=request.starred)
    return ChangeResult(await _change_in_slices(writer, request.ids, work))


async def _note(writer: Writer, request: NoteRequest) -> ChangeResult:
    try:
        size = len((request.text or "").encode("utf-8"))
    except UnicodeEncodeError as error:
        raise UsageError("a note is UTF-8 text, and this one holds something else") from error
    if size > MOST_NOTE_BYTES:
        raise UsageError(f"a note of {size:,} bytes is too long; a note has at most {MOST_NOTE_BYTES:,}")
    work = partial(changes.set_note, text=request.text)
    return ChangeResult(await _change_in_slices(writer, request.ids, work))


async def _verify(writer: Writer, request: VerifyRequest) -> ChangeResult:
    return ChangeResult(await _change(writer, partial(changes.save_signatures, judged=request.judged)))


async def _shapes(writer: Writer, request: ShapesRequest) -> ChangeResult:
    work = partial(save_shapes, shapes=request.shapes, version=request.version, upto=None)
    return ChangeResult(await _change(writer, work))


async def _prune(writer: Writer, request: PruneRequest) -> PruneResult:
    with explained("not all was removed"):
        gone = await _delete(writer, request.ranges, starred_too=request.starred_too)
        emptied = await _empty_wal(writer)
    return PruneResult(removed=gone, emptied=emptied)


async def _empty_wal(writer: Writer) -> bool:
    """Empty the WAL, which still has what was removed; False if a reader holds it for longer."""
    for attempt in range(EMPTY_ATTEMPTS):
        if attempt:
            await asyncio.sleep(EMPTY_EVERY_S)
        if await writer.outside_transaction(changes.empty_wal, within_s=SLICE_WITHIN_S):
            return True
    return False


async def _change_in_slices(writer: Writer, ids: Sequence[int], work: Callable[..., int]) -> int:
    """Change captures, a few in each transaction; `work` takes a connection and `ids`."""
    changed = 0
    for some in changes.slices(ids):
        not_done = "not all was changed" if changed else "nothing was changed"
        changed += await _change(writer, partial(work, ids=some), not_done)
    return changed


async def _change(
    writer: Writer, work: Callable[[sqlite3.Connection], int], not_done: str = "nothing was changed"
) -> int:
    with explained(not_done):
        return await writer.write(work, within_s=STORE_WITHIN_S)


async def _delete(
    writer: Writer, ranges: Sequence[Range], *, starred_too: bool, before: int | None = None
) -> int:
    await writer.settled(within_s=SLICE_WITHIN_S)
    gone = 0
    for first, last in ranges:
        following: int | None = first
        while following is not None:
            act = partial(
                changes.delete_slice, first=following, last=last, starred_too=starred_too, before=before
            )
            count, following = await writer.write(act, within_s=SLICE_WITHIN_S)
            gone += count
    return gone
