"""Deliveries read before their turn: in order, for a moment, and never one that has begun."""

from __future__ import annotations

import pytest

from relay.delivery import look_ahead
from relay.delivery.look_ahead import AHEAD, LOW, LookAhead
from relay.store.write.deliveries import DueRow


@pytest.fixture(autouse=True)
def _numbers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery is its id here."""
    monkeypatch.setattr(look_ahead, "due_delivery", lambda row: row[0])


def a_row(number: int) -> DueRow:
    return (number,)


def looked(ahead: LookAhead, *found: int, are_all: bool = False, next_at: int | None = None) -> None:
    """One look that finds these."""
    ahead.begin(0, ())
    ahead.end(([a_row(number) for number in found], are_all, next_at))


def one(ahead: LookAhead) -> object:
    return ahead.take()


def taken(ahead: LookAhead) -> list[object]:
    """All that can be taken."""
    return list(iter(ahead.take, None))


def test_each_is_taken_once_and_left_out_of_the_next_look() -> None:
    """In the order of the queue; a look names those that have begun, and those that wait here."""
    ahead = LookAhead("t", 5)
    looked(ahead, 1, 2, 3)
    assert one(ahead) == 1
    look = ahead.begin(7, [1])
    assert (look.target, look.now, look.longest, look.known) == ("t", 7, 5, (1, 2, 3))
    assert look.limit == AHEAD - 2
    assert one(ahead) == 2
    ahead.end(([a_row(4)], False, None))
    assert taken(ahead) == [3, 4]


def test_one_look_at_a_time_and_only_where_few_are_left() -> None:
    """With enough of them, or a look under way, no other one begins."""
    ahead = LookAhead("t", 0)
    looked(ahead, *range(LOW + 1))
    before = ahead.is_low
    ahead.take()
    assert (before, ahead.is_low) == (False, True)
    ahead.begin(0, ())
    assert (ahead.is_looking, ahead.is_low) == (True, False)


def test_a_drop_holds_for_the_look_under_way() -> None:
    """What it will find comes after what was dropped, so it would be out of order."""
    ahead = LookAhead("t", 0)
    looked(ahead, 1)
    ahead.begin(0, [])
    ahead.drop()
    ahead.end(([a_row(2)], True, None))
    assert taken(ahead) == []
    assert not ahead.has_all


def test_what_was_read_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that takes its time is sent what the database has then."""
    now = 100.0
    monkeypatch.setattr(look_ahead, "monotonic", lambda: now)
    ahead = LookAhead("t", 0)
    looked(ahead, 1, 2, are_all=True)
    assert one(ahead) == 1
    now += look_ahead.HOLDS_S * 1.1
    assert one(ahead) is None
    assert not ahead.has_all


def test_that_nothing_more_is_due_holds_until_something_changes() -> None:
    """What changed while a look was under way may be missing from it."""
    ahead = LookAhead("t", 0)
    looked(ahead, 1, are_all=True, next_at=9)
    assert (ahead.has_all, ahead.next_at) == (True, 9)
    assert not ahead.is_low
    ahead.changed()
    assert not ahead.has_all
    ahead.begin(0, ())
    ahead.changed()
    ahead.end(([], True, None))
    assert not ahead.has_all
    looked(ahead)
    assert not ahead.has_all
