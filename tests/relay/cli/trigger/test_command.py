"""`trigger` as a command: what it prints, where it posts, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from relay.cli import run
from relay.control.lock import Holder, Lock
from relay.lean.catalogue import catalogue
from relay.lean.signature import Verifier
from relay.models import Signature

Output = pytest.CaptureFixture[str]


class Backend:
    """A server in a thread that answers with the statuses given, the last one again and again."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append(
            ({name.lower(): value for name, value in request.headers.items()}, await request.read())
        )
        return web.Response(status=self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0])

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]


@contextmanager
def serving(*statuses: int) -> Iterator[Backend]:
    backend = Backend(*statuses)
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def serve(stop: asyncio.Event) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", backend.take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        backend.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await stop.wait()
        await runner.cleanup()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(stop),))
    thread.start()
    try:
        assert ready.wait(10)
        yield backend
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@contextmanager
def engine_at(db: Path, url: str | None) -> Iterator[None]:
    """The database held as by an engine that takes webhooks at `url`."""
    lock = Lock.take(db)
    lock.describe(Holder(pid=os.getpid(), started_at=0.0, url=url))
    try:
        yield
    finally:
        lock.release()


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The one webhook secret, from the environment."""
    monkeypatch.setenv("LEAN_WEBHOOK_SECRET", "whk-test-4f7b2d90c1")
    return b"whk-test-4f7b2d90c1"


@pytest.mark.usefixtures("secret")
def test_it_posts_to_the_running_engine(secret: bytes, tmp_path: Path, capsys: Output) -> None:
    """Without --to the webhook goes, signed, where the database's engine listens."""
    db = tmp_path / "relay.db"
    with serving(200) as backend, engine_at(db, backend.url):
        assert run(["trigger", "payment.updated", "--db", str(db)]) == 0
    [(headers, body)] = backend.requests
    value = headers["lean-signature"].encode()
    assert Verifier({"default": secret}).check([value], body) == (Signature.VALID, "default")
    assert headers["x-lean-relay-sample"] == "1"
    printed = capsys.readouterr()
    event = backend.events[0]
    assert printed.out.startswith(f"payment.updated {event['event_id']} relay took it: 200 in ")
    assert printed.err == ""


def test_without_an_engine(tmp_path: Path, capsys: Output) -> None:
    """No engine: exit 5 with the command that starts one."""
    assert run(["trigger", "payment.updated", "--db", str(tmp_path / "relay.db")]) == 5
    printed = capsys.readouterr()
    assert "[no-engine]" in printed.err
    assert " listen`, or post elsewhere with --to" in printed.err
    assert printed.out == ""


def test_an_engine_without_a_receiver(tmp_path: Path, capsys: Output) -> None:
    """An engine that takes no webhooks is named by its pid, and the exit is 5."""
    db = tmp_path / "relay.db"
    with engine_at(db, None):
        assert run(["trigger", "payment.updated", "--db", str(db)]) == 5
    assert "[no-receiver]" in (words := capsys.readouterr().err)
    assert f"pid {os.getpid()}" in words


def test_an_engine_that_answers_otherwise(tmp_path: Path, capsys: Output) -> None:
    """Answers other than 200 end it with exit 1, and say how many."""
    db = tmp_path / "relay.db"
    with serving(503, 200) as backend, engine_at(db, backend.url):
        assert run(["trigger", "payment.updated", "--count", "2", "--db", str(db)]) == 1
    printed = capsys.readouterr()
    assert " relay answered 503 in " in printed.out
    assert "Lean would try again in 1 min" in printed.out
    assert "[not-delivered] 1 of 2 got no 200" in printed.err


def test_to_a_backend_it_says_what_lean_would_conclude(capsys: Output) -> None:
    """With --to nothing is recorded, which is said, and each answer has Lean's conclusion."""
    with serving(200, 201) as backend:
        assert run(["trigger", "payment.updated", "--count", "2", "--to", backend.url]) == 1
    printed = capsys.readouterr()
    first, second = printed.out.splitlines()
    assert first.endswith(": Lean would count this as delivered")
    assert "-> 201 in " in second
    assert second.endswith("(201 is not 200, and Lean documents only 200; respond with exactly 200)")
    assert "nothing is stored" in printed.err


def test_without_a_secret_it_says_so(capsys: Output) -> None:
    """Unsigned posts carry no signature, and stderr says why."""
    with serving(200) as backend:
        assert run(["trigger", "payment.updated", "--to", backend.url]) == 0
    assert "lean-signature" not in backend.requests[0][0]
    assert "not signed; set LEAN_WEBHOOK_SECRET" in capsys.readouterr().err


def test_secrets_are_chosen_by_name(tmp_path: Path, capsys: Output) -> None:
    """Of several secrets sandbox signs unless another is named, and an unknown name is wrong usage."""
    settings = tmp_path / "lean-relay.toml"
    names = ("production", "sandbox")
    settings.write_text("[secrets]\n" + "\n".join(f'{name} = {{ file = "{name}" }}' for name in names))
    for name in names:
        (tmp_path / name).write_text(f"of {name}\n")
        (tmp_path / name).chmod(0o600)
    verifier = Verifier({name: f"of {name}".encode() for name in names})
    with serving(200) as backend:
        common = ["trigger", "results.ready", "--config", str(settings), "--to", backend.url]
        assert run(common) == 0
        assert "signing with sandbox" in capsys.readouterr().err
        assert run([*common, "--sign-with", "production"]) == 0
        assert "signing with" not in capsys.readouterr().err
        assert run([*common, "--sign-with", "prod"]) == 2
        assert "no secret called 'prod' is configured; there are" in capsys.readouterr().err
    found = [
        verifier.check([headers["lean-signature"].encode()], body)[1] for headers, body in backend.requests
    ]
    assert found == ["sandbox", "production"]


