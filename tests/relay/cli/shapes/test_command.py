"""`shapes`: what is told, what is written, and how it ends."""

from __future__ import annotations

import json
import random
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from relay.analysis.shape_summary import REHEARSAL_TYPE
from relay.cli import run
from relay.cli.shapes import command
from relay.config import Settings
from relay.engine import engine
from relay.lean.catalogue import catalogue
from relay.models import Event, Shape
from relay.rehearsal.samples import of_each_type
from relay.store.read.reader import Reader
from tests.support.factories import BODY, NOON, a_capture, insert_all, new_log

Output = pytest.CaptureFixture[str]
DRIFTING = BODY.replace(b"100.50", b'"100.50"')
RECORD = (
    b'{"id":"1","webhook_message_id":"2","status":"OK","event_type":"payment.updated",'
    b'"timestamp":"2026-05-01T00:00:00Z","request":' + BODY + b',"response":null}'
)


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of two payments, one of which drifts, something unknown and something that is no JSON."""
    path = tmp_path / "relay.db"
    monkeypatch.setenv("LEAN_RELAY_DB", str(path))
    bodies = [
        BODY,
        DRIFTING,
        b'{"type":"refund.created","payload":{"\x1b[31m":1}}'.replace(b"\x1b", b"\\u001b"),
        b"\xff",
    ]
    with closing(new_log(path)) as connection:
        insert_all(
            connection,
            [
                a_capture(
                    number, body=body, event=Event(type=json.loads(body)["type"]) if number < 4 else None
                )
                for number, body in enumerate(bodies, 1)
            ],
        )
    return path


def shapes(*arguments: str) -> int:
    return run(["shapes", *arguments])


def lines(capsys: Output) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_type_is_told(db: Path, capsys: Output) -> None:
    """How many, how often each field was there, and a hand-made drift named; hostile keys are safe."""
    assert shapes() == 0
    out = capsys.readouterr().out
    assert "payment.updated: 2 events" in out
    assert "1 documented, 1 drift" in out
    assert 'warning  payload.amount: number is documented; got string "100.50" (1 of 2, first in 2)' in out
    assert "PENDING_WITH_BANK x2" in out
    assert "refund.created: 1 event" in out
    assert "bodies without a type: 1 event" in out
    assert "\x1b" not in out


def test_a_selection_and_json(db: Path, capsys: Output) -> None:
    """Words are a selection, in front of and behind options; negated ones too."""
    assert shapes("--json", "type:payment") == 0
    [line] = lines(capsys)
    assert (line["kind"], line["type"], line["count"]) == ("type_seen", "payment.updated", 2)
    assert shapes("-type:payment", "--json") == 0
    assert [line["type"] for line in lines(capsys)] == ["refund.created", None]
    assert shapes("body:nowhere") == 4
    assert shapes("99") == 4


def test_files_and_what_they_are(db: Path, tmp_path: Path, capsys: Output) -> None:
    """A body, an entry of Lean's own log and lines of them; of a log entry it is said what it cannot tell."""
    path = tmp_path / "event.json"
    path.write_bytes(DRIFTING)
    assert shapes(str(path), "--json") == 0
    [line] = lines(capsys)
    assert line["differences"][0]["first_in"] == str(path)
    path.write_bytes(RECORD + b"\n" + RECORD)
    assert shapes(str(path)) == 0
    said = capsys.readouterr()
    assert "payment.updated: 2 events, 2 documented" in said.out
    assert "an entry of Lean's webhook log" in said.err
    assert "no signature can be checked; its shape can" in said.err
    assert shapes(str(path), "type:payment") == 2
    assert "not both" in capsys.readouterr().err
    assert shapes("missing.json") == 4


def test_freeze_and_check(db: Path, tmp_path: Path, capsys: Output) -> None:
    """What was frozen holds for what it was frozen from, and a drift from it ends with 3 and names itself."""
    contract, junit = str(tmp_path / "contract.json"), tmp_path / "report.xml"
    assert shapes("freeze", "1", "-o", contract) == 0
    assert "1 types, from 1 events" in capsys.readouterr().err
    assert shapes("check", "--against", contract, "1") == 0
    assert capsys.readouterr().out == "payment.updated: 1 checked, 0 drifted\n"
    assert shapes("check", "--against", contract, "--junit", str(junit)) == 3
    said = capsys.readouterr()
    assert 'warning  payload.amount: number is in the contract; got string "100.50" (1 of 2' in said.out
    assert "[shape] drifted" in said.err
    suite = ElementTree.parse(junit).getroot()
    assert suite.attrib["failures"] == "1"
    [failure] = suite.findall("testcase/failure")
    assert "payload.amount" in (failure.text or "")
    assert len(suite.findall("testcase/skipped")) == 2
    assert shapes("check", "--against", contract, "--json", "2") == 3
    assert [line["kind"] for line in lines(capsys)] == ["checked", "shape_difference", "error"]


