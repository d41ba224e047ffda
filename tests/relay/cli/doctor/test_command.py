"""`doctor`: what it finds, and what it says to do."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import tomllib
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from time import time

import pytest

from relay.cli import run
from relay.cli.doctor import checks, tls_checks, versions
from relay.cli.doctor.checks import Finding
from relay.config import Settings, default_db, load
from relay.control.lock import Holder, Lock
from relay.store import schema
from tests.support.certificates import SERVER, Pki, make

Output = pytest.CaptureFixture[str]


@pytest.fixture
def home() -> Path:
    """The working folder, which is empty."""
    return Path.cwd()


@pytest.fixture
def db(home: Path) -> Path:
    """An empty log as an engine would have made it."""
    path = default_db()
    path.parent.mkdir(parents=True, mode=0o700)
    path.touch(0o600)
    connection = sqlite3.connect(path)
    schema.migrate(connection)
    connection.close()
    return path


def settings(**flags: object) -> Settings:
    return load({"port": 0, **flags}, environ={})


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


def test_a_fault_is_exit_code_3_and_says_what_to_do(db: Path, capsys: Output) -> None:
    """A fault has its next step on a line below it and makes the exit code 3."""
    db.chmod(0o644)
    assert run(["doctor", "--db", str(db)]) == 3
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("fault"))
    assert lines[at].endswith(f"other users of this machine can read {db}")
    assert lines[at + 1].strip() == f"-> chmod 600 {db}"
    assert captured.err == "lean-relay: 1 fault found\n"


def test_nothing_set_up_yet_is_no_fault(home: Path, capsys: Output) -> None:
    """Before the first start there is no log and no engine, which is said and is ok."""
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


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("3.40.1", "warning"),
        ("3.51.2", "warning"),
        ("3.51.3", "ok"),
        ("3.52.0", "ok"),
        ("4.0.0", "ok"),
        ("3.50.7", "ok"),
        ("3.50.6", "warning"),
        ("3.44.6", "ok"),
        ("3.44.5", "warning"),
        ("3.45.9", "warning"),
    ],
)
def test_sqlite_versions_with_the_wal_reset_fault(version: str, level: str) -> None:
    """SQLite below 3.51.3 is warned of, but for the two lines that have the correction."""
    finding = versions.sqlite_version(version)
    assert finding.level == level
    assert ("no danger here" in finding.text) == (level == "warning")


def test_versions_are_held_against_floors(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old, missing or odd version of a library, or an old Python, is told from one that will do."""
    assert versions.python_version((3, 11, 0)).level == "ok"
    assert versions.python_version((3, 10, 9)).level == "fault"
    for version, level in (
        ("3.14.5", "ok"),
        ("3.14.10", "ok"),
        ("3.14.4", "fault"),
        ("4.0.0rc1", "ok"),
        ("3", "fault"),
    ):
        monkeypatch.setattr(metadata, "version", lambda name, version=version: version)
        assert versions.library("aiohttp", "3.14.5").level == level
    monkeypatch.undo()
    assert versions.library("no-such-library-here", "1").text == "no-such-library-here is not installed"


def test_floors_are_those_of_the_package() -> None:
    """The floors that are checked are the ones that installing asks for."""
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]
    assert tuple(map(int, project["requires-python"].removeprefix(">=").split("."))) == versions.PYTHON_FLOOR
    everywhere = [line for line in project["dependencies"] if ";" not in line]
    floors = versions.floors(project["dependencies"])
    assert len(floors) == len(everywhere)
    for name, floor in floors.items():
        (line,) = (line for line in everywhere if re.match(rf"{name}\b(?!-)", line))
        assert re.search(rf">={floor}(,|$)", line)
    assert versions.floors(["aiohttp<4,>=3.14.5", "web>=1; extra == 'web'"]) == {"aiohttp": "3.14.5"}


def test_aiohttp_without_its_c_parser_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser written in Python takes what the other refuses, so it will not do."""
    from aiohttp import http_parser

    assert versions.http_parser().level == "ok"
    monkeypatch.setattr(http_parser, "HttpRequestParser", http_parser.HttpRequestParserPy)
    assert versions.http_parser().level == "fault"


def test_modes_of_the_log_and_its_folder(db: Path) -> None:
    """A folder that others can list is a warning, a file that they can read a fault, side files too."""
    assert [f.level for f in checks.folder(settings())] == ["ok"]
    db.parent.chmod(0o755)
    (loose,) = checks.folder(settings())
    assert (loose.level, loose.next_step) == (
        "warning",
        f"chmod 700 {db.parent}, or keep the database in a folder of its own",
    )
    wal = db.with_name("relay.db-wal")
    wal.touch()
    wal.chmod(0o640)
    assert next(iter(checks.log(settings()))).next_step == f"chmod 600 {wal}"


def test_a_network_file_system_is_a_fault_unless_allowed(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log on NFS is a fault, and only a warning where the settings take the risk."""
    monkeypatch.setattr("relay.store.write.filesystems.network_filesystem", lambda folder: "nfs4")
    assert [f.level for f in checks.folder(settings())][-1] == "fault"
    assert [f.level for f in checks.folder(settings(allow_network_fs=True))][-1] == "warning"


