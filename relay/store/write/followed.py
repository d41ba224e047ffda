"""Stores a team's captures: each batch with its deliveries and the position reached, in one commit.

Plain functions over the writing connection, each the work of one transaction. After a crash the engine
continues at the stored position, so that nothing is lost and nothing is stored twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from relay.store.columns import Row
from relay.store.team_progress import (
    LAST,
    LOG,
    MISSED,
    POSITION,
    STOPPED,
    TeamProgress,
    identity_of,
    progress,
)
from relay.store.write import deliveries
from relay.store.write.changes import replace_fact
from relay.store.write.insertion import Insertion
from relay.store.write.protocol import Send


class FollowedCapture(NamedTuple):
    """One capture of the team's log, as it is stored here."""

    position: int
    row: Row
    targets: tuple[Send, ...]


class StoredBatch(NamedTuple):
    """What became of a batch."""

    added: int
    """Without those that were here already."""
    newest: int | None
    """Id of the last capture that was added."""


def stands_at(connection: sqlite3.Connection) -> TeamProgress:
    """Read how far this database has followed."""
    return progress(connection.execute)


def add(connection: sqlite3.Connection, captures: Sequence[FollowedCapture], now: int) -> StoredBatch:
    """Store captures that follow the position reached; those at or before it are passed over.

    A capture that has one of these positions already is the same one, and stays, or it is of a history that
    the log has lost, and loses its position.

    Args:
        captures: in order, without a hole.
        now: microseconds UTC.

    Raises:
        ValueError: they do not follow it without a hole; nothing is ever passed over.
    """
    reached = stands_at(connection).position or 0
    captures = [each for each in captures if each.position > reached]
    if not captures:
        return StoredBatch(0, None)
    if [each.position for each in captures] != list(range(reached + 1, reached + len(captures) + 1)):
        raise ValueError(f"positions {captures[0].position} and on do not follow {reached}")
    insertion = Insertion(connection)
    pairs: list[tuple[int, Send]] = []
    added = 0
    for position, row, targets in captures:
        if _is_here(connection, position, row):
            continue
        number = insertion.add(row, position=position)
        added += 1
        pairs += [(number, target) for target in targets]
    if pairs:
        deliveries.queue_live(connection, pairs, now)
    insertion.end()
    last = captures[-1]
    _reach(connection, last.position, identity_of(last.row))
    return StoredBatch(added, insertion.newest)


def begin(connection: sqlite3.Connection, log: str, position: int) -> None:
    """Follow from a position on, whatever was reached before: the first start, or a decision to go on.

    Args:
        log: its id.
    """
    _reach(connection, position, None)
    replace_fact(connection, LOG, log)
    connection.execute("DELETE FROM facts WHERE name = ?", (STOPPED,))


def skip(connection: sqlite3.Connection, position: int, missed: int) -> None:
    """Go on after captures that were pruned from the log before they were read.

    Args:
        position: of the last one.
        missed: how many.
    """
    _reach(connection, position, None)
    connection.execute(
        "INSERT INTO marks (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (MISSED, missed),
    )


def stop(connection: sqlite3.Connection, reason: str) -> None:
    """Follow no more until `begin`, also after a restart."""
    replace_fact(connection, STOPPED, reason)


def _is_here(connection: sqlite3.Connection, position: int, row: Row) -> bool:
    known = connection.execute(
        "SELECT id, received_at, method, target, headers, body_sha256 FROM captures WHERE position = ?",
        (position,),
    ).fetchone()
    if known is None:
        return False
    if known[1:] == (row.received_at, row.method, row.target, row.headers, row.body_sha256):
        return True
    connection.execute("UPDATE captures SET position = NULL WHERE id = ?", known[:1])
    return False


def _reach(connection: sqlite3.Connection, position: int, last: str | None) -> None:
    connection.execute("INSERT OR REPLACE INTO marks (name, value) VALUES (?, ?)", (POSITION, position))
    if last is None:
        connection.execute("DELETE FROM facts WHERE name = ?", (LAST,))
    else:
        replace_fact(connection, LAST, last)
