"""Links, modes, owners and names of each file of our own that is written, and of those read with trust.

One table: each thing that makes a file, against each thing that may lie in its place.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from relay import private_files
from relay.cli.listen import log_file
from relay.config import trusted
from relay.control import client, server
from relay.control.lock import Holder, Lock, holder, lock_path
from relay.control.messages import NoteRequest, StatusRequest
from relay.delivery.editor import edited
from relay.errors import RelayError
from relay.store.read.reader import Reader
from relay.store.write import files
from relay.tls import development_ca
from tests.support.program import lean_relay_here, working_folder
from tui.gateway import state_file
from tui.gateway.copies import Copies
from tui.state.screen_state import ScreenState, name_of

NOBODY = 65534
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Written:
    """A file of ours."""

    name: str
    where: Callable[[Path], Path]
    """The file, in a home folder."""
    make: Callable[[Path], object]
    """What makes it there."""


def database(home: Path) -> Path:
    return home / "data" / "lean-relay" / "relay.db"


def make_database(home: Path) -> None:
    files.prepare_folder(database(home))
    files.create_private(database(home))


def take_lock(home: Path) -> None:
    files.prepare_folder(database(home))
    lock = Lock.take(database(home))
    lock.describe(Holder(pid=os.getpid(), started_at=1.0))
    lock.release()


def runtime_folder() -> Path:
    """Its path is short, as that of a socket has to be."""
    return Path(os.environ["XDG_RUNTIME_DIR"])


def serve(home: Path) -> None:
    async def served() -> None:
        async with server.serving(database(home), {}) as found:
            assert found.path == socket_of(home)
            check_private(found.path, stat.S_IFSOCK)

    asyncio.run(served())


def socket_of(home: Path) -> Path:
    return runtime_folder() / "lean-relay" / server._name(database(home))


def state_of(home: Path) -> Path:
    return state_file.folder() / name_of(database(home))


def remember(home: Path) -> None:
    state_file.save(database(home), ScreenState(filter="type:payment"))
    assert state_file.load(database(home)).filter in ("type:payment", "")


def template_of(home: Path) -> Path:
    return working_folder(home) / "lean-relay.toml"


def log_file_of(home: Path) -> Path:
    return log_file.log_path(database(home))


def open_log_file(home: Path) -> None:
    os.close(log_file.LogFile(log_file_of(home))._descriptor)


def trust(home: Path) -> None:
    what = trusted.TrustRecord(path=home / "lean-relay.toml", digest="00", names=("keep",), trusted_at=NOW)
    trusted._write(what)


def write_template(home: Path) -> None:
    done = lean_relay_here(home, "config", "init")
    if done.returncode:
        raise OSError(done.stderr)


ALL = [
    Written("database", database, make_database),
    Written("write-ahead log", lambda home: database(home).with_name("relay.db-wal"), make_database),
    Written("index of that", lambda home: database(home).with_name("relay.db-shm"), make_database),
    Written("lock", lambda home: lock_path(database(home)), take_lock),
    Written("socket", socket_of, serve),
    Written("authority", lambda home: home / "data" / "certs" / "ca.key", lambda home: certify(home)),
    Written("server's key", lambda home: home / "data" / "certs" / "server.key", lambda home: certify(home)),
    Written(
        "server's certificate",
        lambda home: home / "data" / "certs" / "server.crt",
        lambda home: certify(home),
    ),
    Written("state of a screen", state_of, remember),
    Written("trust in a project file", lambda home: trusted._record_path(home / "lean-relay.toml"), trust),
    Written("log lines", log_file_of, open_log_file),
    Written("settings template", template_of, write_template),
]


def certify(home: Path) -> None:
    development_ca.make(home / "data" / "certs")


@pytest.fixture(name="home")
def a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder in which nothing is yet, and where all of ours would go."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    with TemporaryDirectory() as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        yield home


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def check_private(path: Path, kind: int = stat.S_IFREG) -> None:
    """It is ours, of this kind, with one name, and nobody else may read or write it."""
    found = path.lstat()
    assert stat.S_IFMT(found.st_mode) == kind, path
    assert stat.S_IMODE(found.st_mode) == 0o600, (path, oct(found.st_mode))
    assert (found.st_uid, found.st_nlink) == (os.geteuid(), 1), path


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077], ids=oct)
@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_made_private_under_any_umask(home: Path, each: Written, mask: int) -> None:
    """Each file is 0600 and each folder made for it 0700, the outermost too."""
    before = set(home.rglob("*")) | {template_of(home).parent}  # The test's own.
    with umask(mask):
        each.make(home)
    for path in set(home.rglob("*")) - before:
        if path.is_dir():
            assert stat.S_IMODE(path.lstat().st_mode) == 0o700, path
        else:
            check_private(path)


@pytest.mark.parametrize("how", ["link", "dangling link", "hard link", "pipe", "folder", "another user's"])
@pytest.mark.parametrize("each", ALL, ids=lambda each: each.name)
def test_what_lies_in_the_place_is_neither_followed_nor_written(home: Path, each: Written, how: str) -> None:
    """It is refused, or replaced by a file of ours; what a link or a second name leads to stays as it is."""
    place = each.where(home)
    private_files.make_folder(place.parent)
    victim = home / "bashrc"
    victim.write_text("export PATH=/bin\n")
    victim.chmod(0o644)
    target = home / "not-there"
    if how == "link":
        place.symlink_to(victim)
    elif how == "dangling link":
        place.symlink_to(target)
    elif how == "hard link":
        os.link(victim, place)
    elif how == "pipe":
        os.mkfifo(place, 0o600)
    elif how == "folder":
        place.mkdir()
    else:
        if os.getuid():
            pytest.skip("only root can give a file away")
        place.write_text("")
        os.chown(place, NOBODY, NOBODY)
    refused = False
    try:
        each.make(home)
    except (RelayError, OSError):
        refused = True
    assert victim.read_text() == "export PATH=/bin\n"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o644
    assert not os.path.lexists(target)
    if not refused and os.path.lexists(place) and how != "folder":
        check_private(place)
    if each.name in ("database", "write-ahead log", "index of that", "lock"):
        assert refused


def test_a_lock_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    """Who can open it can lock it, and keep the engine out."""
    path = lock_path(tmp_path / "relay.db")
    path.touch(mode=0o644)
    Lock.take(tmp_path / "relay.db").release()
    check_private(path)


def test_a_second_name_is_refused_by_writers_and_readers(tmp_path: Path) -> None:
    """SQLite keeps a log beside each name: by the wrong one captures would be lost, or not be seen."""
    db, other = tmp_path / "relay.db", tmp_path / "other.db"
    files.create_private(db)
    Lock.take(db).release()
    os.link(db, other)
    for name in (db, other):
        with pytest.raises(RelayError, match=r"2 names \(hard links\)") as refused:
            files.create_private(name)
        assert refused.value.word == "unsafe-file"
    with pytest.raises(RelayError, match="not the one that its engine uses") as unseen:
        Reader(other)
    assert unseen.value.word == "unsafe-file"


def test_copies_and_the_editor_s_file_are_private(home: Path) -> None:
    """Under a umask of nothing, too; a copy never replaces another file."""
    with umask(0):
        copies = Copies()
        first = copies.save("body.json", b"{}")
        second = copies.save("body.json", b"[]")
        with edited(b"GET / HTTP/1.1", "request.http"):
            pass
    assert (first.read_bytes(), second.read_bytes()) == (b"{}", b"[]")
    for path in (first, second):
        check_private(path)
        assert private_files.is_ours_alone(path.parent)


def test_the_editor_s_file_is_private_while_it_is_there() -> None:
    """It holds a capture's headers and body."""
    with umask(0), edited(b"GET / HTTP/1.1", "request.http") as file:
        check_private(file._path)
        assert private_files.is_ours_alone(file._path.parent)


