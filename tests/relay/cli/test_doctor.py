"""`doctor`: what it finds, and what it says to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relay.checks.findings import Finding
from relay.cli import run
from relay.config import default_db
from tests.support.empty_database import empty_database

Output = pytest.CaptureFixture[str]


@pytest.fixture
def home() -> Path:
    """The working folder, which is empty."""
    return Path.cwd()


@pytest.fixture
def db(home: Path) -> Path:
    """An empty database as an engine would have made it."""
    return empty_database()


def found(line: str, capsys: Output) -> dict[str, list[Finding]]:
    """What `lean-relay ...` finds, by check."""
    run(line.split())
    findings: dict[str, list[Finding]] = {}
    for text in capsys.readouterr().out.splitlines():
        read = json.loads(text)
        if read["kind"] == "error":
            assert read["message"].endswith("found")
            continue
        assert read.pop("kind") == "check"
        findings.setdefault(read["check"], []).append(Finding(**read))
    return findings


def test_a_machine_that_is_well_has_no_fault(
    db: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a log, a secret, an https URL and a free port each check is ok, but for SQLite's version."""
    secret = db.parent / "secret"
    secret.touch(0o600)
    secret.write_text("s3cr3t-canary\n")
    monkeypatch.setenv("LEAN_WEBHOOK_SECRET_FILE", str(secret))
    monkeypatch.setenv("LEAN_RELAY_PUBLIC_URL", "https://relay.example.com")
    monkeypatch.setenv("LEAN_RELAY_PORT", "0")
    assert run(["doctor"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    assert [
        line for line in lines if not line.startswith("ok ") and " sqlite " not in line and "->" not in line
    ] == []
    assert "s3cr3t-canary" not in captured.out
    checks = {line[9:19].strip() for line in lines if "->" not in line}
    assert checks >= {
        "python",
        "library",
        "parser",
        "settings",
        "folder",
        "log",
        "engine",
        "port",
        "secrets",
        "clock",
    }


def test_a_fault_is_exit_code_3_and_says_what_to_do(
    db: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault has its next step on a line below it and makes the exit code 3."""
    monkeypatch.setenv("LEAN_RELAY_PORT", "0")  # The default port may be in use on this machine.
    db.chmod(0o644)
    assert run(["doctor", "--db", str(db)]) == 3
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("fault"))
    assert lines[at].endswith(f"other users of this machine can read {db}")
    assert lines[at + 1].strip() == f"-> chmod 600 {db}"
    assert captured.err == "lean-relay: 1 fault found\n"


def test_nothing_set_up_yet_is_no_fault(home: Path, capsys: Output) -> None:
    """Before the first start, a missing database and engine are reported as ok."""
    findings = found("doctor --json", capsys)
    assert [f.level for f in findings["log"] + findings["engine"] + findings["folder"]] == ["ok"] * 3
    assert findings["secrets"][0].level == "warning"
    assert findings["public URL"][0].level == "warning"
    assert not default_db().parent.exists()


def test_each_wrong_setting_is_a_fault(home: Path, capsys: Output) -> None:
    """Wrong settings are findings like others; what depends on them is not looked at."""
    (home / "lean-relay.toml").write_text("port = 'x'\nprot = 3")
    findings = found("doctor --json", capsys)
    assert [finding.text for finding in findings["settings"]] == [
        'lean-relay.toml: port: "x" is not a valid port; use a whole number from 0 to 65535',
        'lean-relay.toml: prot: no such setting; did you mean "port"?',
    ]
    assert "log" not in findings
    (home / "lean-relay.toml").write_text("port = 'x'")
    assert run(["doctor"]) == 3
