import os
import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import gettempdir

import pytest

from relay.errors import NotFound, RelayError
from relay.models import EPOCH, Answer, Attempt, Comparison, Origin, Shape, Signature
from relay.store.read.backfills import last_complete
from relay.store.read.reader import Reader
from relay.store.read.replayed import replayed_events
from relay.store.sources import backfill_mark
from tests.support.factories import (
    EVENT_ID,
    NOON,
    a_capture,
    a_delivery,
    insert,
    insert_all,
    insert_attempt,
    new_log,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a log? #1%20.db"


@pytest.fixture
def log(path: Path) -> Iterator[sqlite3.Connection]:
    connection = new_log(path)
    yield connection
    connection.close()


@pytest.fixture
def reader(log: sqlite3.Connection, path: Path) -> Iterator[Reader]:
    with Reader(path) as reader:
        yield reader


FULL = a_capture(
    7,
    method="PUT",
    target="/päth?x=%00",
    http_version="1.0",
    headers=(("X-Twice", "a"), ("x-twice", "Ã©\x80"), ("Empty", "")),
    client="[::1]:9",
    tls={"version": "TLSv1.3", "client": None},
    answer=Answer(status=500, on_purpose="--respond 500"),
    origin=Origin.SAMPLE,
    signature=Signature.VALID,
    signed_by="sandbox",
    app_token=Comparison.MISMATCH,
    sender=Comparison.MATCH,
    repeat_of=3,
    shape=Shape.DRIFT,
    shape_version="1",
    starred=True,
    note="look ‮ here\x00",
    deliveries=(
        a_delivery(1, verdict="retry", status=500, attempts=3),
        a_delivery(2, kind="replay", state="queued", verdict=None, attempts=0, status=None, elapsed_ms=None),
    ),
)


def test_everything_comes_back(log: sqlite3.Connection, reader: Reader) -> None:
    """Each field of a capture is read as it was written."""
    insert(log, FULL)
    assert reader.capture(7) == FULL


@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff\xfe", b'{"a":1}' * 100_000, bytes(range(256))])
def test_bodies_come_back_byte_for_byte(log: sqlite3.Connection, reader: Reader, body: bytes) -> None:
    """A body is the same bytes, whatever they are."""
    insert(log, a_capture(body=body))
    found = reader.capture(1)
    assert found is not None
    assert found.body == body


def test_captures_come_in_the_order_asked_for(log: sqlite3.Connection, reader: Reader) -> None:
    """Many captures come in few statements, in order, without those that are not there."""
    insert_all(log, (a_capture(number) for number in range(1, 1201)))
    ids = [1200, 5, 9999, 1, *range(2, 1100), 2**70]
    assert [capture.id for capture in reader.captures(ids)] == [1200, 5, 1, *range(2, 1100)]
    assert reader.captures([]) == []
    assert reader.existing(ids) == [1200, 5, 1, *range(2, 1100)]


def test_absent_captures(reader: Reader) -> None:
    """An empty log has no captures, and says so without errors."""
    assert reader.capture(1) is None
    assert (reader.newest_id(), reader.oldest_id(), reader.by_event("x")) == (0, 0, [])


def test_interrupted_after_it_was_closed(reader: Reader) -> None:
    """A search that has just ended is stopped without an error."""
    reader.close()
    reader.interrupt()
    assert reader.interruptions == 1


def test_ids(log: sqlite3.Connection, reader: Reader) -> None:
    """Ids are found by event, and by time."""
    insert_all(log, [a_capture(2), a_capture(5, event=None), a_capture(9)])
    assert reader.newest_id() == 9
    assert reader.oldest_id() == 2
    assert reader.by_event(EVENT_ID) == [2, 9]
    assert reader.last_before(NOON + timedelta(seconds=9)) == 5
    assert reader.last_before(NOON) == 0
    assert reader.page(0, 2) == [2, 5]
    assert reader.page(2, 10, upto=8) == [5]


def test_the_last_attempt_counts(log: sqlite3.Connection, reader: Reader) -> None:
    """A delivery shows what its last attempt came to, the one with the highest number."""
    insert(log, a_capture(1, deliveries=(a_delivery(1, attempts=2, status=500, verdict="retry"),)))
    found = reader.capture(1)
    assert found is not None
    assert (found.deliveries[0].attempts, found.deliveries[0].status) == (2, 500)
    assert [attempt.number for attempt in reader.attempts(1)] == [1, 2]


def test_attempts_come_back(log: sqlite3.Connection, reader: Reader) -> None:
    """Each field of an attempt is read as it was written."""
    insert(log, a_capture(1, deliveries=(a_delivery(4, attempts=0, status=None),)))
    attempt = Attempt(
        id=8,
        delivery_id=4,
        capture_id=1,
        target="http://localhost:3000",
        kind="live",
        number=1,
        started_at=NOON,
        elapsed_ms=12.345,
        outcome="answered",
        status=201,
        verdict="retry",
        verdict_reason="Lean documents only 200",
        error=None,
        address="::1",
        sent_headers=(("a", "b"),),
        sent_body=b"\xff",
        headers=(("C", "d"), ("C", "e")),
        body=b"ok",
        body_size=2,
    )
    insert_attempt(log, attempt)
    assert reader.attempts(1) == [attempt]
    line = attempt.as_json()
    assert line["sent_body"] is None
    assert line["sent_body_base64"] == "/w=="
    assert line["headers"] == [["C", "d"], ["C", "e"]]


def test_counts(log: sqlite3.Connection, reader: Reader) -> None:
    """Captures, distinct events, repeats and signatures are counted."""
    insert_all(
        log,
        [
            a_capture(1, signature=Signature.VALID),
            a_capture(2, signature=Signature.VALID, repeat_of=1),
            a_capture(3, body=b"x"),
        ],
    )
    counts = reader.counts()
    assert (counts.captures, counts.events, counts.repeats) == (3, 1, 1)
    assert counts.signatures == {Signature.VALID: 2, Signature.UNCHECKED: 1}


def test_data_version_changes_with_commits(log: sqlite3.Connection, reader: Reader) -> None:
    """The version stands still until another connection commits."""
    before = reader.data_version()
    assert reader.data_version() == before
    insert(log, a_capture())
    assert reader.data_version() != before


def test_no_transaction_stays_open(log: sqlite3.Connection, reader: Reader) -> None:
    """After each call the write-ahead log can be cut: no snapshot is held."""
    insert_all(log, (a_capture(number) for number in range(1, 50)))
    reader.captures(range(1, 50))
    reader.attempts(1)
    reader.counts()
    reader.data_version()
    log.execute("PRAGMA busy_timeout = 0")
    assert log.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)


