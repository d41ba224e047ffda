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

from relay.lean.signature import sign
from tests.support.backends import backend, replies
from tests.support.factories import BODY, a_capture, insert, new_log
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
    assert "secret headers are masked" in done.stderr


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


# -- redacted files --------------------------------------------------------------------------------


@pytest.fixture
def bundle(folder: Path) -> Path:
    """A database with a redacted file in it, `shared.ndjson`, and two captures of its own."""
    there = folder / "elsewhere"
    (there / "work").mkdir(parents=True)
    done = command(folder, "export", "--redact", "-o", str(there / "work/shared.ndjson"))
    assert done.returncode == 0, done.stderr
    with closing(new_log(there / "relay.db")) as connection:
        insert(connection, a_capture(1))
    assert command(there, "import", "shared.ndjson").stdout == (
        "imported 3 captures of shared.ndjson; signed with its own secret, bundle:shared\n"
    )
    return there


def test_a_redacted_file_says_what_it_is(folder: Path) -> None:
    """Its first line has how it was redacted and the secret; curl lines have the same in a comment."""
    done = command(folder, "export", "--redact", "--redact-amounts", "--leave", "payload.status")
    head, *lines = map(json.loads, done.stdout.splitlines())
    assert (head["kind"], head["headers"]) == ("export", "redacted")
    assert head["redacted"] == {"amounts": True, "left": ["payload.status"]}
    assert head["secret"].startswith("throwaway-")
    assert "100.50" not in done.stdout
    assert [name for name, _ in lines[0]["headers"]] == ["Content-Type", "lean-signature"]
    curl = command(folder, "export", "1", "--redact", "--format", "curl").stdout.splitlines()
    assert json.loads(curl[0].removeprefix("# "))["redacted"] == {"amounts": False, "left": []}
    (folder / "work/lines.sh").write_text("\n".join(curl))
    assert "bundle:lines" in command(folder, "import", "lines.sh", db="new.db").stdout
    assert rows(folder / "new.db", "SELECT signature, signed_by FROM captures") == [("valid", "bundle:lines")]


def test_options_of_redaction(folder: Path) -> None:
    """Those without effect are wrong usage, and a path that nothing has is an error at the end."""
    for arguments in (
        ("--redact", "--reveal"),
        ("--redact-amounts",),
        ("--leave", "payload.id"),
        ("--redact", "--format", "http"),
        ("--redact", "--leave", "payload..id"),
    ):
        assert command(folder, "export", *arguments).returncode == 2, arguments
    done = command(folder, "export", "--redact", "--leave", "payload.typo", "-o", "file")
    assert done.returncode == 1
    assert "[no-such-path] no capture has payload.typo" in done.stderr


def test_its_secret_checks_its_own_captures_alone(bundle: Path) -> None:
    """They are valid by the bundle's name, without any other secret; a capture of another origin is not."""
    shown = command(bundle, "list", "--json").stdout.splitlines()
    assert [(each["signature"], each["signed_by"]) for each in map(json.loads, shown)] == [
        ("unchecked", None),
        *[("valid", "bundle:shared")] * 3,
    ]
    checked = lean_relay_here(bundle, "verify", "2..4", "--db", str(bundle / "relay.db"), secret=None)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.count("valid by bundle:shared") == 3
    assert "\nfrom " not in command(bundle, "show", "2").stdout  # The file has no addresses.
    with closing(sqlite3.connect(bundle / "relay.db")) as connection:
        connection.execute(
            "UPDATE captures SET headers = (SELECT headers FROM captures WHERE id = 2),"
            " body = (SELECT body FROM captures WHERE id = 2) WHERE id = 1"
        )
        connection.commit()
    theirs = command(bundle, "verify", "1")
    assert theirs.returncode == 3
    assert "invalid" in theirs.stdout
    assert command(bundle, "import", "shared.ndjson").stdout.startswith("imported 0 captures")
    assert command(bundle, "list", "signed:bundle:shared is:imported").stdout.count("imported") == 3


def test_two_files_of_one_name(folder: Path, bundle: Path) -> None:
    """Another export has another secret, and so another name."""
    assert (
        command(folder, "export", "1", "--redact", "-o", str(bundle / "work/shared.ndjson")).returncode == 0
    )
    assert "bundle:shared-2" in command(bundle, "import", "shared.ndjson").stdout
    assert command(bundle, "verify", "2..5").returncode == 0


def test_its_secret_goes_with_its_last_capture(bundle: Path) -> None:
    """Pruning some captures of a file keeps the secret for the others; pruning the last removes it."""
    secrets = "SELECT name FROM facts WHERE name LIKE 'bundle:%'"
    assert command(bundle, "prune", "1..3", "--yes").returncode == 0
    assert rows(bundle / "relay.db", secrets) == [("bundle:shared",)]
    assert command(bundle, "verify", "4").returncode == 0
    assert command(bundle, "prune", "4", "--yes").returncode == 0
    assert rows(bundle / "relay.db", secrets) == []


@pytest.mark.slow
def test_its_secret_signs_replays_of_its_own_captures_alone(bundle: Path) -> None:
    """A replay with a new amount is signed by the bundle's secret; it signs nothing else, and no arrival."""
    secret = json.loads((bundle / "work/shared.ndjson").read_text().splitlines()[0])["secret"]
    db = str(bundle / "relay.db")
    with backend(replies()) as there:
        to = ("--to", f":{there.port}", "--db", db)
        edit = ("--set", "payload.amount=1.10", "--resign")
        done = lean_relay_here(bundle, "replay", "2", *edit, *to, secret=None)
        assert done.returncode == 0, done.stderr
        [request] = there.requests
        head, _, body = request.partition(b"\r\n\r\n")
        assert f"\r\nlean-signature: {sign(body, secret.encode())}".encode() in head
        refused = lean_relay_here(bundle, "replay", "1", *edit, *to, secret=None)
        assert refused.returncode != 0
        assert len(there.requests) == 1
        named = lean_relay_here(bundle, "replay", "1", "--resign", "bundle:shared", *to)
        assert (named.returncode, len(there.requests)) == (2, 1)
    with running(bundle, db=bundle / "relay.db") as relay:
        signed = sign(BODY, secret.encode())
        post = (
            f"POST / HTTP/1.1\r\nHost: a\r\nlean-signature: {signed}\r\nContent-Length: {len(BODY)}\r\n\r\n"
        )
        assert exchange(relay.port, post.encode() + BODY) is not None
        assert relay.stop() == 0
    assert rows(bundle / "relay.db", "SELECT signature FROM captures WHERE id = 5") == [("invalid",)]


def test_events_without_their_request(folder: Path) -> None:
    """There is no signature to check, and `verify` says why."""
    (folder / "work").mkdir()
    page = b'{"data":[' + BODY + b'],"page":{"number":0}}'
    (folder / "work/page.json").write_bytes(page)
    (folder / "work/event.json").write_bytes(BODY)
    assert command(folder, "import", "page.json", "event.json", db="new.db").returncode == 0
    done = command(folder, "verify", "1..", db="new.db")
    assert done.returncode == 0
    assert "unchecked: it is from a page of Lean's Events API" in done.stdout
    assert "1 of 1 have no signature to check" in done.stderr
    assert command(folder, "verify", "1", "--save", db="new.db").returncode == 0
    assert rows(folder / "new.db", "SELECT DISTINCT signature FROM captures") == [("unchecked",)]