def test_a_contract_leaves_out_the_type_that_a_rehearsal_makes_up(
    db: Path, tmp_path: Path, capsys: Output
) -> None:
    """Lean has no such type. The samples of Lean's own types are in the contract."""
    made = of_each_type(random.Random(1), lambda: NOON)
    path = tmp_path / "rehearsed.ndjson"
    path.write_bytes(b"\n".join(each.body for each in made))
    assert shapes("freeze", str(path), "--json") == 0
    [line] = lines(capsys)
    assert REHEARSAL_TYPE not in line["types"]
    assert (len(line["types"]), line["events"]) == (len(made) - 1, len(made) - 1)
    assert REHEARSAL_TYPE not in json.dumps(line["document"])
    path.write_bytes(made[-1].body)
    assert shapes("freeze", str(path)) == 4


def test_check_that_checks_nothing_is_no_success(db: Path, tmp_path: Path, capsys: Output) -> None:
    """A contract that speaks of nothing here ends with 4; a file that is no contract with 2."""
    contract = tmp_path / "contract.json"
    assert shapes("freeze", "1", "-o", str(contract)) == 0
    assert shapes("check", "--against", str(contract), "3") == 4
    contract.write_text("{}")
    assert shapes("check", "--against", str(contract)) == 2
    assert "is not a valid contract: it has no $defs" in capsys.readouterr().err
    assert shapes("check", "--against", str(tmp_path / "none")) == 4


@pytest.mark.parametrize("words", [("freeze", "1"), ("export",)])
def test_an_edited_file_is_not_overwritten(
    db: Path, tmp_path: Path, capsys: Output, words: tuple[str, ...]
) -> None:
    """One that is as it was written is, laid out anew or not; an edited or another one only with --force."""
    file = tmp_path / "c.json"
    assert shapes(*words, "-o", str(file)) == 0
    written = file.read_text()
    file.write_text(json.dumps(json.loads(written), sort_keys=True))
    assert shapes(*words, "-o", str(file)) == 0
    assert file.read_text() == written
    for edited in (written.replace('"string"', '"number"', 1), "my own notes"):
        file.write_text(edited)
        assert shapes(*words, "-o", str(file)) == 2
        assert "was edited since it was written, or is another file; --force" in capsys.readouterr().err
        assert file.read_text() == edited
        assert shapes(*words, "-o", str(file), "--force") == 0
        assert file.read_text() == written


@pytest.mark.parametrize("words", [(), ("freeze",), ("check", "--against")])
def test_a_cut_file_is_an_error(db: Path, tmp_path: Path, capsys: Output, words: tuple[str, ...]) -> None:
    """Beside a good one too, whatever is made of them."""
    good, bad, contract = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "c.json"
    good.write_bytes(BODY)
    bad.write_bytes(b'{"x":')
    assert shapes("freeze", str(good), "-o", str(contract)) == 0
    against = (str(contract),) if "check" in words else ()
    capsys.readouterr()
    assert shapes(*words, *against, str(good), str(bad)) == 3
    assert "bad.json is not JSON: invalid JSON from character 5 on" in capsys.readouterr().err


def test_export(capsys: Output) -> None:
    """All types or some, as one document of JSON Schema; needs no log."""
    assert shapes("export") == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["$defs"]) == len(catalogue().events)
    assert shapes("export", "payment.updated") == 0
    assert list(json.loads(capsys.readouterr().out)["$defs"]) == ["PaymentUpdated"]
    assert shapes("export", "payment.update") == 2


@pytest.mark.slow
def test_recheck(db: Path, capsys: Output) -> None:
    """Captures that were never judged get a shape; again there is nothing to do, unless they are named."""
    assert shapes("recheck") == 0
    assert (
        capsys.readouterr().out
        == "checked with catalogue 2: 4 (1 documented, 1 drift, 1 unknown, 1 not-json)\n"
    )
    with Reader(db) as reader:
        captures = reader.captures(range(1, 5))
    assert [capture.shape for capture in captures] == [
        Shape.DOCUMENTED,
        Shape.DRIFT,
        Shape.UNKNOWN,
        Shape.NOT_JSON,
    ]
    assert {capture.shape_version for capture in captures} == {catalogue().version}
    assert shapes("recheck", "--json") == 0
    assert lines(capsys)[0]["judged"] == 0
    assert shapes("recheck", "type:payment") == 0
    assert ": 2 (1 documented, 1 drift)" in capsys.readouterr().out
    assert run(["list", "shape:drift", "--json"]) == 0
    assert [line["id"] for line in lines(capsys)] == [2]


@pytest.mark.slow
def test_a_recheck_of_many_starts_one_engine(
    db: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one for each request to it."""
    begun: list[Settings] = []
    start = engine.running

    def counted(settings: Settings, **options: Any) -> AbstractAsyncContextManager[engine.Engine]:
        begun.append(settings)
        return start(settings, **options)

    monkeypatch.setattr(engine, "running", counted)
    monkeypatch.setattr(command, "SAVED_AT_ONCE", 1)
    assert shapes("recheck") == 0
    assert ": 4 (" in capsys.readouterr().out
    assert len(begun) == 1


def test_help_names_the_commands(capsys: Output) -> None:
    """The command behind plain `shapes` is no command of its own to people."""
    assert shapes("--help") == 0
    out = capsys.readouterr().out
    assert "freeze" in out
    assert "\n  seen" not in out
