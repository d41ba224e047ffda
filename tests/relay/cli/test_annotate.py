"""`star`, `note` and `prune`, with an engine and without one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.support import receiving
from tests.support.lean_requests import a_body, a_request
from tests.support.program import exchange, lean_relay_here, running

pytestmark = pytest.mark.slow


@pytest.fixture(params=["with an engine", "without one"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder whose `relay.db` holds five captures, with a running engine and without."""
    with running(tmp_path) as relay:
        for number in range(1, 6):
            exchange(relay.port, a_request(a_body(f"e-{number}")))
        if request.param == "with an engine":
            yield tmp_path
            return
    yield tmp_path


def command(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return lean_relay_here(folder, *arguments, "--db", str(folder / "relay.db"))


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    return receiving.rows(folder / "relay.db", sql)


def test_stars_come_and_go(folder: Path) -> None:
    """A selection is starred and unstarred; --json counts."""
    assert command(folder, "star", "2", "4..5").stdout == "starred 3 captures\n"
    assert json.loads(command(folder, "star", "5", "--remove", "--json").stdout) == {
        "kind": "star",
        "changed": 1,
    }
    assert rows(folder, "SELECT capture_id FROM notes WHERE starred") == [(2,), (4,)]
    assert command(folder, "star", "-is:starred").stdout == "starred 3 captures\n"


def test_notes_are_written_replaced_and_removed(folder: Path) -> None:
    """A note is one line to a capture; the next replaces it."""
    assert command(folder, "note", "3", "-m", "first").returncode == 0
    assert command(folder, "note", "3", "-m", "second").stdout == "wrote the note to 1 capture\n"
    assert rows(folder, "SELECT text FROM notes") == [("second",)]
    assert command(folder, "note", "3", "--remove").returncode == 0
    assert rows(folder, "SELECT count(*) FROM notes") == [(0,)]


def test_notes_are_bounded(folder: Path) -> None:
    """A note has at most 4 KiB; a longer one of an older version is cut where it is shown, and kept."""
    said = command(folder, "note", "3", "-m", "é" * 2049)
    assert (said.returncode, said.stdout) == (2, "")
    assert "a note of 4,098 bytes is too long; a note has at most 4,096" in said.stderr
    assert rows(folder, "SELECT count(*) FROM notes") == [(0,)]
    assert command(folder, "note", "3", "-m", "é" * 2048).returncode == 0
    with sqlite3.connect(folder / "relay.db") as old:
        old.execute("UPDATE notes SET text = ?", ("N" * 5_000_000,))
    old.close()
    (line,) = (line for line in command(folder, "list").stdout.splitlines() if "NNN" in line)
    assert len(line) < 500
    assert "… (5,000,000 characters)" in line
    assert len(command(folder, "show", "3").stdout) < 20_000
    assert rows(folder, "SELECT length(text) FROM notes") == [(5_000_000,)]


def test_what_is_not_there_is_not_found(folder: Path) -> None:
    """Ids and filters that name nothing end with 4 and change nothing."""
    assert command(folder, "star", "99").returncode == 4
    assert command(folder, "star", "type:nothing.like.this").returncode == 4
    assert rows(folder, "SELECT count(*) FROM notes") == [(0,)]


def test_prune_asks_spares_stars_and_removes(folder: Path) -> None:
    """Without a terminal it wants --yes; starred captures stay unless named; the rest is gone."""
    command(folder, "star", "1")
    asked = command(folder, "prune", "1..4")
    assert asked.returncode == 2
    assert "4 captures (ids 1 to 4)" in asked.stderr
    assert "--yes" in asked.stderr
    assert rows(folder, "SELECT count(*) FROM captures") == [(5,)]
    assert command(folder, "prune", "1..4", "--yes").stdout == "removed 3 captures; starred ones stay: 1\n"
    assert rows(folder, "SELECT id FROM captures") == [(1,), (5,)]
    assert "this would remove capture 5 from" in command(folder, "prune", "-is:starred").stderr
    done = json.loads(command(folder, "prune", "1", "--starred", "--yes", "--json").stdout)
    assert (done["kind"], done["removed"]) == ("prune", 1)
    assert rows(folder, "SELECT id FROM captures") == [(5,)]


def test_prune_without_a_selection_is_a_usage_error(folder: Path) -> None:
    """Nothing is removed by a command that names nothing."""
    done = command(folder, "prune", "--yes")
    assert done.returncode == 2
    assert rows(folder, "SELECT count(*) FROM captures") == [(5,)]


def test_a_note_needs_a_text(folder: Path) -> None:
    """An empty note, or a text together with --remove, is a usage error."""
    assert command(folder, "note", "1").returncode == 2
    assert command(folder, "note", "1", "-m", "x", "--remove").returncode == 2
