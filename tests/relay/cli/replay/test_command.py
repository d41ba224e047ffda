"""`replay`: what it asks, what it prints, how it ends; beside an engine and without one."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from relay.cli.replay.command import replay_command
from relay.lean.signature import sign
from tests.support.backends import Backend, Wire, answers, backend, bodies, free_port, replies
from tests.support.factories import BODY
from tests.support.lean_requests import SECRET, a_body, a_request
from tests.support.program import (
    RELAY,
    Process,
    environment,
    exchange,
    lean_relay,
    running,
    working_folder,
)
from tests.support.replay_commands import LINE, attempts, command, folder, there
from tests.support.waiting import wait_until

__all__ = ["folder", "there"]


def test_without_an_engine_this_command_is_one(folder: Path, there: Backend) -> None:
    """It sends, records and tells each answer; `is:replayed` finds the capture then."""
    said = command(folder, "replay", "1", "--to", f":{there.port}")
    assert said.startswith(LINE)
    assert said.endswith(": delivered\n")
    assert bodies(there) == [BODY]
    assert command(folder, "list", "is:replayed", "--json").count('"kind": "capture"') == 1
    assert "replay to http://localhost:" in command(folder, "show", "1")


@pytest.mark.slow
def test_beside_an_engine_the_engine_sends_to_its_targets(tmp_path: Path) -> None:
    """The targets are the engine's; the listener tells of the try, `status` of the run while it lasts."""

    def behave(there: Backend, wire: Wire) -> None:
        while True:
            live = there.take(wire)
            if len(there.requests) > 1 and live:
                there.released.wait(20)
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with backend(behave) as there, running(tmp_path, "--forward-to", f":{there.port}") as relay:
        exchange(relay.port, a_request(a_body()))
        wait_until(lambda: "1 payment.updated valid -> 200" in relay.said, "the live delivery")
        arguments = [sys.executable, *RELAY, "replay", "latest", "--db", str(relay.db)]
        with Process(
            arguments,
            cwd=working_folder(tmp_path),
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        ) as replaying:
            wait_until(lambda: len(there.requests) == 2, "the replay")
            assert "replay     1, from a command: 1 of 1 attempted" in command(tmp_path, "status")
            there.released.set()
            said, _ = replaying.communicate(timeout=20)
        assert said.startswith(LINE)
        wait_until(lambda: "1 payment.updated valid replay -> 200" in relay.said, "the line of the listener")
        assert "replay     1" not in command(tmp_path, "status")


def test_usage_is_checked_before_anything_is_sent(folder: Path, there: Backend) -> None:
    """No selection, several without --yes, no target, a change that does not fit: 2, and what to do."""
    to = ("--to", f":{there.port}")
    for words, part in (
        (("replay", *to), "no captures to replay"),
        (
            ("replay", "1..3", *to),
            "this would send 3 captures (ids 1 to 3); without a terminal to confirm, add --yes",
        ),
        (("replay", "1", *to, "--times", "9"), "this would send capture 1 9 times; without a terminal"),
        (("replay", "1"), "no target is configured; name one with --to"),
        (("replay", "1", "--to", "nonsense"), "--to: 'nonsense' is not a valid target"),
        (("replay", "1", *to, "--set", "payload.amuont=1"), "did you mean payload.amount"),
        (("replay", "1..3", *to, "--yes", "--set", "x=1"), "capture 1: the body has no x"),
        (("replay", "1", *to, "--set", "x"), "is not a valid PATH=VALUE"),
        (("replay", "1", *to, "--header", "Host: x"), "Host is written by the relay itself"),
        (("replay", "1", *to, "--expect", "ok"), "use 200, 2xx, delivered, refused or recorded"),
        (
            ("replay", "1", *to, "--rate", "0"),
            "--rate: '0' is not a valid rate",
        ),
        (("replay", "1", *to, "--rate", "original", "--shuffle", "1"), "exclude each other"),
        (("replay", "1", *to, "--until-delivered", "--expect", "200"), "exclude each other"),
        (("replay", "1", *to, "--method", "A B"), "--method: 'A B' is not a valid method"),
        (("replay", "1", *to, "--path", "x"), "--path: 'x' is not a valid path"),
        (("replay", "1..2", *to, "--edit"), "--edit takes one capture, but 2 were chosen"),
        (("replay", "1", *to, "--resign", "nobody"), "no secret called 'nobody'"),
    ):
        assert part in command(folder, *words, code=2), words
    assert "no capture 9" in command(folder, "replay", "9", *to, code=4)
    assert "no capture matches type:x" in command(folder, "replay", "type:x", *to, code=4)
    assert there.requests == []
    assert attempts(folder) == []


