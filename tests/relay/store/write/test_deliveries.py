"""Deliveries as rows: queued with their capture, read in order, recorded, parked, released."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from relay.models.attempt_record import AttemptRecord
from relay.store import schema
from relay.store.backlog import Backlog
from relay.store.write import deliveries
from relay.store.write.deliveries import DueDelivery, Look, due_delivery
from tests.relay.store.write.test_client import a_row, a_writer
from tests.support.receiving import rows

A, B = "http://localhost:3000/a", "http://localhost:3000/b"


@pytest.fixture
def log() -> Iterator[sqlite3.Connection]:
    """A log with five captures."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection)
        for number in range(1, 6):
            connection.execute(
                "INSERT INTO captures (id, received_at, method, target, http_version, client, body_sha256,"
                " headers, body) VALUES (?, ?, 'POST', '/', '1.1', '', '', '[]', ?)",
                (number, number, str(number).encode()),
            )
        yield connection


def states(log: sqlite3.Connection) -> list[tuple[int, str, str]]:
    return log.execute("SELECT capture_id, target, state FROM deliveries ORDER BY id").fetchall()


def due(
    log: sqlite3.Connection, target: str, now: int, limit: int = 9, known: tuple[int, ...] = ()
) -> list[DueDelivery]:
    """The next deliveries of a target."""
    look = Look(target=target, now=now, longest=50_000, limit=limit, known=known)
    return [due_delivery(row) for row in deliveries.due(log, look)[0]]


def ids(found: list[DueDelivery]) -> list[int]:
    return [each.capture.id for each in found]


def next_due(log: sqlite3.Connection, target: str, now: int, longest: int = 0) -> int | None:
    return deliveries.next_due(log, Look(target=target, now=now, longest=longest, limit=9))


async def test_deliveries_are_committed_with_their_capture(tmp_path: Path) -> None:
    """A capture and its deliveries are one transaction; a capture without targets has none.

    Those that nobody may have meant are parked from the start, with the reason.
    """
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        await writer.add(a_row(), (A, B))
        await writer.add(a_row())
        await writer.add(a_row(), (B, (A, "unknown-host")))
    assert rows(path, "SELECT capture_id, target, kind, state, reason FROM deliveries ORDER BY id") == [
        (1, A, "live", "queued", None),
        (1, B, "live", "queued", None),
        (3, B, "live", "queued", None),
        (3, A, "live", "parked", "unknown-host"),
    ]


def test_what_is_due_is_read_in_order_of_arrival_and_by_target(log: sqlite3.Connection) -> None:
    """What is due comes oldest first, but for what is known; other targets and later times are left."""
    deliveries.queue_live(log, [(2, A), (1, B), (3, A)], now=100)
    log.execute("UPDATE deliveries SET due_at = 200 WHERE capture_id = 3")
    first = due(log, A, now=150)
    assert [(each.capture.id, each.capture.body, each.number) for each in first] == [(2, b"2", 1)]
    known = (first[0].delivery_id,)
    assert deliveries.due(log, Look(target=A, now=150, longest=100, limit=9, known=known)) == ([], True, 200)
    assert ids(due(log, A, now=200, known=known)) == [3]
    assert ids(due(log, A, now=200)) == [2, 3]
    assert states(log) == [(2, A, "queued"), (1, B, "queued"), (3, A, "queued")]


