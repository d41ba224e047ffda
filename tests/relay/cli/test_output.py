"""`show` and `diff`, and what holds of every command that prints captures, as a shell sees them."""

from __future__ import annotations

import base64
import gzip
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from relay.cli import run
from relay.models import Answer, Attempt, Capture, Comparison, Event, Headers, Shape, Signature
from relay.text.export import curl_line
from tests.support import strategies
from tests.support.backends import answers, backend
from tests.support.commands import Run, ids, log, path, relay
from tests.support.curled import CURLED, assert_sent
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

__all__ = ["log", "path", "relay"]

SECRETS: Headers = (
    ("Authorization", "Bearer canary-1"),
    ("COOKIE", "canary-2"),
    ("lean-app-token", "canary-3"),
    ("X-Own", "canary-4"),
    ("lean-signature", "sha512=shown"),
)

HOSTILE = "\x1b]0;owned\x07\u202e\x9b31m\u200b\n[@click=app.quit]x[/]"


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


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("capture", CURLED, ids=range(len(CURLED)))
def test_curl_sends_the_same_bytes(
    log: sqlite3.Connection, path: Path, tmp_path: Path, capture: Capture, shell: str
) -> None:
    """The line of `show --curl` sends method, path, headers and body as they came, and runs nothing."""
    insert(log, capture)
    again = f"{sys.executable} -m relay show 1 --body --db {path}"
    folder = tmp_path / "empty"
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "http_proxy": ""}
    with backend(answers()) as there:
        line = curl_line(capture, capture.headers, there.url, lambda: again)
        done = subprocess.run(
            [shell, "-c", line], cwd=folder, env=environment, capture_output=True, timeout=30, check=False
        )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    [request] = there.requests
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