def test_several_in_order_with_a_last_line(folder: Path, there: Backend) -> None:
    """A line for each on stdout, in order, and what it came to on stderr."""
    said = command(folder, "replay", "1..3", "--to", f":{there.port}", "--yes", "--times", "2")
    assert [line.split()[0] for line in said.splitlines()] == ["1", "2", "3", "1", "2", "3", "lean-relay:"]
    assert "lean-relay: 6 deliveries in " in said
    assert said.endswith(" s: 6 delivered\n")


def test_nothing_that_a_target_takes_is_no_success(folder: Path, there: Backend) -> None:
    """A webhook that each target's filter leaves out is not sent, and that is an error, with --expect too."""
    routes = f'[{{to = ":{there.port}", when = "type:entity"}}]'
    for words in (("1",), ("1", "--expect", "delivered")):
        said = command(folder, "replay", *words, code=1, LEAN_RELAY_FORWARD=routes)
        assert "[not-sent] nothing was sent: no target takes this webhook; name one with --to" in said
    said = command(folder, "replay", "1..2", "--yes", code=1, LEAN_RELAY_FORWARD=routes)
    assert "no target takes these webhooks" in said
    assert there.requests == []


def test_json_has_each_attempt_and_the_run(folder: Path, there: Backend) -> None:
    """Lines of kind `attempt`, secrets masked, and one of kind `replay`."""
    words = ("replay", "1..2", "--to", f":{there.port}", "--yes", "--json", "--expect", "200")
    lines = [json.loads(line) for line in command(folder, *words).splitlines()]
    assert [line["kind"] for line in lines] == ["attempt", "attempt", "replay"]
    assert [line["capture_id"] for line in lines[:2]] == [1, 2]
    assert lines[0]["delivery_kind"] == "replay"
    assert lines[0]["as_expected"] is True
    assert ["Authorization", "<masked, 8 bytes>"] in lines[0]["sent_headers"]
    assert {name: lines[2][name] for name in ("state", "total", "done", "not_as_expected")} == {
        "state": "ended",
        "total": 2,
        "done": 2,
        "not_as_expected": 0,
    }


@pytest.mark.slow
def test_expectations(folder: Path) -> None:
    """Each word holds, or ends with 3 and names what differs."""
    with backend(replies("200", "201", "200", "503", "404")) as there:
        to = ("--to", there.url)
        said = command(folder, "replay", "1..2", *to, "--yes", "--expect", "delivered", code=3)
        assert "[not-as-expected] 1 of 2 responses are not as expected (delivered): 2" in said
        assert command(folder, "replay", "1", *to, "--expect", "2xx").startswith(LINE)
        said = command(folder, "replay", "2", *to, "--expect", "404", code=3)
        assert "503 in " in said
        assert "; expected 404\n" in said
        assert "(404): 2" in said
        assert "2 payment.updated -> 404" in command(folder, "replay", "2", *to, "--expect", "refused")


