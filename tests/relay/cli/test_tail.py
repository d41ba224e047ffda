"""`tail` and `wait`, as a shell sees them."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import pytest

from relay.cli import run
from relay.control.lock import Holder, Lock
from relay.models import Attempt
from relay.store import schema
from tests.support.commands import Run, ids, log, path, relay
from tests.support.factories import (
    BODY,
    NOON,
    a_capture,
    a_delivery,
    insert,
    insert_attempt,
    new_log,
)
from tests.support.program import ROOT, Process
from tests.support.waiting import wait_until

__all__ = ["log", "path", "relay"]


def test_wait_looks_back(log: sqlite3.Connection, relay: Run) -> None:
    """A capture of the last ten seconds counts, an older one only with --since; `wait` prints the first."""
    now = datetime.now(UTC)
    for number, seconds in ((1, 3600), (2, 5), (3, 1)):
        insert(log, a_capture(number, received_at=now - timedelta(seconds=seconds)))
    assert ids(relay("wait", "type:payment", "--json")[1]) == [2]
    assert ids(relay("wait", "--json", "--since", "2h")[1]) == [1]
    code, out, err = relay("wait", "nothing", "--timeout", "0.05")
    assert (code, out) == (4, "")
    assert "no capture matched nothing within 0.05 s" in err
    assert relay("wait", "--since", "soon")[0] == 2


def later(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Timer(0.3, work)
    thread.start()
    return thread


def test_wait_hears_of_captures_and_of_verdicts(log: sqlite3.Connection, path: Path, relay: Run) -> None:
    """A capture that comes is found, and one that is there already once its verdict comes."""

    def write(what: Callable[[sqlite3.Connection], Any]) -> None:
        with sqlite3.connect(path, isolation_level=None) as connection:
            what(connection)
        connection.close()

    thread = later(lambda: write(lambda c: insert(c, a_capture(1, received_at=datetime.now(UTC)))))
    assert ids(relay("wait", "type:payment", "--json", "--timeout", "20")[1]) == [1]
    thread.join()
    waiting = a_delivery(1, state="queued", attempts=0, verdict=None, status=None, elapsed_ms=None)
    insert(log, a_capture(2, received_at=datetime.now(UTC), deliveries=(waiting,)))
    attempt = Attempt(
        id=1, delivery_id=1, capture_id=2, target="", kind="live", number=1,
        started_at=NOON, elapsed_ms=1, outcome="answered", status=500, verdict="retry",
    )  # fmt: skip
    thread = later(lambda: write(lambda c: insert_attempt(c, attempt)))
    assert ids(relay("wait", "verdict:retry", "--json", "--timeout", "20")[1]) == [2]
    thread.join()


def test_wait_waits_for_the_log_too(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Started together with the engine, `wait` gives it time to make the log."""

    def make() -> None:
        new_log(path.with_suffix(".new")).close()
        path.with_suffix(".new").rename(path)
        with sqlite3.connect(path, isolation_level=None) as connection:
            insert(connection, a_capture(1, received_at=datetime.now(UTC)))
        connection.close()

    thread = later(make)
    assert run(["wait", "--json", "--timeout", "20", "--db", str(path)]) == 0
    assert ids(capsys.readouterr().out) == [1]
    thread.join()
    assert run(["wait", "--timeout", "0", "--db", str(path.with_suffix(".none"))]) == 4
    assert "no capture in time: no database" in capsys.readouterr().err


