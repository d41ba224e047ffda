"""What is written how, without a process around it: groups, deadlines, and what the listener hears."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest

from relay.store.errors import StoreUnavailable
from relay.store.write import answers, files
from relay.store.write import recorder as recorder_module
from relay.store.write.file_identity import FileIdentity
from relay.store.write.groups import ROWS_AT_ONCE
from relay.store.write.recorder import MustReopen, Recorder, WriteTimeouts
from tests.relay.store.write.test_client import a_row
from tests.support.program import ROOT, Process, reading
from tests.support.receiving import executed, rows


class Heard:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, ...]] = []

    def stored(self, first_id: int, count: int) -> None:
        self.all.append(("stored", first_id, count))

    def failed(self, count: int, trouble: StoreUnavailable) -> None:
        self.all.append(("failed", count, trouble.reason))

    def health(self, trouble: StoreUnavailable | None) -> None:
        self.all.append(("health", trouble and trouble.reason))


@contextmanager
def a_recorder(path: Path, heard: Heard | None = None, **timeouts: float) -> Iterator[Recorder]:
    """A recorder on a database that is made if it is not there."""
    files.create_private(path)
    connection = files.open_writer(path, ours=False)
    recorder = Recorder(connection, path, heard or Heard(), WriteTimeouts(**timeouts))
    try:
        yield recorder
    finally:
        recorder.close()
        recorder._connection.close()


def leave(recorder: Recorder) -> None:
    """The end of a recorder whose files are no longer its own; otherwise its process ends instead."""
    assert not recorder.close()
    recorder._connection.close()


def test_groups_are_bounded_and_told_in_order(tmp_path: Path) -> None:
    """Many captures at once become groups with consecutive ids; each group is told after its commit."""
    heard = Heard()
    with a_recorder(tmp_path / "relay.db", heard) as recorder:
        recorder.store([(a_row(body=str(n).encode()), ()) for n in range(150)], monotonic())
        assert recorder.newest_id == 150
    assert heard.all == [("stored", 1, ROWS_AT_ONCE), ("stored", 65, ROWS_AT_ONCE), ("stored", 129, 22)]
    assert rows(tmp_path / "relay.db", "SELECT count(*) FROM captures") == [(150,)]


def test_deliveries_are_committed_with_their_capture(tmp_path: Path) -> None:
    """Each capture has a delivery to each of its targets, and one that has none has none."""
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        recorder.store([(a_row(), ("a", "b")), (a_row(), ()), (a_row(), ("a",))], monotonic())
    assert rows(path, "SELECT capture_id, target, state FROM deliveries ORDER BY id") == [
        (1, "a", "queued"),
        (1, "b", "queued"),
        (3, "a", "queued"),
    ]


def test_what_waited_too_long_is_not_stored(tmp_path: Path) -> None:
    """Its caller has had a 503: nothing is written for it, and the next capture is stored as ever."""
    heard = Heard()
    with a_recorder(tmp_path / "relay.db", heard, answer_s=0.5) as recorder:
        recorder.store([(a_row(), ()), (a_row(), ())], monotonic() - 1.0)
        recorder.store([(a_row(), ())], monotonic())
    assert heard.all == [("failed", 2, "store-slow"), ("stored", 1, 1)]


def test_a_commit_past_the_deadline_is_a_failure_and_says_so(tmp_path: Path) -> None:
    """A row written only after its caller was refused, since the lock came free too late, is marked so."""
    heard, path = Heard(), tmp_path / "relay.db"
    with a_recorder(path, heard, answer_s=0.2) as recorder:
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
            other.execute("BEGIN IMMEDIATE")
            freed = threading.Timer(0.4, other.execute, ("COMMIT",))
            freed.start()
            recorder.store([(a_row(), ())], monotonic())
            freed.join()
    assert heard.all == [("failed", 1, "store-slow")]
    assert rows(path, "SELECT answer, answer_reason FROM captures") == [(503, "stored too late")]


def test_a_mark_that_cannot_be_written_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row of a caller that was refused does not keep its 200."""
    heard, path = Heard(), tmp_path / "relay.db"
    with a_recorder(path, heard) as recorder:
        late = chain([0.0], repeat(10.0))
        with monkeypatch.context() as patch:
            patch.setattr(recorder_module, "monotonic", lambda: next(late))
            patch.setattr(answers, "_MARK", "UPDATE no_such_table SET answer = 503 WHERE ")
            recorder.store([(a_row(), ())], 0.0)
        assert heard.all == [("failed", 1, "store-slow")]
        assert rows(path, "SELECT answer FROM captures") == [(200,)]
        recorder.tidy(quiet=False)
    assert rows(path, "SELECT answer, answer_reason FROM captures") == [(503, "stored too late")]


