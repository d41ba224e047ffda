"""What an engine says of its store and of its part in a team, for `status` and the screen."""

from __future__ import annotations

from contextlib import suppress

from relay.control.messages import StoreStatus, TeamStatus
from relay.engine.following import Following
from relay.engine.sharing import Sharing
from relay.store.errors import StoreClosed, StoreUnavailable
from relay.store.write.changes import nothing
from relay.store.write.client import Writer

ASKED_S = 1.0
"""How long to wait for the store's answer."""

SILENT_S = 0.9
"""The store is slow when it has not answered for so long."""


async def store_status(writer: Writer) -> StoreStatus:
    """The state of the store: `ok`, or why it cannot write now.

    Asks the store, unless something is on its way to it already: questions to one that hangs do not pile up.
    """
    if writer.trouble is None and not writer.silent_s:
        with suppress(StoreUnavailable, StoreClosed):
            await writer.outside_transaction(nothing, within_s=ASKED_S)
    trouble = writer.trouble
    if trouble is None and writer.silent_s > SILENT_S:
        trouble = StoreUnavailable("store-slow", f"the store has not answered for {writer.silent_s:.0f} s")
    return StoreStatus(
        state=trouble.reason if trouble else "ok",
        detail=trouble.detail if trouble else None,
        wal_bytes=writer.wal_bytes,
        waiting=writer.waiting,
    )


def team_status(name: str, sharing: Sharing | None, following: Following | None) -> TeamStatus | None:
    """The state of a node, a follower or both; None without a team.

    Args:
        name: of the team's log.
    """
    if sharing is None and following is None:
        return None
    return TeamStatus(
        name=name,
        node=sharing.status() if sharing is not None else None,
        follower=following.status() if following is not None else None,
    )