def test_a_log_that_is_damaged_or_of_another_program(db: Path) -> None:
    """A file that is no log, or one with a ruined page, is a fault, and is left as it is."""
    content = bytearray(db.read_bytes())
    content[4096 * 2 : 4096 * 3] = b"\xa5" * 4096
    db.write_bytes(content)
    assert [f.level for f in checks.log(settings())] == ["fault"]
    assert db.read_bytes() == content
    db.write_bytes(b"something else entirely" * 300)
    assert [f.level for f in checks.log(settings())] == ["fault"]


def test_a_log_without_tables_yet(db: Path) -> None:
    """A file that no engine has filled yet is a warning that says what fills it."""
    db.write_bytes(b"")
    assert [f.level for f in checks.log(settings())] == ["warning"]


def test_a_large_log_in_use_is_not_looked_through(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an engine runs, a large log is left alone, since a long read would hold up its WAL."""
    monkeypatch.setattr(checks, "LARGE_LOG_BYTES", 1)
    lock = Lock.take(db)
    try:
        (finding,) = checks.log(settings())
    finally:
        lock.release()
    assert "not checked" in finding.text
    (finding,) = checks.log(settings())
    assert "is not damaged" in finding.text


def test_a_port_that_is_held_is_a_fault(home: Path) -> None:
    """A port that another program listens on is a fault that says so; a free one is ok."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        engine, held = checks.engine_and_port(settings(port=port))
        assert (engine.level, held.level) == ("ok", "fault")
        assert f"127.0.0.1 port {port} cannot be used: Address already in use" in held.text
    _, free = checks.engine_and_port(settings(port=port))
    assert free.level == "ok"
    _, nowhere = checks.engine_and_port(settings(host="no-such-host.invalid"))
    assert nowhere.level == "fault"


def test_an_engine_that_runs_is_found(db: Path) -> None:
    """An engine on this log is named with its pid and URL; its own port is not held against it."""
    lock = Lock.take(db)
    try:
        lock.describe(Holder(pid=os.getpid(), started_at=time(), url="http://127.0.0.1:5326"))
        (engine,) = checks.engine_and_port(settings(port=5326))
        assert engine.text == f"running as pid {os.getpid()}, receiving webhooks at http://127.0.0.1:5326"
        engine, port = checks.engine_and_port(settings(port=8080))
        assert (engine.level, port.level) == ("ok", "warning")
    finally:
        lock.release()


def test_secrets_that_cannot_be_read_are_faults(home: Path) -> None:
    """Each secret that is missing is a fault, one that others can read a warning, none at all a warning."""
    (home / "open").write_text("x")
    (home / "open").chmod(0o644)
    (home / "lean-relay.toml").write_text(
        "app_token = {env = 'LEAN_NO_SUCH_VARIABLE'}\n[secrets]\na = {file = 'open'}\nb = {file = 'none'}"
    )
    assert [f.level for f in checks.secrets(settings())] == ["fault"]
    assert [f.level for f in checks.app_token(settings())] == ["fault"]
    (home / "lean-relay.toml").write_text("[secrets]\na = {file = 'open'}")
    fine, loose = checks.secrets(settings())
    assert (fine.text, loose.level) == ("readable: a", "warning")
    assert loose.next_step is not None
    assert loose.next_step.startswith("run `chmod 600`")
    assert list(checks.app_token(settings())) == []


def test_a_clock_that_is_behind(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock before this version, or before the newest capture, cannot be right."""

    class Clock(datetime):
        at = datetime(2026, 12, 1, tzinfo=UTC)

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return cls.at

    monkeypatch.setattr(checks, "datetime", Clock)
    assert [f.level for f in checks.clock(settings())] == ["ok"]
    connection = sqlite3.connect(db)
    later = Clock.at + timedelta(hours=1)
    connection.execute(
        "INSERT INTO captures (received_at, method, target, http_version, client, body_sha256, headers, body)"
        " VALUES (?, 'POST', '/', '1.1', '127.0.0.1:1', '', '[]', x'')",
        (int(later.timestamp()) * 1_000_000,),
    )
    connection.commit()
    connection.close()
    assert [f.level for f in checks.clock(settings())] == ["warning"]
    Clock.at = datetime(1970, 1, 1, tzinfo=UTC)
    assert [f.level for f in checks.clock(settings())] == ["fault"]


def test_a_public_url_without_tls_is_warned_of(home: Path) -> None:
    """http would carry bank data in the open; https is ok."""
    assert [f.level for f in checks.public_url(settings(public_url="http://x.example"))] == ["warning"]
    assert [f.level for f in checks.public_url(settings(public_url="https://x.example"))] == ["ok"]


async def test_targets_are_reached_for(home: Path) -> None:
    """A target that answers is ok; one that does not is a warning with the reason; nothing is sent to it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        (found,) = await checks.targets(settings(forward_to=(f":{port}",)))
        assert (found.level, found.text) == ("ok", f"http://localhost:{port} can be reached")
        connection, _ = listening.accept()
        assert connection.recv(1) == b""
        connection.close()
    (found,) = await checks.targets(settings(forward_to=(f":{port}",)))
    assert found.level == "warning"
    assert found.text == f"http://localhost:{port}: nothing listens on port {port}"
    (found,) = await checks.targets(settings())
    assert found.level == "ok"


async def test_routes_that_keep_the_relay_from_starting_are_faults(home: Path) -> None:
    """A filter that is wrong or known only later, and a target that is the relay itself, are faults."""
    found = await checks.targets(settings(forward_to=(":1",), only="verdict:retry"))
    assert [each.level for each in found] == ["fault", "warning"]
    assert found[0].text.startswith("--only: verdict: asks for what is known only later")
    found = await checks.targets(settings(forward_to=(":5326/x",), port=5326))
    assert [(each.level, each.text) for each in found] == [
        ("fault", "http://localhost:5326/x is this relay itself")
    ]


async def test_certificates_that_go_unchecked_are_warned_of(home: Path) -> None:
    """`insecure` is said, with what to do in its place."""
    found = await checks.targets(settings(forward_to=("https://localhost:1",), insecure=True))
    assert [each.level for each in found] == ["warning", "warning"]
    assert "target_ca" in str(found[1].next_step)


def test_files_for_targets(tmp_path: Path) -> None:
    """Whom to trust and what to show are looked at as at start, with the same words."""
    pki = Pki.make(tmp_path)
    assert list(tls_checks.targets(settings())) == []
    (fine,) = tls_checks.targets(settings(target_ca=pki.folder / "root.pem"))
    assert fine.level == "ok"
    (fault,) = tls_checks.targets(settings(target_ca=pki.folder / "server.key"))
    assert (fault.level, fault.text) == (
        "fault",
        f"{pki.folder / 'server.key'}: holds a private key and no certificate; are the two files swapped?",
    )
    spoilt = pki.file("both.pem", pki.root.pem.replace(b"MII", b"MIZ", 1) + pki.root.pem)
    assert [each.level for each in tls_checks.targets(settings(target_ca=spoilt))] == ["warning", "ok"]


def test_tls_at_the_door(tmp_path: Path) -> None:
    """What HTTPS serves and asks for is looked through; what keeps the relay from starting is a fault."""
    pki = Pki.make(tmp_path)
    cert, key = pki.folder / "server.pem", pki.folder / "server.key"
    assert list(tls_checks.receiver(settings())) == []
    served = {"tls_cert": cert, "tls_key": key}
    assert [each.level for each in tls_checks.receiver(settings(**served))] == ["ok"]
    asked = {"client_auth": "required", "client_ca": pki.folder / "root.pem"}
    *fine, loose = tls_checks.receiver(settings(**served, **asked))
    assert [each.level for each in fine] == ["ok", "ok"]
    assert (loose.level, loose.text) == (
        "warning",
        "any client with a certificate of these authorities is accepted, not only Lean",
    )
    pinned = tls_checks.receiver(settings(**served, **asked, client_pin=["subject:CN=lean"]))
    assert [each.level for each in pinned] == ["ok", "ok"]
    old = make("localhost", pki.root, purposes=SERVER, days=(-80, 9))
    ending = {
        "tls_cert": pki.file("old.pem", old.pem),
        "tls_key": pki.file("old.key", old.key_pem),
    }
    warned, served_too = tls_checks.receiver(settings(**ending))
    assert (warned.level, served_too.level) == ("warning", "ok")
    key.chmod(0o644)
    (broken,) = tls_checks.receiver(settings(**served))
    assert (broken.level, broken.next_step) == ("fault", f"chmod 600 {key}")
    (development,) = tls_checks.receiver(settings(dev_tls=True))
    assert development.level == "ok"


def test_what_targets_are_shown(tmp_path: Path) -> None:
    """A certificate for targets that cannot be shown is a fault."""
    good = Pki.make(tmp_path).client("good")
    assert good.key is not None
    assert list(tls_checks.targets(settings())) == []
    shown = {"target_cert": good.cert, "target_key": good.key}
    assert [each.level for each in tls_checks.targets(settings(**shown))] == ["ok"]
    good.key.chmod(0o604)
    (fault,) = tls_checks.targets(settings(**shown))
    assert fault.level == "fault"