@pytest.mark.usefixtures("secret")
def test_json_has_one_line_a_post(capsys: Output) -> None:
    """With --json stdout has an object for each post, and nothing else."""
    with serving(200) as backend:
        assert run(["trigger", "payment.updated", "--count", "3", "--to", backend.url, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event_id"] for line in lines] == [event["event_id"] for event in backend.events]
    assert {(line["kind"], line["status"], line["verdict"], line["signed_with"]) for line in lines} == {
        ("post", 200, "delivered", "default")
    }


@pytest.mark.usefixtures("secret")
def test_several_types_belong_together() -> None:
    """Types of one run share their ids, round by round."""
    with serving(200) as backend:
        types = ["payment.created", "payment.updated"]
        assert run(["trigger", *types, "--count", "2", "--rate", "200", "--to", backend.url]) == 0
    events = sorted(backend.events, key=lambda event: str(event["timestamp"])[:26])
    assert sorted(event["type"] for event in events) == sorted(types * 2)
    by_id: dict[str, list[str]] = {}
    for event in events:
        by_id.setdefault(event["payload"]["id"], []).append(event["payload"]["status"])
    assert list(by_id.values()) == [["PENDING_WITH_BANK", "ACCEPTED_BY_BANK"]] * 2


@pytest.mark.usefixtures("secret")
def test_changes_and_region_reach_the_body() -> None:
    """--set and --region decide what is sent, digits included."""
    with serving(200) as backend:
        changes = ["--set", "payload.status=FAILED", "--set", "payload.amount=100.00"]
        arguments = ["trigger", "payment.updated", "--to", backend.url, "--region", "ksa", *changes]
        assert run(arguments) == 0
    body = backend.requests[0][1]
    assert b'"status":"FAILED","amount":100.00,"currency":"SAR"' in body


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "needs a TYPE"),
        (["payment.update"], "did you mean payment.updated"),
        (["payment.updated", "--set", "payload.statu=FAILED"], "did you mean payload.status"),
        (["payment.updated", "--set", "payload.status"], "is not a valid PATH=VALUE"),
        (
            ["results.ready", "payment.updated", "--set", "payload.amount=1"],
            "this event has no payload.amount",
        ),
        (["payment.updated", "--to", "example.com"], "did you mean https://example.com?"),
        (["payment.updated", "--count", "0"], "--count"),
        (["payment.updated", "--rate", "0"], "--rate"),
        (["payment.updated", "--region", "EU"], "--region"),
        (["payment.updated", "--sign-with", "x"], "no secret called 'x'"),
    ],
)
def test_wrong_usage_sends_nothing(arguments: list[str], words: str, tmp_path: Path, capsys: Output) -> None:
    """A wrong type, path, target or number is exit 2 before anything is sent."""
    db = tmp_path / "relay.db"
    with serving(200) as backend, engine_at(db, backend.url):
        assert run(["trigger", *arguments, "--db", str(db)]) == 2
    assert backend.requests == []
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.out == ""


def test_a_backend_that_is_not_there(capsys: Output) -> None:
    """A port on which nothing listens is exit 5, by its number."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert run(["trigger", "payment.updated", "--to", f"127.0.0.1:{port}"]) == 5
    assert f"[unreachable] nothing listens on port {port}" in capsys.readouterr().err


def test_a_sample_that_is_not_as_leans_says_so_once(capsys: Output) -> None:
    """What is not known of a type is said on stderr, once for many."""
    with serving(200) as backend:
        assert run(["trigger", "bulk_payment_intent.created", "--count", "3", "--to", backend.url]) == 0
    assert capsys.readouterr().err.count("the payload is not known, so it is empty") == 1


def test_the_list_has_every_type(capsys: Output) -> None:
    """--list prints each type with regions and confidence, without settings or an engine."""
    assert run(["trigger", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [event.type for event in catalogue().events]
    [line] = [line for line in lines if line.startswith("consent.status.updated ")]
    assert line.split()[1:6] == ["UAE", "seen", "only", "in", "public"]
    assert run(["trigger", "--list", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["kind"] for event in events} == {"event_type"}
    assert {event["confidence"] for event in events} == {"documented", "code"}


def test_types_are_completed() -> None:
    """A shell is offered the types that begin so."""
    from relay.cli.trigger.command import trigger_command

    offered = trigger_command.params[0].shell_complete(None, "payment_intent.")  # type: ignore[arg-type]
    assert [item.value for item in offered] == ["payment_intent.created", "payment_intent.expired"]


def test_explain_tells_what_is_known_and_how_well(capsys: Output) -> None:
    """Fields, values, example and sources of a type, with the confidence of each; nothing is posted."""
    assert run(["trigger", "consent.status.updated", "payment.updated", "--explain"]) == 0
    out = capsys.readouterr().out
    assert "seen only in public code" in out
    assert "https://docs.leantech.me/docs/consent-lifecycle" in out
    assert "PENDING_WITH_BANK, ACCEPTED_BY_BANK" in out
    assert '"type": "payment.updated"' in out


def test_explain_as_json(capsys: Output) -> None:
    """One line per type, with the schema, the fields and an example of a region where Lean sends it."""
    name = "iban_account_verification.bank.availability.updated"
    assert run(["trigger", name, "--explain", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["kind"] == "event_type_details"
    assert line["schema"]["properties"]["type"]["const"] == name
    assert line["example_note"] is None
    assert {row["path"] for row in line["fields"]} >= {"type", "payload.availability.global"}


def test_explain_of_an_unknown_type(capsys: Output) -> None:
    """A name that is nearly right is a usage error with the right one."""
    assert run(["trigger", "payment.update", "--explain"]) == 2
    assert "did you mean payment.updated" in capsys.readouterr().err
