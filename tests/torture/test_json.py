"""Bodies that are JSON, nearly JSON or odd: stored, shown, filtered, exported and sent as they came."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.backends import answers, backend, bodies
from tests.support.commands import body_of
from tests.support.lean_requests import a_request
from tests.support.program import connect, lean_relay, read_reply, reading, running
from tests.torture.json_bodies import NUMBERS, json_bodies
from tests.torture.totals import Part, rounds

FILTERS = (
    "body:amount",
    "type:payment",
    "size:1k..",
    "shape:not-json",
    "body:\\u0000",
    "not:event:n",
    "é OR 1e400",
)


def test_bodies(tmp_path: Path, part: Part) -> None:
    """Each is answered 200, and no view of it fails; wherever it goes, its bytes are the same."""
    sent = list(json_bodies(rounds(300)))
    wrong: list[str] = []
    with running(tmp_path) as program, connect(program.port) as connection:
        for body in sent:
            connection.sendall(a_request(body))
            reply = read_reply(connection)
            assert reply is not None
            if reply.status != 200:
                wrong.append(f"answered {reply.status}: {body[:80]!r}")
        with reading(program.db) as log:
            stored = [bytes(body) for (body,) in log.execute("SELECT body FROM captures ORDER BY id")]
        assert "Traceback" not in program.said
        assert program.stop() == 0
    wrong += differences("stored", sent, stored)
    db = ("--db", str(tmp_path / "relay.db"))
    listed = lean_relay(tmp_path, "list", "--all", "--json", *db)
    wrong += differences("listed", sent, [body_of(json.loads(line)) for line in listed.stdout.splitlines()])
    for each in FILTERS:
        found = lean_relay(tmp_path, "list", "--all", each, *db)
        if found.returncode not in (0, 4) or "Traceback" in found.stderr:
            wrong.append(f"{each} ends with {found.returncode}: {found.stderr[-300:]}")
    shown = lean_relay(tmp_path, "show", "1..", *db)
    if shown.returncode or "Traceback" in shown.stderr:
        wrong.append(f"show ends with {shown.returncode}: {shown.stderr[-300:]}")
    wrong += [f"shown with other digits: {number[:80]}" for number in NUMBERS if number not in shown.stdout]
    file, copy = tmp_path / "all.ndjson", tmp_path / "copy.db"
    for command in (("export", "-o", str(file), "--reveal", *db), ("import", str(file), "--db", str(copy))):
        done = lean_relay(tmp_path, *command)
        assert done.returncode == 0, done.stderr
    with reading(copy) as log:
        imported = [bytes(body) for (body,) in log.execute("SELECT body FROM captures ORDER BY id")]
    wrong += differences("exported and imported", sent, imported)
    with backend(answers()) as there:
        done = lean_relay(tmp_path, "replay", "1..", "--yes", "--to", there.url, *db)
        assert done.returncode == 0, done.stderr
        came = bodies(there)
    wrong += differences("replayed", sent, came)
    part.count(len(sent), len(wrong))
    part.say(*wrong[:20])
    assert not wrong


def differences(where: str, sent: list[bytes], found: list[bytes]) -> list[str]:
    """Each body that is another one there."""
    if len(found) != len(sent):
        return [f"{where}: {len(found)} of {len(sent)}"]
    return [f"{where}: {b[:80]!r} for {a[:80]!r}" for a, b in zip(sent, found, strict=True) if a != b]
