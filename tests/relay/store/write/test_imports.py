"""Captures that a job adds: numbered, indexed and found again beside those that are received."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from relay.errors import RelayError
from relay.models.attempt_record import AttemptRecord
from relay.models.imports import BundleSecret, ImportedCapture, ImportedDelivery, source_start
from relay.store.write import changes, imports
from relay.store.write.answers import mark_answered_503_beyond
from tests.relay.store.write.test_client import a_row
from tests.relay.store.write.test_recorder import a_recorder, a_trigger_at_the_last_moment
from tests.support.receiving import executed, rows


def an_import(number: int, **changes: Any) -> ImportedCapture:
    body = b'{"number":%d}' % number
    digest = sha256(body).hexdigest()
    values: dict[str, Any] = {
        "digest": digest,
        "source": f'{source_start(digest)}, "name": "file"}}',
        "method": "POST",
        "target": "/",
        "http_version": "1.1",
        "headers": "[]",
        "body": body,
        "body_sha256": digest,
        "event_type": "a.b",
        "event_id": f"event-{number}",
    }
    return ImportedCapture(**(values | changes))


def adding(*captures: ImportedCapture, **more: Any) -> Any:
    values: dict[str, Any] = {"origin": "imported", "received_at": 5} | more
    return partial(imports.add, captures=captures, **values)


def test_received_and_imported_captures_alternate(tmp_path: Path) -> None:
    """Ids go on, and an event is a repeat whichever way its first capture came; also before it is indexed."""
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        recorder.store([(a_row(event_type="a.b", event_id="event-1"), ())], monotonic())
        done = recorder.perform(
            adding(an_import(1), an_import(2), an_import(2, digest="0" * 64)), transaction=True
        )
        assert done == [(2, True), (3, True), (4, True)]
        recorder.store([(a_row(event_type="a.b", event_id="event-2"), ())], monotonic())
        assert recorder.newest_id == 5
        assert recorder.perform(adding(an_import(1), an_import(3)), transaction=True) == [
            (2, False),
            (6, True),
        ]
        recorder.store([(a_row(event_type="a.b", event_id="event-3"), ())], monotonic())
        recorder.settle()
    assert rows(path, "SELECT id, origin, repeat_of FROM captures ORDER BY id") == [
        (1, "received", None),
        (2, "imported", 1),
        (3, "imported", None),
        (4, "imported", 3),
        (5, "received", 3),
        (6, "imported", None),
        (7, "received", 6),
    ]
    assert rows(path, "SELECT count(*) FROM events") == [(7,)]


def test_what_fails_is_undone(tmp_path: Path) -> None:
    """A batch is stored whole or not at all, and the next capture gets the next id."""
    path = tmp_path / "relay.db"
    secret = BundleSecret(name="bundle:a", secret="one")
    with a_recorder(path) as recorder:
        recorder.perform(adding(an_import(1), bundle=secret), transaction=True)
        other = BundleSecret(name="bundle:a", secret="two")
        with pytest.raises(RelayError, match="another file was imported as bundle:a meanwhile"):
            recorder.perform(adding(an_import(2), bundle=other), transaction=True)
        recorder.perform(adding(an_import(1), bundle=other), transaction=True)  # Nothing new names it.
        recorder.store([(a_row(), ())], monotonic())
    assert rows(path, "SELECT id FROM captures") == [(1,), (2,)]
    assert rows(path, "SELECT name, value FROM facts") == [("bundle:a", "one")]


def test_deliveries_are_over(tmp_path: Path) -> None:
    """Nothing claims them; an attempt keeps its time."""
    path = tmp_path / "relay.db"
    attempt = AttemptRecord(
        number=1, started_at=3, elapsed_us=4, outcome="answered", sent_headers=(("a", "b"),)
    )
    delivery = ImportedDelivery(target="http://a", kind="live", attempts=(attempt,))
    with a_recorder(path) as recorder:
        recorder.perform(adding(an_import(1, deliveries=(delivery,), note="n")), transaction=True)
    assert rows(path, "SELECT state, created_at FROM deliveries") == [("ended", 3)]
    [(headers, started_at)] = rows(path, "SELECT sent_headers, started_at FROM attempts")
    assert (json.loads(headers), started_at) == ([["a", "b"]], 3)
    assert rows(path, "SELECT text FROM notes") == [("n",)]


def test_nobody_was_answered_503(tmp_path: Path) -> None:
    """A writing process that died unreported marks what it received, and not what was imported."""
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        recorder.store([(a_row(), ())], monotonic())
        recorder.perform(adding(an_import(1)), transaction=True)
        recorder.perform(partial(mark_answered_503_beyond, newest_id=0), transaction=True)
    assert rows(path, "SELECT answer FROM captures ORDER BY id") == [(503,), (200,)]


def test_a_secret_goes_with_the_last_capture_of_its_file(tmp_path: Path) -> None:
    """A source that another program has spoilt does not keep anything from being removed."""
    path = tmp_path / "relay.db"
    secret = BundleSecret(name="bundle:a", secret="one")
    of_bundle = [
        an_import(number, source=f'{source_start("d" * 63 + str(number))},"bundle":"bundle:a"}}')
        for number in (1, 2)
    ]
    with a_recorder(path) as recorder:
        recorder.perform(adding(*of_bundle, an_import(3), bundle=secret), transaction=True)
        recorder.perform(
            partial(executed, sql="UPDATE captures SET source = '{' WHERE id = 3"), transaction=True
        )
        left = []
        for number in (1, 2):
            remove = partial(changes.delete_slice, first=number, last=number, starred_too=False)
            assert recorder.perform(remove, transaction=True) == (1, None)
            left.append(len(rows(path, "SELECT 1 FROM facts")))
    assert left == [1, 0]


def test_a_window_takes_its_events_to_the_disk(tmp_path: Path) -> None:
    """Also one that was complete before: without a page to write, a commit syncs nothing."""
    path = tmp_path / "relay.db"
    wal = path.with_name("relay.db-wal")
    complete = partial(imports.complete_window, environment="sandbox", region="uae", start=0, end=5)
    with a_recorder(path) as recorder:
        assert recorder.perform(complete, transaction=True)
        recorder.perform(adding(an_import(1), origin="events-api"), transaction=True, synced=False)
        before = wal.stat().st_size
        assert not recorder.perform(complete, transaction=True)
        assert wal.stat().st_size > before


def test_a_mark_is_of_what_was_refused_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture that another program's trigger ignored was refused; the import that gets its id was not."""
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        recorder.store([(a_row(), ())], monotonic())
        with a_trigger_at_the_last_moment(recorder, path, monkeypatch):
            recorder.store([(a_row(), ())], monotonic())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("DROP TRIGGER q")
        recorder.perform(adding(an_import(1)), transaction=True)
    assert rows(path, "SELECT id, answer FROM captures ORDER BY id") == [(1, 200), (2, 200)]
