"""`export` and `import` as commands: files, streams, engines, exit codes."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.support.factories import a_capture, insert, new_log
from tests.support.lean_requests import a_body, a_request
from tests.support.program import exchange, lean_relay_here, running
from tests.support.receiving import rows
from tests.support.waiting import wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with closing(new_log(tmp_path / "relay.db")) as connection:
        for number in range(1, 4):
            insert(connection, a_capture(number, note=f"note {number}"))
    return tmp_path


def command(folder: Path, *arguments: str, db: str = "relay.db") -> CompletedProcess[str]:
    return lean_relay_here(folder, *arguments, "--db", str(folder / db))


def test_a_file_is_private_and_comes_back(folder: Path) -> None:
    """A new file is 0600; its captures are imported into a database that the command makes, once."""
    done = command(folder, "export", "-o", "all.ndjson", "--reveal")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "exported 3 captures to all.ndjson\n"
    file = folder / "work/all.ndjson"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    dry = command(folder, "import", "all.ndjson", "--dry-run", db="new.db")
    assert dry.stdout == "would import 3 captures of all.ndjson\n"
    assert not (folder / "new.db").exists()
    assert (
        command(folder, "import", "all.ndjson", db="new.db").stdout == "imported 3 captures of all.ndjson\n"
    )
    again = command(folder, "import", "all.ndjson", "--json", db="new.db")
    assert json.loads(again.stdout) == {
        "kind": "import",
        "file": "all.ndjson",
        "added": 0,
        "known": 3,
        "bad": 0,
        "bundle": None,
        "dry_run": False,
    }
    assert rows(folder / "new.db", "SELECT origin, count(*) FROM captures GROUP BY 1") == [("imported", 3)]
    assert command(folder, "import", "all.ndjson", "--dry-run").stdout.startswith("would import 0 captures")
    listed = command(folder, "list", "is:imported", "--json", db="new.db").stdout.splitlines()
    assert [json.loads(line)["source"]["id"] for line in listed] == [1, 2, 3]
    assert "imported" in command(folder, "list", db="new.db").stdout
    assert "imported from all.ndjson, capture 1 there" in command(folder, "show", "1", db="new.db").stdout


def test_outputs_are_opened_as_by_a_shell(folder: Path) -> None:
    """An existing file keeps its mode, a link is followed; the database itself is refused."""
    file = folder / "work/there.ndjson"
    file.parent.mkdir()
    file.write_text("old " * 1000)
    file.chmod(0o644)
    (folder / "work/link").symlink_to(file)
    assert command(folder, "export", "1", "-o", "link").returncode == 0
    assert file.read_text().startswith('{"kind": "export"')
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    before = (folder / "relay.db").read_bytes()
    refused = command(folder, "export", "-o", str(folder / "relay.db"))
    assert refused.returncode == 2
    assert (folder / "relay.db").read_bytes() == before
    empty = command(folder, "export", "99", "-o", "there.ndjson")
    assert empty.returncode == 4
    assert file.stat().st_size > 0


def test_bodies_are_files(folder: Path) -> None:
    """Each body is a file of its own in a folder, with its exact bytes, that can be imported again."""
    assert command(folder, "export", "--format", "bodies").returncode == 2
    assert command(folder, "export", "1..2", "--format", "bodies", "-o", "bodies").returncode == 0
    made = folder / "work/bodies"
    assert sorted(os.listdir(made)) == ["1.json", "2.json"]
    assert (made / "1.json").read_bytes() == a_capture().body
    assert stat.S_IMODE((made / "1.json").stat().st_mode) == 0o600
    done = command(folder, "import", "bodies/1.json", "bodies/2.json", db="new.db")
    assert done.stdout == (
        "imported 1 capture of 1.json\nimported 0 captures of 2.json; 1 capture was here already\n"
    )


def test_http_requests(folder: Path) -> None:
    """They follow each other as on a connection."""
    done = command(folder, "export", "1..2", "--format", "http")
    assert done.stdout.count("POST /webhooks/lean HTTP/1.1\n") == 2  # Read in universal newlines.


def test_wrong_usage(folder: Path) -> None:
    """Options without effect and files that are not there are errors."""
    assert command(folder, "export", "--json", "--format", "curl").returncode == 2
    assert command(folder, "import").returncode == 2
    assert command(folder, "import", "nothing.ndjson").returncode == 4
    empty = command(folder, "import", os.devnull, db="new.db")
    assert empty.returncode == 1
    assert "[bad-lines]" in empty.stderr


def test_bad_lines_are_named_and_counted(folder: Path) -> None:
    """The first ten are named, the rest counted, and --json has each; what is good is stored."""
    work = folder / "work"
    work.mkdir()
    good = '{"type":"a.b","payload":{},"event_id":"1"}\n'
    (work / "odd\x1b.ndjson").write_text(good + '{"kind":"\x1b[31m"}\n' * 15 + "{\n")
    done = command(folder, "import", "odd\x1b.ndjson", db="new.db")
    assert done.returncode == 1
    assert done.stdout == "imported 1 capture of odd␛.ndjson\n"
    assert "odd␛.ndjson, line 2: " in done.stderr
    assert "\x1b" not in done.stderr
    assert "odd␛.ndjson: 6 more lines could not be read" in done.stderr
    assert "[bad-lines] 16 lines could not be read; all others were" in done.stderr
    lines = command(folder, "import", "odd\x1b.ndjson", "--json", db="new.db").stdout.splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["bad_line"] * 16 + ["import", "error"]


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    with running(tmp_path / "listening") as relay:
        exchange(relay.port, a_request(a_body("e-1")))
        yield relay.folder
        exchange(relay.port, a_request(a_body("e-9")))
        assert relay.stop() == 0


@pytest.mark.slow
def test_beside_a_running_engine(listening: Path, folder: Path) -> None:
    """The engine stores what is imported, checks its shape, and goes on numbering and finding repeats."""
    data = command(folder, "export").stdout
    (listening / "work").mkdir(exist_ok=True)
    (listening / "work/file.ndjson").write_text(data.replace("/webhooks/lean", "/elsewhere"))
    db = listening / "relay.db"
    done = command(listening, "import", "file.ndjson")
    assert done.stdout.startswith("imported 3 captures"), done.stderr
    wait_until(
        lambda: rows(db, "SELECT count(*) FROM captures WHERE shape IS NOT NULL") == [(4,)], "the shapes"
    )
    assert rows(db, "SELECT id, origin, repeat_of FROM captures ORDER BY id") == [
        (1, "received", None),
        (2, "imported", None),
        (3, "imported", 2),
        (4, "imported", 2),
    ]
    assert rows(db, "SELECT count(*) FROM deliveries") == [(0,)]


def test_a_repeat_beside_an_imported_capture_is_no_alarm(folder: Path) -> None:
    """Another text of the same event is expected from a file; of two webhooks it is an alarm."""
    (folder / "work").mkdir()
    (folder / "work/event.json").write_bytes(a_capture().body.replace(b"100.50", b"1.00"))
    assert command(folder, "import", "event.json").returncode == 0
    shown = command(folder, "show", "4").stdout
    assert "repeat of  1" in shown
    assert "ALARM" not in shown
    assert "OTHER BYTES" not in command(folder, "list").stdout
    with closing(sqlite3.connect(folder / "relay.db")) as connection:
        connection.execute("UPDATE captures SET origin = 'received', source = NULL WHERE id = 4")
        connection.commit()
    assert "ALARM" in command(folder, "show", "4").stdout
    assert "OTHER BYTES" in command(folder, "list").stdout
