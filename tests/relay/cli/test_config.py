"""`config init` and `config show`."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from relay.cli import run
from relay.cli.config import template
from relay.config import SETTINGS, load

Output = pytest.CaptureFixture[str]


@pytest.fixture
def folder() -> Path:
    """The working folder, which is empty."""
    return Path.cwd()


def lines(capsys: Output) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_init_writes_a_file_that_changes_nothing(folder: Path, capsys: Output) -> None:
    """The file is private, loads, has every setting in it, and leaves all as it was."""
    before = load({}, environ={})
    assert run(["config", "init"]) == 0
    path = folder / "lean-relay.toml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    after = load({}, environ={})
    assert after == before
    assert after.files == (path,)
    assert all(f"\n# {key} = " in path.read_text() for key in (*SETTINGS, "app_token"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("wrote lean-relay.toml")


def test_each_line_of_the_file_holds_when_it_is_set(folder: Path) -> None:
    """With every example's # removed the file loads too, so each of them is right."""
    text = re.sub(r"(?m)^# (?=\w+ = |\[secrets\])", "", template())
    assert text.count("\n#") < template().count("\n#") - len(SETTINGS)
    (folder / "lean-relay.toml").write_text(text)
    settings = load({}, environ={}, untrusted=lambda _: True)
    assert set(settings.sources.values()) == {f"lean-relay.toml: {key}" for key in settings.sources}
    assert [secret.name for secret in settings.secrets] == ["sandbox", "production"]


def test_init_overwrites_nothing(folder: Path, capsys: Output) -> None:
    """A file that is there stays as it is, and saying so is wrong usage."""
    (folder / "lean-relay.toml").write_text("port = 1")
    assert run(["config", "init"]) == 2
    assert "lean-relay.toml already exists" in capsys.readouterr().err
    assert (folder / "lean-relay.toml").read_text() == "port = 1"
    assert run(["config", "init", "--config", "other.toml", "--json"]) == 0
    assert lines(capsys) == [{"kind": "settings_file", "path": str(folder / "other.toml")}]
    assert run(["config", "init", "--config", "missing/other.toml"]) == 1
    assert "[not-written] could not write missing/other.toml" in capsys.readouterr().err


def test_show_tells_values_and_where_they_come_from(
    folder: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each setting has its value, as a file could have it, and its place; secrets only their place."""
    (folder / "lean-relay.toml").write_text(
        "db = 'x.db'\nkeep = '36h'\nsenders = ['10.0.0.1']\n"
        "respond_rules = [{when = 'type:payment', status = 500, first = 2}]\n"
        "[secrets]\nsandbox = {file = 's'}"
    )
    monkeypatch.setenv("LEAN_RELAY_PORT", "8080")
    monkeypatch.setenv("LEAN_WEBHOOK_SECRET", "canary")
    monkeypatch.setenv("LEAN_APP_TOKEN", "canary")
    assert run(["trust", "--json"]) == 0
    capsys.readouterr()
    assert run(["--db", "x.db", "config", "show", "--json"]) == 0
    shown = {line["name"]: (line["value"], line["source"]) for line in lines(capsys)}
    assert shown["db"] == (str(folder / "x.db"), "--db")
    assert shown["port"] == (8080, "LEAN_RELAY_PORT")
    assert shown["keep"] == ("36h", "lean-relay.toml: keep")
    assert shown["senders"] == (["10.0.0.1/32"], "lean-relay.toml: senders")
    assert shown["respond_rules"] == (
        [{"when": "type:payment", "status": 500, "delay": 0.0, "first": 2}],
        "lean-relay.toml: respond_rules",
    )
    assert shown["public_url"] == (None, "default")
    assert shown["app_token"] == ("environment LEAN_APP_TOKEN", "LEAN_APP_TOKEN")
    assert shown["secrets.default"] == ("environment LEAN_WEBHOOK_SECRET", "LEAN_WEBHOOK_SECRET")
    assert shown["secrets.sandbox"] == (f"file {folder}/s", "lean-relay.toml: secrets.sandbox")
    assert run(["config", "show"]) == 0
    text = capsys.readouterr().out
    assert "canary" not in text + str(shown)
    assert re.search(r"(?m)^port +8080 +\(LEAN_RELAY_PORT\)$", text)
    assert re.search(r"(?m)^public_url +- +\(default\)$", text)


def test_show_cleans_what_it_shows(folder: Path, capsys: Output) -> None:
    """A path with an escape in it is shown safely, and as it is in JSON."""
    (folder / "lean-relay.toml").write_text('db = "\\u001b[31m.db"')
    assert run(["config", "show"]) == 0
    assert "␛[31m.db" in capsys.readouterr().out
    assert run(["config", "show", "--json"]) == 0
    assert lines(capsys)[0]["value"] == str(folder / "\x1b[31m.db")


@pytest.mark.parametrize(
    ("span", "shown"), [("30d", "30d"), ("90m", "90m"), ("1d12h", "36h"), ("90.5s", "90.5s")]
)
def test_spans_are_shown_as_they_could_be_written(
    folder: Path, capsys: Output, span: str, shown: str
) -> None:
    """What is shown of `keep` means the same when it is put into a file."""
    (folder / "some.toml").write_text(f'keep = "{span}"')
    assert run(["config", "show", "--json", "--config", "some.toml"]) == 0
    (value,) = (line["value"] for line in lines(capsys) if line["name"] == "keep")
    assert value == shown
