"""The index of events: behind the commits, and right all the same."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.store import schema
from relay.store.read.reader import Reader
from relay.store.write import event_index
from relay.store.write.event_index import EventIndex
from tests.relay.store.write.test_client import a_row, a_writer
from tests.relay.store.write.test_recorder import a_recorder
from tests.support.receiving import (
    rows,
)
from tests.support.waiting import until


def test_what_is_not_indexed_yet_is_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repeats and look-ups are right at once, whether their event is in the index, in memory, or in both."""
    monkeypatch.setattr(event_index, "IDLE_S", 3600.0)
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        for event_id in ("a", "b", "a"):
            recorder.store([(a_row(event_id=event_id), ())], monotonic())
        recorder.settle()
        for event_id in ("a", "c", "c", "b"):
            recorder.store([(a_row(event_id=event_id), ())], monotonic())
        recorder.tidy(quiet=True)
        assert rows(path, "SELECT value FROM marks") == [(3,)]
        assert rows(path, "SELECT id, repeat_of FROM captures") == [
            (1, None),
            (2, None),
            (3, 1),
            (4, 1),
            (5, None),
            (6, 5),
            (7, 2),
        ]
        with Reader(path) as reader:
            assert reader.by_event("a") == [1, 3, 4]
            assert reader.by_event("c") == [5, 6]
            assert reader.counts().events == 3


async def test_it_is_filled_when_nothing_comes(tmp_path: Path) -> None:
    """A moment after the last capture the index holds everything."""
    path = tmp_path / "relay.db"
    async with a_writer(path) as writer:
        for number in range(5):
            await writer.add(a_row(event_id=str(number)))
        await writer.add(a_row(event_id=None))
        await until(lambda: rows(path, "SELECT value FROM marks") == [(6,)], "the index to be filled")
    assert rows(path, "SELECT event_id, capture_id FROM events") == [(str(n), n + 1) for n in range(5)]


def test_it_is_filled_under_load_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So much waiting is enough, even if captures keep coming."""
    monkeypatch.setattr(event_index, "IDLE_S", 3600.0)
    monkeypatch.setattr(event_index, "FILL_AT", 50)
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        for number in range(120):
            recorder.store([(a_row(event_id=str(number)), ())], monotonic())
            recorder.tidy(quiet=False)
    assert rows(path, "SELECT count(*) FROM events")[0][0] >= 100


@pytest.mark.slow
@given(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=30), st.integers(0, 30))
def test_after_a_crash_the_rest_is_filled_from_the_captures(ids: list[str | None], upto: int) -> None:
    """Whatever the mark says, opening brings the index to hold each capture with an event, once."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        schema.migrate(connection)
        for number, event_id in enumerate(ids, 1):
            connection.execute(
                "INSERT INTO captures (id, received_at, method, target, http_version, client, event_id,"
                " body_sha256, headers, body) VALUES (?, 1, 'POST', '/', '1.1', '', ?, '', '[]', x'')",
                (number, event_id),
            )
        upto = min(upto, len(ids))
        connection.execute(
            "INSERT INTO events SELECT event_id, id FROM captures WHERE id <= ? AND event_id IS NOT NULL",
            (upto,),
        )
        connection.execute("INSERT INTO marks VALUES ('events_upto', ?)", (upto,))
        EventIndex(connection)
        held = connection.execute("SELECT event_id, capture_id FROM events ORDER BY 2").fetchall()
    assert held == [(event_id, number) for number, event_id in enumerate(ids, 1) if event_id is not None]


def test_events_without_an_id_are_told_by_their_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same body again is a repeat where it has a type and no event_id; what is no event never is."""
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        for hash in ("a", "b", "a"):
            recorder.store([(a_row(event_type="results.ready", body_sha256=hash), ())], monotonic())
        recorder.settle()
        recorder.store([(a_row(event_type="results.ready", body_sha256="b"), ())], monotonic())
        for _ in range(2):
            recorder.store([(a_row(body_sha256="a"), ())], monotonic())
        assert [number for (number,) in rows(path, "SELECT repeat_of FROM captures")] == [
            None,
            None,
            1,
            2,
            None,
            None,
        ]
        with Reader(path) as reader:
            assert reader.same_event(4) == [2, 4]
            assert reader.same_event(1) == [1, 3]
            assert reader.same_event(5) == []
            assert reader.counts().events == 2
            repeats = reader.captures([3, 4])
            assert [reader.sent_first(each) for each in repeats] == ["a", "b"]
            assert reader.sent_first(replace(repeats[0], repeat_of=99)) is None
