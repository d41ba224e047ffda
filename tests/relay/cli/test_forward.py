"""`forward`, `pause` and `resume` beside a running engine, and what `status` and `list` tell of targets."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.support import backends
from tests.support.backends import OK, Wire, backend, free_port, replies
from tests.support.lean_requests import a_body, a_request
from tests.support.program import (
    Running,
    connect,
    exchange,
    lean_relay_here,
    running,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


def post(relay: Running, count: int) -> None:
    for _ in range(count):
        reply = exchange(relay.port, a_request(a_body()))
        assert reply is not None
        assert reply.status == 200


def command(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run a command on the folder's log; what it prints, and behind that what it says on stderr."""
    done = lean_relay_here(folder, *arguments, "--db", str(folder / "relay.db"))
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def target(folder: Path) -> Any:
    """The one target of `status --json`."""
    (found,) = json.loads(command(folder, "status", "--json"))["targets"]
    return found


def deliveries(folder: Path, state: str) -> int:
    with closing(sqlite3.connect(f"file:{folder / 'relay.db'}?mode=ro", uri=True)) as log:
        return int(log.execute("SELECT count(*) FROM deliveries WHERE state = ?", (state,)).fetchone()[0])


def test_pause_holds_and_resume_lets_go(tmp_path: Path) -> None:
    """While paused, captures are answered and wait; `resume` sends them, and `status` tells of both."""
    with backend(replies()) as there, running(tmp_path, "--forward-to", f":{there.port}/hook") as relay:
        assert command(tmp_path, "resume").startswith("was not paused\n")
        assert "is paused; nothing waits" in command(tmp_path, "pause")
        said = command(tmp_path, "pause")
        assert said.startswith("was already paused\n")
        assert "is paused; nothing waits" in said
        assert relay.said.count("forwarding is paused") == 1
        post(relay, 3)
        assert target(tmp_path) == {
            "target": f"http://localhost:{there.port}/hook",
            "state": "paused",
            "reason": None,
            "waiting": 3,
            "next_at": None,
            "parked": 0,
        }
        assert f"target     http://localhost:{there.port}/hook is paused; 3 wait\n" in command(
            tmp_path, "status"
        )
        assert command(tmp_path, "list").count("-> queued") == 3
        assert json.loads(command(tmp_path, "resume", "--json"))["kind"] == "resume"
        wait_until(lambda: deliveries(tmp_path, "ended") == 3, "the deliveries")
        wait_until(lambda: "3 payment.updated valid -> 200 in " in relay.said, "the lines")
        assert f"target     http://localhost:{there.port}/hook is up; nothing waits\n" in command(
            tmp_path, "status"
        )
        assert command(tmp_path, "list").count("-> 200 delivered") == 3


def test_the_last_tries_are_told(tmp_path: Path) -> None:
    """What is answered while the program ends is recorded and has its line as well."""

    def answers_late(there: backends.Backend, wire: Wire) -> None:
        there.take(wire)
        wait_until(lambda: over.is_set(), "the end to begin")
        wire.send(OK)

    over = Event()
    with backend(answers_late) as there, running(tmp_path, "--forward-to", f":{there.port}") as relay:
        post(relay, 1)
        wait_until(lambda: there.requests, "the try")
        relay.process.terminate()
        wait_until(lambda: not is_open(relay.port), "the listener to close")
        over.set()
        assert relay.process.wait(10) == 0
        assert "1 payment.updated valid -> 200 in " in relay.said
        assert deliveries(tmp_path, "ended") == 1


def is_open(port: int) -> bool:
    try:
        connect(port).close()
    except OSError:
        return False
    return True


def test_forward_sends_again(tmp_path: Path) -> None:
    """One capture is sent again at once; several want --yes without a terminal to ask at."""
    script = replies("500", "200")
    with backend(script) as there, running(tmp_path, "--forward-to", f":{there.port}") as relay:
        post(relay, 2)
        wait_until(lambda: deliveries(tmp_path, "ended") == 2, "the deliveries")
        assert command(tmp_path, "forward", "verdict:retry") == "queued 1 delivery\n"
        wait_until(lambda: deliveries(tmp_path, "ended") == 3, "the third")
        asked = command(tmp_path, "forward", "1..2", code=2)
        assert "this would send 2 captures (ids 1 to 2)" in asked
        assert "--yes" in asked
        line = json.loads(command(tmp_path, "forward", "1..2", "--yes", "--json"))
        assert (line["kind"], line["queued"], line["released"]) == ("forward", 2, 0)
        wait_until(lambda: deliveries(tmp_path, "ended") == 5, "the fourth and fifth")
        assert f"-> 500 retry +2 (localhost:{there.port})" in command(tmp_path, "list", "1")
        attempts = command(tmp_path, "show", "1", "--attempts")
        assert "answered: 500 in " in attempts
        assert f"\n  sent: Host: localhost:{there.port}\n" in attempts
        assert re.search(r"\n  sent: X-Lean-Relay: \w+;hop=1;capture=1\n", attempts)
        assert "\n  not sent: Host: relay.test\n" in attempts
        assert "lean-signature" not in attempts
        assert "retry: 500 is not 200: the backend failed" in attempts
        shown = command(tmp_path, "show", "1")
        assert f"live to http://localhost:{there.port}: ended; 1 attempt: 500 in " in shown
        assert "Lean would conclude: retry; 500 is not 200: the backend failed" in shown


