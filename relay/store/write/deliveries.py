"""Deliveries and attempts: queued with their capture, read when due, recorded, parked, released.

Plain functions over the writing connection, each one transaction's work (`Writer.write`). Other modules
decide when to send; these functions only record it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from relay.models import Capture
from relay.models.attempt_record import AttemptRecord
from relay.store import rows
from relay.store.backlog import COUNT, Backlog, by_target
from relay.store.write.attempts import attempt_values, insert_attempts, reason_of
from relay.store.write.protocol import Send

_DUE = """
SELECT id FROM deliveries WHERE target = ? AND state = 'queued' AND state <> 'ended' AND kind = 'live'
AND due_at <= ? ORDER BY due_at, id LIMIT ?
"""

_DUE_ROW = f"""
SELECT length(captures.body), deliveries.id,
    (SELECT count(*) FROM attempts WHERE delivery_id = deliveries.id),
    (SELECT min(started_at) FROM attempts WHERE delivery_id = deliveries.id),
    {rows.CAPTURE_COLUMNS}, NULL, NULL
FROM deliveries JOIN captures ON captures.id = deliveries.capture_id WHERE deliveries.id = ?
"""

DueRow = tuple[Any, ...]
"""A delivery that is due, as plain values; `due_delivery` reads it."""

Due = tuple[list[DueRow], bool, int | None]
"""Deliveries that are due, in order; whether these are all; and then, when the next one is due, None if none
waits."""

DUE_BYTES = 1024 * 1024
"""Bodies that are read at once, or one larger one."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A question for the next deliveries of a target."""

    target: str
    now: int
    """Microseconds UTC."""
    longest: int
    """The longest wait of any retry policy, in microseconds."""
    limit: int
    known: tuple[int, ...] = ()
    """Deliveries to leave out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueDelivery:
    """A delivery whose turn has come."""

    delivery_id: int
    capture: Capture
    number: int
    """Number of the next attempt, 1 for the first."""
    first_at: int | None
    """Start of its first attempt, microseconds UTC; None before that."""


def queue_live(connection: sqlite3.Connection, pairs: Sequence[tuple[int, Send]], now: int) -> None:
    """Queue live deliveries: (capture id, target), due at once; those with a reason are parked.

    A single statement, in the same transaction as their captures.
    """
    values: list[Any] = []
    for capture_id, send in pairs:
        if isinstance(send, str):
            values += (capture_id, send, "queued", None, now, now)
        else:
            target, reason = send
            values += (capture_id, target, "parked", reason, now, now)
    connection.execute(
        "INSERT INTO deliveries (capture_id, target, kind, state, reason, created_at, due_at) VALUES "
        + ", ".join(["(?, ?, 'live', ?, ?, ?, ?)"] * len(pairs)),
        values,
    )


def due(connection: sqlite3.Connection, look: Look) -> Due:
    """Read the due deliveries of a target, in order of arrival; they stay queued."""
    most = look.limit + len(look.known)
    due_now = [number for (number,) in connection.execute(_DUE, (look.target, look.now, most))]
    wanted = [number for number in due_now if number not in look.known][: look.limit]
    found: list[DueRow] = []
    size = 0
    for number in wanted:
        row = connection.execute(_DUE_ROW, (number,)).fetchone()
        if row is None:  # Another program removed the capture, with foreign keys off.
            connection.execute("DELETE FROM deliveries WHERE id = ?", (number,))
            continue
        size += row[0]
        if found and size > DUE_BYTES:
            return found, False, None
        found.append(row[1:])
    if len(due_now) == most:
        return found, False, None
    return found, True, next_due(connection, replace(look, known=(*look.known, *wanted)))


def due_delivery(row: DueRow) -> DueDelivery:
    """Read one row of `due`."""
    delivery_id, made, first_at, *capture = row
    return DueDelivery(
        delivery_id=delivery_id,
        capture=rows.capture(tuple(capture)),
        number=made + 1,
        first_at=first_at,
    )


def mark_sending(connection: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Mark queued deliveries as being sent."""
    connection.executemany(
        "UPDATE deliveries SET state = 'sending', reason = NULL WHERE id = ? AND state = 'queued'",
        [(delivery_id,) for delivery_id in ids],
    )


def requeue(connection: sqlite3.Connection, ids: Sequence[int], reason: str | None) -> None:
    """Requeue deliveries that could not be sent, in their old places."""
    connection.executemany(
        "UPDATE deliveries SET state = 'queued', reason = ? WHERE id = ? AND state IN ('queued', 'sending')",
        [(reason, delivery_id) for delivery_id in ids],
    )


def set_reason(connection: sqlite3.Connection, delivery_id: int, reason: str) -> None:
    """Set the reason of a delivery in progress."""
    connection.execute(
        "UPDATE deliveries SET reason = ? WHERE id = ? AND state = 'sending'", (reason, delivery_id)
    )


def record(
    connection: sqlite3.Connection,
    delivery_id: int,
    ended: AttemptRecord,
    due_at: int | None,
    look: Look | None = None,
) -> Due | None:
    """Record an ended attempt; the delivery ends with it, or is due again at `due_at`.

    Repeating it changes nothing, so a caller that missed the commit may ask again. A delivery that was
    removed meanwhile has no record.

    Args:
        look: read the target's next deliveries too.
    """
    known = connection.execute(
        "SELECT (SELECT 1 FROM attempts WHERE delivery_id = deliveries.id AND number = ?)"
        " FROM deliveries WHERE id = ?",
        (ended.number, delivery_id),
    ).fetchone()
    if known == (None,):
        connection.execute(insert_attempts(1), attempt_values(delivery_id, ended))
        state = "ended" if due_at is None else "queued"
        connection.execute(
            "UPDATE deliveries SET state = ?, reason = ?, due_at = coalesce(?, due_at) WHERE id = ?",
            (state, reason_of(ended), due_at, delivery_id),
        )
    return None if look is None else due(connection, look)


