"""A PostgreSQL of the tests' own, in a temporary folder, on a Unix socket and a free port of loopback.

Owns its processes: each server is ended by its own id. Debian's package `postgresql` has the programs; as
root the server runs as user `postgres`, which PostgreSQL demands.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

import psutil
import pytest

from relay.team import tables
from relay.team.address import TeamAddress
from relay.team.connect import connect
from tests.support.backends import free_port

T = TypeVar("T")

NEEDED = ("initdb", "postgres", "pg_isready", "pg_basebackup")

_numbers = count(1)


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`; None where there is none, or no user to run them as."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    folders = [folder for folder in folders if all((folder / each).exists() for each in NEEDED)]
    if not folders or (os.geteuid() == 0 and server_user() is None):
        return None
    return folders[0]


def server_user() -> str | None:
    """The user that the server runs as; None for this one."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return None


needs_postgres = pytest.mark.skipif(
    programs() is None, reason="needs PostgreSQL's programs (Debian: postgresql)"
)


class Postgres:
    """One server; `start` it."""

    def __init__(self, data: Path, port: int, folder: Path, options: dict[str, str]) -> None:
        self.data = data
        self.port = port
        self.folder = folder
        """Holds the Unix socket and the server's log."""
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def url(self, login: str = "postgres", *, tcp: bool = False, **more: str) -> str:
        where = f"{login}@127.0.0.1:{self.port}" if tcp else f"{login}@"
        query = {} if tcp else {"host": str(self.folder), "port": str(self.port)}
        text = "&".join(f"{key}={value}" for key, value in (query | more).items())
        return f"postgresql://{where}/postgres{f'?{text}' if text else ''}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        binaries = programs()
        assert binaries is not None
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "shared_buffers": "16MB",
            "max_connections": "60",
            "autovacuum": "off",
        } | self.options
        arguments = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        deadline = monotonic() + 60
        while True:
            with open(self.folder / "server.log", "ab") as log:
                self._process = subprocess.Popen(
                    [binaries / "postgres", "-D", self.data, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    user=server_user(),
                    group=server_user(),
                    extra_groups=[] if server_user() else None,
                )
            while self._process.poll() is None:
                if self._answers(binaries):
                    return
                assert monotonic() < deadline, self.said
                sleep(0.02)
            # After a kill the old backends keep the shared memory until they notice.
            assert monotonic() < deadline, self.said
            sleep(0.1)

    def _answers(self, binaries: Path) -> bool:
        done = subprocess.run(
            [binaries / "pg_isready", "-q", "-h", self.folder, "-p", str(self.port)], check=False
        )
        return done.returncode == 0

    @property
    def said(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    def stop(self) -> None:
        """End it as `pg_ctl stop -m fast` does."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the server and all its processes, as a crash would."""
        assert self._process is not None
        children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        self._process.wait(30)
        self._process = None

    def freeze(self) -> None:
        """Stop all its processes, as a machine that hangs; `thaw` continues them."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        server = psutil.Process(self.pid)
        for each in (server, *server.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self.thaw()
        self._process.send_signal(number)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    # -- what tests do with it -----------------------------------------------------------------

    def sql(self, text: str, login: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""

        async def work() -> list[tuple[Any, ...]]:
            import asyncpg

            connection = await asyncpg.connect(self.url(login))
            try:
                return [tuple(row) for row in await connection.fetch(text)]
            finally:
                await connection.close()

        return apart(work)

    def new_log(self, **keep: Any) -> str:
        """Make a log with a name of its own; returns the name, which its roles begin with."""
        name = f"log{os.getpid()}_{next(_numbers)}"
        apart(lambda: make_log(self.address(name), **keep))
        for role, login in (("writer", "node"), ("reader", "laptop")):
            self.sql(f'CREATE ROLE "{name}_{login}" LOGIN IN ROLE "{tables.roles(name)[role]}"')
        return name

    def address(self, name: str, login: str = "postgres", **more: Any) -> TeamAddress:
        """Where that log is, for the owner; `f"{name}_node"` may publish, `f"{name}_laptop"` may read."""
        return TeamAddress.parse(self.url(login, **more), name=name)


async def make_log(address: TeamAddress, **keep: Any) -> None:
    """Do what `team init` does."""
    owner = await connect(address)
    try:
        await owner.execute(tables.init(address.name, **keep))
    finally:
        await owner.close()


def apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end in a thread, so that a test with a loop may call this too."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result(60)


def initialise(data: Path, files: Mapping[str, bytes] | None = None) -> None:
    """Make the files of a new server; `data` is made and given to its user, with more files in it."""
    binaries = programs()
    assert binaries is not None
    data.mkdir(mode=0o700)
    give(data)
    _run(
        [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]
    )
    for name, text in (files or {}).items():
        (data / name).touch(0o600)
        (data / name).write_bytes(text)
        give(data / name)


def give(path: Path) -> None:
    """Make the server's user its owner."""
    user = server_user()
    if user is not None:
        shutil.chown(path, user, user)


def _run(arguments: Sequence[str | Path]) -> None:
    subprocess.run(
        arguments,
        check=True,
        capture_output=True,
        cwd="/",
        user=server_user(),
        group=server_user(),
        extra_groups=[] if server_user() else None,
    )


@contextmanager
def folder_for_postgres() -> Iterator[Path]:
    """A folder that the server's user owns; short, as the path of a Unix socket has 107 bytes at most."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        give(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_postgres(
    data: Path | None = None, *, files: Mapping[str, bytes] | None = None, **options: str
) -> Iterator[Postgres]:
    """A server of one's own, new unless `data` has its files; options are those of postgresql.conf."""
    with folder_for_postgres() as folder:
        if data is None:
            data = folder / "data"
            initialise(data, files)
        server = Postgres(data, free_port(), folder, options)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def running_standby(primary: Postgres) -> Iterator[Postgres]:
    """A hot standby of a server that runs."""
    binaries = programs()
    assert binaries is not None
    with folder_for_postgres() as folder:
        data = folder / "data"
        where = ("-h", primary.folder, "-p", str(primary.port), "-U", "postgres")
        _run([binaries / "pg_basebackup", "-D", data, *where, "-R", "-X", "stream", "-c", "fast"])
        server = Postgres(data, free_port(), folder, {})
        try:
            server.start()
            yield server
        finally:
            server.stop()
