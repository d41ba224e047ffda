"""`verify`: captures and files, checked with the secrets of now."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from relay.cli import run
from relay.lean.signature import sign
from relay.models import Attempt, Capture, Signature
from relay.store.read.reader import Reader
from tests.support.factories import (
    BODY,
    NOON,
    a_capture,
    a_delivery,
    insert,
    insert_all,
    insert_attempt,
    new_log,
)

Output = pytest.CaptureFixture[str]
SECRET = b"whk-test-4f7b2d90c1"


def signed(id: int, value: str | None, **changes: Any) -> Capture:
    headers = (("Host", "localhost"),) if value is None else (("Lean-Signature", value),)
    return a_capture(id, headers=headers, **changes)


RIGHT = sign(BODY, SECRET)
CAPTURES = (
    signed(1, RIGHT, signature=Signature.VALID, signed_by="default"),
    signed(2, RIGHT, signature=Signature.UNCHECKED),
    signed(3, sign(BODY, b"other"), signature=Signature.VALID, signed_by="old"),
    signed(4, None, signature=Signature.MISSING),
    signed(5, RIGHT.upper(), signature=Signature.MALFORMED),
    signed(6, sign(b"\xff", SECRET), body=b"\xff\n", signature=Signature.INVALID),
)


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log with one capture of each kind, and the secret of now in the environment."""
    monkeypatch.setenv("LEAN_WEBHOOK_SECRET", SECRET.decode())
    path = tmp_path / "relay.db"
    connection = new_log(path)
    insert_all(connection, CAPTURES)
    connection.close()
    return path


def verify(db: Path, *arguments: str) -> int:
    return run(["verify", *arguments, "--db", str(db)])


def stored(db: Path) -> Sequence[tuple[Signature, str | None]]:
    with Reader(db) as reader:
        return [(capture.signature, capture.signed_by) for capture in reader.captures(range(1, 7))]


def test_a_line_for_each(db: Path, capsys: Output) -> None:
    """Each capture has its line, with the reason where it is not valid and what the log says otherwise."""
    assert verify(db, "1..") == 3
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[:2] == [
        "1 payment.updated valid by default",
        "2 payment.updated valid by default (stored as unchecked)",
    ]
    assert lines[2].startswith("3 payment.updated invalid (stored as valid by old): none of the usual causes")
    assert lines[3].startswith("4 payment.updated missing: it has no lean-signature header; Lean sends one")
    assert "malformed: it begins with SHA512" in lines[4]
    assert (
        "6 POST /webhooks/lean invalid: it is correct for default over the body without its final" in lines[5]
    )
    assert "[signature] not valid: 4 of 6" in printed.err
    assert "the stored state of 2 of them differs; --save" in printed.err


def test_all_valid_is_exit_0(db: Path, capsys: Output) -> None:
    """Where each is valid nothing is complained about."""
    assert verify(db, "1") == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("1 payment.updated valid by default\n", "")


def test_a_filter_selects(db: Path, capsys: Output) -> None:
    """A filter over what is stored chooses what is checked."""
    assert verify(db, "sig:unchecked") == 0
    assert capsys.readouterr().out.startswith("2 payment.updated valid")
    assert verify(db, "-sig:valid", "-sig:missing", "-sig:malformed", "-sig:invalid") == 0
    assert capsys.readouterr().out.startswith("2 payment.updated valid")


def test_save_writes_what_changed(db: Path, capsys: Output) -> None:
    """--save makes the log say the same, and a second time there is nothing left to change."""
    assert verify(db, "1..", "--save") == 3
    assert "updated in the database: 2" in capsys.readouterr().err
    assert stored(db) == [
        (Signature.VALID, "default"),
        (Signature.VALID, "default"),
        (Signature.INVALID, None),
        (Signature.MISSING, None),
        (Signature.MALFORMED, None),
        (Signature.INVALID, None),
    ]
    assert verify(db, "1..", "--save") == 3
    assert "updated in the database: 0" in capsys.readouterr().err


def test_without_save_nothing_is_written(db: Path) -> None:
    """Checking alone leaves the log as it was."""
    before = stored(db)
    assert verify(db, "1..") == 3
    assert stored(db) == before


def test_json(db: Path, capsys: Output) -> None:
    """With --json each line is an object with both judgements."""
    assert verify(db, "2..3", "--json") == 3
    second, third, error = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (error["kind"], error["word"], error["exit"]) == ("error", "signature", 3)
    assert second == {
        "kind": "verification",
        "id": 2,
        "name": "payment.updated",
        "signature": "valid",
        "signed_by": "default",
        "reason": None,
        "stored_signature": "unchecked",
        "stored_signed_by": None,
    }
    assert (third["signature"], third["stored_signed_by"]) == ("invalid", "old")
    assert third["reason"]