def recover(connection: sqlite3.Connection) -> int:
    """After a crash, before anything is sent: requeue deliveries left in `sending`; return the number."""
    return connection.execute(
        "UPDATE deliveries SET state = 'queued', reason = NULL WHERE kind = 'live' AND state = 'sending'"
        " AND state <> 'ended'"
    ).rowcount


def end_replays(connection: sqlite3.Connection) -> None:
    """After a crash: end unfinished replays, which are never sent by themselves."""
    connection.execute(
        "UPDATE deliveries SET state = 'ended', reason = 'interrupted: the engine ended meanwhile'"
        " WHERE kind = 'replay' AND state <> 'ended'"
    )


def park(connection: sqlite3.Connection, targets: Sequence[str], before: int) -> int:
    """Park deliveries that are no longer expected: queued before a time, or for a removed target.

    Returns:
        The number parked now.
    """
    marks = ", ".join("?" * len(targets))
    foreign = connection.execute(
        "UPDATE deliveries SET state = 'parked', reason = 'its target is not configured any more'"
        f" WHERE kind = 'live' AND state = 'queued' AND state <> 'ended' AND target NOT IN ({marks})",
        tuple(targets),
    ).rowcount
    old = connection.execute(
        "UPDATE deliveries SET state = 'parked', reason = 'it had waited for more than an hour at the start'"
        " WHERE kind = 'live' AND state = 'queued' AND state <> 'ended' AND created_at < ?",
        (before,),
    ).rowcount
    return foreign + old


def resend(
    connection: sqlite3.Connection, ids: Sequence[int], targets: Sequence[str], now: int
) -> tuple[int, int]:
    """Queue captures for sending: release parked deliveries to these targets, queue others again.

    A capture that already waits for a target is left unchanged there.

    Returns:
        The numbers of deliveries queued and released.
    """
    queued = released = 0
    marks = ", ".join("?" * len(targets))
    for number in ids:
        if connection.execute("SELECT 1 FROM captures WHERE id = ?", (number,)).fetchone() is None:
            continue
        for target in targets:
            freed = connection.execute(
                "UPDATE deliveries SET state = 'queued', reason = NULL, created_at = ?, due_at = ?"
                " WHERE capture_id = ? AND target = ? AND state = 'parked'",
                (now, now, number, target),
            ).rowcount
            released += freed
            waits = connection.execute(
                "SELECT 1 FROM deliveries WHERE capture_id = ? AND target = ?"
                " AND kind = 'live' AND state IN ('queued', 'sending')",
                (number, target),
            ).fetchone()
            if not freed and waits is None:
                queue_live(connection, [(number, target)], now)
                queued += 1
        connection.execute(
            "UPDATE deliveries SET state = 'ended', reason = 'sent to the current targets instead'"
            f" WHERE capture_id = ? AND state = 'parked' AND target NOT IN ({marks})",
            (number, *targets),
        )
    return queued, released


def keep_paused(connection: sqlite3.Connection, since: int | None) -> None:
    """Store that forwarding is paused since a time (microseconds UTC); None: that it is not.

    An earlier pause keeps its time.
    """
    if since is None:
        connection.execute("DELETE FROM marks WHERE name = 'paused'")
    else:
        connection.execute("INSERT OR IGNORE INTO marks (name, value) VALUES ('paused', ?)", (since,))


def paused_since(connection: sqlite3.Connection) -> int | None:
    """Time since which forwarding is paused, as stored by `keep_paused`."""
    row = connection.execute("SELECT value FROM marks WHERE name = 'paused'").fetchone()
    return None if row is None else row[0]


def backlog(connection: sqlite3.Connection) -> dict[str, Backlog]:
    """The waiting deliveries by target, without replays."""
    return by_target(connection.execute(COUNT))


def move_due(connection: sqlite3.Connection, target: str, by: int) -> None:
    """After the clock was set by this many microseconds, keep the time left until each retry.

    Deliveries due at once keep the arrival time of their capture.
    """
    connection.execute(
        "UPDATE deliveries SET due_at = due_at + ? WHERE target = ? AND state = 'queued'"
        " AND state <> 'ended' AND kind = 'live' AND due_at <> created_at",
        (by, target),
    )


def next_due(connection: sqlite3.Connection, look: Look) -> int | None:
    """Due time of a target's next queued delivery, microseconds UTC; None if none waits.

    If the clock was set back since, a delivery due at once is due `now`, not when that time comes again, and
    a retry waits at most the longest wait of any policy.
    """
    waiting = connection.execute(
        "SELECT id, due_at, created_at FROM deliveries WHERE target = ? AND state = 'queued'"
        " AND state <> 'ended' AND kind = 'live' ORDER BY due_at, id LIMIT ?",
        (look.target, len(look.known) + 1),
    )
    times = [(due_at, created_at) for number, due_at, created_at in waiting if number not in look.known]
    if not times:
        return None
    due_at, created_at = times[0]
    at_once = due_at == created_at
    latest = look.now if at_once else look.now + look.longest
    if due_at <= latest:
        return int(due_at)
    connection.execute(
        "UPDATE deliveries SET due_at = ? WHERE target = ? AND state = 'queued' AND state <> 'ended'"
        " AND kind = 'live' AND due_at > ? AND (due_at = created_at) = ?",
        (latest, look.target, latest, at_once),
    )
    return latest