def live_response(folder: Path, capture: int, target: str, status: int) -> None:
    """Record that a target answered a capture when it came."""
    verdict = "delivered" if status == 200 else "retry"
    with closing(sqlite3.connect(folder / "relay.db")) as log, log:
        delivery = log.execute(
            "INSERT INTO deliveries (capture_id, target, kind, state, created_at, due_at)"
            " VALUES (?, ?, 'live', 'ended', 1, 1)",
            (capture, target),
        ).lastrowid
        log.execute(
            "INSERT INTO attempts (delivery_id, number, started_at, elapsed_us, outcome, status, verdict)"
            " VALUES (?, 1, 1, 1, 'answered', ?, ?)",
            (delivery, status, verdict),
        )


@pytest.mark.slow
def test_responses_are_compared_with_the_baseline(folder: Path) -> None:
    """The first live response, however often it is replayed; twice the same, in words and as JSON."""
    with backend(replies(*["200", "500", "200"] * 2)) as there:
        for number, status in ((1, 500), (2, 200), (2, 503), (3, 200)):
            target = "http://localhost:1" if number == 3 else there.url
            live_response(folder, number, target, status)
        to = ("replay", "1..3", "--to", there.url, "--yes", "--expect", "recorded")
        said = command(folder, *to, code=3)
        assert "; fixed: 500 before\n" in said
        assert "; regressed: 200 before\n" in said
        assert "; unchanged: 200 before, from http://localhost:1, as this target has no live response" in said
        assert "lean-relay: compared with the baseline: 1 fixed, 1 regressed, 1 unchanged" in said
        assert "1 of 3 responses are not as expected (recorded): 2" in said
        lines = [json.loads(line) for line in command(folder, *to, "--json", code=3).splitlines()[:4]]
    assert [line["comparison"] for line in lines[:3]] == ["fixed", "regressed", "unchanged"]
    assert [line["baseline_id"] for line in lines[:3]] == [1, 2, 4]
    assert [line["as_expected"] for line in lines[:3]] == [True, False, True]
    assert lines[3]["comparisons"] == {
        "fixed": 1, "regressed": 1, "still-failing": 0, "unchanged": 1, "no-baseline": 0
    }  # fmt: skip
    assert "attempt 1 (baseline)" in command(folder, "show", "2", "--attempts")


@pytest.mark.slow
def test_a_pinned_response_is_the_baseline(folder: Path) -> None:
    """Without one it is 3; `--pin` makes one, which goes before the first live one, and can be replaced."""
    with backend(replies("200", "503", "503", "200")) as there:
        to = ("replay", "1", "--to", there.url)
        assert "; no baseline: " in command(folder, *to, "--expect", "recorded", code=3)
        live_response(folder, 1, there.url, 200)
        command(folder, *to, "--pin")
        said = command(folder, *to, "--expect", "recorded")
        assert "; still failing: 503 before, pinned\n" in said
        assert "attempt 1 (baseline, pinned)" in command(folder, "show", "1", "--attempts")
        command(folder, *to, "--pin")
    with closing(sqlite3.connect(folder / "relay.db")) as log:
        assert log.execute("SELECT * FROM baselines").fetchall() == [(1, there.url, 5, 1)]
    assert "--pin: a new baseline" in command(folder, *to, "--pin", "--expect", "recorded", code=2)
    assert "--dry-run and --pin exclude" in command(folder, *to, "--pin", "--dry-run", code=2)


@pytest.mark.slow
def test_nothing_hostile_reaches_the_terminal(folder: Path) -> None:
    """Neither from a capture nor from what a backend says, in lines, in words of an error or in a dry run."""
    hostile = "\x1b]0;x\x07\u202e"
    with closing(sqlite3.connect(folder / "relay.db")) as log, log:
        log.execute("UPDATE captures SET event_type = ?, target = ? WHERE id = 1", (hostile, "/\x1b[2J"))
        log.execute("UPDATE captures SET event_type = NULL, target = ? WHERE id = 2", ("/\x9b2J",))
    with backend(answers(b"\x1b[2J no HTTP")) as there:
        to = ("--to", f":{there.port}")
        for words in (("replay", "1..2", "--yes", *to), ("replay", "1", *to, "--expect", "200")):
            done = lean_relay(folder, *words, "--db", str(folder / "relay.db"))
            assert done.stdout
            assert not set(done.stdout + done.stderr) & set("\x1b\x07\x9b\u202e")
    said = command(folder, "replay", "1", "--to", ":1", "--set", "a\x1b[2J=1", code=2)
    assert "\x1b" not in said


