"""Reads the database, with or without a running engine.

Owns the statements; its read-only connections are in `relay.store.read.connections`. Each method fetches
its whole result and leaves no transaction open, because the WAL can only start over while nothing reads (a
looping reader must leave gaps of 10 ms, see `relay.store.read.search`). Writes nothing and cannot checkpoint.
"""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from relay.control.lock import lock_path
from relay.errors import NotFound, RelayError
from relay.models import COPIES, Attempt, AttemptEvent, Capture, CaptureTotals, Delivery, Signature, to_micros
from relay.store import rows
from relay.store.columns import EVENT_KEY
from relay.store.errors import error_name
from relay.store.read.connections import Connections, Function
from relay.store.read.opening import unreadable

NOT_INDEXED = "id > coalesce((SELECT value FROM marks WHERE name = 'events_upto'), 0)"
"""SQL for captures that are not in the index of events yet: at most the newest few thousand."""

IDS_AT_ONCE = 500
"""Bound parameters per statement; old builds of SQLite allow 999."""


class Reader:
    """A read-only connection to a database; a context manager.

    Threads may share it, one at a time; only `interrupt` may be called while another uses it.
    """

    def __init__(self, path: Path, *, wait_s: float = 1.0) -> None:
        """
        Args:
            path: the database.
            wait_s: how long to wait for a lock; a screen that must not freeze waits less.

        Raises:
            NotFound: the file does not exist.
            RelayError: `foreign-database`, `newer-database`, `older-database`, `unsafe-file` or
                `unreadable-database`.
        """
        self.path = path
        if not os.path.exists(path):
            raise NotFound(
                f"no database at {path}; `lean-relay listen` creates one, or name another file with --db"
            )
        if path.stat().st_nlink > 1 and not lock_path(path).exists():
            raise RelayError(
                f"{path} is one of several names (hard links) of a database, but not the one that its engine "
                "uses, where the newest captures are; name that one with --db",
                word="unsafe-file",
            )
        try:
            self._connections = Connections(path, wait_s)
        except sqlite3.DatabaseError as error:
            raise unreadable(path, error) from error

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._connections.close()

    def is_replaced(self) -> bool:
        """Whether another file is at the path now; not if there is none."""
        return self._connections.is_replaced()

    @property
    def interruptions(self) -> int:
        """Number of calls of `interrupt`: work in several steps ends when it changes."""
        return self._connections.interruptions

    def interrupt(self) -> None:
        """Stop the statement that another thread runs here, within a millisecond; a search ends early.

        May be called after `close`, which another thread may do meanwhile.
        """
        self._connections.interrupt()

    def rows(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of one statement of `relay.store`; values come in as parameters only.

        Raises:
            RelayError: `unreadable-database`, the file is damaged or locked for longer than `wait_s`.
        """
        with self._readable():
            return self._connections.rows(sql, parameters)

    def ids_in_window(
        self,
        conditions: str,
        parameters: Mapping[str, Any],
        low: int,
        high: int,
        *,
        newest_first: bool,
    ) -> list[int]:
        """Ids of captures from `low` to `high` that meet conditions in SQL; a large window is split.

        Raises:
            RelayError: as for `rows`.
        """
        order = "DESC" if newest_first else "ASC"
        sql = f"SELECT id FROM captures WHERE id BETWEEN :low AND :high AND {conditions} ORDER BY id {order}"
        with self._readable():
            found = self._connections.window(sql, parameters, low, high, newest_first=newest_first)
        return [number for (number,) in found]

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            with self._connections.ended_by_ctrl_c():
                yield
        except sqlite3.DatabaseError as error:
            if error_name(error) == "SQLITE_INTERRUPT":
                raise
            raise unreadable(self.path, error) from error

    def add_function(self, arguments: int, function: Function) -> str:
        """Register a pure Python function with SQL; return its name there."""
        return self._connections.add_function(arguments, function)

    def remove_function(self, name: str, arguments: int) -> None:
        """Remove a function of `add_function`; may be called after `close`."""
        self._connections.remove_function(name, arguments)

    def data_version(self) -> int:
        """A number that changes whenever another connection has committed; costs microseconds."""
        return int(self.rows("PRAGMA data_version")[0][0])

    def newest_id(self) -> int:
        """Id of the newest capture; 0 if there is none."""
        return int(self.rows("SELECT coalesce(max(id), 0) FROM captures")[0][0])

    def oldest_id(self) -> int:
        """Id of the oldest capture; 0 if there is none."""
        return int(self.rows("SELECT coalesce(min(id), 0) FROM captures")[0][0])

    def last_before(self, at: datetime) -> int:
        """Id of the newest capture from before an aware datetime; 0 if there is none."""
        found = self.rows(
            "SELECT id FROM captures WHERE received_at < ? ORDER BY id DESC LIMIT 1", (to_micros(at),)
        )
        return int(found[0][0]) if found else 0

    def removable(self, before: datetime) -> int:
        """Number of captures from before an aware datetime, without starred ones."""
        (found,) = self.rows(
            "SELECT count(*) FROM captures WHERE id <= ? AND received_at < ?"
            " AND id NOT IN (SELECT capture_id FROM notes WHERE starred = 1)",
            (self.last_before(before), to_micros(before)),
        )
        return int(found[0])

    def capture(self, number: int) -> Capture | None:
        """One capture with its note and deliveries; None if the id does not exist."""
        found = self.captures((number,))
        return found[0] if found else None

    def captures(self, ids: Iterable[int]) -> list[Capture]:
        """Captures in the given order, with notes and deliveries; ids that do not exist are left out.

        All bodies are in memory at once: read in pages (`relay.store.read.selection.fetched`).
        """
        found: list[Capture] = []
        left = iter(ids)
        while page := list(islice(left, IDS_AT_ONCE)):
            wanted = [number for number in page if _is_storable(number)]
            captures = self.rows(
                f"SELECT {rows.CAPTURE_COLUMNS}, notes.starred, notes.text FROM captures"
                f" LEFT JOIN notes ON notes.capture_id = captures.id WHERE captures.id IN ({marks(wanted)})",
                wanted,
            )
            deliveries = self.deliveries(wanted)
            known = {row[0]: rows.capture(row, deliveries.get(row[0], ())) for row in captures}
            found.extend(known[number] for number in wanted if number in known)
        return found

    def deliveries(self, ids: Sequence[int]) -> dict[int, tuple[Delivery, ...]]:
        """Deliveries by capture id, in order of delivery id; for at most IDS_AT_ONCE ids."""
        grouped: dict[int, tuple[Delivery, ...]] = defaultdict(tuple)
        for row in self.rows(
            f"SELECT {rows.DELIVERY_COLUMNS} FROM deliveries"
            f" LEFT JOIN attempts ON attempts.id = {rows.LAST_ATTEMPT}"
            f" WHERE deliveries.capture_id IN ({marks(ids)}) ORDER BY deliveries.id",
            ids,
        ):
            grouped[row[0]] += (rows.delivery(row),)
        return grouped

    def existing(self, ids: Iterable[int]) -> list[int]:
        """The ids that exist, in the given order."""
        found: list[int] = []
        left = iter(ids)
        while page := list(islice(left, IDS_AT_ONCE)):
            wanted = [number for number in page if _is_storable(number)]
            there = {
                number
                for (number,) in self.rows(
                    f"SELECT id FROM captures WHERE id IN ({marks(wanted)})",
                    wanted,
                )
            }
            found.extend(number for number in wanted if number in there)
        return found

    def sizes(self, ids: Sequence[int]) -> dict[int, int]:
        """Sizes of bodies in bytes, without reading them; for at most IDS_AT_ONCE ids."""
        wanted = [number for number in ids if _is_storable(number)]
        return dict(
            self.rows(
                f"SELECT id, length(body) FROM captures WHERE id IN ({marks(wanted)})",
                wanted,
            )
        )

    def page(self, after: int, limit: int, upto: int | None = None) -> list[int]:
        """At most `limit` ids above `after`, oldest first, none above `upto`."""
        last = _LARGEST if upto is None else min(upto, _LARGEST)
        return [
            number
            for (number,) in self.rows(
                "SELECT id FROM captures WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
                (min(after, _LARGEST), last, limit),
            )
        ]

    def by_event(self, key: str) -> list[int]:
        """The captures of one event, oldest first.

        Args:
            key: its event_id; for an event without one, use `same_event`.
        """
        found = self.rows(
            "SELECT capture_id FROM events WHERE event_id = ?"
            f" UNION SELECT id FROM captures WHERE {NOT_INDEXED} AND {EVENT_KEY} = ? ORDER BY 1",
            (key, key),
        )
        return [number for (number,) in found]

    def same_event(self, number: int) -> list[int]:
        """All captures of a capture's event, oldest first, including itself; none if it is not an event.

        Events without an event_id are the same if their bodies are.
        """
        found = self.rows(f"SELECT {EVENT_KEY} FROM captures WHERE id = ?", (number,))
        return self.by_event(found[0][0]) if found and found[0][0] is not None else []

    def sent_first(self, capture: Capture) -> str | None:
        """The hash of the first body of a repeat's event that was sent here; None if there is none."""
        found = self.rows("SELECT body_sha256, origin FROM captures WHERE id = ?", (capture.repeat_of,))
        if not found or found[0][1] not in COPIES:
            return str(found[0][0]) if found else None
        copies = ", ".join(f"'{each}'" for each in sorted(COPIES))
        for number in self.same_event(capture.id):
            found = self.rows(
                f"SELECT body_sha256 FROM captures WHERE id = ? AND origin NOT IN ({copies})", (number,)
            )
            if found:
                return str(found[0][0])
        return None

    def attempts(self, capture_id: int, newest: int | None = None) -> list[Attempt]:
        """Every attempt of every delivery of a capture, in the order they were made.

        Args:
            newest: only this many of the newest; responses are read whole, up to 1 MiB each.
        """
        found = self.rows(
            f"SELECT {rows.ATTEMPT_COLUMNS} FROM attempts"
            " JOIN deliveries ON deliveries.id = attempts.delivery_id"
            " WHERE deliveries.capture_id = ? ORDER BY attempts.started_at DESC, attempts.id DESC LIMIT ?",
            (capture_id, _LARGEST if newest is None else newest),
        )
        return [rows.attempt(row) for row in reversed(found)]

    def has_taken(self, target: str) -> bool:
        """Whether a target ever answered 200 to a capture with a valid signature."""
        return bool(
            self.rows(
                "SELECT EXISTS (SELECT 1 FROM attempts"
                " JOIN deliveries ON deliveries.id = attempts.delivery_id"
                " JOIN captures ON captures.id = deliveries.capture_id WHERE deliveries.target = ?"
                " AND attempts.status = 200 AND captures.signature = 'valid'"
                " AND (captures.source IS NULL OR attempts.started_at >= captures.received_at))",
                (target,),
            )[0][0]
        )

    def has_deliveries(self) -> bool:
        """Whether any delivery was ever queued."""
        return bool(self.rows("SELECT EXISTS (SELECT 1 FROM deliveries)")[0][0])

    def has_positions(self) -> bool:
        """Whether any capture came through a team's log."""
        return bool(self.rows("SELECT EXISTS (SELECT 1 FROM captures WHERE position IS NOT NULL)")[0][0])

    def newest_attempt_id(self) -> int:
        """Id of the last recorded attempt; 0 if there is none."""
        return int(self.rows("SELECT coalesce(max(id), 0) FROM attempts")[0][0])

    def attempts_after(self, after: int, limit: int, upto: int | None = None) -> list[AttemptEvent]:
        """At most `limit` attempts with ids above `after`, in order of recording, none above `upto`.

        Responses are read whole, up to 1 MiB each: read a few at a time.
        """
        last = _LARGEST if upto is None else min(upto, _LARGEST)
        return [
            rows.followed(row)
            for row in self.rows(
                f"SELECT {rows.ATTEMPT_COLUMNS}, {rows.FOLLOWED_COLUMNS} FROM attempts"
                " JOIN deliveries ON deliveries.id = attempts.delivery_id"
                " JOIN captures ON captures.id = deliveries.capture_id"
                " WHERE attempts.id > ? AND attempts.id <= ? ORDER BY attempts.id LIMIT ?",
                (min(after, _LARGEST), last, limit),
            )
        ]

    def counts(self) -> CaptureTotals:
        """Totals of the database: two passes over every page of the table and of an index, without bodies."""
        signatures: dict[Signature, int] = {}
        captures = repeats = 0
        for word, number, repeated in self.rows(
            "SELECT signature, count(*), count(repeat_of) FROM captures GROUP BY signature"
        ):
            captures += number
            repeats += repeated
            state = rows.word(Signature, word) or Signature.UNCHECKED
            signatures[state] = signatures.get(state, 0) + number
        events = self.rows(
            "SELECT count(*) FROM (SELECT DISTINCT event_id FROM events UNION"
            f" SELECT {EVENT_KEY} AS key FROM captures WHERE {NOT_INDEXED} AND key IS NOT NULL)"
        )[0][0]
        return CaptureTotals(captures=captures, events=events, repeats=repeats, signatures=signatures)


_LARGEST = 2**63 - 1
"""SQLite's largest integer."""


def _is_storable(number: int) -> bool:
    return -_LARGEST <= number <= _LARGEST


def marks(values: Sequence[Any]) -> str:
    """Places for so many parameters of a statement."""
    return ",".join("?" * len(values))