def test_a_file(db: Path, tmp_path: Path, capsys: Output) -> None:
    """A file's bytes are checked against a value, without a log."""
    file = tmp_path / "body"
    file.write_bytes(b"\x00\xff body")
    value = sign(file.read_bytes(), SECRET)
    nowhere = tmp_path / "none.db"
    assert verify(nowhere, str(file), "--signature", value) == 0
    assert capsys.readouterr().out == f"{file} valid by default\n"
    assert verify(nowhere, str(file), "--signature", value.upper()) == 3
    assert "malformed: it begins with SHA512" in capsys.readouterr().out
    assert verify(nowhere, str(tmp_path / "gone"), "--signature", value) == 4
    assert "No such file" in capsys.readouterr().err
    assert not nowhere.exists()
    assert verify(db, str(file)) == 2
    assert "as --signature VALUE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "verify needs a SELECTION"),
        (["sig:"], 2, "sig"),
        (["99"], 4, "99"),
        (["a", "b", "--signature", "x"], 2, "one FILE"),
        (["a", "--signature", "x", "--save"], 2, "one FILE"),
    ],
)
def test_wrong_usage(db: Path, arguments: list[str], code: int, words: str, capsys: Output) -> None:
    """What cannot be meant, or is not there, is said with its own exit code."""
    assert verify(db, *arguments) == code
    assert words in capsys.readouterr().err


def test_without_a_secret(db: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """Without a secret there is nothing to check with, which is wrong usage and no check that failed."""
    monkeypatch.delenv("LEAN_WEBHOOK_SECRET")
    assert verify(db, "1") == 2
    assert "no webhook secret is configured" in capsys.readouterr().err


def test_a_copied_log_entry_is_told_apart(db: Path, tmp_path: Path, capsys: Output) -> None:
    """An entry of Lean's own log is recognised, with or without a value to check, and cannot be checked."""
    path = tmp_path / "entry.json"
    path.write_bytes(b'{"webhook_message_id":"2","event_type":"payment.updated","request":' + BODY + b"}")
    for arguments in ([str(path)], [str(path), "--signature", RIGHT]):
        assert verify(db, *arguments) == 3
        out = capsys.readouterr().out
        assert f"{path} payment.updated unchecked: it is an entry of Lean's webhook log" in out
        assert "no signature can be checked" in out


def test_attempts(db: Path, capsys: Output) -> None:
    """What reached a backend is checked too, and a refusal is held against usual mistakes of receivers."""
    connection = sqlite3.connect(db, isolation_level=None)
    judged = {"signature": Signature.VALID, "signed_by": "default"}
    insert(connection, signed(7, RIGHT, deliveries=(a_delivery(1, attempts=0),), **judged))
    for number, (status, body) in enumerate([(200, None), (401, None), (401, BODY + b" "), (None, None)], 1):
        insert_attempt(
            connection,
            Attempt(
                id=number,
                delivery_id=1,
                capture_id=7,
                target="http://localhost:3000",
                kind="live",
                number=number,
                started_at=NOON,
                elapsed_ms=1.0,
                outcome="answered" if status else "refused",
                status=status,
                sent_body=body,
            ),
        )
    connection.close()
    assert verify(db, "7", "--attempts") == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "7 payment.updated valid by default"
    assert (
        lines[1].strip().startswith("attempt 1 to http://localhost:3000, 200: as received, valid by default")
    )
    assert "as received, valid by default; 401 would be explained if" in lines[2]
    assert "it parses and serialises the JSON" in lines[3]
    # The same backend took this signature before, so what would make it refuse everything is ruled out.
    assert "attempt 3" in lines[4]
    edited = next(line for line in lines if "edited" in line)
    assert "does not verify" in edited
    assert verify(db, "7", "--attempts", "--json") == 3
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert kinds == ["verification", *["attempt_verification"] * 4, "error"]


def test_a_signature_of_another_capture_of_the_event(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that was written anew under the same signature is told from a wrong secret."""
    monkeypatch.setenv("LEAN_WEBHOOK_SECRET", SECRET.decode())
    path = tmp_path / "relay.db"
    connection = new_log(path)
    headers = (("lean-signature", sign(BODY, SECRET)),)
    again = json.dumps(json.loads(BODY) | {"more": 1}).encode()
    event = a_capture(1).event
    captures = [a_capture(1, headers=headers), a_capture(2, headers=headers, body=again, event=event)]
    insert_all(connection, captures)
    connection.close()
    assert verify(path, "2") == 3
    assert "correct for default over the bytes of capture 1, which reports the same event" in (
        capsys.readouterr().out
    )