def test_wait_waits_while_an_engine_begins(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty file, and a database that is still to be migrated, are awaited too."""
    path.touch()

    def make() -> None:
        with sqlite3.connect(path, isolation_level=None) as connection:
            schema.migrate(connection)
            insert(connection, a_capture(1, received_at=datetime.now(UTC)))
        connection.close()

    thread = later(make)
    assert run(["wait", "--json", "--timeout", "20", "--db", str(path)]) == 0
    assert ids(capsys.readouterr().out) == [1]
    thread.join()


def test_beside_an_engine_nothing_is_said(path: Path, relay: Run, log: sqlite3.Connection) -> None:
    """An engine that runs needs no other one, also where it is only making the database."""
    lock = Lock.take(path)
    lock.describe(Holder(pid=os.getpid(), started_at=0.0))
    assert relay("wait", "--timeout", "0.2")[2] == "lean-relay: no capture matched anything within 0.2 s\n"
    empty = path.with_suffix(".empty")
    empty.touch()
    other = Lock.take(empty)
    other.describe(Holder(pid=os.getpid(), started_at=0.0))
    code, _, said = relay("wait", "--timeout", "0.2", "--db", str(empty))
    assert code == 4
    assert "waiting for an engine" not in said
    other.release()
    lock.release()


@dataclass(frozen=True)
class Tail:
    """A running `tail --json`."""

    program: Process[str]
    lines: IO[str]
    """Its captures."""
    said: IO[str]

    def end(self) -> None:
        """Press Ctrl-C."""
        self.program.send_signal(signal.SIGINT)
        assert self.program.wait(timeout=10) == 130


@contextmanager
def tail(path: Path, *filter: str) -> Iterator[Tail]:
    """The real program."""
    with Process(
        [sys.executable, "-u", "-m", "relay", "tail", "--json", *filter, "--db", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        yield Tail(program, program.stdout, program.stderr)


def test_tail_follows(log: sqlite3.Connection, path: Path) -> None:
    """What comes after the start is printed once, if it matches, and Ctrl-C ends with 130."""
    insert(log, a_capture(1))
    number = 1
    seen: list[int] = []
    with tail(path, "type:payment") as running:
        reading = threading.Thread(
            target=lambda: seen.extend(json.loads(line)["id"] for line in running.lines)
        )
        reading.start()

        def two_seen() -> bool:
            """Insert one more: those from before the program started are not its own."""
            nonlocal number
            number += 1
            insert(log, a_capture(number, body=BODY if number % 2 else b"other"))
            return len(seen) >= 2

        wait_until(two_seen, "two lines")
        running.end()
        reading.join()
        assert running.said.read() == (
            f"lean-relay: no engine is running on {path}; `lean-relay --db {path} listen` starts one\n"
        )
    assert seen == sorted(set(seen))
    assert all(each % 2 for each in seen)


def test_tail_waits_for_the_log(path: Path) -> None:
    """If it starts before the engine, `tail` says so, and prints each capture since its own start."""
    with tail(path) as running:
        assert "waiting for an engine: no database at" in running.said.readline()
        with closing(new_log(path.with_suffix(".new"))) as connection:
            insert(connection, a_capture(1, received_at=datetime.now(UTC) - timedelta(hours=1)))
            insert(connection, a_capture(2, received_at=datetime.now(UTC)))
        path.with_suffix(".new").rename(path)
        assert json.loads(running.lines.readline())["id"] == 2
        running.end()


def test_tail_goes_on_with_the_database_that_replaces_its_own(path: Path) -> None:
    """`tail` says so, and prints what arrives in the new database."""

    def put(target: str) -> None:
        new = path.with_suffix(".new")
        # Later than every look at the database before, one between these two lines too.
        later = datetime.now(UTC) + timedelta(minutes=1)
        with closing(new_log(new)) as connection:
            insert(connection, a_capture(1, target=target, received_at=later))
        new.rename(path)

    with tail(path) as running:
        assert "waiting for an engine" in running.said.readline()
        put("/first")
        assert json.loads(running.lines.readline())["target"] == "/first"
        put("/second")
        assert f"another database is at {path} now" in running.said.readline()
        assert json.loads(running.lines.readline())["target"] == "/second"
        running.end()


def test_tail_prints_each_capture_once_where_its_database_is_replaced(
    path: Path, relay: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last captures of the old database are printed, and none of the new one twice."""
    new = path.with_suffix(".new")
    with closing(new_log(path)) as log:
        insert(log, a_capture(1))

    def at_the_same_path() -> Iterator[None]:
        with closing(sqlite3.connect(path, isolation_level=None)) as log:
            insert(log, a_capture(2, target="/2", received_at=datetime.now(UTC)))
        yield
        with closing(sqlite3.connect(path, isolation_level=None)) as log:
            log.execute("VACUUM INTO ?", (str(new),))
            insert(log, a_capture(3, target="/3", received_at=datetime.now(UTC)))
        with closing(sqlite3.connect(new, isolation_level=None)) as log:
            log.execute("DELETE FROM captures WHERE id = 1")
            insert(log, a_capture(4, target="/4", received_at=datetime.now(UTC)))
        for side in ("-wal", "-shm"):
            path.with_name(path.name + side).unlink()
        new.rename(path)
        yield
        raise KeyboardInterrupt

    events = at_the_same_path()
    monkeypatch.setattr("relay.cli.tail.sleep", lambda _: next(events))
    code, out, err = relay("tail", "--json")
    assert code == 130
    assert [json.loads(line)["target"] for line in out.splitlines()] == ["/2", "/3", "/4"]
    assert f"another database is at {path} now" in err


def test_tail_waits_until_a_database_is_copied(
    path: Path, relay: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tail` waits while `cp` restores a backup, whose first half cannot be read."""
    backup, new = path.with_suffix(".backup"), path.with_suffix(".new")
    for each in (path, backup):
        with closing(new_log(each)) as log:
            insert(log, a_capture(1))
    later = datetime.now(UTC) + timedelta(minutes=1)
    with closing(sqlite3.connect(backup, isolation_level=None)) as log:
        insert(log, a_capture(2, target="/2", body=b"x" * 100_000, received_at=later))
    data = backup.read_bytes()

    def copied() -> Iterator[None]:
        new.write_bytes(data[: len(data) // 2])
        for side in ("-wal", "-shm"):
            path.with_name(path.name + side).unlink(missing_ok=True)
        new.rename(path)
        yield
        yield
        path.write_bytes(data)
        yield
        raise KeyboardInterrupt

    events = copied()
    monkeypatch.setattr("relay.cli.tail.sleep", lambda _: next(events))
    code, out, err = relay("tail", "--json")
    assert code == 130, err
    assert [json.loads(line)["target"] for line in out.splitlines()] == ["/2"]
    assert "waiting until it can be read" in err