def test_a_mark_is_written_at_the_end_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that ends before it could try again has marked what it refused."""
    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        late = chain([0.0], repeat(10.0))
        with monkeypatch.context() as patch:
            patch.setattr(recorder_module, "monotonic", lambda: next(late))
            patch.setattr(answers, "_MARK", "UPDATE no_such_table SET answer = 503 WHERE ")
            recorder.store([(a_row(), ())], 0.0)
    assert rows(path, "SELECT answer, answer_reason FROM captures") == [(503, "stored too late")]


@pytest.mark.parametrize("is_tried_again", [True, False])
def test_what_was_refused_in_a_moved_file_is_marked_there(tmp_path: Path, is_tried_again: bool) -> None:
    """The commit went to a file that was away; it is put back after the end."""
    path, away = tmp_path / "relay.db", tmp_path / "away"
    heard = Heard()
    with a_recorder(path, heard) as recorder:
        recorder.store([(a_row(), ())], monotonic())
        path.rename(away)
        recorder.store([(a_row(), ())], monotonic())
        assert heard.all[-1] == ("failed", 1, "store-gone")
        if is_tried_again:
            recorder.rest()
    away.rename(path)
    assert rows(path, "SELECT answer FROM captures ORDER BY id") == [(200,), (503,)]


def test_trouble_is_told_and_what_follows_hears_at_once(tmp_path: Path) -> None:
    """With a full disk the first group fails, the next is not even tried; a rest finds that there is room."""
    heard, path = Heard(), tmp_path / "relay.db"
    with a_recorder(path, heard) as recorder:
        recorder.perform(partial(executed, sql="PRAGMA max_page_count = 1"), transaction=False)
        recorder.store([(a_row(body=b"x" * 100_000), ())] * 70, monotonic())
        assert heard.all == [
            ("health", "store-full"),
            ("failed", ROWS_AT_ONCE, "store-full"),
            ("failed", 6, "store-full"),
        ]
        recorder.perform(partial(executed, sql="PRAGMA max_page_count = 100000"), transaction=False)
        recorder.rest()
        recorder.store([(a_row(), ())], monotonic())
    assert heard.all[3:] == [("health", None), ("stored", 1, 1)]


@contextmanager
def no_room_after(size: int) -> Iterator[None]:
    """No file grows beyond this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_trouble_lasts_until_something_can_be_written(tmp_path: Path) -> None:
    """That a transaction can be begun does not tell that the disk has room again."""
    heard, path = Heard(), tmp_path / "relay.db"
    with a_recorder(path, heard) as recorder:
        recorder.store([(a_row(), ())], monotonic())
        with no_room_after(path.with_name("relay.db-wal").stat().st_size):
            recorder.store([(a_row(), ())], monotonic())
            recorder.rest()
        assert ("health", None) not in heard.all
        recorder.rest()
        assert heard.all[-1] == ("health", None)


