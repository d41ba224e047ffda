"""`list`, `show`, `tail`, `wait` and `diff`, as a shell sees them."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings

from relay.cli import run
from relay.models import Answer, Attempt, Capture, Comparison, Event, Headers, Origin, Shape, Signature
from relay.store import schema
from relay.text.export import curl_line
from tests.support import strategies
from tests.support.curled import CURLED, Recorder, assert_sent
from tests.support.factories import (
    BODY,
    EVENT_ID,
    NOON,
    a_capture,
    a_delivery,
    insert,
    insert_all,
    insert_attempt,
    new_log,
)
from tests.support.program import Process
from tests.support.time_zones import clocks_of
from tests.support.waiting import wait_until

Run = Callable[..., tuple[int, str, str]]

SECRETS: Headers = (
    ("Authorization", "Bearer canary-1"),
    ("COOKIE", "canary-2"),
    ("lean-app-token", "canary-3"),
    ("X-Own", "canary-4"),
    ("lean-signature", "sha512=shown"),
)

HOSTILE = "\x1b]0;owned\x07\u202e\x9b31m\u200b\n[@click=app.quit]x[/]"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "relay.db"


@pytest.fixture
def log(path: Path) -> Iterator[sqlite3.Connection]:
    connection = new_log(path)
    yield connection
    connection.close()


@pytest.fixture
def relay(log: sqlite3.Connection, path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on the log; gives exit code, stdout and stderr."""

    def call(*words: str) -> tuple[int, str, str]:
        code = run(["--db", str(path), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def ids(text: str) -> list[int]:
    lines = map(json.loads, text.splitlines())
    return [line["id"] for line in lines if line["kind"] != "error"]


def test_list_shows_the_newest_oldest_first(log: sqlite3.Connection, relay: Run) -> None:
    """Without a selection the newest 50 come, oldest first, and stderr says that there are more."""
    insert_all(log, (a_capture(number) for number in range(1, 61)))
    code, out, err = relay("list")
    assert (code, len(out.splitlines())) == (0, 50)
    assert out.splitlines()[0].split()[0] == "11"
    assert out.splitlines()[-1].split()[0] == "60"
    assert "--all" in err
    assert ids(relay("list", "--json", "--all")[1]) == list(range(1, 61))
    assert ids(relay("list", "--json", "-n", "3")[1]) == [58, 59, 60]
    assert ids(relay("list", "--json", "--limit", "2", "..9")[1]) == [8, 9]
    assert relay("list", "--limit", "60")[2] == ""
    assert relay("list", "--all", "--limit", "1")[0] == 2


def test_list_names_its_columns_at_a_terminal(
    log: sqlite3.Connection, relay: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line of names is over the columns, whatever their widths; never in a pipe, with --json or alone."""
    insert_all(log, [a_capture(number, deliveries=(a_delivery(number),)) for number in (98, 99, 100)])
    piped = relay("list")[1].splitlines()
    assert len(piped) == 3
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "140")
    heading, *lines = relay("list")[1].splitlines()
    assert heading.split() == ["id", "time", "event", "signature", "size", "relay", "->", "backend"]
    assert lines == piped
    for name, value in (("time", "2026"), ("event", "payment"), ("signature", "unchecked"), ("relay", "200")):
        assert heading.index(name) == lines[0].index(value)
    monkeypatch.setenv("COLUMNS", "60")
    assert len(relay("list")[1].splitlines()[0]) <= 60
    assert ids(relay("list", "--json")[1]) == [98, 99, 100]
    assert relay("list", "zzz")[1] == ""


def test_list_takes_selections(log: sqlite3.Connection, relay: Run) -> None:
    """Ids, an event_id and filters select; a dash before a key negates and is no option."""
    insert_all(log, [a_capture(1), a_capture(2, body=b"other"), a_capture(3)])
    assert ids(relay("list", "--json", "2..", "1")[1]) == [1, 2, 3]
    assert ids(relay("list", "--json", EVENT_ID)[1]) == [1, 3]
    assert ids(relay("list", "--json", "type:payment", "OR", "other")[1]) == [1, 2, 3]
    assert ids(relay("list", "--json", "-type:payment")[1]) == [2]
    assert ids(relay("list", "--json", "-header:x", "-(type:payment)")[1]) == [2]
    assert ids(relay("list", "--json", "--", "-type:payment")[1]) == [2]
    assert ids(relay("list", "--json", "3,1", "2")[1]) == [1, 2, 3]
    code, out, err = relay("list", "zzz")
    assert (code, out, err) == (0, "", "lean-relay: no capture matches zzz\n")


def test_what_list_shows_is_what_a_filter_means(
    log: sqlite3.Connection, relay: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Day and time of a row find it in each command, in winter and in summer, whichever it is now."""
    monkeypatch.setenv("LEAN_WEBHOOK_SECRET", "secret")
    local = ZoneInfo("Europe/Berlin")
    at = [
        datetime(2026, 1, 1, 23, 50, tzinfo=local),
        datetime(2026, 7, 1, 0, 10, tzinfo=local),
        datetime(2026, 7, 1, 23, 50, tzinfo=local),
        datetime(2026, 10, 25, 0, 30, tzinfo=local),
    ]
    insert_all(log, (a_capture(number, received_at=each) for number, each in enumerate(at, 1)))
    with clocks_of("Europe/Berlin"):
        rows = relay("list")[1].splitlines()
        for number, row in enumerate(rows, 1):
            day, clock = row.split()[1:3]
            assert f"{day} {clock}" == f"{at[number - 1]:%Y-%m-%d %H:%M}:00.000"
            for command in (("list", "--json"), ("show", "--json"), ("verify", "--json")):
                assert ids(relay(*command, f"since:{day}T{clock}", f"until:{day}T{clock}")[1]) == [number]
        assert ids(relay("list", "--json", "since:2026-07-01", "until:2026-07-01")[1]) == [2, 3]
        assert ids(relay("list", "--json", "until:2026-10-24")[1]) == [1, 2, 3]
        assert relay("prune", "until:2026-10-24", "--yes")[0] == 0
        assert ids(relay("list", "--json")[1]) == [4]


def test_what_lean_does_not_document_is_said_everywhere(log: sqlite3.Connection, relay: Run) -> None:
    """List, overview, JSON and filter agree on it; the shape that is stored stays what it is."""
    body = b'{"type":"bank.availability.new","payload":{}}'
    undocumented = Event(type="bank.availability.new")
    insert_all(
        log,
        [
            a_capture(1, shape=Shape.DOCUMENTED),
            a_capture(2, shape=Shape.DOCUMENTED, event=undocumented, body=body),
            a_capture(3, shape=Shape.DRIFT, event=undocumented, body=body),
            a_capture(4, shape=Shape.UNKNOWN, event=Event(type="no.such"), body=b'{"type":"no.such"}'),
            a_capture(5, shape=Shape.NOT_JSON, event=None, body=b"x"),
        ],
    )
    lines = relay("list")[1].splitlines()
    assert lines[0].endswith("  200")
    assert [line.rpartition("  ")[2] for line in lines[1:]] == [
        "undocumented",
        "drift, undocumented",
        "unknown",
        "not-json",
    ]
    lines = relay("list", "--json")[1].splitlines()
    said = [(json.loads(line)["shape"], json.loads(line)["undocumented"]) for line in lines]
    assert said == [
        ("documented", False),
        ("documented", True),
        ("drift", True),
        ("unknown", True),
        ("not-json", None),
    ]
    assert ids(relay("list", "--json", "is:undocumented")[1]) == [2, 3, 4]
    assert ids(relay("list", "--json", "shape:documented", "-is:undocumented")[1]) == [1]
    assert "shape      drift, undocumented, its payload is inferred: " in relay("show", "2")[1]


def test_a_line_stays_a_line(log: sqlite3.Connection, relay: Run) -> None:
    """Many replays, and texts of megabytes from outside, make no longer lines; a replay's target is told."""
    many = tuple(
        a_delivery(number, kind="replay", target="http://localhost:4000/hook") for number in range(1, 27)
    )
    huge = "x" * 2_000_000
    long = Event(type=huge, event_id=huge, customer_id=huge)
    insert_all(
        log,
        [
            a_capture(1, deliveries=many),
            a_capture(2, deliveries=(a_delivery(30, kind="replay", target=f"http://{huge}/"),), note="n"),
            a_capture(3, event=long, body=json.dumps({"type": huge, huge: 1}).encode()),
            a_capture(4, deliveries=(a_delivery(31),)),
        ],
    )
    lines = relay("list")[1].splitlines()
    assert "-> replay 200 delivered +25 (localhost:4000/hook)" in lines[0]
    assert lines[3].endswith("-> 200 delivered")
    assert max(map(len, lines)) < 400
    assert max(map(len, relay("shapes", "3")[1].splitlines())) < 1_500
    overview = relay("show", "3")[1].partition("body, ")[0]
    assert max(map(len, overview.splitlines())) < 1_500


def test_packed_bodies_are_unpacked(log: sqlite3.Connection, relay: Run) -> None:
    """The overview, attempts, JSON and shapes show what they stand for, and say so; `--body` is the bytes."""
    packed = gzip.compress(BODY)
    coded = (("Content-Encoding", "gzip"),)
    insert(log, a_capture(1, body=packed, headers=coded, deliveries=(a_delivery(1, attempts=0),)))
    answer = gzip.compress(b'{"error":"no such payment"}')
    insert_attempt(
        log,
        Attempt(
            id=1,
            delivery_id=1,
            capture_id=1,
            target="http://localhost:3000",
            kind="live",
            number=1,
            started_at=NOON,
            elapsed_ms=1.0,
            outcome="answered",
            status=422,
            headers=(("content-encoding", "gzip"),),
            body=answer,
            body_size=len(answer),
        ),
    )
    overview = relay("show", "1")[1]
    assert f"body, {len(packed)} B, unpacked from gzip here: {len(BODY)} B" in overview
    assert '  "type": "payment.updated",' in overview
    assert "shape      documented, unpacked from gzip" in overview
    line = json.loads(relay("list", "--json")[1])
    assert base64.b64decode(line["body_base64"]) == packed
    assert (line["body_unpacked"], line["body_coding"]) == (BODY.decode(), "gzip")
    attempts = relay("show", "1", "--attempts")[1]
    assert '"error": "no such payment"' in attempts
    attempt = json.loads(relay("show", "1", "--attempts", "--json")[1])
    assert attempt["body_unpacked"] == '{"error":"no such payment"}'
    assert relay("shapes", "1")[1].startswith("payment.updated: 1 event, ")


def test_a_chunked_request_can_be_sent_again(log: sqlite3.Connection, relay: Run) -> None:
    """`--http` gives it with the length of its body in place of chunks."""
    headers = (("Host", "x"), ("Transfer-Encoding", "chunked"), ("A", "b"))
    insert(log, a_capture(1, body=b"12345", headers=headers))
    text = relay("show", "1", "--http")[1]
    assert text == "POST /webhooks/lean HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nA: b\r\n\r\n12345"


def test_list_columns(log: sqlite3.Connection, relay: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line has id, time, type, signature, size, answer, deliveries and what is unusual."""
    insert(
        log,
        a_capture(
            1,
            received_at=datetime.now(UTC),
            signature=Signature.VALID,
            repeat_of=7,
            shape=Shape.DRIFT,
            starred=True,
            note="look\x1b",
            origin=Origin.SAMPLE,
            answer=Answer(status=503, on_purpose="--respond 503"),
            deliveries=(
                a_delivery(1),
                a_delivery(2, state="queued", attempts=0, status=None, verdict=None, elapsed_ms=None),
            ),
        ),
    )
    line = relay("list")[1]
    assert line.split()[2:7] == ["payment.updated", "valid", f"{len(BODY)}", "B", "503"]
    assert "-> queued +1 (localhost:3000)  sample, repeat of 7, drift, starred, note: look␛" in line
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, relay("list")[1].splitlines())) <= 60
    monkeypatch.setenv("COLUMNS", "80")
    assert "  -> queued +1" in relay("list")[1]


def test_faults_have_their_exit_codes(log: sqlite3.Connection, relay: Run, tmp_path: Path) -> None:
    """A wrong filter is 2 with a caret, absent ids and an absent log are 4, each without a traceback."""
    code, out, err = relay("list", "statsu:500")
    assert (code, out) == (2, "")
    assert err.splitlines()[1:] == ["  statsu:500", "  ^"]
    assert relay("show", "9")[0] == 4
    assert relay("show")[0] == 4
    assert relay("list", "--db", str(tmp_path / "none.db"))[0] == 4


def test_show_in_words(log: sqlite3.Connection, relay: Run) -> None:
    """The overview has each fact, the headers, and the body laid out with its numbers' own digits."""
    insert(
        log,
        a_capture(
            12,
            headers=SECRETS,
            tls={"version": "TLSv1.3"},
            signature=Signature.VALID,
            signed_by="sandbox",
            app_token=Comparison.MATCH,
            sender=Comparison.MISMATCH,
            repeat_of=9,
            shape=Shape.DRIFT,
            answer=Answer(status=500, on_purpose="--respond 500"),
            starred=True,
            note="a note",
            deliveries=(a_delivery(1, attempts=2, status=500, verdict="retry", reason="why"),),
        ),
    )
    text = relay("show", "12")[1]
    for part in (
        "12  payment.updated",
        "POST /webhooks/lean HTTP/1.1",
        "not one of Lean's senders",
        "TLSv1.3",
        EVENT_ID,
        "valid by sandbox",
        "500, on purpose: --respond 500",
        "a note",
        "live to http://localhost:3000: ended; 2 attempts, the last: 500 in 42 ms;",
        " Lean would conclude: retry; why",
        '    "amount": 100.50,',
        "lean-signature: sha512=shown",
    ):
        assert part in text
    assert relay("show")[1] == text


@pytest.mark.parametrize("command", [[], ["--headers"], ["--http"], ["--curl"], ["--json"]])
def test_secrets_are_masked(
    log: sqlite3.Connection, relay: Run, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Secret headers show only with --reveal, in every form; lean-signature always does."""
    monkeypatch.setenv("LEAN_RELAY_MASK_HEADERS", "x-own")
    insert(log, a_capture(headers=SECRETS))
    text = relay("show", "1", *command)[1]
    assert "canary" not in text
    assert "sha512=shown" in text
    assert relay("show", "1", "--reveal", *command)[1].count("canary") == 4
    for listing in (
        ["list", "--json"],
        ["wait", "--json", "--since", "2026-11-20"],
        ["wait", "--since", "7w"],
    ):
        assert "canary" not in relay(*listing)[1]
    insert(log, a_capture(2, headers=(("authorization", "canary-9"),)))
    for form in ([], ["--json"]):
        assert "canary" not in relay("diff", "1", "2", *form)[1]
        assert "canary-9" in relay("diff", "1", "2", "--reveal", *form)[1]


@pytest.mark.parametrize("body", [b"", b"\x00\xff\r\n", BODY, bytes(range(256)) * 1000, "é\n".encode()])
def test_show_body_is_the_exact_bytes(
    log: sqlite3.Connection, path: Path, capfdbinary: pytest.CaptureFixture[bytes], body: bytes
) -> None:
    """Redirected, `show --body` writes the body byte for byte, and nothing else."""
    insert(log, a_capture(body=body))
    assert run(["show", "1", "--body", "--db", str(path)]) == 0
    assert capfdbinary.readouterr().out == body
    assert run(["show", "1", "--http", "--db", str(path)]) == 0
    head = b"POST /webhooks/lean HTTP/1.1\r\nHost: localhost:5326\r\ncontent-type: application/json\r\n\r\n"
    assert capfdbinary.readouterr().out == head + body


def test_nothing_hostile_is_printed(
    log: sqlite3.Connection, relay: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever came in, in whatever field, no command prints a character that a terminal acts on."""
    latin = HOSTILE.encode().decode("latin-1")
    insert(
        log,
        a_capture(
            1,
            method=HOSTILE,
            target=f"/{latin}",
            headers=((latin, latin), ("a", "\x80")),
            client=HOSTILE,
            tls={HOSTILE: HOSTILE},
            body=json.dumps({HOSTILE: HOSTILE}, ensure_ascii=False).encode(),
            answer=Answer(status=500, on_purpose=HOSTILE),
            signed_by=HOSTILE,
            note=HOSTILE,
            deliveries=(
                a_delivery(1, target=HOSTILE, reason=HOSTILE, error=HOSTILE, status=None, attempts=0),
            ),
        ),
    )
    insert(log, a_capture(2, body=HOSTILE.encode()))
    attempt = Attempt(
        id=1,
        delivery_id=1,
        capture_id=1,
        target=HOSTILE,
        kind="live",
        number=1,
        started_at=NOON,
        elapsed_ms=1,
        outcome=HOSTILE,
        error=HOSTILE,
        address=HOSTILE,
        verdict="retry",
        verdict_reason=HOSTILE,
        headers=((latin, latin),),
        body=HOSTILE.encode(),
    )
    insert_attempt(log, attempt)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for words in (
        ["list"],
        ["list", "--json"],
        ["show", "1", "2"],
        ["show", "1", "2", "--json"],
        ["show", "1", "2", "--headers"],
        ["show", "1", "2", "--http"],
        ["show", "1", "2", "--body"],
        ["show", "1", "2", "--curl"],
        ["show", "1", "--attempts"],
        ["show", "1", "--attempts", "--json"],
        ["diff", "1", "2"],
        ["diff", "1", "2", "--json"],
        ["wait", "--since", "2026-11-20"],
        ["list", f"statsu:{HOSTILE}"],
        ["wait", HOSTILE.replace("\n", ""), "--timeout", "0", "--since", "1s"],
    ):
        code, out, err = relay(*words)
        assert code in (0, 2, 4)
        bad = [c for c in out + err if c != "\n" and not c.isprintable()]
        assert not bad, (words, bad)


@pytest.mark.slow
@given(capture=strategies.captures())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_form_survives_every_capture(log: sqlite3.Connection, relay: Run, capture: Capture) -> None:
    """Generated captures can be listed, shown and compared in every form."""
    log.execute("DELETE FROM captures")
    log.execute("DELETE FROM notes")
    insert(log, a_capture(2))
    changed = {name: getattr(capture, name) for name in capture.__slots__ if name not in ("id", "deliveries")}
    insert(log, Capture(id=1, **changed))
    for line in (
        "list",
        "list --json",
        "show 1",
        "show 1 --json",
        "show 1 --curl",
        "diff 1 2",
    ):
        code, out, _ = relay(*line.split())
        assert code == 0
        assert out
    found = json.loads(relay("list", "1", "--json")[1])
    assert found["size_bytes"] == len(capture.body)
    assert found["headers"] == [list(pair) for pair in capture.headers]


def test_attempts(log: sqlite3.Connection, relay: Run) -> None:
    """Each try has a line with its outcome and verdict, or a JSON line."""
    insert(log, a_capture(1, deliveries=(a_delivery(1, attempts=2, status=500, verdict="retry"),)))
    insert(log, a_capture(2))
    text = relay("show", "1", "--attempts")[1]
    assert len(text.splitlines()) == 2
    assert "attempt 2" in text.splitlines()[1]
    assert text.splitlines()[1].endswith("retry")
    lines = [json.loads(line) for line in relay("show", "1", "--attempts", "--json")[1].splitlines()]
    assert [(line["kind"], line["number"], line["status"]) for line in lines] == [
        ("attempt", 1, None),
        ("attempt", 2, 500),
    ]
    assert relay("show", "2", "--attempts")[1:] == ("", "capture 2 was not sent to any target\n")
    assert relay("show", "1", "--body", "--json")[0] == 2


def test_diff(log: sqlite3.Connection, relay: Run) -> None:
    """Two captures are compared field by field, numbers by their digits, and differing is no fault."""
    insert(log, a_capture(1))
    insert(log, a_capture(2, method="PUT", body=BODY.replace(b"100.50", b"100.5")))
    insert(log, a_capture(3, body=b"text"))
    lines = [json.loads(line) for line in relay("diff", "1", "2", "--json")[1].splitlines()]
    assert lines == [
        {"kind": "difference", "field": "method", "a": "POST", "b": "PUT"},
        {"kind": "difference", "field": "body payload.amount", "a": "100.50", "b": "100.5"},
    ]
    assert "same method, target, headers and body" in relay("diff", "1", "1")[1]
    assert relay("diff", "1", "3")[0] == 0
    assert relay("diff", "1", "1..3")[0] == 2
    assert relay("diff", "1", "99")[0] == 4


def test_several_are_written_apart(
    log: sqlite3.Connection, path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Where several bodies, requests or heads are written, an empty line is between them."""
    insert_all(log, [a_capture(1, body=b"one"), a_capture(2, body=b"two")])
    for part, between in (("--body", b"one\n\ntwo"), ("--http", b"one\n\nPOST"), ("--headers", b"\n\nHost")):
        assert run(["show", "1..2", part, "--db", str(path)]) == 0
        assert between in capfdbinary.readouterr().out, part


@pytest.mark.parametrize(
    "line",
    [
        "show type:nothing",
        "show type:nothing --body",
        "show type:nothing --json",
        "diff type:nothing latest",
        "star type:nothing",
        "note type:nothing -m x",
        "prune type:nothing --yes",
        "replay type:nothing",
        "replay type:nothing --dry-run",
        "verify type:nothing",
        "shapes type:nothing",
        "shapes freeze type:nothing",
        "shapes recheck type:nothing",
    ],
)
def test_nothing_found_is_exit_4(
    log: sqlite3.Connection, relay: Run, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command with a SELECTION that selects nothing says so on stderr and ends with 4."""
    monkeypatch.setenv("LEAN_WEBHOOK_SECRET", "x" * 32)
    insert(log, a_capture(1))
    code, _, err = relay(*line.split())
    assert code == 4
    assert "no capture matches type:nothing" in err


def test_nearly_ids_are_no_text(log: sqlite3.Connection, relay: Run) -> None:
    """Every command that takes a SELECTION refuses what is nearly ids."""
    insert(log, a_capture(1))
    for command in ("list", "show", "star", "prune", "replay", "forward", "shapes", "shapes recheck"):
        for words in ("1..latest", "latest type:payment", "#1", "5..3"):
            code, _, err = relay(*command.split(), *words.split())
            if command != "forward":  # Which asks first whether an engine runs.
                assert code == 2, (command, words, err)


def test_wait_looks_back(log: sqlite3.Connection, relay: Run) -> None:
    """What came within the last ten seconds counts, older only with --since; the first of them is given."""
    now = datetime.now(UTC)
    for number, seconds in ((1, 3600), (2, 5), (3, 1)):
        insert(log, a_capture(number, received_at=now - timedelta(seconds=seconds)))
    assert ids(relay("wait", "type:payment", "--json")[1]) == [2]
    assert ids(relay("wait", "--json", "--since", "2h")[1]) == [1]
    code, out, err = relay("wait", "nothing", "--timeout", "0.05")
    assert (code, out) == (4, "")
    assert "no capture matched nothing within 0.05 s" in err
    assert relay("wait", "--since", "soon")[0] == 2


def later(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Timer(0.3, work)
    thread.start()
    return thread


def test_wait_hears_of_captures_and_of_verdicts(log: sqlite3.Connection, path: Path, relay: Run) -> None:
    """A capture that comes is found, and one that is there already once its verdict comes."""

    def write(what: Callable[[sqlite3.Connection], Any]) -> None:
        with sqlite3.connect(path, isolation_level=None) as connection:
            what(connection)
        connection.close()

    thread = later(lambda: write(lambda c: insert(c, a_capture(1, received_at=datetime.now(UTC)))))
    assert ids(relay("wait", "type:payment", "--json", "--timeout", "20")[1]) == [1]
    thread.join()
    waiting = a_delivery(1, state="queued", attempts=0, verdict=None, status=None, elapsed_ms=None)
    insert(log, a_capture(2, received_at=datetime.now(UTC), deliveries=(waiting,)))
    attempt = Attempt(
        id=1, delivery_id=1, capture_id=2, target="", kind="live", number=1,
        started_at=NOON, elapsed_ms=1, outcome="answered", status=500, verdict="retry",
    )  # fmt: skip
    thread = later(lambda: write(lambda c: insert_attempt(c, attempt)))
    assert ids(relay("wait", "verdict:retry", "--json", "--timeout", "20")[1]) == [2]
    thread.join()


def test_wait_waits_for_the_log_too(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Started together with the engine, `wait` gives it time to make the log."""

    def make() -> None:
        new_log(path.with_suffix(".new")).close()
        path.with_suffix(".new").rename(path)
        with sqlite3.connect(path, isolation_level=None) as connection:
            insert(connection, a_capture(1, received_at=datetime.now(UTC)))
        connection.close()

    thread = later(make)
    assert run(["wait", "--json", "--timeout", "20", "--db", str(path)]) == 0
    assert ids(capsys.readouterr().out) == [1]
    thread.join()
    assert run(["wait", "--timeout", "0", "--db", str(path.with_suffix(".none"))]) == 4
    assert "no capture in time: no database" in capsys.readouterr().err


def test_wait_waits_while_an_engine_begins(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty file, and a database that is still to be migrated, are awaited too."""
    path.touch()

    def make() -> None:
        with sqlite3.connect(path, isolation_level=None) as connection:
            schema.migrate(connection)
            insert(connection, a_capture(1, received_at=datetime.now(UTC)))
        connection.close()

    thread = later(make)
    assert run(["wait", "--json", "--timeout", "20", "--db", str(path)]) == 0
    assert ids(capsys.readouterr().out) == [1]
    thread.join()


def test_tail_follows(log: sqlite3.Connection, path: Path) -> None:
    """What comes after the start is printed once, if it matches, and Ctrl-C ends with 130."""
    insert(log, a_capture(1))
    program = subprocess.Popen(
        [sys.executable, "-u", "-m", "relay", "tail", "--json", "type:payment", "--db", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        text=True,
    )
    assert program.stdout is not None
    number = 1
    seen: list[int] = []
    reading = threading.Thread(
        target=lambda: seen.extend(json.loads(line)["id"] for line in program.stdout or ())
    )
    reading.start()

    def two_seen() -> bool:
        """Insert one more: those from before the program started are not its own."""
        nonlocal number
        number += 1
        insert(log, a_capture(number, body=BODY if number % 2 else b"other"))
        return len(seen) >= 2

    wait_until(two_seen, "two lines")
    program.send_signal(signal.SIGINT)
    assert program.wait(timeout=10) == 130
    reading.join()
    assert program.stderr is not None
    assert program.stderr.read() == ""
    program.stdout.close()
    program.stderr.close()
    assert seen == sorted(set(seen))
    assert all(each % 2 for each in seen)


def test_tail_waits_for_the_log(path: Path) -> None:
    """Started before the engine, `tail` says so, and prints what came from its start on."""
    with Process(
        [sys.executable, "-u", "-m", "relay", "tail", "--json", "--db", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert "waiting for an engine: no database at" in program.stderr.readline()
        with closing(new_log(path.with_suffix(".new"))) as connection:
            insert(connection, a_capture(1, received_at=datetime.now(UTC) - timedelta(hours=1)))
            insert(connection, a_capture(2, received_at=datetime.now(UTC)))
        path.with_suffix(".new").rename(path)
        assert json.loads(program.stdout.readline())["id"] == 2
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=10) == 130


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    server = Recorder()
    yield server
    server.close()


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("capture", CURLED, ids=range(len(CURLED)))
def test_curl_sends_the_same_bytes(
    log: sqlite3.Connection, path: Path, recorder: Recorder, tmp_path: Path, capture: Capture, shell: str
) -> None:
    """The line of `show --curl` sends method, path, headers and body as they came, and runs nothing."""
    insert(log, capture)
    again = f"{sys.executable} -m relay show 1 --body --db {path}"
    line = curl_line(capture, capture.headers, recorder.url, lambda: again)
    folder = tmp_path / "empty"
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "http_proxy": ""}
    done = subprocess.run(
        [shell, "-c", line], cwd=folder, env=environment, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    [request] = recorder.requests
    assert_sent(request, capture)


def test_repeats_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`show` tells which of Lean's tries it is and what the earlier ones were answered; other bytes alarm."""
    path = tmp_path / "repeats.db"
    other = BODY.replace(b"100.50", b"900.50")
    with closing(new_log(path)) as connection:
        event = a_capture().event
        times = (timedelta(0), timedelta(minutes=1), timedelta(minutes=2))
        for number, (after, body) in enumerate(zip(times, (BODY, BODY, other), strict=True), 1):
            repeat = None if number == 1 else 1
            insert(
                connection,
                a_capture(number, received_at=NOON + after, body=body, event=event, repeat_of=repeat),
            )
    assert run(["show", "2", "--db", str(path)]) == 0
    out = capsys.readouterr().out
    assert "repeats    3 captures of this event; this one: attempt 2 of 7, 1 min after the first" in out
    assert "1, the first of this event: answered 200 by the relay" in out
    assert "ALARM" not in out
    assert run(["show", "3", "--db", str(path)]) == 0
    out = capsys.readouterr().out
    assert "ALARM      other bytes than 1" in out
    assert "body payload.amount: 100.50 in 1, 900.50 here" in out
    assert run(["list", "--db", str(path)]) == 0
    assert capsys.readouterr().out.count("repeat of 1 with OTHER BYTES") == 1