def test_a_target_that_is_not_there_is_5(folder: Path) -> None:
    """After one try, with what was not sent in the last line."""
    port = free_port()
    said = command(folder, "replay", "1..3", "--yes", "--to", f":{port}", code=5)
    assert f"1 payment.updated -> nothing listens on port {port}" in said
    assert "0 delivered, 1 not, 2 left" in said
    assert f"[unreachable] could not reach http://localhost:{port}: nothing listens" in said


@pytest.mark.slow
def test_a_changed_value_and_a_signature(folder: Path, there: Backend) -> None:
    """Without --resign it is said that the signature will not verify; with it, it does; other bytes stay."""
    change = ("--to", f":{there.port}", "--set", "payload.amount=1.10")
    warned = "the body is changed but not signed again, so the signature will not verify; use --resign"
    assert warned in command(folder, "replay", "1", *change)
    assert "will not verify" not in command(folder, "replay", "1", *change, "--resign")
    changed = BODY.replace(b"100.50", b"1.10")
    assert bodies(there) == [changed] * 2
    assert [sent for _, _, sent in attempts(folder)] == [changed] * 2
    stale, fresh = there.requests
    assert sign(changed, SECRET.encode()).encode() not in stale
    assert b"lean-signature: " + sign(changed, SECRET.encode()).encode() in fresh
    shown = command(folder, "show", "1", "--attempts")
    assert '\n  sent:     "amount": 1.10,\n' in shown


@pytest.mark.slow
def test_a_dry_run_sends_nothing(folder: Path, there: Backend) -> None:
    """It prints the very request, secrets masked unless revealed; with --json as a line."""
    words = (
        "replay",
        "1..2",
        "--to",
        f":{there.port}",
        "--dry-run",
        "--header",
        "A: b",
        "--set",
        "message=x",
    )
    said = command(folder, *words)
    assert said.count("POST /webhooks/lean HTTP/1.1") == 2
    assert "}\n\nPOST /webhooks/lean" in said
    assert "Authorization: <masked, 8 bytes>" in said
    assert "A: b\n" in said.replace("\r", "")
    assert '"message":"x"' in said
    assert f"capture 2 would go to http://localhost:{there.port} as:" in said
    assert "Bearer x" in command(folder, *words, "--reveal")
    lines = [json.loads(line) for line in command(folder, *words, "--json").splitlines()[:2]]
    assert [(line["kind"], line["capture_id"], line["signature_is_stale"]) for line in lines] == [
        ("request", 1, True),
        ("request", 2, True),
    ]
    assert there.requests == []
    assert attempts(folder) == []


def with_secret(folder: Path) -> dict[str, Any]:
    """Captures that a configured secret signed: the environment that has it."""
    with closing(sqlite3.connect(folder / "relay.db")) as log, log:
        log.execute("UPDATE captures SET signature = 'valid', signed_by = 'default'")
    return {"LEAN_WEBHOOK_SECRET": SECRET}


