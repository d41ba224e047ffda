"""`list`, as a shell sees it: order, columns, selections."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from relay.models import Answer, Origin, Shape, Signature
from tests.support.commands import Run, ids, log, path, relay
from tests.support.factories import (
    BODY,
    EVENT_ID,
    a_capture,
    a_delivery,
    insert,
    insert_all,
)
from tests.support.time_zones import clocks_of

__all__ = ["log", "path", "relay"]


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
    assert relay("list", "--limit", "9" * 30, "type:payment")[2] == ""
    assert relay("list", "--limit", "9" * 30, "1..")[2] == ""
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
    """Ids, an event_id and filters select; a dash before a key negates it, and is not read as an option."""
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
