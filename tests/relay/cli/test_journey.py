"""`journey`: one timeline of what belongs to an id."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

import pytest

from relay.cli import progress, run
from relay.lean.ids import Of
from tests.relay.analysis.test_journey import id_in, story
from tests.support.factories import insert_all, new_log

Output = pytest.CaptureFixture[str]
CAPTURES = story()
CUSTOMER, INTENT = id_in(CAPTURES[0], Of.CUSTOMER), id_in(CAPTURES[2], Of.INTENT)


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of two customers' stories."""
    path = tmp_path / "relay.db"
    monkeypatch.setenv("LEAN_RELAY_DB", str(path))
    with closing(new_log(path)) as connection:
        insert_all(connection, [*CAPTURES, *story(seed=2, first=100)])
    return path


def test_a_line_for_each_step(db: Path, capsys: Output) -> None:
    """The heading tells whose journey it is; each line what came, when, and what changed."""
    assert run(["journey", INTENT]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"intent {INTENT}: 4 captures of 4 types, ")
    assert lines[1].startswith("payment ")
    assert "+1 s" in lines[4]
    assert lines[5].endswith("payment PENDING_WITH_BANK -> ACCEPTED_BY_BANK")
    assert run(["journey", CUSTOMER]) == 0
    assert "customer" in capsys.readouterr().out


def test_json_and_mermaid(db: Path, capsys: Output) -> None:
    """For machines a line for the journey and one for each step; for a ticket a diagram."""
    assert run(["journey", CUSTOMER, "--json"]) == 0
    first, *steps = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (first["of"], first["captures"], first["left_out"]) == ("customer", 7, 0)
    assert [step["capture_id"] for step in steps] == list(range(1, 8))
    assert run(["journey", INTENT, "--mermaid"]) == 0
    assert capsys.readouterr().out.startswith("sequenceDiagram\n")


def test_an_event_id_is_followed_to_what_it_is_about(db: Path, capsys: Output) -> None:
    """Whoever has only an event_id gets the payment's journey."""
    event = CAPTURES[2].event
    assert event is not None
    assert event.event_id is not None
    assert run(["journey", event.event_id]) == 0
    assert capsys.readouterr().out.startswith(f"payment {id_in(CAPTURES[2], Of.PAYMENT)}: 4 captures")


def test_an_id_that_is_nowhere(db: Path, capsys: Output) -> None:
    """Exit 4, and a word on where else to look; metadata and messages are no ids."""
    assert run(["journey", "SAMPLE"]) == 4
    assert "no event has the id SAMPLE" in capsys.readouterr().err


def test_how_far_it_has_come_is_told_at_a_terminal(
    db: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that takes long writes over its own line, and leaves nothing of it behind."""
    monkeypatch.setattr(progress, "AFTER_S", 0.0)
    assert run(["journey", INTENT]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run(["journey", INTENT]) == 0
    lines = capsys.readouterr().err.split("\r")
    assert lines[1] == "Looked through 107 of 107 captures for an id\x1b[K"
    assert lines[-1] == "\x1b[K"
    monkeypatch.setenv("TERM", "dumb")
    assert run(["journey", INTENT]) == 0
    assert capsys.readouterr().err == ""
