"""What is changed in the log on request: stars, notes, judgements, and removal that really removes.

Owns the actions behind those commands, as the engine does them: each change through its writer, long
ones in slices, so that captures never wait behind them. The SQL is `relay.store.write.changes`'s.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from relay.control.server import Action
from relay.errors import RelayError, UsageError
from relay.store.errors import StoreUnavailable
from relay.store.write import changes
from relay.store.write.client import Writer
from relay.store.write.shapes import save_shapes

STORE_WITHIN_S = 5.0
"""How long an action waits for the store; a person waits for its answer."""

SLICE_WITHIN_S = 60.0
"""How long one slice of a removal may take: then the store hangs."""

MOST_NOTE_BYTES = 4096
"""A note is a line in a list; longer ones of older versions stay, and are cut where they are shown."""

Range = tuple[int, int]
"""First and last id."""


def actions(writer: Writer) -> dict[str, Action]:
    """The actions by the names that commands ask for; each takes and gives a JSON object."""
    return {
        "star": partial(_star, writer),
        "note": partial(_note, writer),
        "verify": partial(_verify, writer),
        "shapes": partial(_shapes, writer),
        "prune": partial(_prune, writer),
    }


async def delete_older(writer: Writer, before: int) -> int:
    """Remove captures from before a time (microseconds UTC), starred ones excepted; gives how many.

    Raises:
        StoreUnavailable: nothing can be written; what was removed until then stays removed.
    """
    last = await writer.write(partial(changes.last_before, received_at=before), within_s=SLICE_WITHIN_S)
    gone = await _delete(writer, [(1, last)], starred_too=False)
    if gone:
        await writer.outside_transaction(changes.empty_log, within_s=SLICE_WITHIN_S)
    return gone


async def _star(writer: Writer, params: Mapping[str, Any]) -> dict[str, Any]:
    ids, starred = list(params["ids"]), bool(params["starred"])
    return {"changed": await _change(writer, partial(changes.set_star, ids=ids, starred=starred))}


async def _note(writer: Writer, params: Mapping[str, Any]) -> dict[str, Any]:
    ids, text = list(params["ids"]), params["text"]
    try:
        size = len(str(text or "").encode("utf-8"))
    except UnicodeEncodeError as error:
        raise UsageError("a note is UTF-8 text, and this one holds something else") from error
    if size > MOST_NOTE_BYTES:
        raise UsageError(f"a note of {size:,} bytes is too long; a note has at most {MOST_NOTE_BYTES:,}")
    return {"changed": await _change(writer, partial(changes.set_note, ids=ids, text=text))}


async def _verify(writer: Writer, params: Mapping[str, Any]) -> dict[str, Any]:
    judged = [(int(number), str(state), name) for number, state, name in params["judged"]]
    return {"changed": await _change(writer, partial(changes.save_signatures, judged=judged))}


async def _shapes(writer: Writer, params: Mapping[str, Any]) -> dict[str, Any]:
    shapes = {str(shape): [int(number) for number in ids] for shape, ids in params["shapes"].items()}
    work = partial(save_shapes, shapes=shapes, version=str(params["version"]), upto=None)
    return {"changed": await _change(writer, work)}


async def _prune(writer: Writer, params: Mapping[str, Any]) -> dict[str, Any]:
    ranges = [(int(first), int(last)) for first, last in params["ranges"]]
    try:
        gone = await _delete(writer, ranges, starred_too=bool(params["starred_too"]))
        emptied = await writer.outside_transaction(changes.empty_log, within_s=SLICE_WITHIN_S)
    except StoreUnavailable as trouble:
        raise RelayError(f"not all was removed: {trouble.detail}", word=trouble.reason) from trouble
    return {"removed": gone, "emptied": emptied}


async def _change(writer: Writer, work: Callable[[sqlite3.Connection], int]) -> int:
    try:
        return await writer.write(work, within_s=STORE_WITHIN_S)
    except StoreUnavailable as trouble:
        raise RelayError(f"nothing was changed: {trouble.detail}", word=trouble.reason) from trouble


async def _delete(writer: Writer, ranges: Sequence[Range], *, starred_too: bool) -> int:
    await writer.settled(within_s=SLICE_WITHIN_S)
    gone = 0
    for first, last in ranges:
        following: int | None = first
        while following is not None:
            act = partial(changes.delete_slice, first=following, last=last, starred_too=starred_too)
            count, following = await writer.write(act, within_s=SLICE_WITHIN_S)
            gone += count
    return gone
