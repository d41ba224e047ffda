"""A team's captures: stored with their positions and deliveries, once, and as far as they were read."""

from __future__ import annotations

import sqlite3
import sys
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from relay.store.team_progress import TeamProgress
from relay.store.write import changes, followed
from relay.store.write.answers import mark_answered_503_beyond
from relay.store.write.followed import FollowedCapture, StoredBatch
from relay.store.write.recorder import Recorder
from tests.relay.store.write.test_client import a_row
from tests.relay.store.write.test_recorder import a_recorder
from tests.support.receiving import rows

LAST = "SELECT position, event_id, repeat_of FROM captures ORDER BY id"


def a_followed(position: int, targets: tuple[Any, ...] = (), **changes: Any) -> FollowedCapture:
    body = changes.pop("body", b'{"number":%d}' % position)
    values: dict[str, Any] = {
        "received_at": 1000 + position,
        "body": body,
        "body_sha256": sha256(body).hexdigest(),
        "event_type": "a.b",
        "event_id": f"event-{position}",
    }
    return FollowedCapture(position, a_row(**(values | changes)), targets)


def add(recorder: Recorder, *captures: FollowedCapture) -> StoredBatch:
    return recorder.perform(partial(followed.add, captures=captures, now=7), transaction=True)


def begin(recorder: Recorder, position: int = 0) -> None:
    recorder.perform(partial(followed.begin, log="a-log", position=position), transaction=True)


def progress(recorder: Recorder) -> TeamProgress:
    return recorder.perform(followed.stands_at, transaction=False)


def test_a_batch_is_one_commit(tmp_path: Path) -> None:
    """Captures, deliveries (parked ones too) and the position reached; repeats are found on both ways."""
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        recorder.store([(a_row(event_type="a.b", event_id="event-2"), ())], monotonic())
        begin(recorder)
        done = add(
            recorder, a_followed(1, ("x", ("y", "too old"))), a_followed(2), a_followed(3, event_id="event-1")
        )
        assert done == StoredBatch(3, 4)
        recorder.store([(a_row(event_type="a.b", event_id="event-3"), ())], monotonic())
        found = progress(recorder)
        assert (found.position, found.log, found.missed) == (3, "a-log", 0)
        assert found.last == f"1003 {a_followed(3).row.body_sha256}"
    assert rows(path, LAST) == [
        (None, "event-2", None),
        (1, "event-1", None),
        (2, "event-2", 1),
        (3, "event-1", 2),
        (None, "event-3", None),
    ]
    assert rows(path, "SELECT capture_id, target, state, reason FROM deliveries ORDER BY id") == [
        (2, "x", "queued", None),
        (2, "y", "parked", "too old"),
    ]


def test_nothing_is_stored_twice(tmp_path: Path) -> None:
    """A batch that was read again adds what is new in it, and neither captures nor deliveries twice."""
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        begin(recorder)
        add(recorder, a_followed(1, ("x",)), a_followed(2, ("x",)))
        assert add(recorder, a_followed(1, ("x",)), a_followed(2, ("x",))) == StoredBatch(0, None)
        assert add(recorder, a_followed(2, ("x",)), a_followed(3, ("x",))) == StoredBatch(1, 3)
        begin(recorder, 0)  # As when a person decides to read all of it again.
        assert add(recorder, *(a_followed(number, ("x",)) for number in (1, 2, 3, 4))) == StoredBatch(1, 4)
    assert [position for position, _, _ in rows(path, LAST)] == [1, 2, 3, 4]
    assert rows(path, "SELECT count(*) FROM deliveries") == [(4,)]


def test_another_history_takes_the_position(tmp_path: Path) -> None:
    """What the log has lost stays here without its position, which another capture has there now."""
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        begin(recorder)
        add(recorder, a_followed(1), a_followed(2))
        begin(recorder, 1)
        add(recorder, a_followed(2, body=b"{}", event_id="other"))
    assert rows(path, LAST) == [(1, "event-1", None), (None, "event-2", None), (2, "other", None)]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    """A batch that cannot be stored whole leaves neither captures nor a new position."""
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        begin(recorder)
        with pytest.raises(sqlite3.IntegrityError):
            add(recorder, a_followed(1), a_followed(2, signature="unheard-of"))
        for gap in ((2, 3), (1, 3)):
            with pytest.raises(ValueError, match="do not follow 0"):
                add(recorder, *map(a_followed, gap))
        assert progress(recorder).position == 0
        assert add(recorder, a_followed(1), a_followed(2)) == StoredBatch(2, 2)
    assert rows(path, "SELECT count(*) FROM captures") == [(2,)]


def test_skipped_and_stopped(tmp_path: Path) -> None:
    """What was pruned is counted; a stop stays until somebody decides where to begin."""
    with a_recorder(tmp_path / "relay.db") as recorder:
        assert progress(recorder) == TeamProgress()
        begin(recorder, 5)
        for position in (8, 10):
            recorder.perform(partial(followed.skip, position=position, missed=3), transaction=True)
        recorder.perform(partial(followed.stop, reason="it went back"), transaction=True)
        assert progress(recorder) == TeamProgress(position=10, log="a-log", missed=6, stopped="it went back")
        begin(recorder, 4)
        assert progress(recorder) == TeamProgress(position=4, log="a-log", missed=6)


def test_a_writer_that_dies_marks_none_of_them(tmp_path: Path) -> None:
    """They were answered elsewhere: only what was received here can have been answered 503."""
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        begin(recorder)
        add(recorder, a_followed(1))
        recorder.store([(a_row(), ())], monotonic())
        recorder.perform(partial(mark_answered_503_beyond, newest_id=0), transaction=True)
    assert rows(path, "SELECT answer FROM captures ORDER BY id") == [(200,), (503,)]


@pytest.mark.parametrize("looked_at_once", [1, 2, 1000])
def test_what_is_older_is_removed_and_nothing_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked_at_once: int
) -> None:
    """A team's captures of last week come after those that were received here today, which stay."""
    monkeypatch.setattr(changes, "LOOKED_AT_ONCE", looked_at_once)
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        recorder.store([(a_row(received_at=5000), ())], monotonic())
        begin(recorder)
        add(recorder, a_followed(1), a_followed(2), a_followed(3))
        removed = 0
        following: int | None = 1
        while following is not None:
            work = partial(
                changes.delete_slice, first=following, last=sys.maxsize, starred_too=False, before=1003
            )
            count, following = recorder.perform(work, transaction=True)
            removed += count
        assert removed == 2
    assert rows(path, "SELECT received_at, position FROM captures ORDER BY id") == [(5000, None), (1003, 3)]
