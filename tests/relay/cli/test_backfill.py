"""`backfill`: what it takes, what it leaves, and what it says."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.lean.signature import sign
from relay.models import from_micros
from tests.support.backends import backend, replies
from tests.support.lean_api import CLIENT_ID, CLIENT_SECRET, Fault, LeanApi, an_event, event_id, lean_api
from tests.support.lean_requests import SECRET
from tests.support.program import exchange, lean_relay, lean_relay_here, running
from tests.support.receiving import rows
from tests.support.waiting import wait_until

NOW = datetime.now(UTC).replace(microsecond=0)


def events(numbers: range, kind: str = "payment.updated") -> list[bytes]:
    """One a minute, the highest number an hour ago."""
    return [an_event(number, NOW - timedelta(minutes=60 + numbers.stop - number), kind) for number in numbers]


def post(port: int, body: bytes) -> int:
    """The status that a webhook with this body gets."""
    head = f"POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    reply = exchange(port, head.encode() + body)
    assert reply is not None
    return reply.status


@pytest.fixture
def lean() -> Iterator[LeanApi]:
    with lean_api() as api:
        yield api


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "relay.db"


def backfill(lean: LeanApi, db: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    config = lean.write_settings(db.parent / "settings")
    done = lean_relay_here(db.parent, "backfill", "--db", str(db), "--config", str(config), *arguments)
    for text in (done.stdout, done.stderr):
        assert CLIENT_SECRET not in text
        assert CLIENT_ID not in text
        assert "Traceback" not in text
    return done


def result(lean: LeanApi, db: Path, *arguments: str) -> dict[str, Any]:
    done = backfill(lean, db, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    (line,) = map(json.loads, done.stdout.splitlines())
    assert line["kind"] == "backfill"
    assert isinstance(line, dict)
    return line


def test_missed_events_are_taken_once_with_their_own_bytes(lean: LeanApi, db: Path) -> None:
    """Token, pages, rows: origin, headers and bytes as documented; a second run takes nothing."""
    lean.events = [*events(range(3)), *events(range(3, 5), "entity.created")]
    done = backfill(lean, db, "--since", "1d")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "5 events at Lean, 0 here already, 5 taken: 3 payment.updated, 2 entity.created\n"
    found = rows(db, "SELECT origin, signature, method, target, headers, event_id FROM captures ORDER BY id")
    headers = '[["Content-Type","application/json"]]'
    assert found == [("events-api", "unchecked", "POST", "/", headers, event_id(each)) for each in range(5)]
    assert [body for (body,) in rows(db, "SELECT body FROM captures ORDER BY id")] == lean.events
    ((received, at),) = rows(db, "SELECT received_at, event_at FROM captures WHERE id = 1")
    assert from_micros(received) >= NOW
    assert from_micros(at) == NOW - timedelta(minutes=63)
    again = result(lean, db, "--since", "1d")
    assert (again["events"], again["known"], again["taken"], again["complete"]) == (5, 5, 0, True)
    assert rows(db, "SELECT count(*) FROM captures") == [(5,)]


def test_the_window_has_two_fixed_ends_and_stays_inside_90_days(lean: LeanApi, db: Path) -> None:
    """Every page of a run has the same `from` and `to`, and the oldest is an hour inside what Lean keeps."""
    lean.events = events(range(250))
    done = backfill(lean, db, "--since", "100d", "--json")
    assert "90 days" in done.stderr
    assert [query["page"] for query in lean.asked] == ["0", "1", "2"]
    assert {query["size"] for query in lean.asked} == {"100"}
    ((start, end),) = {(query["from"], query["to"]) for query in lean.asked}
    length = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    assert length == timedelta(days=90) - timedelta(hours=1)
    assert json.loads(done.stdout)["taken"] == 250


def test_a_type_and_a_dry_run(lean: LeanApi, db: Path) -> None:
    """The type is asked of Lean; a dry run counts what is new and makes no database."""
    lean.events = [*events(range(3)), *events(range(3, 5), "entity.created")]
    dry = result(lean, db, "--since", "1d", "--type", "entity.created", "--dry-run")
    assert (dry["events"], dry["taken"], dry["types"]) == (2, 2, {"entity.created": 2})
    assert lean.asked[0]["type"] == "entity.created"
    assert not db.exists()
    result(lean, db, "--since", "1d", "--type", "entity.created")
    assert backfill(lean, db, "--since", "1d", "--dry-run").stdout == (
        "5 events at Lean, 2 here already, 3 would be taken: 3 payment.updated\n"
    )


def test_the_next_run_begins_an_hour_before_the_end_of_the_last_complete_one(lean: LeanApi, db: Path) -> None:
    """A week at first; then from the last end. A run of one type is no such end."""

    def start(*arguments: str) -> datetime:
        return datetime.fromisoformat(result(lean, db, *arguments)["from"])

    def near(at: datetime, ago: timedelta) -> bool:
        return abs(datetime.now(UTC) - ago - at) < timedelta(minutes=1)

    assert near(start("--type", "entity.created"), timedelta(days=7))
    assert near(start(), timedelta(days=7))
    assert near(start(), timedelta(hours=1))
    ((end,),) = rows(db, "SELECT value FROM marks WHERE name = 'backfill:sandbox:uae'")
    assert near(from_micros(end), timedelta(0))


def test_an_event_that_came_as_a_webhook_or_was_imported_is_here_already(lean: LeanApi, db: Path) -> None:
    """By its event_id, whatever its bytes; and no capture says that its bytes differ."""
    lean.events = events(range(4))
    folder = db.parent
    (folder / "bodies.ndjson").write_bytes(b"\n".join(each.replace(b"  ", b"") for each in lean.events[:2]))
    done = lean_relay_here(folder, "import", "--db", str(db), str(folder / "bodies.ndjson"))
    assert done.returncode == 0, done.stderr
    found = result(lean, db, "--since", "1d")
    assert (found["known"], found["taken"]) == (2, 2)
    assert rows(db, "SELECT origin, repeat_of FROM captures ORDER BY id") == [
        ("imported", None),
        ("imported", None),
        ("events-api", None),
        ("events-api", None),
    ]
    shown = lean_relay_here(folder, "show", "3", "--db", str(db))
    assert "events-api from 127.0.0.1:" in shown.stdout
    checked = lean_relay_here(folder, "verify", "3", "--db", str(db), secret=SECRET)
    assert "Events API" in checked.stdout + checked.stderr


def test_what_is_missing_or_wrong_is_said(lean: LeanApi, db: Path) -> None:
    """No secret, a time to come, an empty type, no engine to forward: exit 2 or 5, and nothing is asked."""
    for arguments, code, words in (
        (("--since", "2999-01-01"), 2, "--since is not in the past"),
        (("--since", "soon"), 2, "--since"),
        (("--type", " "), 2, "--type is empty"),
        (("--dry-run", "--forward"), 2, "exclude each other"),
        (("--resign",), 2, "--resign has no effect without --forward"),
        (("--forward",), 5, "no-engine"),
    ):
        done = backfill(lean, db, *arguments)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    bare = lean_relay_here(db.parent, "backfill", "--db", str(db))
    assert bare.returncode == 2
    assert "no client id" in bare.stderr
    with_id = lean_relay_here(db.parent, "backfill", "--db", str(db), env={"LEAN_APP_TOKEN": CLIENT_ID})
    assert "no client secret" in with_id.stderr
    assert not lean.forms
    assert not db.exists()


def test_what_was_taken_is_forwarded_only_if_asked_and_in_its_own_order(lean: LeanApi, db: Path) -> None:
    """Beside an engine: nothing without --forward; with it by the events' times; with --resign signed."""
    lean.events = events(range(6))[::-1]
    with backend(replies()) as there, running(db.parent, "-f", f":{there.port}"):
        since = (NOW - timedelta(minutes=64, seconds=30)).isoformat()
        assert result(lean, db, "--since", since)["taken"] == 4
        assert not there.requests
        lean.events += events(range(-90, -84))
        forwarded = result(lean, db, "--since", "1d", "--forward")
        assert (forwarded["taken"], forwarded["forwarded"]) == (8, 8)
        wait_until(lambda: len(there.requests) == 8, "what was forwarded")
        bodies = [request.partition(b"\r\n\r\n")[2] for request in there.requests]
        assert bodies == sorted(bodies, key=lambda body: str(json.loads(body)["timestamp"]))
        assert set(bodies) < set(lean.events)
        assert not [request for request in there.requests if b"lean-signature" in request.lower()]
        there.requests.clear()
        lean.events += [an_event(500, NOW - timedelta(hours=2))]
        done = backfill(lean, db, "--since", "1d", "--forward", "--resign")
        assert done.returncode == 0, done.stderr
        assert "-> 200" in done.stdout or "200" in done.stdout.splitlines()[-1]
        (request,) = there.requests
        head, _, body = request.partition(b"\r\n\r\n")
        assert body == lean.events[-1]
        assert sign(body, SECRET.encode()).encode() in head
        unknown = backfill(lean, db, "--forward", "--resign", "other")
        assert (unknown.returncode, "other" in unknown.stderr) == (2, True)