# -- what is read with trust ---------------------------------------------------------------------


@contextmanager
def held(path: Path) -> Iterator[None]:
    """A lock file that somebody holds, with what it would say of an engine."""
    path.write_text(f'{{"pid": {os.getpid()}, "started_at": 1.0, "url": "http://x.example", "socket": "/s"}}')
    descriptor = os.open(path, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def test_a_lock_behind_a_link_says_nothing(tmp_path: Path) -> None:
    """No engine holds such a one, so none is looked for where it says."""
    with held(tmp_path / "elsewhere"):
        lock_path(tmp_path / "relay.db").symlink_to(tmp_path / "elsewhere")
        assert holder(tmp_path / "relay.db") is None


def test_a_pipe_in_the_lock_s_place_holds_up_nobody(tmp_path: Path) -> None:
    """Looking for an engine never waits."""
    os.mkfifo(lock_path(tmp_path / "relay.db"))
    assert holder(tmp_path / "relay.db") is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
async def test_another_user_s_engine_is_not_asked(tmp_path: Path) -> None:
    """Where its lock says that it listens is not believed: samples would be posted there, signed."""
    db = tmp_path / "relay.db"
    with held(lock_path(db)):
        os.chown(lock_path(db), NOBODY, NOBODY)
        found = holder(db)
        assert found is not None
        assert (found.url, found.socket) == (None, None)
        with pytest.raises(RelayError, match=f"uid {NOBODY}") as refused:
            await client.request(db, StatusRequest())
    assert refused.value.word == "not-yours"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
async def test_another_user_s_socket_is_not_asked(tmp_path: Path) -> None:
    """A capture to be replayed, or a note, is told to nobody else."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        os.chown(path, NOBODY, NOBODY)
        with pytest.raises(RelayError) as refused:
            await client.request_at(path, NoteRequest([1], "secret"))
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert refused.value.word == "unsafe-file"


def test_a_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be put in its place leaves nothing beside it."""
    path = tmp_path / "file"
    private_files.replace(path, b"old")

    def fails(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fails)
        with suppress(OSError):
            private_files.replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
