"""`status` and `reload`, with an engine and without one."""

from __future__ import annotations

import json
from pathlib import Path

from tests.leanlike import a_body, a_request
from tests.running import Running, exchange, lean_relay, running, working_folder


def ask(relay: Running, *arguments: str, code: int = 0) -> str:
    """Run a command on the engine's database and give what it prints."""
    done = lean_relay(relay.folder, *arguments, "--db", str(relay.db))
    assert done.returncode == code, done.stderr
    return done.stdout


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


def test_status_works_without_an_engine(tmp_path: Path) -> None:
    """It says that none runs and what starts one; a log that is not there yet is no error."""
    done = lean_relay(tmp_path, "status", "--db", str(tmp_path / "none.db"))
    assert done.returncode == 0
    assert "lean-relay listen" in done.stdout
    assert "not there yet" in done.stdout
    assert not (tmp_path / "none.db").exists()
    done = lean_relay(tmp_path, "--json", "status", "--db", str(tmp_path / "none.db"))
    assert json.loads(done.stdout)["engine"] is None


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
    assert "lean-relay listen" in done.stderr
