"""Trust in project files: the question, the command `trust`, and the commands that never ask."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.cli import run, trust_questions
from relay.config import load, project_file, trusted
from tests.support.factories import a_capture, insert_all, new_log
from tests.support.lean_requests import a_body, a_request
from tests.support.program import exchange, lean_relay, running, working_folder
from tests.support.receiving import rows
from tests.support.terminal import at_a_terminal

Output = pytest.CaptureFixture[str]


@pytest.fixture
def file() -> Path:
    """The project file of the working folder, not written yet."""
    return Path.cwd() / "lean-relay.toml"


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives what somebody at the terminal types next."""

    def types(text: str) -> None:
        monkeypatch.setattr(trust_questions, "is_asked", lambda: True)
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    return types


def lines(capsys: Output) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    "command",
    [
        ["list"],
        ["show", "1"],
        ["status"],
        ["replay", "latest", "--yes"],
        ["forward", "1"],
        ["trigger", "payment.created", "--to", ":9"],
        ["listen", "--port", "0"],
        ["--port", "0"],
        ["prune", "1", "--yes"],
        ["verify", "1"],
    ],
)
def test_without_a_terminal_an_untrusted_file_is_an_error(
    file: Path, capsys: Output, command: list[str]
) -> None:
    """Every command that works with the settings ends with 1 and both ways out, and nothing is made."""
    file.write_text('forward = ["http://elsewhere/"]\ndb = "relay.db"')
    assert run(command) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"lean-relay: [untrusted-settings] {file} has settings that reach beyond")
    assert "  forward = http://elsewhere/\n" in captured.err
    assert f"`lean-relay trust {file}`, or name it: --config {file}\n" in captured.err
    assert list(Path.cwd().iterdir()) == [file]


def test_the_question_names_what_needs_trust_and_holds(file: Path, capsys: Output, person: Any) -> None:
    """A yes is remembered for these values; the question is on stderr and cleans what it quotes."""
    file.write_text('port = 1\nforward = ["http://elsewhere/"]\ntarget_ca = "a\\u001b[2J\\nb.pem"')
    person("y\n")
    assert run(["status", "--json"]) == 5
    captured = capsys.readouterr()
    assert json.loads(captured.out)["kind"] == "status"
    assert f"{file} has settings that reach beyond its folder and this machine:\n" in captured.err
    assert "  forward = http://elsewhere/\n" in captured.err
    assert "/a␛[2J␊b.pem\n" in captured.err
    assert "port" not in captured.err
    person("")
    assert run(["status"]) == 5
    file.write_text('forward = ["http://other/"]')
    person("n\n")
    assert run(["status"]) == 1
    assert "[untrusted-settings]" in capsys.readouterr().err
    person("\n")
    assert run(["status"]) == 1


@pytest.mark.parametrize(
    "text",
    [
        f'forward = ["http://elsewhere/{"x" * 400}"]',
        f"forward = {[f'http://host{number}/' for number in range(41)]}",
    ],
)
def test_what_is_too_much_to_read_is_not_asked_about(
    file: Path, capsys: Output, person: Any, text: str
) -> None:
    """A question that had to cut some of it would get a yes for what was not seen; `trust` prints it all."""
    file.write_text(text)
    person("y\n")
    assert run(["status"]) == 1
    assert "[untrusted-settings]" in capsys.readouterr().err
    assert run(["trust"]) == 0
    assert capsys.readouterr().out.count("\n  forward = ") == text.count("http://")
    assert run(["status"]) == 5


