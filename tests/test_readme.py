"""README and manual say what is so: each command line in them runs, and what they list is there."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.cli import COMMANDS, run
from relay.cli.examples import EXAMPLES
from relay.config import SETTINGS
from relay.docs import tables
from relay.docs.pages import TOPICS, page
from relay.errors import Exit
from relay.filters import HELP
from relay.models import Capture, Delivery, from_micros
from relay.store import schema
from tests.support.backends import backend, replies
from tests.support.certificates import CLIENT, SERVER, make
from tests.support.program import (
    ROOT,
    Process,
    Running,
    environment,
    lean_relay_here,
    running,
    working_folder,
)
from tui.keyboard.keys import PLACES

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {topic: page(topic) for topic in TOPICS}
ALL = "\n".join([README, *PAGES.values()])

MADE_FOR_LONG = {"demo", "bench", "torture", "check", "clean"}
"""Targets that are looked up here and not made: they take minutes, or remove what the tests run on."""


def blocks(*languages: str) -> list[str]:
    return [text for language, text in re.findall(r"(?ms)^```(\w+)\n(.*?)^```", ALL) if language in languages]


def command_lines() -> list[str]:
    """Lines of `sh` blocks, those of `console` blocks that begin with `$ `, and the examples of `--help`."""
    lines = [line for block in blocks("sh") for line in block.splitlines() if not line.startswith("#")]
    lines += [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    lines += [line for lines in EXAMPLES.values() for line in lines]
    return list(dict.fromkeys(line.partition("  #")[0].strip() for line in lines if line.strip()))


def words(line: str) -> list[str]:
    """The words of a line, without variables set before its command."""
    return [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]


LINES = command_lines()
RELAY_LINES = [line for line in LINES if words(line)[0] == "lean-relay"]
LISTENING = [line for line in RELAY_LINES if [*words(line), "listen"][1] == "listen"]
FOLLOWING = [line for line in RELAY_LINES if words(line)[1:2] in (["tail"], ["wait"])]
ENDING = [line for line in RELAY_LINES if line not in LISTENING + FOLLOWING]
MAKE_LINES = [line for line in LINES if words(line)[0] == "make"]


IN_A_SHELL = {"|", ">", "&&"}
"""Words of a line that takes more than our program."""


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the PATH, in which `lean-relay` and `python` are the ones under test."""
    folder = tmp_path_factory.mktemp("venv") / "bin"
    folder.mkdir()
    for name, does in (
        ("lean-relay", f"{sys.executable} -m relay"),
        ("python", sys.executable),
        ("psql", "echo 3"),  # the state of a backend, for `rehearse --probe`
    ):
        (folder / name).write_text(f'#!/bin/sh\nexec {does} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def with_certificates(folder: Path) -> Path:
    """A folder with the files that lines about TLS name."""
    root = make("Root", ca=True)
    server = make("relay.example.com", root, purposes=SERVER, names=("relay.example.com",))
    app = make("my app", root, purposes=CLIENT)
    for name, data in (
        ("fullchain.pem", server.pem),
        ("key.pem", server.key_pem),
        ("lean_public_cert_chain.pem", root.pem),
        ("my_app_cert.crt", app.pem),
        ("my_app_private_key.pem", app.key_pem),
    ):
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)
    return folder


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, bin_folder: Path) -> Iterator[Running]:
    """An engine on the default database, with a few samples in it, and a backend."""
    folder = tmp_path_factory.mktemp("engine")
    db = folder / "home/data/lean-relay/relay.db"
    with_certificates(working_folder(folder))
    with backend(replies()) as there, running(folder, "--forward-to", f":{there.port}", db=db) as listening:
        samples = "payment.created payment.updated entity.created payment_source.beneficiary.created"
        done = shell(f"lean-relay trigger {samples} results.ready", folder, bin_folder)
        assert done.returncode == 0, done.stderr
        # What other lines read may have been written by another worker.
        for line in (
            "lean-relay shapes freeze -o lean.contract.json",
            "lean-relay export type:payment -o payments.ndjson",
            "lean-relay export --redact -o shared.ndjson",
            "lean-relay export --format bodies -o bodies",
        ):
            made = shell(line, folder, bin_folder)
            assert made.returncode == 0, made.stderr
        yield listening