def test_a_look_says_whether_it_found_all(log: sqlite3.Connection) -> None:
    """As many as it may, known ones aside; bodies of a MiB end it, and a single one may be larger."""
    deliveries.queue_live(log, [(number, A) for number in range(1, 6)], now=1)

    def look(limit: int, *known: int) -> tuple[int, bool]:
        found, are_all, _ = deliveries.due(log, Look(target=A, now=1, longest=0, limit=limit, known=known))
        return len(found), are_all

    assert look(2) == (2, False)
    assert look(9) == (5, True)
    assert look(2, 1, 2, 99) == (2, False)
    assert look(2, 1, 2, 3) == (2, False)
    assert look(3, 1, 2, 3) == (2, True)
    log.execute("UPDATE captures SET body = zeroblob(?)", (deliveries.DUE_BYTES * 2 // 3,))
    assert look(9) == (1, False)
    log.execute("UPDATE captures SET body = zeroblob(?)", (deliveries.DUE_BYTES * 2,))
    assert look(9) == (1, False)


def test_a_capture_that_another_program_removed_holds_up_nothing(log: sqlite3.Connection) -> None:
    """Its delivery goes too, though the program left foreign keys off."""
    deliveries.queue_live(log, [(1, A), (2, A)], now=1)
    log.execute("DELETE FROM captures WHERE id = 1")
    assert ids(due(log, A, now=1)) == [2]
    assert states(log) == [(2, A, "queued")]


def test_an_attempt_of_a_removed_delivery_has_no_record(log: sqlite3.Connection) -> None:
    """A capture may be removed while it is sent."""
    log.execute("PRAGMA foreign_keys = ON")
    deliveries.queue_live(log, [(1, A)], now=1)
    (first,) = due(log, A, now=1)
    log.execute("DELETE FROM captures WHERE id = 1")
    ended = AttemptRecord(number=1, started_at=5, elapsed_us=7, outcome="answered", status=200)
    deliveries.record(log, first.delivery_id, ended, due_at=None)
    assert log.execute("SELECT count(*) FROM attempts").fetchone() == (0,)


def test_what_is_sent_for_long_is_marked(log: sqlite3.Connection) -> None:
    """It is then neither read again nor parked; what is parked already stays so."""
    deliveries.queue_live(log, [(1, A), (2, A), (3, (A, "unknown-host"))], now=1)
    deliveries.mark_sending(log, [1, 3])
    assert states(log) == [(1, A, "sending"), (2, A, "queued"), (3, A, "parked")]
    assert ids(due(log, A, now=1)) == [2]
    assert deliveries.park(log, [], before=0) == 1
    assert states(log) == [(1, A, "sending"), (2, A, "parked"), (3, A, "parked")]


def test_a_clock_that_is_set_back_delays_nothing(log: sqlite3.Connection) -> None:
    """What was queued in the hour that comes again is due at once, in order; a later try keeps its time."""
    deliveries.queue_live(log, [(1, A), (2, A)], now=10_000)
    deliveries.queue_live(log, [(3, B)], now=10_000)
    log.execute("UPDATE deliveries SET due_at = 20000 WHERE capture_id = 3")
    assert due(log, A, now=500) == []
    assert next_due(log, A, 500, 100) == 500
    assert ids(due(log, A, now=500)) == [1, 2]
    assert next_due(log, B, 500, 50_000) == 20_000


def test_a_clock_that_ran_ahead_parks_nothing(log: sqlite3.Connection) -> None:
    """What was to be sent again in ten years, by the clock of then, waits no longer than a policy has it."""
    deliveries.queue_live(log, [(1, A), (2, A)], now=100)
    log.execute("UPDATE deliveries SET due_at = 315576000000000 WHERE target = ?", (A,))
    assert next_due(log, A, 500, 60) == 560
    assert log.execute("SELECT due_at FROM deliveries").fetchall() == [(560,), (560,)]
    assert next_due(log, A, 520, 60) == 560


def test_a_step_of_the_clock_moves_what_is_still_to_come(log: sqlite3.Connection) -> None:
    """What is to be sent again stays as far away as it was; what is due at once keeps its time."""
    deliveries.queue_live(log, [(1, A), (2, A)], now=100)
    deliveries.queue_live(log, [(3, B)], now=100)
    log.execute("UPDATE deliveries SET due_at = 900 WHERE capture_id <> 2")
    deliveries.move_due(log, A, -400)
    found = log.execute("SELECT capture_id, due_at FROM deliveries ORDER BY id").fetchall()
    assert found == [(1, 500), (2, 100), (3, 900)]


def test_a_pause_is_remembered(log: sqlite3.Connection) -> None:
    """Since when, until it is taken back."""
    assert deliveries.paused_since(log) is None
    deliveries.keep_paused(log, 5)
    deliveries.keep_paused(log, 7)
    assert deliveries.paused_since(log) == 5
    deliveries.keep_paused(log, None)
    assert deliveries.paused_since(log) is None


def test_a_delivery_given_back_keeps_its_place(log: sqlite3.Connection) -> None:
    """What could not be sent, for its target is down, is the next again."""
    deliveries.queue_live(log, [(1, A), (2, A)], now=1)
    for marked in ([], [1]):
        deliveries.mark_sending(log, marked)
        deliveries.requeue(log, [1], "waits: nothing listens")
        reasons = log.execute("SELECT reason FROM deliveries WHERE id = 1").fetchone()
        assert reasons == ("waits: nothing listens",)
        assert ids(due(log, A, now=1)) == [1, 2]


def test_an_attempt_is_recorded_and_ends_or_repeats_its_delivery(log: sqlite3.Connection) -> None:
    """With a due time the delivery waits for its next try, whose number is known; else it ends."""
    deliveries.queue_live(log, [(1, A)], now=1)
    (first,) = due(log, A, now=1)
    deliveries.mark_sending(log, [first.delivery_id])
    retry = AttemptRecord(
        number=1,
        started_at=5,
        elapsed_us=7,
        outcome="answered",
        status=500,
        verdict="retry",
        verdict_reason="500 is not 200",
        headers=(("X", "\xff"),),
        body=b"no",
        body_size=2,
    )
    for _ in range(2):  # A caller that missed the commit may ask again.
        deliveries.record(log, first.delivery_id, retry, due_at=50)
    assert states(log) == [(1, A, "queued")]
    (again,) = due(log, A, now=50)
    assert (again.number, again.first_at) == (2, 5)
    good = AttemptRecord(
        number=2, started_at=51, elapsed_us=7, outcome="answered", status=200, verdict="delivered"
    )
    deliveries.record(log, again.delivery_id, good, due_at=None)
    assert states(log) == [(1, A, "ended")]
    assert log.execute("SELECT number, status, verdict, body FROM attempts ORDER BY id").fetchall() == [
        (1, 500, "retry", b"no"),
        (2, 200, "delivered", None),
    ]


def test_after_a_crash_live_deliveries_wait_again_and_replays_end(log: sqlite3.Connection) -> None:
    """What was being sent is queued again, at least once; a replay is never sent again."""
    deliveries.queue_live(log, [(1, A), (2, A)], now=1)
    deliveries.mark_sending(log, [1])
    log.execute(
        "INSERT INTO deliveries (capture_id, target, kind, state, created_at, due_at)"
        " VALUES (3, ?, 'replay', 'sending', 1, 1), (4, ?, 'replay', 'queued', 1, 1)",
        (A, A),
    )
    assert deliveries.recover(log) == 1
    deliveries.end_replays(log)
    assert states(log) == [(1, A, "queued"), (2, A, "queued"), (3, A, "ended"), (4, A, "ended")]
    assert ids(due(log, A, now=1)) == [1, 2]


def test_an_old_backlog_is_parked_and_released_on_request(log: sqlite3.Connection) -> None:
    """Queued before the time, or for a target of the past: parked, until it is released or queued anew."""
    deliveries.queue_live(log, [(1, A), (2, B)], now=1)
    deliveries.queue_live(log, [(3, A)], now=100)
    assert deliveries.park(log, [A], before=50) == 2
    assert states(log) == [(1, A, "parked"), (2, B, "parked"), (3, A, "queued")]
    assert deliveries.backlog(log) == {
        A: Backlog(waiting=1, parked=1, next_at=100),
        B: Backlog(waiting=0, parked=1),
    }
    queued, released = deliveries.resend(log, [1, 2, 3, 99], [A], now=200)
    assert (queued, released) == (1, 1)
    assert ids(due(log, A, now=200)) == [3, 1, 2]
    assert states(log)[1] == (2, B, "ended")
    assert deliveries.resend(log, [1, 2, 3], [A], now=300) == (0, 0)


def test_without_a_target_everything_queued_is_parked(log: sqlite3.Connection) -> None:
    """An engine without targets sets aside what an earlier one queued."""
    deliveries.queue_live(log, [(1, A)], now=1)
    assert deliveries.park(log, [], before=0) == 1


def test_sending_again_leaves_alone_what_waits(log: sqlite3.Connection) -> None:
    """A capture that is queued for a target is not queued twice; one that ended there is."""
    deliveries.queue_live(log, [(1, A)], now=1)
    assert deliveries.resend(log, [1], [A], now=2) == (0, 0)
    log.execute("UPDATE deliveries SET state = 'ended'")
    assert deliveries.resend(log, [1], [A], now=2) == (1, 0)