def test_trust_list_and_remove(file: Path, capsys: Output) -> None:
    """`trust` remembers the values of now, `--list` tells whether they hold, `--remove` forgets them."""
    file.write_text('forward = ["http://elsewhere/"]\ninsecure = true')
    assert run(["trust"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{file}: trusted since 20")
    assert said[0].endswith(" (forward, insecure)")
    assert said[1:] == ["  forward = http://elsewhere/", "  insecure = true"]
    assert run(["status"]) == 5
    capsys.readouterr()

    def state() -> str:
        assert run(["trust", "--list", "--json"]) == 0
        (line,) = lines(capsys)
        assert (line["kind"], line["file"]) == ("trust", str(file))
        assert line["settings"] == ["forward", "insecure"]
        assert datetime.fromisoformat(line["trusted_at"]).tzinfo is not None
        return str(line["state"])

    assert state() == "trusted"
    file.write_text('forward = ["http://other/"]')
    assert state() == "changed"
    file.unlink()
    assert state() == "unreadable"
    assert run(["trust", "--list"]) == 0
    assert capsys.readouterr().out == (
        f"{file}: not trusted: the file is missing, or was refused (forward, insecure)\n"
    )
    assert run(["trust", "--remove", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: no longer trusted\n"
    assert run(["trust", "--remove", str(file)]) == 4
    assert run(["trust", "--list"]) == 0
    assert capsys.readouterr().out == ""


def test_trust_takes_a_file_or_folder_and_finds_one_above(
    file: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without FILE it is the one that other commands find; a file without need of trust gets none."""
    assert run(["trust"]) == 4
    assert "no lean-relay.toml in this folder or above it" in capsys.readouterr().err
    assert run(["trust", "nowhere/lean-relay.toml"]) == 2
    file.write_text("port = 1")
    assert run(["trust", "--json"]) == 0
    assert [line["state"] for line in lines(capsys)] == ["not-needed"]
    assert list(trusted.all_trusted()) == []
    file.write_text("insecure = true")
    below = Path("below")
    below.mkdir()
    monkeypatch.chdir(below)
    assert run(["trust"]) == 0
    assert trusted.is_trusted(project_file(file))
    assert run(["trust", "--remove", ".."]) == 0
    assert not trusted.is_trusted(project_file(file))
    assert run(["trust", "../lean-relay.toml"]) == 0
    assert trusted.is_trusted(project_file(file))


@pytest.mark.parametrize(
    "arguments",
    [
        ["trust", "--list", "--remove"],
        ["trust", "--list", "."],
        ["trust", "--config", "lean-relay.toml"],
        ["trust", "other.toml"],
        ["trust", "--remove", "other.toml"],
    ],
)
def test_wrong_use_of_trust(file: Path, arguments: list[str]) -> None:
    """Options that exclude each other, and files that are never found by themselves, are wrong usage."""
    file.write_text("insecure = true")
    assert run(arguments) == 2
    assert list(trusted.all_trusted()) == []


def test_trust_refuses_what_would_not_be_taken(file: Path, capsys: Output) -> None:
    """A file that others can write, or with a wrong setting, is not trusted."""
    file.write_text("insecure = true")
    file.chmod(0o666)
    assert run(["trust"]) == 2
    assert "is writable by everyone" in capsys.readouterr().err
    file.chmod(0o600)
    file.write_text("insecure = 7")
    assert run(["trust"]) == 2
    assert list(trusted.all_trusted()) == []


@pytest.mark.parametrize("command", [["config", "show"], ["doctor"], ["reload"], ["stop"]])
def test_commands_that_never_ask_leave_out_and_say_so(
    file: Path, capsys: Output, person: Any, command: list[str]
) -> None:
    """They work in any folder, with the user's own values, and name what is left out."""
    file.write_text('forward = ["http://elsewhere/"]\nkeep = "1m"\ndb = "relay.db"\nport = 5399')
    person("y\n")
    run(command)
    captured = capsys.readouterr()
    assert f"{file} is not trusted, so its forward and keep are left out" in captured.out + captured.err
    assert f"lean-relay trust {file}" in captured.out + captured.err
    assert "elsewhere" not in captured.out + captured.err
    assert sys.stdin.read() == "y\n"
    assert list(trusted.all_trusted()) == []


def test_config_show_names_what_is_left_out_as_json(file: Path, capsys: Output) -> None:
    """Each is a line of its own, with the reason."""
    file.write_text('forward = ["http://elsewhere/"]\nkeep = "1m"\ndb = "relay.db"')
    assert run(["config", "show", "--json", "--db", "other.db"]) == 0
    found = lines(capsys)
    assert [line for line in found if line["kind"] == "left_out"] == [
        {
            "kind": "left_out",
            "name": "keep",
            "where": "lean-relay.toml: keep",
            "reason": "other-database",
        },
        {
            "kind": "left_out",
            "name": "forward",
            "where": "lean-relay.toml: forward",
            "reason": "untrusted",
        },
    ]
    (forward,) = [line for line in found if line.get("name") == "forward" and line["kind"] == "setting"]
    assert (forward["value"], forward["source"]) == ([], "default")


@pytest.mark.slow
def test_reload_keeps_what_is_not_trusted(tmp_path: Path) -> None:
    """An engine that reads a changed project file takes what is free and goes on with its old targets."""
    project = working_folder(tmp_path) / "lean-relay.toml"
    project.write_text('forward = [":1/one"]\n')
    with running(tmp_path) as relay:
        assert "webhooks are forwarded to http://localhost:1/one (lean-relay.toml: forward[0])" in relay.said
        project.write_text('respond = 418\nforward = ["http://elsewhere.invalid/"]\n')
        done = lean_relay(tmp_path, "reload", "--db", str(relay.db))
        assert done.stdout == (
            "settings read again; forward unchanged, because the project file is not trusted; "
            "see `lean-relay trust`\n"
        )
        assert f"{project} is not trusted, so its forward is left out" in done.stderr
        reply = exchange(relay.port, a_request(a_body()))
        assert reply is not None
        assert reply.status == 418
        status = json.loads(
            lean_relay(tmp_path, "status", "--json", "--db", str(relay.db), "--config", "/dev/null").stdout
        )
        assert [target["target"] for target in status["targets"]] == ["http://localhost:1/one"]
        assert lean_relay(tmp_path, "trust").returncode == 0
        assert lean_relay(tmp_path, "reload", "--db", str(relay.db)).stdout.startswith("settings read again")
        assert "are forwarded to http://elsewhere.invalid/ (lean-relay.toml: forward[0])" in relay.said


@pytest.mark.slow
def test_the_screen_asks_before_its_listener_starts(tmp_path: Path) -> None:
    """At a terminal the question comes first; a no starts nothing, a yes opens the screen."""
    project = working_folder(tmp_path) / "lean-relay.toml"
    project.write_text('forward = ["http://elsewhere.invalid/"]\n')
    arguments = ("--port", "0", "--db", str(tmp_path / "relay.db"))
    with at_a_terminal(tmp_path, *arguments) as see:
        see.wait_for("forward = http://elsewhere.invalid/")
        see.press("n\r")
        assert see.end() == 1
        assert "[untrusted-settings]" in see.plain()
    assert not (tmp_path / "relay.db").exists()
    with at_a_terminal(tmp_path, *arguments) as see:
        see.wait_for("forward = http://elsewhere.invalid/")
        see.press("y\r")
        see.wait_for("No webhooks received yet")
        see.press("q")
        assert see.end() == 0


def old_captures(db: Path, count: int) -> None:
    """A database with captures from an hour ago, the first of them starred."""
    connection = new_log(db)
    at = datetime.now(UTC) - timedelta(hours=1)
    insert_all(connection, [a_capture(id=number, received_at=at) for number in range(1, count + 1)])
    connection.execute("INSERT INTO notes (capture_id, starred) VALUES (1, 1)")
    connection.close()


def test_the_first_removal_is_asked_about(file: Path, capsys: Output, person: Any) -> None:
    """The question has the number, the database and the file; a yes holds for this `keep` and longer ones."""
    file.write_text('db = "relay.db"\nkeep = "30m"')
    trusted.trust(project_file(file))
    db = file.with_name("relay.db")
    settings = load({}, environ={})
    person("y\n")
    trust_questions.ask_about_removal(settings)  # There is no database yet.
    old_captures(db, 3)
    person("n\n")
    trust_questions.ask_about_removal(settings)
    assert f"{file} keeps captures for 30m. 2 captures in {db} are older." in capsys.readouterr().err
    assert not trusted.may_remove(file, db, timedelta(minutes=30))
    person("y\n")
    trust_questions.ask_about_removal(settings)
    assert trusted.may_remove(file, db, timedelta(minutes=30))
    capsys.readouterr()
    trust_questions.ask_about_removal(settings)
    assert capsys.readouterr().err == ""
    file.write_text('db = "relay.db"\nkeep = "2h"')
    trusted.trust(project_file(file))
    trust_questions.ask_about_removal(load({}, environ={}))
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_listener_at_a_terminal_asks_both_questions_once(tmp_path: Path) -> None:
    """With a yes to each, what is old goes; the next start asks nothing and goes on so."""
    db = working_folder(tmp_path) / "relay.db"
    (working_folder(tmp_path) / "lean-relay.toml").write_text('db = "relay.db"\nkeep = "30m"\n')
    old_captures(db, 21)
    with at_a_terminal(tmp_path, "listen", "--port", "0") as see:
        see.wait_for("keep = 30m")
        see.press("y\r")
        see.wait_for("20 captures in")
        see.press("y\r")
        see.wait_for("removed 20 captures older than 30m (lean-relay.toml: keep)")
    assert rows(db, "SELECT id FROM captures") == [(1,)]
    with at_a_terminal(tmp_path, "listen", "--port", "0") as see:
        see.wait_for("listening on")
        assert "?" not in see.plain()