def test_the_log_cannot_be_written(reader: Reader) -> None:
    """A reader changes nothing, even by mistake."""
    with pytest.raises(RelayError, match="readonly"):
        reader.rows("DELETE FROM captures")


def test_no_file(tmp_path: Path) -> None:
    """Where there is no log, the message names the path and what makes one; none is made."""
    path = tmp_path / "none.db"
    with pytest.raises(NotFound, match=r"none\.db.*lean-relay listen"):
        Reader(path)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"a text file, long enough to be looked at" * 40, b"\x00" * 4096])
def test_not_a_database(tmp_path: Path, content: bytes) -> None:
    """A file that is no log is refused with a word, not with an error of SQLite."""
    path = tmp_path / "letter.txt"
    path.write_bytes(content)
    with pytest.raises(RelayError) as caught:
        Reader(path)
    assert caught.value.word in ("foreign-database", "unreadable-database")


def test_without_an_engine(log: sqlite3.Connection, path: Path) -> None:
    """A log that nobody has open, its write-ahead log gone, can be read."""
    insert(log, a_capture())
    log.close()
    assert not path.with_name(path.name + "-wal").exists()
    with Reader(path) as reader:
        assert reader.newest_id() == 1


def test_in_a_folder_that_cannot_be_written(log: sqlite3.Connection, path: Path) -> None:
    """A log in a read-only folder, with nobody writing it, can be read."""
    insert(log, a_capture())
    log.close()
    path.chmod(0o444)
    top = Path(gettempdir())
    folders = [folder for folder in path.parents if top in folder.parents]
    modes = [folder.stat().st_mode for folder in folders]
    for folder in folders:
        folder.chmod(0o555)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            with Reader(path) as reader:
                status = 0 if reader.newest_id() == 1 else 2
        finally:
            os._exit(status)
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        for folder, mode in zip(folders, modes, strict=True):
            folder.chmod(mode)


def test_hostile_columns(log: sqlite3.Connection, reader: Reader) -> None:
    """Rows that another program wrote, with bytes that are no text and no pairs, are still read."""
    insert(log, a_capture())
    insert(log, a_capture(2))
    log.execute("PRAGMA ignore_check_constraints = ON")
    log.execute("UPDATE captures SET signature = 'odd', event_at = 9223372036854775807 WHERE id = 1")
    log.execute("INSERT INTO marks VALUES (?, 9223372036854775807)", (backfill_mark("sandbox", "uae"),))
    log.execute(
        "UPDATE captures SET target = CAST(x'2fff00e2' AS TEXT), headers = '{\"no\": \"pairs\"}', tls = '[',"
        " origin = 'elsewhere', received_at = 9223372036854775807, client = CAST(x'80' AS TEXT)"
    )
    found = reader.capture(1)
    assert found is not None
    assert found.target.startswith("/�\x00")
    assert (found.headers, found.tls, found.origin) == ((), {}, Origin.RECEIVED)
    assert found.signature is Signature.UNCHECKED
    assert reader.counts().signatures == {Signature.UNCHECKED: 2}
    assert replayed_events(reader, [1], ()).newest_at == EPOCH
    assert last_complete(reader, "sandbox", "uae") == EPOCH
    found.as_json()


def test_interrupt_ends_a_statement(log: sqlite3.Connection, reader: Reader) -> None:
    """Another thread can end a statement that would run for long."""
    reader.interrupt()
    assert reader.newest_id() == 0
    timer = threading.Timer(0.05, reader.interrupt)
    timer.start()
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        reader.rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
    timer.join()
    assert reader.interruptions == 2
