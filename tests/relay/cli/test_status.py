"""`status` and `reload`, with an engine and without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from relay.cli import stop
from relay.control import client
from relay.control.lock import Holder, Lock
from relay.control.messages import StopResult
from tests.support.lean_requests import a_body, a_request
from tests.support.program import (
    RELAY,
    Running,
    environment,
    exchange,
    lean_relay,
    lean_relay_here,
    running,
    working_folder,
)


def ask(relay: Running, *arguments: str, code: int = 0) -> str:
    """Run a command on the engine's database and give what it prints."""
    done = lean_relay(relay.folder, *arguments, "--db", str(relay.db))
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.mark.slow
def test_status_tells_of_engine_store_and_log(tmp_path: Path) -> None:
    """It says who runs, where it listens, how the store is, what the log holds, what was refused."""
    with running(tmp_path, "--respond", "503") as relay:
        for event_id in ("a", "b", "a"):
            exchange(relay.port, a_request(a_body(event_id)))
        exchange(relay.port, a_request(b"{}", secret=None))
        exchange(relay.port, a_request(b"{}", headers=(("Origin", "https://x.example"),)))
        said = ask(relay, "status")
        line = json.loads(ask(relay, "status", "--json"))
    assert f"pid {relay.pid}" in said
    assert relay.url in said
    assert "--respond 503" in said
    assert "4 (2 different events, 1 repeat)" in said
    assert "3 valid, 1 missing" in said
    assert "1 cross-site" in said
    assert line["kind"] == "status"
    assert line["engine"]["url"] == relay.url
    assert line["store"]["state"] == "ok"
    assert line["log"]["captures"] == 4
    assert line["refusals"] == {"cross-site": 1}


@pytest.mark.slow
def test_status_works_without_an_engine(tmp_path: Path) -> None:
    """It says that no engine runs and what starts one; a missing database is not an error."""
    done = lean_relay(tmp_path, "status", "--db", str(tmp_path / "none.db"))
    assert done.returncode == 5
    assert f"`lean-relay --db {tmp_path / 'none.db'} listen`" in done.stdout
    assert "does not exist yet" in done.stdout
    assert not (tmp_path / "none.db").exists()
    done = lean_relay(tmp_path, "--json", "status", "--db", str(tmp_path / "none.db"))
    assert json.loads(done.stdout)["engine"] is None
    assert done.returncode == 5


@pytest.mark.slow
def test_status_waits_for_an_engine(tmp_path: Path) -> None:
    """With --wait it is started before the engine, and ends with 0 as soon as that is ready."""
    db = tmp_path / "relay.db"
    waiting = subprocess.Popen(
        [sys.executable, *RELAY, "status", "--wait", "60", "--json", "--db", str(db)],
        cwd=working_folder(tmp_path),
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
    )
    with waiting, running(tmp_path) as relay:
        out, _ = waiting.communicate(timeout=60)
        assert waiting.returncode == 0
        assert json.loads(out)["engine"]["url"] == relay.url
    assert lean_relay_here(tmp_path, "status", "--wait", "0.2", "--db", str(db)).returncode == 5


@pytest.mark.slow
def test_stop_ends_the_engine(tmp_path: Path) -> None:
    """`stop` ends it in order and waits; where none runs the exit code is 5."""
    with running(tmp_path) as relay:
        assert exchange(relay.port, a_request(a_body())) is not None
        assert ask(relay, "stop") == f"stopped the engine (pid {relay.pid})\n"
        assert relay.process.wait(10) == 0
        done = lean_relay_here(tmp_path, "stop", "--json", "--db", str(relay.db))
    assert done.returncode == 5
    assert json.loads(done.stdout)["word"] == "no-engine"


def test_an_engine_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not end within its time is said to be still running, with what ends it by force."""
    monkeypatch.setattr(stop, "ENDS_WITHIN_S", 0.2)
    monkeypatch.setattr(client, "request", still_there)
    lock = Lock.take(tmp_path / "relay.db")
    try:
        lock.describe(Holder(pid=os.getpid(), started_at=0.0))
        done = lean_relay_here(tmp_path, "stop", "--json", "--db", str(tmp_path / "relay.db"))
    finally:
        lock.release()
    assert done.returncode == 1
    assert json.loads(done.stdout)["word"] == "still-running"
    assert f"`kill -9 {os.getpid()}`" in done.stderr


async def still_there(*_: object) -> StopResult:
    return StopResult(os.getpid())


@pytest.mark.slow
def test_reload_reads_settings_again(tmp_path: Path) -> None:
    """The engine takes what is new, says what needs a restart, and keeps the old where the new is wrong."""
    settings = working_folder(tmp_path) / "lean-relay.toml"
    with running(tmp_path) as relay:
        settings.write_text("respond = 418\nconnections = 77\n")
        assert ask(relay, "reload") == "settings read again; connections will change only after a restart\n"
        reply = exchange(relay.port, a_request(a_body()))
        assert reply is not None
        assert reply.status == 418
        settings.write_text('forward = [":1/hook"]\n')
        assert ask(relay, "reload") == "settings read again\n"
        assert "target     http://localhost:1/hook is up; nothing waits\n" in ask(relay, "status")
        settings.write_text('respond_rules = [{ when = "verdict:retry", status = 500 }]\n')
        done = lean_relay(tmp_path, "reload", "--db", str(relay.db))
        assert done.returncode == 2
        assert "verdict" in done.stderr
        settings.unlink()
    done = lean_relay(tmp_path, "reload", "--db", str(relay.db))
    assert done.returncode == 5
    assert f"`lean-relay --db {tmp_path / 'relay.db'} listen`" in done.stderr
