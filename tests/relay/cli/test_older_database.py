"""Commands on a database that an older version wrote."""

from __future__ import annotations

import shutil
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from relay.cli import run
from relay.control.lock import Lock
from tests.support.receiving import rows

OLDEST = Path(__file__).parents[1] / "store" / "schemas" / "m0001.db"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database as the first version left it, in a folder of its own."""
    folder = tmp_path / "old"
    folder.mkdir(mode=0o700)
    return Path(shutil.copy(OLDEST, folder / "old.db"))


@pytest.mark.parametrize(
    "command", [["list"], ["show", "latest"], ["diff", "1", "2"], ["shapes"], ["refusals"]]
)
def test_a_command_that_reads_brings_it_up_to_date(
    old: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The command then does what it was asked, says so once, and leaves no engine."""
    assert run([*command, "--db", str(old)]) == 0
    first = capsys.readouterr()
    assert f"{old} was written by an older lean-relay, and is up to date now\n" in first.err
    assert run([*command, "--db", str(old)]) == 0
    again = capsys.readouterr()
    assert (again.out, "older" in again.err) == (first.out, False)
    assert len(rows(old, "SELECT id FROM captures")) == 5


def test_a_note_on_stdin_is_still_there(
    old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command is run again once the database is up to date, and reads its text then."""
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"ask Lean\n")))
    assert run(["note", "latest", "--db", str(old)]) == 0, capsys.readouterr().err
    assert rows(old, "SELECT text FROM notes WHERE text = 'ask Lean'") == [("ask Lean",)]


def test_a_database_that_an_engine_has_is_that_engine_s(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second writer would be let in; the engine migrates it, or is of the older version itself."""
    before = old.read_bytes()
    lock = Lock.take(old)
    try:
        assert run(["list", "--db", str(old)]) == 1
    finally:
        lock.release(reported=False, received=False)
    assert "[older-database]" in capsys.readouterr().err
    assert old.read_bytes() == before
