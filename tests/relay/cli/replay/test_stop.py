"""`replay --stop`: replays that run in an engine are named, and ended by whoever wants it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.backends import Backend, Wire, backend
from tests.support.factories import a_capture, insert_all, new_log
from tests.support.program import (
    RELAY,
    Process,
    environment,
    running,
    working_folder,
)
from tests.support.replay_commands import command
from tests.support.waiting import wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a log of three captures."""
    with closing(new_log(tmp_path / "relay.db")) as log:
        insert_all(log, map(a_capture, range(1, 4)))
    (tmp_path / "relay.db").chmod(0o600)
    return tmp_path


@contextmanager
def begun(folder: Path, there: Backend) -> Iterator[subprocess.Popen[bytes]]:
    """A command that replays three captures, its first request taken."""
    arguments = ("replay", "1..3", "--yes", "--to", f":{there.port}", "--db", str(folder / "relay.db"))
    before = len(there.requests)
    with Process[bytes](
        [sys.executable, *RELAY, *arguments],
        cwd=working_folder(folder),
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        wait_until(lambda: len(there.requests) > before, "the first request")
        yield process


def hangs(there: Backend, wire: Wire) -> None:
    there.take(wire)
    wire.hang()


@pytest.mark.slow
def test_one_whose_command_was_killed(folder: Path) -> None:
    """It goes on in the engine, `status` names it, and it is ended; twice does no harm."""
    with backend(hangs) as there, running(folder):
        with begun(folder, there) as process:
            process.kill()
        assert "1, from a command: 1 of 3 attempted" in (said := command(folder, "status"))
        assert f"`lean-relay --db {folder / 'relay.db'} replay --stop 1` ends it" in said
        said = command(folder, "replay", "--stop", "1")
        assert said.startswith("replay 1, from a command, was stopped; 3 deliveries in")
        assert "3 left" in said
        assert "from a command" not in command(folder, "status")
        assert "had already ended" in command(folder, "replay", "--stop", "1")
        said = command(folder, "replay", "--stop", "7", code=4)
        assert f"has no replay 7; `lean-relay --db {folder / 'relay.db'} status`" in said


@pytest.mark.slow
def test_all_that_run(folder: Path) -> None:
    """`all` ends each, and the command that followed one says so; without any nothing is to do."""
    with backend(hangs) as there, running(folder):
        with begun(folder, there) as first, begun(folder, there) as second:
            lines = command(folder, "replay", "--stop", "all", "--json").splitlines()
            said = [process.communicate(timeout=20)[1] for process in (first, second)]
        *runs, last = map(json.loads, lines)
        assert [run["run"] for run in runs] == [1, 2]
        assert {run["state"] for run in runs} == {"cancelled"}
        assert last == {"kind": "replays_stopped", "count": 2}
        assert all(b"[replay-cancelled]" in words for words in said)
        assert command(folder, "replay", "--stop", "all") == "lean-relay: no replay is running\n"


def test_what_cannot_be_stopped(folder: Path) -> None:
    """Without an engine no replay runs; other words beside it, and what is no number, are told."""
    assert "no engine is running on" in command(folder, "replay", "--stop", "1", code=5)
    assert "does not go with [SELECTION]..." in command(folder, "replay", "latest", "--stop", "1", code=2)
    assert "does not go with --yes" in command(folder, "replay", "--stop", "1", "--yes", code=2)
    for word in ("latest", "0", "9" * 30):
        assert "is not a valid replay" in command(folder, "replay", "--stop", word, code=2)
