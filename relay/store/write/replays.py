"""Replays as rows: queued in pages, recorded in groups, ended.

Plain functions over the writing connection, each the work of one transaction; a caller that missed the commit
may repeat it. Replays are deliveries that only their own run sends. Many rows are inserted with one
statement: each step releases the GIL and has to win it back, and captures wait for the end of the
transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from relay.models.attempt_record import AttemptRecord
from relay.store.write.attempts import attempt_values, insert_attempts, reason_of

T = TypeVar("T")

ROWS_AT_ONCE = 50
"""Rows per statement; old builds of SQLite allow 999 parameters."""


class ReplayAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a replay, ready to be recorded."""

    delivery_id: int
    ended: AttemptRecord
    due_at: int | None = None
    """Time of the run's retry, microseconds UTC; None if the delivery ends with this attempt."""
    pin: bool = False
    """Whether its response becomes the baseline of its capture and target."""


def queue(connection: sqlite3.Connection, pairs: Sequence[tuple[int, str]], now: int) -> list[int | None]:
    """Queue replays: (capture id, target), each to be sent once.

    Returns:
        The id of each delivery; None if the capture was removed meanwhile.
    """
    there = set(_existing(connection, "captures", {capture_id for capture_id, _ in pairs}))
    wanted = [pair for pair in pairs if pair[0] in there]
    made = _queued(connection, wanted, now) or _queue(connection, wanted, now)
    following = iter(made)
    return [next(following) if capture_id in there else None for capture_id, _ in pairs]


def _queued(connection: sqlite3.Connection, pairs: Sequence[tuple[int, str]], now: int) -> list[int]:
    """The deliveries of a commit of the same; none if there was none."""
    if not pairs:
        return []
    (first,) = connection.execute(
        "SELECT min(id) FROM deliveries WHERE capture_id = ? AND target = ? AND kind = 'replay'"
        " AND created_at = ?",
        (*pairs[0], now),
    ).fetchone()
    if first is None:
        return []
    rows = connection.execute(
        "SELECT id FROM deliveries WHERE id >= ? AND kind = 'replay' AND created_at = ? ORDER BY id LIMIT ?",
        (first, now, len(pairs)),
    )
    return [number for (number,) in rows]


def _queue(connection: sqlite3.Connection, pairs: Sequence[tuple[int, str]], now: int) -> list[int]:
    made: list[int] = []
    for part in _parts(pairs):
        values: list[Any] = []
        for capture_id, target in part:
            values += (capture_id, target, now, now)
        last = connection.execute(
            "INSERT INTO deliveries (capture_id, target, kind, state, created_at, due_at) VALUES "
            + ", ".join(["(?, ?, 'replay', 'queued', ?, ?)"] * len(part)),
            values,
        ).lastrowid
        assert last is not None
        made += range(last - len(part) + 1, last + 1)  # the ids of one statement are consecutive
    return made


def note(connection: sqlite3.Connection, sending: Sequence[int], done: Sequence[ReplayAttempt]) -> list[int]:
    """Record the deliveries now in progress, and the attempts that have ended.

    Returns:
        The ids of the attempts recorded, in order; a delivery that was removed meanwhile has none.
    """
    for part in _parts(sending):
        connection.execute(
            f"UPDATE deliveries SET state = 'sending' WHERE id IN ({_marks(part)}) AND state = 'queued'", part
        )
    there = set(_existing(connection, "deliveries", {one.delivery_id for one in done}))
    new = [one for one in done if one.delivery_id in there]
    if new and _attempt_id(connection, new[0]) is not None:
        return [number for one in new if (number := _attempt_id(connection, one)) is not None]
    recorded: list[int] = []
    for made in _parts(new):
        recorded += _record(connection, made)
    return recorded


def _attempt_id(connection: sqlite3.Connection, one: ReplayAttempt) -> int | None:
    """The id of an attempt that is recorded already."""
    row = connection.execute(
        "SELECT id FROM attempts WHERE delivery_id = ? AND number = ?", (one.delivery_id, one.ended.number)
    ).fetchone()
    return None if row is None else int(row[0])


def _record(connection: sqlite3.Connection, made: Sequence[ReplayAttempt]) -> range:
    attempts: list[Any] = []
    deliveries: list[Any] = []
    for one in made:
        attempts += attempt_values(one.delivery_id, one.ended)
        state = "ended" if one.due_at is None else "queued"
        deliveries += (one.delivery_id, state, reason_of(one.ended), one.due_at)
    last = connection.execute(insert_attempts(len(made)), attempts).lastrowid
    assert last is not None
    connection.execute(
        "UPDATE deliveries SET state = made.column2, reason = made.column3,"
        " due_at = coalesce(made.column4, due_at)"
        f" FROM (VALUES {', '.join(['(?, ?, ?, ?)'] * len(made))}) AS made WHERE id = made.column1",
        deliveries,
    )
    recorded = range(last - len(made) + 1, last + 1)
    for attempt_id, one in zip(recorded, made, strict=True):
        if one.pin and one.ended.status is not None:
            connection.execute(
                "INSERT OR REPLACE INTO baselines (capture_id, target, attempt_id, pinned)"
                " SELECT capture_id, target, ?, 1 FROM deliveries WHERE id = ?",
                (attempt_id, one.delivery_id),
            )
    return recorded


def _existing(connection: sqlite3.Connection, table: str, ids: Iterable[int]) -> Iterator[int]:
    for part in _parts(sorted(ids)):
        for (number,) in connection.execute(f"SELECT id FROM {table} WHERE id IN ({_marks(part)})", part):
            yield number


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[first : first + ROWS_AT_ONCE] for first in range(0, len(items), ROWS_AT_ONCE))


def _marks(items: Sequence[Any]) -> str:
    return ", ".join("?" * len(items))


def end(connection: sqlite3.Connection, ids: Sequence[int], reason: str) -> None:
    """End deliveries that were not sent, or whose response is no longer awaited."""
    for part in _parts(ids):
        connection.execute(
            f"UPDATE deliveries SET state = 'ended', reason = ? WHERE id IN ({_marks(part)})"
            " AND state <> 'ended'",
            (reason, *part),
        )