def test_a_file_that_is_moved_away_is_no_log(tmp_path: Path) -> None:
    """What would go where nobody finds it is refused, changes too; the file put back, all is as before."""
    heard, path = Heard(), tmp_path / "relay.db"
    with a_recorder(path, heard) as recorder:
        recorder.store([(a_row(), ())], monotonic())
        path.rename(tmp_path / "away")
        with pytest.raises(StoreUnavailable, match=f"{path.name} was moved or deleted while it was in use"):
            recorder.perform(partial(executed, sql="DELETE FROM captures"), transaction=True)
        recorder.store([(a_row(), ())], monotonic())
        recorder.rest()
        assert heard.all[1:] == [
            ("health", "store-gone"),
            ("failed", 1, "store-gone"),
            ("health", "store-gone"),
        ]
        (tmp_path / "away").rename(path)
        recorder.rest()
        recorder.store([(a_row(), ())], monotonic())
        assert heard.all[4:] == [("health", None), ("stored", 2, 1)]
    assert rows(path, "SELECT id FROM captures") == [(1,), (2,)]


@pytest.mark.parametrize("name", ["relay.db-wal", "relay.db-shm"])
def test_what_is_stored_outlives_a_side_file(tmp_path: Path, name: str) -> None:
    """With -wal or -shm gone nothing is taken; all that was goes into the database, for another process."""
    heard, path, copy = Heard(), tmp_path / "relay.db", tmp_path / "copy.db"
    files.create_private(path)
    recorder = Recorder(files.open_writer(path, ours=False), path, heard)
    recorder.store([(a_row(), ())], monotonic())
    path.with_name(name).unlink()
    recorder.store([(a_row(), ())], monotonic())
    assert heard.all[1:] == [("health", "store-gone"), ("failed", 1, "store-gone")]
    with pytest.raises(MustReopen):
        recorder.rest()
    shutil.copyfile(path, copy)  # Without the side files.
    assert (1,) in rows(copy, "SELECT id FROM captures")
    leave(recorder)


