"""The real program, started and stopped, and raw HTTP to speak to it with.

Owns its child processes: each is ended by its own id, whatever happens. Each run has a folder
of its own for home, settings and temporary files, and no LEAN_ variable of the machine's.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import AnyStr
from unittest.mock import patch
from urllib.parse import quote

import psutil

from relay.cli import run
from tests.support.lean_requests import SECRET

ROOT = Path(__file__).resolve().parents[2]

RELAY = ("-m", "relay")
"""What the interpreter runs; a test that plants a fault names a launcher of its own instead."""


class Process(subprocess.Popen[AnyStr]):
    """A process that is killed if a test fails; at the end of `with`, `Popen` would wait for it forever."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, value, traceback)


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A program that said it listens."""

    process: subprocess.Popen[bytes]
    port: int
    db: Path
    folder: Path
    """Holds `stdout` and `stderr` as files, and the home folder."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        """Its stderr so far."""
        return (self.folder / "stderr").read_text(encoding="utf-8", errors="replace")

    @property
    def writing_pid(self) -> int:
        """The process that writes its database."""
        (found,) = writing_processes(self.pid)
        return int(found.pid)

    def kill(self) -> None:
        """End it as a crash would, and wait until all of it is gone: its writing process ends by itself."""
        writing = writing_processes(self.pid)
        self.process.kill()
        self.process.wait(10)
        _, left = psutil.wait_procs(writing, 10)
        assert not left, f"the writing process outlived its engine: {left}"

    def stop(self, within_s: float = 60.0) -> int:
        """SIGTERM, and the exit code; a process that stays longer is killed.

        Raises:
            AssertionError: it did not end in time.
        """
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still there {within_s} s after SIGTERM:\n{self.said}") from None


def writing_processes(engine: int) -> list[psutil.Process]:
    """The processes that write for an engine: one, or none while there is none, or where it has gone."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(engine).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # It may be ending just now.
                if any("store" in word for word in child.cmdline()[1:4]):
                    found.append(child)
    return found


def environment(folder: Path, secret: str | None = SECRET, **more: str) -> dict[str, str]:
    """Variables for a program that must see nothing of the machine but the PATH."""
    home = folder / "home"
    runtime = folder / "run"
    for path in (home, runtime):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    variables = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_RUNTIME_DIR": str(runtime),
        "LANG": "C.UTF-8",
        "PYTHONWARNINGS": "error",
        # Nothing rests on the authorities of the machine, and to read them is a sixth of a start.
        "SSL_CERT_FILE": os.devnull,
        "SSL_CERT_DIR": os.devnull,
    }
    if secret is not None:
        variables["LEAN_WEBHOOK_SECRET"] = secret
    return variables | more


def lean_relay(
    folder: Path,
    *arguments: str,
    within_s: float = 120.0,
    secret: str | None = SECRET,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, as a shell would."""
    return subprocess.run(
        [sys.executable, *RELAY, *arguments],
        cwd=working_folder(folder),
        env=environment(folder, secret, **(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=within_s,
        check=False,
    )


def lean_relay_here(
    folder: Path, *arguments: str, secret: str | None = SECRET, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The same without a process: for what a command says and does, not how it starts and ends.

    It sees the variables, folders and streams that `lean_relay` would give it.
    """
    work, variables = working_folder(folder), environment(folder, secret, **(env or {}))
    with contextlib.ExitStack() as until:
        out, err = (until.enter_context(TemporaryFile("w+", encoding="utf-8")) for _ in range(2))
        until.enter_context(patch.dict(os.environ, variables, clear=True))
        until.enter_context(contextlib.chdir(work))
        until.enter_context(patch.object(sys, "stdin", until.enter_context(open(os.devnull))))
        until.enter_context(contextlib.redirect_stdout(out))
        until.enter_context(contextlib.redirect_stderr(err))
        until.enter_context(patch.object(os, "nice"))  # It would be the priority of this process.
        code = run(arguments)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read(), err.read())


def working_folder(folder: Path) -> Path:
    """The working folder: empty, so that no project file is found in it."""
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    return work