def test_without_a_target_nothing_is_fetched_to_be_forwarded(lean: LeanApi, db: Path) -> None:
    """It is wrong usage, before Lean is asked."""
    lean.events = events(range(2))
    with running(db.parent):
        done = backfill(lean, db, "--since", "1d", "--forward")
    assert done.returncode == 2
    assert "--forward: the engine has no target" in done.stderr
    assert not lean.asked


def test_what_cannot_be_forwarded_was_fetched_all_the_same(lean: LeanApi, db: Path) -> None:
    """The run is complete, and the error says what failed."""
    lean.events = events(range(2))
    settings = db.parent / "engine.toml"
    settings.write_text('forward = [":9"]')

    def take_the_target(api: LeanApi, query: dict[str, str]) -> None:
        settings.write_text("")
        done = lean_relay(db.parent, "reload", "--db", str(db))
        assert done.returncode == 0, done.stderr

    lean.intervene = take_the_target
    with running(db.parent, "--config", str(settings)):
        done = backfill(lean, db, "--since", "1d", "--forward", "--json")
    assert done.returncode == 2
    line, error = map(json.loads, done.stdout.splitlines())
    assert (line["taken"], line["complete"], line["forwarded"]) == (2, True, 0)
    assert "no target" in error["message"]


def test_a_last_run_by_a_wrong_clock(lean: LeanApi, db: Path) -> None:
    """One that ended in the future does not make the window empty: it is a week again."""
    lean.events = events(range(2))
    result(lean, db, "--since", "2d")
    with closing(sqlite3.connect(db)) as log, log:
        log.execute("UPDATE marks SET value = value + 86400000000 WHERE name LIKE 'backfill:%'")
    start = datetime.fromisoformat(result(lean, db)["from"])
    assert abs(datetime.now(UTC) - timedelta(days=7) - start) < timedelta(minutes=1)


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_webhook_that_arrives_meanwhile_wins(lean: LeanApi, db: Path, newest_first: bool) -> None:
    """Each event is there once, as it was sent; a retry afterwards is a repeat, and no alarm."""
    listed = events(range(200))
    lean.events = listed[:: -1 if newest_first else 1]
    sent = [each.replace(b"  ", b" ") for each in lean.events]

    with running(db.parent) as relay:

        def deliver(api: LeanApi, query: dict[str, str]) -> None:
            page = int(query["page"])
            new = an_event(1000 + page, datetime.now(UTC) + timedelta(minutes=1))
            for body in (*sent[page * 100 :][:50], new):
                assert post(relay.port, body) == 200
            api.events = [new, *api.events] if newest_first else [*api.events, new]

        lean.intervene = deliver
        found = result(lean, db, "--since", "1d")
        assert (found["events"], found["known"], found["taken"]) == (200, 100, 100)
        assert (found["compared"], found["same_bytes"]) == (100, 0)
        assert post(relay.port, sent[60]) == 200
    counted = rows(db, "SELECT origin, count(*), count(DISTINCT event_id) FROM captures GROUP BY origin")
    assert counted == [("events-api", 100, 100), ("received", 103, 103)]
    ((repeats,),) = rows(db, "SELECT count(*) FROM captures WHERE repeat_of IS NOT NULL")
    assert repeats == 1
    shown = lean_relay_here(db.parent, "list", "--db", str(db), "--limit", "1").stdout
    assert "repeat of" in shown
    assert "other bytes" not in shown


