"""Damage to the files of an open database: what is told as stored can be read."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from time import monotonic

import pytest

from relay.errors import RelayError
from relay.store.write import files
from relay.store.write.recorder import MustReopen, Recorder
from tests.relay.store.write.test_client import a_row
from tests.relay.store.write.test_recorder import Heard
from tests.support.damage import WAYS, Way
from tests.support.receiving import rows

KILLS = {"> DB-shm"}
"""Ends the process that has it mapped (SIGBUS): tried with a real one, `tests/system/test_damage.py`."""


Opener = Callable[[Path, Heard], AbstractContextManager[Recorder]]


@pytest.fixture
def open_recorder() -> Iterator[Opener]:
    """Opens recorders as processes of their own would have them.

    A connection that a recorder leaves open is closed at the end of the test.
    """
    with ExitStack() as at_end:

        @contextmanager
        def opened(path: Path, heard: Heard) -> Iterator[Recorder]:
            files.create_private(path)
            connection = files.open_writer(path, ours=True)
            at_end.callback(connection.close)
            recorder = Recorder(connection, path, heard)
            at_end.callback(lambda: recorder._connection.close())
            with suppress(MustReopen):
                yield recorder
            with suppress(OSError):
                recorder.close()

        yield opened


def store(recorder: Recorder, first: int, count: int) -> None:
    for number in range(first, first + count):
        recorder.store([(a_row(body=b"%d" % number + b" " * 3000), ())], monotonic())
        recorder.tidy(quiet=True)


def back_up(path: Path, backup: Path) -> None:
    """A sound copy, and beside it the side files of this moment."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
    for suffix in ("-wal", "-shm"):
        shutil.copyfile(f"{path}{suffix}", f"{backup}{suffix}")


def bodies(path: Path) -> set[int]:
    """What can be read at the path now."""
    with suppress(sqlite3.DatabaseError):
        return {int(body) for (body,) in rows(path, "SELECT body FROM captures")}
    return set()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in WAYS if name not in KILLS])
def test_nothing_is_called_stored_that_cannot_be_read(
    tmp_path: Path, open_recorder: Opener, name: str
) -> None:
    """Each capture told as stored after the damage is there for the next engine; others are refused."""
    way: Way = WAYS[name]
    folder = tmp_path / "data"
    folder.mkdir()
    path, backup, heard = folder / "relay.db", tmp_path / "backup.db", Heard()
    with open_recorder(path, heard) as recorder:
        store(recorder, 1, 40)
        back_up(path, backup)
        store(recorder, 41, 60)
        assert heard.all == [("stored", number, 1) for number in range(1, 101)]
        way.act(path, backup)
        for number in range(101, 121):
            store(recorder, number, 1)
        told = heard.all[100:]
        recorder.rest()
    told = [what for what in heard.all[100:] if what[0] != "health"]
    stored = {100 + at for at, what in enumerate(told, 1) if what[0] == "stored"}
    assert len(told) == 20
    if way.harmless:
        assert len(stored) == 20
    else:
        assert not stored, stored
        assert told[0][2] in ("store-gone", "store-foreign")
    moved = {"mv FOLDER; mkdir FOLDER": tmp_path / "moved" / "relay.db"}.get(
        name, folder / "elsewhere/relay.db"
    )
    if name.startswith("mv ") and moved.exists():  # It is whole there, without its side files.
        assert set(range(1, 101)) <= bodies(moved)
    if not path.exists():
        return
    shutil.rmtree(folder / "elsewhere", ignore_errors=True)
    again = Heard()
    with suppress(RelayError):
        with open_recorder(path, again):
            pass
    found = bodies(path)
    assert stored <= found
    if not way.destroys:
        assert set(range(1, 101)) <= found
