"""The lock beside a database."""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from relay.control.lock import Holder, Lock, holder, lock_path
from relay.errors import RelayError

HOLD = """
import os, sys, time
from pathlib import Path
from relay.control.lock import Holder, Lock
lock = Lock.take(Path(sys.argv[1]))
lock.describe(Holder(pid=os.getpid(), started_at=1.0, url="http://127.0.0.1:5326"))
print("held", flush=True)
sys.stdin.read()
"""


def test_only_one_holds_a_lock_and_the_other_hears_who(tmp_path: Path) -> None:
    """A second owner is refused with the first one's pid and URL; when the first is killed, the next wins."""
    db = tmp_path / "relay.db"
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout is not None
    try:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(
            RelayError, match=rf"pid {first.pid}, listening on http://127.0.0.1:5326"
        ) as refused:
            Lock.take(db)
        assert refused.value.word == "engine-running"
        found = holder(db)
        assert found is not None
        assert found.pid == first.pid
    finally:
        first.kill()
        first.communicate()
    assert holder(db) is None
    lock = Lock.take(db)
    assert lock.owned_before
    lock.release()


def test_a_lock_is_private_and_says_who_holds_it(tmp_path: Path) -> None:
    """The file is 0600 from the start, under any umask, and describes its holder."""
    db = tmp_path / "relay.db"
    before = os.umask(0)
    try:
        lock = Lock.take(db)
    finally:
        os.umask(before)
    assert lock_path(db).stat().st_mode & 0o777 == 0o600
    assert not lock.owned_before
    lock.describe(Holder(pid=12345678, started_at=1.0, url="http://127.0.0.1:1"))
    lock.describe(Holder(pid=1, started_at=1.0))
    assert holder(db) == Holder(pid=1, started_at=1.0)
    lock.release()
    assert holder(db) is None


def test_no_lock_file_means_no_holder(tmp_path: Path) -> None:
    """Asking for the holder makes no file."""
    assert holder(tmp_path / "relay.db") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"pid": "x"}',
        "\x00" * 50,
        '{"pid": 1, "started_at": 1}1}',
        '{"pid": Infinity, "started_at": 1, "url": null}',
        '{"pid": 99999999999, "started_at": 1, "url": null}',
        '{"pid": ' + "[" * 4000,
    ],
)
def test_a_spoilt_lock_file_is_no_obstacle(tmp_path: Path, text: str) -> None:
    """Whatever the file says, only the kernel's lock decides."""
    db = tmp_path / "relay.db"
    lock_path(db).write_text(text)
    lock = Lock.take(db)
    assert not lock.owned_before
    assert holder(db) is not None
    lock.release()


def test_an_engine_that_died_is_waited_for(tmp_path: Path) -> None:
    """Its writing process holds the lock a moment longer: the next engine waits, no one sees the dead one."""
    db = tmp_path / "relay.db"
    script = "import fcntl, os, sys, time; fcntl.flock(0, fcntl.LOCK_EX); print(flush=True); time.sleep(60)"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with open(lock_path(db), "w+b") as file:
        file.write(b'{"pid": %d, "started_at": 0.0, "url": "http://127.0.0.1:1"}' % dead.pid)
        file.flush()
        writing = subprocess.Popen([sys.executable, "-c", script], stdin=file, stdout=subprocess.PIPE)
    assert writing.stdout is not None
    writing.stdout.readline()
    try:
        assert holder(db) is None
        freed = threading.Timer(0.2, writing.kill)
        freed.start()
        Lock.take(db).release()
        assert writing.wait(10) != 0
    finally:
        writing.kill()
        writing.stdout.close()


@pytest.mark.parametrize("text", ["[]", "[[package]]\nname = 'x'", "export PATH=/bin", " 1"])
def test_another_program_s_file_is_not_overwritten(tmp_path: Path, text: str) -> None:
    """What holds text that is no lock's is somebody's: `cargo` as a database would have `cargo.lock`."""
    db = tmp_path / "cargo"
    lock_path(db).write_text(text)
    with pytest.raises(RelayError, match=r"cargo\.lock is not a lock file") as refused:
        Lock.take(db)
    assert refused.value.word == "unsafe-file"
    assert lock_path(db).read_text() == text


def test_the_next_owner_knows_whether_the_last_one_closed(tmp_path: Path) -> None:
    """Only what was left open is told, once, and not by one who tells nobody."""
    db = tmp_path / "relay.db"
    Lock.take(db).release()
    first = Lock.take(db)
    assert first.left_open_by is None
    first.describe(Holder(pid=4321, started_at=1.0))
    first.release()
    second = Lock.take(db)
    assert second.left_open_by is None
    second.describe(Holder(pid=4321, started_at=2.0))
    os.close(second.descriptor)  # As the kernel does when a process dies.
    for told in (False, True):
        third = Lock.take(db)
        assert third.left_open_by == Holder(pid=4321, started_at=2.0)
        third.describe(Holder(pid=4322, started_at=3.0))
        third.release(reported=told)
    fourth = Lock.take(db)
    assert fourth.left_open_by is None
    fourth.release()


def test_a_look_does_not_keep_an_engine_from_starting(tmp_path: Path) -> None:
    """Who asks for the holder has the lock for a moment: one who wants it tries again."""
    db = tmp_path / "relay.db"
    Lock.take(db).release()
    looking = os.open(lock_path(db), os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    freed = threading.Timer(0.05, os.close, [looking])
    freed.start()
    Lock.take(db).release()
    freed.join()


def test_another_program_s_file_in_its_place_is_left_alone(tmp_path: Path) -> None:
    """An engine that puts its lock back writes over no file that is not a lock's."""
    db = tmp_path / "cargo"
    lock = Lock.take(db)
    lock_path(db).unlink()
    lock_path(db).write_text("[[package]]")
    with pytest.raises(RelayError, match=r"cargo\.lock is not a lock file"):
        lock.put_back(db)
    assert lock_path(db).read_text() == "[[package]]"
    lock_path(db).unlink()
    assert lock.put_back(db)
    assert holder(db) is not None
    lock.release()


def test_a_lock_is_released_though_nothing_can_be_written(tmp_path: Path) -> None:
    """An engine ends on a full disk too; the next one finds that it did not close."""
    db = tmp_path / "relay.db"
    first = Lock.take(db)
    first.describe(Holder(pid=4321, started_at=1.0))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        first.release()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    second = Lock.take(db)
    assert second.left_open_by == Holder(pid=4321, started_at=1.0)
    second.release()
