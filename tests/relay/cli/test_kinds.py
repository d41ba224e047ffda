"""Each kind of line that `--json` prints has one form, and the manual's table documents it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from relay.docs.kinds import KINDS
from tests.support.backends import backend, free_port, replies
from tests.support.lean_api import lean_api
from tests.support.postgres import Postgres, programs
from tests.support.program import (
    RELAY,
    ROOT,
    Process,
    environment,
    exchange,
    lean_relay_here,
    running,
    working_folder,
)
from tests.support.waiting import wait_until

AMONG_OURSELVES = {"preview", "replays"}
"""Kinds that an engine says to a command, and no command prints."""

LINES = """
trigger entity.created payment.created payment.updated
trigger payment.updated --set payload.amount="x"
wait shape:drift
trigger --list
trigger payment.updated --explain
trigger payment.updated --to :CLOSED
list
list 1..latest
show 1
show 1 --attempts
diff 2 3
diff 2 99
journey CUSTOMER
status
refusals --explain
verify latest
verify 1 --attempts
shapes
shapes freeze
shapes freeze 1..3 -o frozen.json
shapes check --against frozen.json
shapes export payment.updated
shapes export -o schema.json
shapes recheck
replay 1 --dry-run
replay 1
replay 1 --expect 599
replay 1 --expect recorded
rehearse retries 1 --yes
replay --stop all
replay --stop 1
forward 1
pause
resume
reload
star 1
note 1 -m text
prune 3 --yes
export
export 1 -o one.ndjson
import one.ndjson
import bad.ndjson
backfill --dry-run --config LEAN
certs init certs
certs check --cert certs/server.pem
certs show certs/server.pem
certs show localhost:PORT
certs show 1
config init
config show
doctor
trust
trust --list
team init --print
team init --config TEAM
team status --config TEAM
completion bash
help filter
--version
--nonsense
"""
"""Every command that prints JSON, in an order in which each has something to print."""


TUNNEL = """{ command = ["sh", "-c", "echo https://x.example; exec sleep 600"], url = 'https:.*' }"""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a kind."""

    always: set[str]
    sometimes: set[str] = field(default_factory=set)


Printed = Mapping[str, list[tuple[str, set[str]]]]
"""Kind -> of each line the command that printed it, and its fields."""


def _team_settings(folder: Path, request: pytest.FixtureRequest) -> str:
    """A file that names a PostgreSQL; empty where there is none."""
    if programs() is None:
        return ""
    server: Postgres = request.getfixturevalue("postgres")
    (folder / "team.url").write_text(server.url())
    (folder / "team.url").chmod(0o600)
    path = folder / "team.toml"
    path.write_text('[team]\nname = "kinds"\nurl = { file = "team.url" }\n')
    return str(path)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Printed:
    """What all commands print with --json, beside an engine that prints with it too."""
    folder = tmp_path_factory.mktemp("kinds")
    found: dict[str, list[tuple[str, set[str]]]] = {}

    def note(by: str, text: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in text.splitlines()]
        for line in lines:
            assert line["kind"] == re.sub("[^a-z_]", "", line["kind"]), "written with underscores"
            found.setdefault(line["kind"], []).append((by, set(line)))
        return lines

    with (
        backend(replies()) as there,
        lean_api() as lean,
        running(
            folder, "--json", "--dev-tls", "-f", f":{there.port}", env={"LEAN_RELAY_TUNNEL": TUNNEL}
        ) as relay,
    ):
        exchange(relay.port, b"GET / HTTP/1.1\r\n\r\n")  # Which is no TLS, and refused.
        wait_until(lambda: lean_relay_here(folder, "refusals", "--db", str(relay.db)).stdout, "the refusal")
        words = {"PORT": str(relay.port), "CLOSED": str(free_port())}
        words["LEAN"] = str(lean.write_settings(folder / "lean"))
        words["TEAM"] = _team_settings(folder, request)
        for line in LINES.strip().splitlines():
            if "TEAM" in line and not words["TEAM"]:
                continue
            for name, value in words.items():
                line = line.replace(name, value)
            done = lean_relay_here(folder, "--db", str(relay.db), "--json", *line.split())
            assert "[bug]" not in done.stderr, line + done.stderr
            lines = note(line, done.stdout)
            assert lines, f"{line} printed nothing: {done.stderr}"
            if line == "list":
                words["CUSTOMER"] = next(
                    each["event"]["customer_id"] for each in lines if each["event"]["customer_id"]
                )
            if line == "export":
                (working_folder(folder) / "bad.ndjson").write_text('{"kind": "nonsense"}\n')
            if line == "config init":
                (working_folder(folder) / "lean-relay.toml").write_text("insecure = true\n")
        note("web", line_of_web(folder, relay.db))
        note("stop", lean_relay_here(folder, "stop", "--db", str(relay.db), "--json").stdout)
    note("listen", (folder / "stdout").read_text())
    return found


def line_of_web(folder: Path, db: Path) -> str:
    """The one line of `web`, which goes on until it is told to end."""
    command = [sys.executable, *RELAY, "web", "--no-open", "--json", "--db", str(db)]
    with Process[str](
        command, cwd=working_folder(folder), env=environment(folder), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
    return line


@pytest.fixture(scope="module")
def documented() -> Mapping[str, Form]:
    """The declared kinds: `name` is always there, `name?` may be."""
    forms = {}
    for kind, declared in KINDS.items():
        names = re.findall(r"`([a-z0-9_]+\??)`", re.sub(r"\([^)]*\)", "", declared.fields))
        sometimes = {name[:-1] for name in names if name.endswith("?")}
        forms[kind] = Form({name for name in names if not name.endswith("?")}, sometimes)
    assert forms
    return forms


@pytest.mark.slow
def test_each_kind_is_documented_and_has_one_form(printed: Printed, documented: Mapping[str, Form]) -> None:
    """Each kind that is printed stands in the table with its fields, and each in the table is printed."""
    assert set(printed) == set(documented) - (set() if programs() else {"team"})
    for kind, lines in printed.items():
        form = documented[kind]
        for by, fields in lines:
            assert form.always <= fields - {"kind"} <= form.always | form.sometimes, (kind, by)


def test_no_kind_is_left_out(documented: Mapping[str, Form]) -> None:
    """Each kind that the code names is in the table, those too that no line above makes a command print."""
    named = {
        kind
        for path in (ROOT / "relay").rglob("*.py")
        for kind in re.findall(r'"kind": "([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert named - AMONG_OURSELVES <= set(documented)
