"""A long replay against `kill -9`: nothing is sent again by itself, and nothing reported is lost."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.backends import Backend, Wire, backend
from tests.support.factories import a_capture, insert_all, new_log
from tests.support.killing import a_command
from tests.support.program import lean_relay_here, running
from tests.support.waiting import wait_until

CAPTURES = 300


def slow(there: Backend, wire: Wire) -> None:
    """Answer each request after a moment, the first of each ten with 500."""
    there.take(wire)
    there.released.wait(0.005)
    status = b"500 No" if len(there.requests) % 10 == 1 else b"200 OK"
    wire.send(b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)


@pytest.mark.parametrize("options", [(), ("--until-delivered",), ("--fresh-ids", "--pin")])
def test_killed_in_the_middle(tmp_path: Path, options: tuple[str, ...]) -> None:
    """What was printed is stored; the next engine ends the rest without sending, and starts clean."""
    with closing(new_log(tmp_path / "relay.db")) as log:
        insert_all(log, (a_capture(number) for number in range(1, CAPTURES + 1)))
    with backend(slow) as there:
        words = ("replay", "1..", "--to", f":{there.port}", "--yes", "--json", *options)
        with running(tmp_path) as relay:
            with a_command(tmp_path, *words, "--db", str(relay.db)) as replaying:
                wait_until(lambda: len(there.requests) > 60, "a part of the replay")
                relay.process.kill()
                relay.process.wait(10)
                said, _ = replaying.communicate(timeout=30)
            assert replaying.returncode == 5
        printed = [json.loads(line) for line in said.splitlines()]
        reported = [line for line in printed if line["kind"] == "attempt"]
        assert reported
        sent = len(there.requests)
        assert sent < CAPTURES
        with running(tmp_path):
            done = lean_relay_here(tmp_path, "status", "--json", "--db", str(tmp_path / "relay.db"))
            assert json.loads(done.stdout)["replays"] == []
            with closing(sqlite3.connect(tmp_path / "relay.db")) as log:
                states = log.execute("SELECT DISTINCT state FROM deliveries").fetchall()
                stored = dict(log.execute("SELECT id, status FROM attempts").fetchall())
                pinned = log.execute("SELECT count(*) FROM baselines").fetchone()[0]
        assert states == [("ended",)]
        assert {line["id"]: line["status"] for line in reported}.items() <= stored.items()
        assert pinned == (len(stored) if "--pin" in options else 0)
        assert len(stored) <= sent == len(there.requests)