def start(
    folder: Path,
    *arguments: str,
    db: Path | None = None,
    launcher: Sequence[str] = RELAY,
    command: str = "listen",
    port: int = 0,
    secret: str | None = SECRET,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start the listener with its output in `folder`'s files; the caller ends it."""
    db = db or folder / "relay.db"
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        return subprocess.Popen(
            [sys.executable, *launcher, command, "--port", str(port), "--db", str(db), *arguments],
            cwd=working_folder(folder),
            env=environment(folder, secret, **(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )


def ready(process: subprocess.Popen[bytes], folder: Path, within_s: float = 120.0) -> int:
    """The port, once the program's one line is there.

    Raises:
        AssertionError: it ended or said nothing in time; with its stderr.
    """
    deadline = time.monotonic() + within_s
    while True:
        ended = process.poll() is not None
        said = (folder / "stdout").read_text()
        if said.startswith(("listening on http", '{"kind": "ready", ')) and "\n" in said:
            return port_of(said.splitlines()[0])
        if ended or time.monotonic() > deadline:
            words = (folder / "stderr").read_text(errors="replace")
            raise AssertionError(f"not listening (exit code {process.returncode}): {said!r}\n{words}")
        time.sleep(0.005)


def port_of(ready_line: str) -> int:
    """The port that the listener's first line names, in words or with --json."""
    url = json.loads(ready_line)["url"] if ready_line.startswith("{") else ready_line
    return int(url.strip().rpartition(":")[2])


@contextlib.contextmanager
def running(
    folder: Path,
    *arguments: str,
    db: Path | None = None,
    launcher: Sequence[str] = RELAY,
    secret: str | None = SECRET,
    env: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """The listener on a free port, ready; stopped at the end if it is still there.

    Args:
        folder: where its database (unless `db` names another), output and home lie; made if missing.
        launcher: what the interpreter runs in place of `-m relay`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    process = start(folder, *arguments, db=db, launcher=launcher, secret=secret, env=env)
    try:
        port = ready(process, folder)
        yield Running(process=process, port=port, db=db or folder / "relay.db", folder=folder)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


# -- raw HTTP ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP response, as on the wire."""

    status: int
    headers: dict[str, str]
    """Names in lower case; of repeats the last."""
    body: bytes


def connect(port: int, within_s: float = 60.0, tls: ssl.SSLContext | None = None) -> socket.socket:
    """A connection whose every wait is bounded, over TLS where there is a context for it."""
    connection = socket.socket()
    if tls is not None:
        # Before it connects: `wrap_socket` leaves a socket open whose peer has reset it already.
        connection = tls.wrap_socket(connection, server_hostname="localhost")
    connection.settimeout(within_s)
    try:
        connection.connect(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        connection.close()
        raise
    return connection


def read_reply(connection: socket.socket) -> Reply | None:
    """The next whole response; None where the connection ended before one was there."""
    received = b""
    try:
        while b"\r\n\r\n" not in received:
            data = connection.recv(65536)
            if not data:
                return None
            received += data
        head, _, body = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        while len(body) < length:
            data = connection.recv(65536)
            if not data:
                return None
            body += data
    except ConnectionError:
        return None
    return Reply(int(lines[0].split(" ")[1]), headers, body)


def exchange(
    port: int, request: bytes, *, within_s: float = 60.0, tls: ssl.SSLContext | None = None
) -> Reply | None:
    """Send bytes on a connection of their own and read one response; None where none came."""
    with connect(port, within_s, tls) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
        return read_reply(connection)


# -- what is on the disk -------------------------------------------------------------------------


@contextlib.contextmanager
def reading(db: Path) -> Iterator[sqlite3.Connection]:
    """The database as any other program reads it."""
    name = quote(os.fsencode(os.path.abspath(db)))
    connection = sqlite3.connect(f"file://{name}?mode=ro", uri=True, timeout=5.0)
    try:
        yield connection
    finally:
        connection.close()


def nothing_waits(db: Path) -> bool:
    """Whether each delivery has ended."""
    with reading(db) as connection:
        return not connection.execute("SELECT count(*) FROM deliveries WHERE state <> 'ended'").fetchone()[0]


def is_sound(db: Path) -> bool:
    """Whether `PRAGMA integrity_check` finds nothing."""
    with reading(db) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