def test_another_program_makes_a_new_shm(tmp_path: Path) -> None:
    """A reader opens the database after its -shm was removed: the next process can write all the same."""
    heard, path = Heard(), tmp_path / "relay.db"
    files.create_private(path)
    recorder = Recorder(files.open_writer(path, ours=False), path, heard)
    for _ in range(5):
        recorder.store([(a_row(), ())], monotonic())
    path.with_name("relay.db-shm").unlink()
    reads = (
        "import sqlite3, sys\n"
        "log = sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True)\n"
        "print(log.execute('SELECT count(*) FROM captures').fetchone(), flush=True)\n"
        "input()\n"
    )
    opens = (
        "import pathlib, sys\n"
        "from relay.store.write import files\n"
        "log = files.open_writer(pathlib.Path(sys.argv[1]), ours=True)\n"
        "print(log.execute('SELECT count(*) FROM captures').fetchone())\n"
    )
    # Processes of their own, as in this one SQLite would share the removed -shm.
    command = [sys.executable, "-c", reads, str(path)]
    with Process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "(5,)\n"
        with pytest.raises(MustReopen):
            recorder.store([(a_row(), ())], monotonic())
            recorder.rest()
        assert heard.all[-1] == ("health", "store-gone")
        following = subprocess.run(
            [sys.executable, "-c", opens, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert following.stdout == "(5,)\n", following.stderr
        reader.communicate("\n")
    leave(recorder)


@pytest.mark.parametrize("ended_by", ["a probe", "a job"])
def test_a_row_behind_damage_confesses(tmp_path: Path, ended_by: str) -> None:
    """A capture committed where nobody finds it was answered 503; the file put back, its row says so."""
    heard, path = Heard(), tmp_path / "relay.db"
    with a_recorder(path, heard) as recorder:
        path.rename(tmp_path / "away")  # Seen only after the COMMIT: the -wal is as it was.
        recorder.store([(a_row(), ())], monotonic())
        assert heard.all == [("health", "store-gone"), ("failed", 1, "store-gone")]
        (tmp_path / "away").rename(path)
        if ended_by == "a probe":
            recorder.rest()
        else:
            recorder.perform(partial(executed, sql="INSERT INTO marks VALUES ('any', 1)"), transaction=True)
    assert rows(path, "SELECT id, answer, answer_reason FROM captures") == [(1, 503, "stored too late")]


def test_a_job_that_raises_leaves_nothing(tmp_path: Path) -> None:
    """What it changed is rolled back, and its own exception comes out."""

    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM captures")
        raise ValueError("no")

    path = tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        recorder.store([(a_row(), ())], monotonic())
        with pytest.raises(ValueError, match="no"):
            recorder.perform(fails, transaction=True)
    assert rows(path, "SELECT count(*) FROM captures") == [(1,)]


def test_a_damaged_table_is_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that meets damage which the check at the start had no time for cannot write, and says so."""
    heard, path = Heard(), tmp_path / "relay.db"
    with a_recorder(path) as recorder:
        recorder.store([(a_row(), ())], monotonic())
    [(page, size)] = rows(
        path,
        "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master"
        " WHERE name = 'deliveries'",
    )
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    monkeypatch.setattr(files, "_quick_check", lambda connection: None)
    with a_recorder(path, heard) as recorder:
        with pytest.raises(StoreUnavailable, match="malformed") as trouble:
            recorder.perform(partial(executed, sql="UPDATE deliveries SET reason = 'x'"), transaction=True)
        assert trouble.value.reason == "store-failing"
        assert heard.all == [("health", "store-failing")]


def test_an_index_that_cannot_be_filled_is_trouble(tmp_path: Path) -> None:
    """A removal, which needs it, fails with the store's own words."""
    heard, path = Heard(), tmp_path / "relay.db"
    with a_recorder(path, heard) as recorder:
        recorder.store([(a_row(event_id=f"{number:0200}"), ()) for number in range(60)], monotonic())
        recorder.perform(partial(executed, sql="PRAGMA max_page_count = 1"), transaction=False)
        with pytest.raises(StoreUnavailable) as trouble:
            recorder.settle()
        assert trouble.value.reason == "store-full"
        recorder.perform(partial(executed, sql="PRAGMA max_page_count = 100000"), transaction=False)
        recorder.rest()
        recorder.settle()
    assert rows(path, "SELECT count(*) FROM events") == [(60,)]


def test_a_connection_that_is_kept_after_an_error_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a change that did not wait, an error, and no other connection: a capture's commit waits again."""

    def fails(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with a_recorder(tmp_path / "relay.db") as recorder:
        with monkeypatch.context() as patch:
            patch.setattr(recorder_module, "EventIndex", fails)
            with pytest.raises(StoreUnavailable, match="disk I/O error"):
                recorder.perform(fails, transaction=True, synced=False)
        recorder.rest()
        recorder.store([(a_row(), ())], monotonic())
        assert recorder._connection.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize("index", ["is read", "cannot be read"])
def test_errors_use_up_no_descriptors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: str) -> None:
    """Each has another connection opened, which may fail; the files are held once, and it goes on after."""

    def fails(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with a_recorder(tmp_path / "relay.db") as recorder:
        recorder.store([(a_row(), ())], monotonic())
        in_use: list[int] = []
        with monkeypatch.context() as patch:
            if index == "cannot be read":
                patch.setattr(recorder_module, "EventIndex", fails)
            for _ in range(5):
                with pytest.raises(StoreUnavailable, match="disk I/O error"):
                    recorder.perform(fails, transaction=True)
                # Of these files alone: others of this process may be closed at any moment.
                files_open = (each.path for each in psutil.Process().open_files())
                in_use.append(sum(Path(each).parent == tmp_path for each in files_open))
        assert in_use[-1] == in_use[0] > 0
        with reading(tmp_path / "relay.db") as other:
            recorder.rest()
            recorder.store([(a_row(), ())], monotonic())
            assert other.execute("SELECT count(*) FROM captures").fetchone() == (2,)


def test_a_file_that_moves_during_a_repair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that an earlier connection holds stay open for it; put back, all is as before."""
    heard, path = Heard(), tmp_path / "relay.db"
    is_in_place = FileIdentity.is_in_place

    def then_moved(identity: FileIdentity) -> bool:
        found = is_in_place(identity)
        path.rename(tmp_path / "away")
        return found

    def fails(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with a_recorder(path, heard) as recorder:
        recorder.store([(a_row(), ())], monotonic())
        with monkeypatch.context() as patch:
            patch.setattr(FileIdentity, "is_in_place", then_moved)
            with pytest.raises(StoreUnavailable, match="disk I/O error"):
                recorder.perform(fails, transaction=True)
        (tmp_path / "away").rename(path)
        recorder.rest()
        recorder.store([(a_row(), ())], monotonic())
        assert heard.all[-2:] == [("health", None), ("stored", 2, 1)]


@contextmanager
def a_trigger_at_the_last_moment(
    recorder: Recorder, path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Another program makes one that ignores captures, just before the INSERT of a group."""
    sync_commits = recorder._sync_commits

    def after_another(yes: bool) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("CREATE TRIGGER q BEFORE INSERT ON captures BEGIN SELECT RAISE(IGNORE); END")
        sync_commits(yes)

    with monkeypatch.context() as patch:
        patch.setattr(recorder, "_sync_commits", after_another)
        yield


@pytest.mark.parametrize("targets", [(), ("a",)])
def test_a_trigger_of_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, targets: tuple[str, ...]
) -> None:
    """One that ignores captures, made between the check and the INSERT: no row is told as stored.

    The INSERT commits nothing then, so that the other program's commit could pass for it.
    """
    heard, path = Heard(), tmp_path / "relay.db"
    with a_recorder(path, heard) as recorder:
        recorder.store([(a_row(), ())], monotonic())
        with a_trigger_at_the_last_moment(recorder, path, monkeypatch):
            recorder.store([(a_row(), targets), (a_row(), targets)], monotonic())
        recorder.store([(a_row(), ())], monotonic())
        refused = [each for each in heard.all if each[0] == "failed"]
        assert [count for _, count, _ in refused] == [2, 1]
        assert refused[-1][2] == "store-foreign"
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("DROP TRIGGER q")
        recorder.rest()
        recorder.store([(a_row(), ())], monotonic())
    stored = [first_id for what, first_id, *_ in heard.all if what == "stored"]
    assert rows(path, "SELECT id FROM captures ORDER BY id") == [(number,) for number in stored]
    assert len(stored) == 2


@pytest.mark.parametrize("ours", [True, False])
def test_an_empty_file_that_was_a_database(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, ours: bool
) -> None:
    """It is used as a new one, and if an engine has used it before, a line says what is gone."""
    path = tmp_path / "relay.db"
    files.create_private(path)
    with caplog.at_level("WARNING", "relay.store"):
        files.open_writer(path, ours=ours).close()
    assert (f"{path} is empty, although lean-relay has used it" in caplog.text) == ours


def test_a_retry_of_what_was_refused_after_its_commit_is_a_repeat(tmp_path: Path) -> None:
    """The refused one is in the database: its event came before, whether or not it is indexed yet."""
    path, away = tmp_path / "relay.db", tmp_path / "away"
    row = a_row(event_type="a.b", event_id="event-1")
    with a_recorder(path) as recorder:
        recorder.store([(a_row(), ())], monotonic())
        path.rename(away)
        recorder.store([(row, ())], monotonic())
        away.rename(path)
        recorder.rest()
        recorder.store([(row, ())], monotonic())
    assert rows(path, "SELECT answer, repeat_of FROM captures ORDER BY id") == [
        (200, None),
        (503, None),
        (200, 2),
    ]