@pytest.mark.slow
def test_fresh_ids(folder: Path, there: Backend) -> None:
    """New for the backend, the same in one run, and signed again; the rest of the body is kept."""
    env = with_secret(folder)
    to = ("--to", f":{there.port}", "--yes", "--fresh-ids")
    said = command(folder, "replay", "1..2", *to, **env)
    assert "1 payment.updated edited -> 200" in said
    assert "signatures" not in said
    first, second = bodies(there)
    assert first == second != BODY
    event, old = json.loads(first), json.loads(BODY)
    assert event["payload"] == old["payload"]
    assert event["event_id"] != old["event_id"]
    assert sign(first, SECRET.encode()).encode() in there.requests[0]
    assert abs(datetime.fromisoformat(event["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=1)
    command(folder, "replay", "1", *to[:-1], "--fresh-payload-ids", **env)
    third = json.loads(bodies(there)[2])
    assert third["payload"]["id"] != old["payload"]["id"]
    assert third["event_id"] not in (event["event_id"], old["event_id"])


@pytest.mark.slow
def test_what_fresh_ids_cannot_do_is_said(folder: Path, there: Backend) -> None:
    """A signature whose secret is not there, and a webhook without an event_id."""
    with closing(sqlite3.connect(folder / "relay.db")) as log, log:
        log.execute("UPDATE captures SET event_id = NULL, body = x'613d31' WHERE id = 2")
    said = command(folder, "replay", "1..2", "--to", f":{there.port}", "--yes", "--fresh-ids")
    assert "1 of 2 webhooks have no event_id, so they get no new one" in said
    assert "2 of 2 webhooks are signed with a secret that is not configured" in said
    assert bodies(there)[1] == b"a=1"


@pytest.mark.slow
def test_repeats_alone_prove_nothing(folder: Path, there: Backend) -> None:
    """Said where the target has answered 200 to all of it before, until ids are fresh."""
    to = ("replay", "1..2", "--to", f":{there.port}", "--yes")
    words = "all bodies are repeats of what this target answered 200 to before; a backend that dedupes"
    command(folder, "replay", "1", *to[2:])
    assert words not in command(folder, *to)
    assert words in command(folder, *to)
    assert words not in command(folder, *to, "--set", "payload.amount=1.10")
    assert words not in command(folder, *to, "--fresh-ids")
    assert "the body is a repeat of what" in command(folder, "replay", "1", *to[2:])


def test_another_method_and_path(folder: Path, there: Backend) -> None:
    """Both go before the webhook's own, and the path before that of the target."""
    to = ("--to", f":{there.port}/hook", "--method", "PUT", "--path", "/new?a=1")
    command(folder, "replay", "1", *to)
    assert there.requests[0].startswith(b"PUT /new?a=1 HTTP/1.1\r\n")


def test_help_is_in_groups() -> None:
    """Each option of the command stands under one heading."""
    context = click.Context(replay_command, info_name="replay")
    shown = replay_command.get_help(context)
    at = [shown.index(f"\n{heading}:\n") for heading in ("Which", "How", "Where", "Check", "Options")]
    assert at == sorted(at)
    for parameter in replay_command.get_params(context):
        if isinstance(parameter, click.Option):
            assert len(re.findall(rf"^  (?:-\w, )?{parameter.opts[-1]}\b(?!-)", shown, re.MULTILINE)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("beside_an_engine", [False, True])
def test_interrupted_it_ends_what_it_began(folder: Path, number: int, beside_an_engine: bool) -> None:
    """130 soon, and no delivery looks as if it were still to come, whoever sent."""

    def behave(there: Backend, wire: Wire) -> None:
        there.take(wire)
        wire.hang()

    def interrupt(there: Backend) -> str:
        arguments = ("replay", "1..3", "--yes", "--to", f":{there.port}", "--db", str(folder / "relay.db"))
        with Process(
            [sys.executable, *RELAY, *arguments],
            cwd=working_folder(folder),
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            wait_until(lambda: there.requests, "the first request")
            process.send_signal(number)
            _, said = process.communicate(timeout=20)
            assert process.returncode == 130, said
        return said

    with backend(behave) as there:
        if beside_an_engine:
            with running(folder):
                said = interrupt(there)
        else:
            said = interrupt(there)
    assert "lean-relay: 3 deliveries in " in said
    assert "0 delivered, 3 left" in said
    with closing(sqlite3.connect(folder / "relay.db")) as log:
        assert log.execute("SELECT state, reason FROM deliveries ORDER BY id").fetchall() == [
            ("ended", "interrupted: cancelled"),
            ("ended", "not sent: cancelled"),
            ("ended", "not sent: cancelled"),
        ]
    assert len(there.requests) == 1
