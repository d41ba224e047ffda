"""Refusals read back: the newest, those since, and how many of each reason; with the table full too."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.models import Refusal, RefusalEntry, RefusalTotals
from relay.store.read import refusals
from relay.store.read.reader import Reader
from relay.store.write.changes import REFUSALS_KEPT, add_refusals
from tests.support.factories import new_log


@pytest.fixture
def log(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with new_log(tmp_path / "relay.db") as connection:
        yield connection
    connection.close()


@pytest.fixture
def reader(tmp_path: Path, log: sqlite3.Connection) -> Iterator[Reader]:
    with Reader(tmp_path / "relay.db") as reader:
        yield reader


def entries(count: int, reason: str = "malformed", each: int = 1) -> list[RefusalEntry]:
    return [RefusalEntry(at, "10.0.0.1", reason, f"line {at}", each) for at in range(1, count + 1)]


def test_the_newest_come_oldest_first(log: sqlite3.Connection, reader: Reader) -> None:
    """A limit takes the newest; a reason leaves the others out; `newer` goes on from an id."""
    add_refusals(log, [*entries(5), *entries(2, "too-large")])
    assert [each.detail for each in refusals.newest(reader, 3)] == ["line 5", "line 1", "line 2"]
    assert [each.detail for each in refusals.newest(reader, 2, "malformed")] == ["line 4", "line 5"]
    assert isinstance(refusals.newest(reader, 1)[0], Refusal)
    assert [each.id for each in refusals.newer(reader, 5)] == [6, 7]
    assert refusals.newest_id(reader) == 7


def test_counts_are_of_what_the_rows_stand_for(log: sqlite3.Connection, reader: Reader) -> None:
    """Each row counts as often as it says; the most frequent reason comes first."""
    assert refusals.tally(reader) == RefusalTotals(by_reason={}, rows=0, dropped=0, since=None)
    assert refusals.newest_id(reader) == 0
    add_refusals(log, [*entries(3), *entries(1, "too-large", each=40)])
    tally = refusals.tally(reader)
    assert list(tally.by_reason.items()) == [("too-large", 40), ("malformed", 3)]
    assert (tally.total, tally.rows, tally.dropped) == (43, 4, 0)


@pytest.mark.slow
def test_rows_that_made_room_are_counted(log: sqlite3.Connection, reader: Reader) -> None:
    """The table keeps its newest rows, and it is known how many went."""
    add_refusals(log, entries(REFUSALS_KEPT + 250))
    tally = refusals.tally(reader)
    assert (tally.rows, tally.dropped) == (REFUSALS_KEPT, 250)
    assert len(refusals.newer(reader, 0)) == REFUSALS_KEPT