def test_a_target_that_is_down_is_told_everywhere(tmp_path: Path) -> None:
    """Down and back are lines on stderr, `status` has the reason, `show` what the delivery waits for."""
    port = free_port()
    with running(tmp_path, "--forward-to", f":{port}") as relay:
        post(relay, 2)
        wait_until(lambda: "is down" in relay.said, "the line")
        why = f"nothing listens on port {port}"
        assert f"lean-relay: http://localhost:{port} is down: {why}; " in relay.said
        assert f"is down: {why}; 2 wait\n" in command(tmp_path, "status")
        assert (target(tmp_path)["state"], target(tmp_path)["reason"]) == ("down", why)
        assert f"queued; waits: {why}\n" in command(tmp_path, "show", "1")
        assert "all of these already wait for their targets" in command(tmp_path, "forward", "1")
        with backend(replies(), port=port):
            wait_until(lambda: "is back; 2 webhooks are waiting for it" in relay.said, "the line", 30)
            wait_until(lambda: deliveries(tmp_path, "ended") == 2, "the deliveries")


def test_a_parked_backlog_is_released(tmp_path: Path) -> None:
    """What had waited for over an hour is parked at the start, named, counted, and sent on request."""
    port = free_port()
    with running(tmp_path, "--forward-to", f":{port}") as relay:
        post(relay, 3)
    with closing(sqlite3.connect(relay.db)) as log, log:
        log.execute("UPDATE deliveries SET created_at = created_at - 7200000000")
    with backend(replies(), port=port), running(tmp_path, "--forward-to", f":{port}") as relay:
        assert "3 deliveries of earlier runs" in relay.said
        assert f"`lean-relay --db {relay.db} forward state:parked`" in relay.said
        assert "is up; nothing waits; 3 parked, which" in command(tmp_path, "status")
        assert command(tmp_path, "list").count("-> parked") == 3
        released = command(tmp_path, "forward", "state:parked", "--yes")
        assert released == "released 3 deliveries that were parked\n"
        wait_until(lambda: deliveries(tmp_path, "ended") == 3, "the deliveries")
        assert target(tmp_path)["parked"] == 0


def test_without_an_engine_there_is_nobody_to_ask(tmp_path: Path) -> None:
    """Each command ends with 5 and says what to start."""
    for words in (["forward", "1"], ["pause"], ["resume"]):
        said = command(tmp_path, *words, code=5)
        assert said.startswith("lean-relay: [no-engine] no engine is running on ")
        db = tmp_path / "relay.db"
        assert f"can {words[0]}; start one with `lean-relay --db {db} listen --forward-to TARGET`" in said


def test_what_cannot_be_sent_is_said(tmp_path: Path) -> None:
    """Without a selection, a match or a target nothing is sent, with the exit code for it."""
    with running(tmp_path) as relay:
        post(relay, 1)
        assert "no captures to forward" in command(tmp_path, "forward", code=2)
        assert "no capture matches type:nothing" in command(tmp_path, "forward", "type:nothing", code=4)
        assert "no capture 9" in command(tmp_path, "forward", "9", code=4)
        assert "--forward-to" in command(tmp_path, "forward", "1", code=2)
        assert "target     none, webhooks are only stored" in command(tmp_path, "status")
        assert command(tmp_path, "pause") == "this engine has no targets; add one with --forward-to\n"


def test_only_what_a_filter_matches_is_sent_on(tmp_path: Path) -> None:
    """`--only` narrows what goes on; a filter that is wrong, or known only later, is a usage error."""
    with backend(replies()) as there:
        to = ("--forward-to", f":{there.port}")
        with running(tmp_path, *to, "--only", "body:abc") as relay:
            post(relay, 1)
            exchange(relay.port, a_request(b'{"a":"abc"}'))
            wait_until(lambda: "2 POST /webhooks/lean valid -> 200" in relay.said, "the delivery")
            assert deliveries(tmp_path, "ended") == 1
        for wrong in ("statsu:1", "verdict:retry"):
            said = command(tmp_path, "listen", *to, "--only", wrong, code=2)
            assert wrong.partition(":")[0] in said
