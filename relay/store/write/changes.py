"""Changes stored captures: star, note, verify, remove. Also stores refusals.

Plain functions over the writing connection, each the short work of one transaction, as captures wait
meanwhile. The writer runs them (`Writer.write`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from relay.models import RefusalEntry
from relay.models.imports import BUNDLE
from relay.store.columns import EVENT_KEY
from relay.store.write.checkpoints import without_waiting

DELETED_AT_ONCE = 200
"""Captures removed per transaction: about 10 ms."""

CHANGED_AT_ONCE = 200
"""Captures changed per transaction: some 10 ms, 40 where they are queued for a target."""

LOOKED_AT_ONCE = 5_000
"""Ids that a transaction searches for captures to remove: some 20 ms on a busy machine."""

REFUSALS_KEPT = 10_000


def nothing(connection: sqlite3.Connection) -> None:
    """Change nothing: a question whether the writing process answers."""


def rewrite(connection: sqlite3.Connection) -> None:
    """Write a page as it is: the commit then needs the disk, and if synced takes those before it there.

    SQLite writes nothing for a row that is updated to what it was.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version = {version}")


def slices(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Captures to change, as many at a time as one transaction may change."""
    return (ids[first : first + CHANGED_AT_ONCE] for first in range(0, len(ids), CHANGED_AT_ONCE))


def set_star(connection: sqlite3.Connection, ids: Sequence[int], starred: bool) -> int:
    """Star or unstar captures; return how many of them exist."""
    found = _existing(connection, ids)
    connection.executemany(
        "INSERT INTO notes (capture_id, starred) VALUES (?, ?)"
        " ON CONFLICT (capture_id) DO UPDATE SET starred = excluded.starred",
        [(number, int(starred)) for number in found],
    )
    _drop_empty_notes(connection)
    return len(found)


def set_note(connection: sqlite3.Connection, ids: Sequence[int], text: str | None) -> int:
    """Write a note to captures, or remove it (None); return how many of them exist."""
    found = _existing(connection, ids)
    connection.executemany(
        "INSERT INTO notes (capture_id, text) VALUES (?, ?)"
        " ON CONFLICT (capture_id) DO UPDATE SET text = excluded.text",
        [(number, text) for number in found],
    )
    _drop_empty_notes(connection)
    return len(found)


def save_signatures(connection: sqlite3.Connection, judged: Iterable[tuple[int, str, str | None]]) -> int:
    """Replace stored signature states: (id, state, name of the secret); return how many changed."""
    changed = 0
    for number, state, name in judged:
        changed += connection.execute(
            "UPDATE captures SET signature = ?, signed_by = ? WHERE id = ?"
            " AND (signature <> ? OR signed_by IS NOT ?)",
            (state, name, number, state, name),
        ).rowcount
    return changed


def replace_fact(connection: sqlite3.Connection, name: str, value: str) -> str | None:
    """Store a fact; return its value before, or None."""
    before = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    connection.execute(
        "INSERT INTO facts (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
    return None if before is None else str(before[0])


def delete_slice(
    connection: sqlite3.Connection,
    first: int,
    last: int,
    *,
    starred_too: bool,
    before: int | None = None,
) -> tuple[int, int | None]:
    """Remove captures of an id range and everything that belongs to them, up to the limits of a transaction.

    Args:
        before: only those received before this time (microseconds UTC): a team's captures come later than
            they were received, so ids are not in the order of times.

    Returns:
        The number removed, and the id to continue from; None when the range is done.
    """
    keep = "" if starred_too else " AND id NOT IN (SELECT capture_id FROM notes WHERE starred = 1)"
    if before is not None:
        keep += " AND received_at < :before"
    upto = min(last, first + LOOKED_AT_ONCE - 1)
    found = connection.execute(
        f"SELECT id, source IS NOT NULL FROM captures WHERE id BETWEEN :first AND :upto{keep}"
        " ORDER BY id LIMIT :most",
        {"first": first, "upto": upto, "before": before, "most": DELETED_AT_ONCE},
    ).fetchall()
    numbers = [(number,) for number, _ in found]
    connection.executemany(
        "DELETE FROM events"
        f" WHERE (event_id, capture_id) = (SELECT {EVENT_KEY}, id FROM captures WHERE id = ?)",
        numbers,
    )
    connection.executemany("DELETE FROM captures WHERE id = ?", numbers)
    if found:
        connection.execute(
            "INSERT INTO marks VALUES ('removed', ?)"
            " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
            (len(found),),
        )
    if any(has_source for _, has_source in found):
        _drop_unused_secrets(connection)
    searched = found[-1][0] if len(found) == DELETED_AT_ONCE else upto
    following = connection.execute(
        "SELECT min(id) FROM captures WHERE id > ? AND id <= ?", (searched, last)
    ).fetchone()
    return len(found), following[0]


def _drop_unused_secrets(connection: sqlite3.Connection) -> None:
    """Remove the secrets of bundles that no capture came in any more."""
    connection.execute(
        "DELETE FROM facts WHERE name >= ? AND name < ? AND NOT EXISTS"
        " (SELECT 1 FROM captures WHERE source IS NOT NULL"  # as the index has it
        " AND CASE WHEN json_valid(source) THEN json_extract(source, '$.bundle') = facts.name END)",
        (BUNDLE, f"{BUNDLE}\U0010ffff"),
    )


def mark_removal(connection: sqlite3.Connection, keep_s: int) -> bool:
    """Record that `keep` has removed captures; return whether it is the first with a value this small.

    Args:
        keep_s: the value of `keep`, in seconds.
    """
    row = connection.execute("SELECT value FROM marks WHERE name = 'keep_s'").fetchone()
    if row is not None and row[0] <= keep_s:
        return False
    connection.execute("INSERT OR REPLACE INTO marks (name, value) VALUES ('keep_s', ?)", (keep_s,))
    return True


def empty_wal(connection: sqlite3.Connection) -> bool:
    """Truncate the WAL, which still contains removed rows; False while a reader uses it.

    Runs outside a transaction.
    """
    result = without_waiting(connection, "PRAGMA wal_checkpoint(TRUNCATE)")
    return result is not None and not result[0]


def add_refusals(connection: sqlite3.Connection, entries: Sequence[RefusalEntry]) -> None:
    """Store refusals; only the newest REFUSALS_KEPT are kept."""
    connection.executemany(
        "INSERT INTO refusals (at, client, reason, detail, count) VALUES (?, ?, ?, ?, ?)",
        [(entry.at, entry.client, entry.reason, _storable(entry.detail), entry.count) for entry in entries],
    )
    connection.execute(
        "DELETE FROM refusals WHERE id <= (SELECT max(id) FROM refusals) - ?", (REFUSALS_KEPT,)
    )


def _existing(connection: sqlite3.Connection, ids: Sequence[int]) -> list[int]:
    statement = "SELECT id FROM captures WHERE id = ?"
    return [number for number in ids if connection.execute(statement, (number,)).fetchone()]


def _drop_empty_notes(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM notes WHERE starred = 0 AND text IS NULL")


def _storable(text: str) -> Any:
    """Text without lone surrogates, which SQLite's TEXT cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
