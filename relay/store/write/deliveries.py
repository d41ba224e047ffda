"""Deliveries and attempts: queued with their capture, claimed, recorded, parked, released.

Plain functions over the writing connection, each one transaction's work (`Writer.write`). What is to be
sent when is decided elsewhere; here stands only what was decided.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from relay.models import Capture, Headers
from relay.store import rows
from relay.store.write.protocol import Send

_encode = msgspec.json.Encoder().encode

_ATTEMPT_COLUMNS = (
    "delivery_id",
    "number",
    "started_at",
    "elapsed_us",
    "outcome",
    "status",
    "verdict",
    "verdict_reason",
    "error",
    "sent_headers",
    "sent_body",
    "headers",
    "body",
    "body_size",
    "address",
)

CLAIM = """
UPDATE deliveries SET state = 'sending', reason = NULL WHERE id IN (
    SELECT id FROM deliveries
    WHERE target = ? AND state = 'queued' AND state <> 'ended' AND kind = 'live' AND due_at <= ?
    ORDER BY due_at, id LIMIT ?)
RETURNING id, capture_id, created_at, due_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that is this engine's to send now."""

    delivery_id: int
    capture: Capture
    number: int
    """Of the attempt to come, 1 for the first."""
    first_at: int | None
    """When its first attempt started, microseconds UTC; None before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """An attempt as it is recorded; the columns of `attempts`."""

    number: int
    started_at: int
    """Microseconds UTC."""
    elapsed_us: int
    outcome: str
    status: int | None = None
    verdict: str | None = None
    verdict_reason: str | None = None
    error: str | None = None
    sent_headers: Headers | None = None
    sent_body: bytes | None = None
    headers: Headers | None = None
    body: bytes | None = None
    body_size: int | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How much waits for one target."""

    waiting: int = 0
    parked: int = 0
    next_at: int | None = None
    """When the next that waits is due, microseconds UTC; None where none waits but on its way."""


def queue_live(connection: sqlite3.Connection, pairs: Sequence[tuple[int, Send]], now: int) -> None:
    """Queue live deliveries: (capture id, target), due at once; those with a reason are parked.

    One statement, however many: it runs in the same transaction as the captures it belongs to.
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


def claim(connection: sqlite3.Connection, target: str, now: int, limit: int) -> list[Claimed]:
    """Take the deliveries that are due for a target, in order of arrival; they are `sending` from now on."""
    taken = sorted(connection.execute(CLAIM, (target, now, limit)), key=lambda row: (row[3], row[0]))
    return [_claimed(connection, delivery_id, capture_id) for delivery_id, capture_id, _, _ in taken]


def _claimed(connection: sqlite3.Connection, delivery_id: int, capture_id: int) -> Claimed:
    made, first_at = connection.execute(
        "SELECT count(*), min(started_at) FROM attempts WHERE delivery_id = ?", (delivery_id,)
    ).fetchone()
    row = connection.execute(
        f"SELECT {rows.CAPTURE_COLUMNS}, NULL, NULL FROM captures WHERE captures.id = ?", (capture_id,)
    ).fetchone()
    return Claimed(delivery_id=delivery_id, capture=rows.capture(row), number=made + 1, first_at=first_at)


def requeue(connection: sqlite3.Connection, ids: Sequence[int], reason: str | None) -> None:
    """Claimed deliveries that were not sent wait again, in their old places."""
    connection.executemany(
        "UPDATE deliveries SET state = 'queued', reason = ? WHERE id = ? AND state = 'sending'",
        [(reason, delivery_id) for delivery_id in ids],
    )


def requeue_others(connection: sqlite3.Connection, target: str, known: Sequence[int]) -> None:
    """Deliveries to a target that are claimed, and not by whoever knows these, wait again."""
    connection.execute(
        "UPDATE deliveries SET state = 'queued' WHERE target = ? AND kind = 'live' AND state = 'sending'"
        f" AND state <> 'ended' AND id NOT IN ({', '.join('?' * len(known))})",
        (target, *known),
    )


def set_reason(connection: sqlite3.Connection, delivery_id: int, reason: str) -> None:
    """Say of a delivery that is on its way what is known so far."""
    connection.execute(
        "UPDATE deliveries SET reason = ? WHERE id = ? AND state = 'sending'", (reason, delivery_id)
    )


def record(
    connection: sqlite3.Connection,
    delivery_id: int,
    ended: AttemptRecord,
    due_at: int | None,
    claim_for: str | None = None,
    now: int = 0,
) -> list[Claimed]:
    """Write down how an attempt ended; the delivery ends with it, or is due again at `due_at`.

    Doing so again changes nothing: whoever did not hear of the commit may ask once more.

    Args:
        claim_for: a target whose next delivery that is due `now` is claimed in the same transaction.

    Returns:
        What was claimed.
    """
    told = connection.execute(
        "SELECT 1 FROM attempts WHERE delivery_id = ? AND number = ?", (delivery_id, ended.number)
    ).fetchone()
    if told is None:
        _write_down(connection, delivery_id, ended, due_at)
    return claim(connection, claim_for, now, 1) if claim_for is not None else []


def _write_down(
    connection: sqlite3.Connection, delivery_id: int, ended: AttemptRecord, due_at: int | None
) -> None:
    connection.execute(insert_attempts(1), attempt_values(delivery_id, ended))
    state = "ended" if due_at is None else "queued"
    connection.execute(
        "UPDATE deliveries SET state = ?, reason = ?, due_at = coalesce(?, due_at) WHERE id = ?",
        (state, reason_of(ended), due_at, delivery_id),
    )


def insert_attempts(count: int) -> str:
    """The statement that adds so many attempts, for the values of `attempt_values` one behind the other."""
    row = f"({', '.join('?' * len(_ATTEMPT_COLUMNS))})"
    return f"INSERT INTO attempts ({', '.join(_ATTEMPT_COLUMNS)}) VALUES {', '.join([row] * count)}"


def attempt_values(delivery_id: int, ended: AttemptRecord) -> tuple[Any, ...]:
    """An attempt as the columns of its row."""
    return (
        delivery_id,
        ended.number,
        ended.started_at,
        ended.elapsed_us,
        ended.outcome,
        ended.status,
        ended.verdict,
        ended.verdict_reason,
        ended.error,
        _headers(ended.sent_headers),
        ended.sent_body,
        _headers(ended.headers),
        ended.body,
        ended.body_size,
        ended.address,
    )


def reason_of(ended: AttemptRecord) -> str | None:
    """What its last attempt makes of a delivery's reason."""
    return None if ended.verdict == "delivered" else ended.verdict_reason