def variables(folder: Path, bin_folder: Path) -> dict[str, str]:
    more = {"LEAN_RELAY_PORT": "0", "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    return environment(folder, **more)


def shell(line: str, folder: Path, bin_folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line],
        cwd=working_folder(folder),
        env=variables(folder, bin_folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_every_line_is_run_or_known() -> None:
    """Code blocks hold no commands but ours and make's."""
    others = [line for line in LINES if line not in RELAY_LINES + MAKE_LINES]
    assert others == []
    assert ENDING
    assert LISTENING
    assert MAKE_LINES


@pytest.mark.slow
@pytest.mark.parametrize("line", LISTENING)
def test_lines_that_listen(line: str, tmp_path: Path, bin_folder: Path) -> None:
    """A line that starts the relay says that it listens, and ends with 0 on SIGTERM."""
    with Process(
        ["sh", "-c", f"exec {line}"],
        cwd=with_certificates(working_folder(tmp_path)),
        env=variables(tmp_path, bin_folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    scheme = "https" if "tls" in line else "http"
    assert said.startswith(f"listening on {scheme}://127.0.0.1:"), err
    assert process.returncode == 0, err


@pytest.mark.slow
@pytest.mark.parametrize("line", ENDING)
def test_lines_that_end(line: str, engine: Running, bin_folder: Path) -> None:
    """Every other line does its work next to a running relay and ends with 0; with 4 if it finds nothing.

    The backend says 200 to everything, which a rehearsal finds.
    """
    if IN_A_SHELL & set(words(line)):
        done = shell(line, engine.folder, bin_folder)
    else:
        env = variables(engine.folder, bin_folder)
        done = lean_relay_here(engine.folder, *words(line)[1:], env=env)
    ends = {"prune": Exit.NOT_FOUND, "backfill": Exit.USAGE}  # There is no client secret.
    if words(line)[1] == "rehearse" and {"all", "signatures"} & set(words(line)):
        ends["rehearse"] = Exit.CHECK
    assert done.returncode == ends.get(words(line)[1], Exit.FINE), done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("line", FOLLOWING)
def test_lines_that_wait_for_what_comes(line: str, engine: Running, bin_folder: Path) -> None:
    """`tail` and `wait` print what matches as it comes, here what the page for scripts sends."""
    (failed,) = (line for line in PAGES["agents"].splitlines() if line.startswith("lean-relay trigger"))
    sent = f"{failed} && lean-relay trigger payment.updated --set payload.status=ACCEPTED_BY_BANK"
    with Process[bytes](
        ["sh", "-c", f"exec {line}"],
        cwd=working_folder(engine.folder),
        env=variables(engine.folder, bin_folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        os.set_blocking(process.stdout.fileno(), False)  # type: ignore[union-attr]
        deadline = time.monotonic() + 30
        said = b""
        while not said:
            assert time.monotonic() < deadline, "nothing came"
            assert shell(sent, engine.folder, bin_folder).returncode == 0
            said = process.stdout.read() or b""  # type: ignore[union-attr]
        if words(line)[1] == "tail":  # `wait` ends by itself once it has printed.
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode in (Exit.FINE, Exit.INTERRUPTED), err


@pytest.mark.slow
@pytest.mark.parametrize("line", MAKE_LINES)
def test_make_lines(line: str, tmp_path: Path, bin_folder: Path) -> None:
    """`make run` listens and `make test` tests, given what they would install; the others exist."""
    target = words(line)[1]
    venv = bin_folder.parent
    for name in (".installed", ".tools"):
        (venv / name).touch()
    make = ["make", "-C", str(ROOT), target, f"VENV={venv}"]
    if target in MADE_FOR_LONG:
        subprocess.run([*make, "-n"], check=True, capture_output=True, timeout=60)
        return
    environ = variables(tmp_path, bin_folder)
    if target == "test":
        only = "ARGS=-p no:cacheprovider tests/relay/text/test_safe.py -k scheme"
        done = subprocess.run([*make, only], env=environ, capture_output=True, text=True, timeout=120)
        assert " passed" in done.stdout, done.stdout + done.stderr
        return
    assert target == "run"
    with Process(
        make, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any(said.startswith("listening on http://127.0.0.1:") for said in lines)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)


def test_commands_that_are_named_exist() -> None:
    """Neither README nor manual names a command that the program does not have."""
    assert set(re.findall(r"`lean-relay ([a-z]+)", ALL)) <= set(COMMANDS)


def test_the_readme_lists_the_manual() -> None:
    """The README's table has each topic with its summary and its file."""
    rows = re.findall(r"(?m)^\| \[([a-z-]+)\]\(relay/docs/([a-z-]+)\.md\) \| (.*) \|$", README)
    assert [(topic, about) for topic, file, about in rows if topic == file] == list(TOPICS.items())
    assert {path.stem for path in (ROOT / "relay/docs").glob("*.md")} == set(TOPICS)


def help_of(topic: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["help", *topic.split()]) == Exit.FINE
    return capsys.readouterr().out


def test_every_table_of_the_manual_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    """No place for a table is left, and each table has a row for each thing that the program declares."""
    shown = {topic: help_of(topic, capsys) for topic in TOPICS}
    assert not [topic for topic, text in shown.items() if "<!-- table" in text]
    keys = [key for _, place in PLACES for key in place if key.group != "Move"]
    assert all(f"| {key.tooltip} | `{key.id}` |" in shown["screen"] for key in keys)
    assert all(f"| `{written}` | {tables.cell(meaning)} |" in shown["filter"] for written, meaning in HELP)
    assert all(f"| `{name}` |" in shown["settings"] for name in SETTINGS)
    assert all(f"| {code.value} |" in shown["agents"] for code in Exit)
    assert all(f"| `{command}` |" in shown["agents"] for command in COMMANDS)


def test_a_cell_keeps_its_text() -> None:
    """Drawn as Markdown, a cell still has its backslashes and bars; in code only a bar needs an escape."""
    assert tables.cell(r"escapes too: \/ and \u00e9") == r"escapes too: \\/ and \\u00e9"
    assert tables.cell(r"`a\b` or c|d") == r"`a\b` or c\|d"


def test_help_of_a_command_and_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """`help COMMAND` is its --help; `help` alone lists the topics; anything else is wrong usage."""
    assert run(["list", "--help"]) == Exit.FINE
    asked = capsys.readouterr().out
    assert help_of("list", capsys) == asked
    assert all(topic in help_of("", capsys) for topic in TOPICS)
    assert run(["help", "nonsense"]) == Exit.USAGE
    assert "'nonsense' is not a topic or a command" in capsys.readouterr().err


def test_each_table_and_column_is_explained() -> None:
    """The page on the database has each table of a new one, with its columns in their order."""
    connection = sqlite3.connect(":memory:")
    schema.migrate(connection)
    names = [
        row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
    ]
    for name in (name for name in names if not name.startswith(("_", "sqlite_"))):
        columns = " ".join(f"`{row[1]}`" for row in connection.execute(f"PRAGMA table_info({name})"))
        assert f"| `{name}` | " in PAGES["database"]
        assert f" | {columns} |" in PAGES["database"]
    connection.close()


def test_json_of_a_capture_is_as_shown() -> None:
    """The example has each key that a capture's JSON has, and no other."""
    (example,) = [json.loads(block) for block in blocks("json") if '"kind": "capture"' in block]
    capture = Capture(
        id=1,
        received_at=from_micros(0),
        method="POST",
        target="/",
        http_version="1.1",
        headers=(),
        body=b"",
        body_sha256="",
        client="",
    )
    assert list(example) == list(capture.as_json())
    delivery = Delivery(id=1, target="", kind="live", state="queued")
    assert [list(each) for each in example["deliveries"]] == [list(delivery.as_json())]


def test_the_picture_of_the_packages_is_that_of_the_import_rules() -> None:
    """Each line of the picture is a floor of the linter's layers, from above to below."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    picture = re.findall(r"(?ms)^```text\nrelay\n(.*?)^tui\n(.*?)^```", PAGES["architecture"])
    [floors] = [[part.splitlines() for part in parts] for parts in picture]
    for package, lines in zip(("relay", "tui"), floors, strict=True):
        [layers] = [
            rule["layers"]
            for rule in rules["contracts"]
            if rule["type"] == "layers" and rule["containers"] == [package]
        ]
        assert [set(line.split()) for line in lines] == [set(re.split(r"[ |]+", layer)) for layer in layers]


@pytest.mark.slow
def test_pictures_stand_alone() -> None:
    """Each picture is there, is small, and fetches nothing when somebody looks at it."""
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert pictures
    for name in pictures:
        drawn = (ROOT / name).read_text(encoding="utf-8")
        assert len(drawn) < 100_000
        assert not re.findall(r"@import|url\(['\"]?http|<image|<script|xlink:href=\"http", drawn)