def test_events_that_came_as_webhooks_are_compared(lean: LeanApi, db: Path) -> None:
    """The summary counts those whose bytes are the same; a fetched event is no webhook of Lean's."""
    lean.events = events(range(4))
    with running(db.parent) as relay:
        assert post(relay.port, lean.events[0]) == 200
        assert post(relay.port, lean.events[1].replace(b"  ", b" ")) == 200
        same = "2 here already (same bytes: 1 of 2)"
        dry = backfill(lean, db, "--since", "1d", "--dry-run").stdout
        assert dry == f"4 events at Lean, {same}, 2 would be taken: 2 payment.updated\n"
        assert same in backfill(lean, db, "--since", "1d").stdout
        assert "4 here already (same bytes: 1 of 2), 0 taken" in backfill(lean, db, "--since", "1d").stdout


def test_an_error_keeps_what_is_stored_and_the_summary_says_so(lean: LeanApi, db: Path) -> None:
    """The page has its number, the run is not complete, and the next one takes the rest."""
    lean.events = events(range(250))
    lean.intervene = lambda api, query: Fault(body=b"<html>") if query["page"] == "2" else None
    done = backfill(lean, db, "--since", "1d", "--json")
    assert done.returncode == 1
    line, error = map(json.loads, done.stdout.splitlines())
    assert (line["taken"], line["complete"]) == (200, False)
    assert (error["kind"], error["word"]) == ("error", "lean-page")
    assert error["message"].startswith("page 2: it is a web page")
    assert rows(db, "SELECT count(*) FROM marks WHERE name LIKE 'backfill:%'") == [(0,)]
    lean.intervene = None
    rest = result(lean, db, "--since", "1d")
    assert (rest["known"], rest["taken"], rest["complete"]) == (200, 50, True)