def recover(connection: sqlite3.Connection) -> int:
    """After a crash, before anything is sent: what was left `sending` waits again; gives how many do."""
    return connection.execute(
        "UPDATE deliveries SET state = 'queued', reason = NULL WHERE kind = 'live' AND state = 'sending'"
        " AND state <> 'ended'"
    ).rowcount


def end_replays(connection: sqlite3.Connection) -> None:
    """After a crash: what was to be replayed never will be."""
    connection.execute(
        "UPDATE deliveries SET state = 'ended', reason = 'interrupted: the engine ended meanwhile'"
        " WHERE kind = 'replay' AND state <> 'ended'"
    )


def park(connection: sqlite3.Connection, targets: Sequence[str], before: int) -> int:
    """Set aside what nobody may expect any more: queued before a time, or for a target of the past.

    Returns:
        How many were parked now.
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
    """Have captures sent: what is parked for these targets is released, the rest is queued anew.

    A capture that waits for a target already is left as it is there.

    Returns:
        How many deliveries were queued anew, and how many released.
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
            "UPDATE deliveries SET state = 'ended', reason = 'sent to the targets of now instead'"
            f" WHERE capture_id = ? AND state = 'parked' AND target NOT IN ({marks})",
            (number, *targets),
        )
    return queued, released


def keep_paused(connection: sqlite3.Connection, since: int | None) -> None:
    """Remember that everything is held back, since when, in microseconds UTC; None: that it is not.

    Where it is held back already, that began earlier.
    """
    if since is None:
        connection.execute("DELETE FROM marks WHERE name = 'paused'")
    else:
        connection.execute("INSERT OR IGNORE INTO marks (name, value) VALUES ('paused', ?)", (since,))


def paused_since(connection: sqlite3.Connection) -> int | None:
    """Since when everything is held back, as `keep_paused` left it."""
    row = connection.execute("SELECT value FROM marks WHERE name = 'paused'").fetchone()
    return None if row is None else row[0]


def backlog(connection: sqlite3.Connection) -> dict[str, Backlog]:
    """What waits, by target; replays are their run's business."""
    found = connection.execute(
        "SELECT target, sum(state IN ('queued', 'sending')), sum(state = 'parked'),"
        " min(CASE state WHEN 'queued' THEN due_at END) FROM deliveries"
        " WHERE state <> 'ended' AND kind = 'live' GROUP BY target"
    )
    return {
        target: Backlog(waiting=waiting, parked=parked, next_at=next_at)
        for target, waiting, parked, next_at in found
    }


def move_due(connection: sqlite3.Connection, target: str, by: int) -> None:
    """The clock was set by so many microseconds: what is to be sent again stays as far away as it was.

    What is due at once is left as it is, with the time at which its capture came.
    """
    connection.execute(
        "UPDATE deliveries SET due_at = due_at + ? WHERE target = ? AND state = 'queued'"
        " AND state <> 'ended' AND kind = 'live' AND due_at <> created_at",
        (by, target),
    )


def next_due(connection: sqlite3.Connection, target: str, now: int, longest: int) -> int | None:
    """When the next queued delivery of a target is due, microseconds UTC; None when none waits.

    What was due at once, by a clock that has been set back since, is due `now`: it does not wait for
    that hour to come again. Nor does what is to be sent again wait longer than any policy has it wait.

    Args:
        longest: the longest wait, in microseconds.
    """
    row = connection.execute(
        "SELECT due_at, created_at FROM deliveries WHERE target = ? AND state = 'queued'"
        " AND state <> 'ended' AND kind = 'live' ORDER BY due_at, id LIMIT 1",
        (target,),
    ).fetchone()
    if row is None:
        return None
    due_at, created_at = row
    at_once = due_at == created_at
    latest = now if at_once else now + longest
    if due_at <= latest:
        return int(due_at)
    connection.execute(
        "UPDATE deliveries SET due_at = ? WHERE target = ? AND state = 'queued' AND state <> 'ended'"
        " AND kind = 'live' AND due_at > ? AND (due_at = created_at) = ?",
        (latest, target, latest, at_once),
    )
    return latest


def _headers(headers: Headers | None) -> str | None:
    return None if headers is None else _encode(headers).decode()
