"""`refusals`: what was turned away, why, and what to do about it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from relay.models import RefusalEntry
from relay.store.write.changes import add_refusals
from tests.relay.cli.test_status import ask
from tests.support.factories import new_log
from tests.support.lean_requests import a_request
from tests.support.program import exchange, lean_relay, lean_relay_here, running
from tests.support.waiting import wait_until


def a_log(folder: Path, *entries: RefusalEntry) -> Path:
    with new_log(folder / "relay.db") as log:
        add_refusals(log, entries)
    log.close()
    return folder / "relay.db"


@pytest.mark.slow
def test_refusals_are_listed_with_reason_and_count(tmp_path: Path) -> None:
    """Alike refusals are a line with their number; hostile details are cleaned; --json gives them whole."""
    with running(tmp_path) as relay:
        for _ in range(3):
            exchange(relay.port, a_request(b"{}", headers=(("Origin", "https://x.example"),)))
        exchange(relay.port, b"GET / HTTP/1.1\r\nHost: r\r\nX: \x1b[31m\r\n\r\n")
        wait_until(lambda: len(ask(relay, "refusals", "--json").splitlines()) == 2, "both reasons")
        lines = [json.loads(line) for line in ask(relay, "refusals", "--json").splitlines()]
        said = ask(relay, "refusals")
    assert {line["reason"]: line["count"] for line in lines} == {"cross-site": 3, "malformed": 1}
    assert "cross-site x3" in said
    assert "\x1b" not in said
    with running(tmp_path) as relay:
        assert ask(relay, "refusals") == said


def test_what_is_behind_them(tmp_path: Path) -> None:
    """`--explain` tells of each reason that is shown what it means and what to do, once; in JSON too."""
    entries = [RefusalEntry(at, "10.0.0.1", "too-large", f"line {at}", 5) for at in range(1, 4)]
    db = a_log(tmp_path, *entries, RefusalEntry(9, "", "tls-not-tls", "x"))
    done = lean_relay(tmp_path, "refusals", "--explain", "--limit", "2", "--db", str(db))
    assert done.stdout.count("too-large, 15 in all: its body is too large") == 1
    assert "--max-body" in done.stdout
    assert "it did not speak TLS" in done.stdout
    assert "2 older lines are not shown" in done.stderr
    done = lean_relay(tmp_path, "refusals", "--explain", "--reason", "too-large", "--json", "--db", str(db))
    *rows, means = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["detail"] for row in rows] == ["line 1", "line 2", "line 3"]
    assert (means["kind"], means["count"]) == ("refusal_reason", 15)
    assert means["advice"].startswith("If it should be accepted")


def test_the_advice_names_this_database(tmp_path: Path) -> None:
    """A command in it can be copied."""
    db = a_log(tmp_path, RefusalEntry(1, "10.0.0.1", "store-full", "x"))
    done = lean_relay_here(tmp_path, "refusals", "--explain", "--db", str(db))
    assert f"`lean-relay --db {db} prune`" in " ".join(done.stdout.split())
    assert lean_relay_here(tmp_path, "refusals", "--limit", "9" * 30, "--db", str(db)).returncode == 0


def test_none_and_gone(tmp_path: Path) -> None:
    """Without any it says so; a reason that there is none of names the others; what made room is told."""
    db = a_log(tmp_path)
    done = lean_relay(tmp_path, "refusals", "--db", str(db))
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing was refused" in done.stderr
    with sqlite3.connect(db) as log:
        add_refusals(log, [RefusalEntry(at, "", "malformed", "x") for at in range(10_005)])
    log.close()
    done = lean_relay(tmp_path, "refusals", "--reason", "too-big", "--db", str(db))
    assert "no refusal has the reason too-big; there are malformed" in done.stderr
    assert "5 even older lines are no longer stored" in done.stderr
