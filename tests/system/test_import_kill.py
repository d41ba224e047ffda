"""An import that is killed is run again, and nothing is there twice or missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.backlog import fill
from tests.support.killing import a_command, count
from tests.support.program import (
    is_sound,
    lean_relay,
    reading,
    running,
)
from tests.support.waiting import wait_until

CAPTURES = 6_000
ROUNDS = 4


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of some thousand captures."""
    folder = tmp_path_factory.mktemp("from")
    fill(folder / "relay.db", CAPTURES)
    path = folder / "file.ndjson"
    done = lean_relay(folder, "export", "--db", str(folder / "relay.db"), "-o", str(path))
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize("beside", ["no engine", "an engine"])
def test_killed_in_the_middle(tmp_path: Path, file: Path, beside: str) -> None:
    """Killed several times, then left alone: each capture is there once and in order, and so is its event."""
    db = tmp_path / "relay.db"
    if beside == "an engine":
        with running(tmp_path) as relay:
            _kill_and_finish(tmp_path, db, file)
            assert relay.stop() == 0
    else:
        _kill_and_finish(tmp_path, db, file)
    assert is_sound(db)
    with reading(db) as log:
        assert log.execute("SELECT count(DISTINCT source), count(*) FROM captures").fetchone() == (
            CAPTURES,
            CAPTURES,
        )
        assert log.execute("SELECT count(*) FROM events").fetchone() == (CAPTURES,)
        ids = [
            json.loads(source)["id"] for (source,) in log.execute("SELECT source FROM captures ORDER BY id")
        ]
    assert ids == list(range(1, CAPTURES + 1))


def _kill_and_finish(folder: Path, db: Path, file: Path) -> None:
    arguments = ("import", str(file), "--db", str(db), "--json")
    for number in range(1, ROUNDS):
        before = count(db)
        with a_command(folder, *arguments) as process:
            wait_until(lambda before=before: count(db) > before, "some captures")  # type: ignore[misc]
            process.kill()
            process.communicate()
        assert count(db) < CAPTURES, number
    done = lean_relay(folder, *arguments)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["added"] + result["known"] == CAPTURES
    assert result["added"] < CAPTURES
