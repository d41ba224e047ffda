"""The capture before one of its type, found window by window, and the look that is stopped."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.errors import RelayError
from relay.models import Event
from relay.store.read import previous
from relay.store.read.previous import previous_of_type
from relay.store.read.reader import Reader
from tests.support.factories import a_capture, insert_all, new_log


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    log: sqlite3.Connection = new_log(tmp_path / "relay.db")
    rare = Event(type="results.ready")
    insert_all(
        log, [a_capture(number, event=rare if number in (7, 9, 95) else None) for number in range(5, 100)]
    )
    log.close()
    with Reader(tmp_path / "relay.db") as reader:
        yield reader


@pytest.mark.parametrize("window", [1, 2, 10, 20_000])
def test_found_in_any_window(reader: Reader, monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    """The nearest one comes, wherever windows begin; before the first there is none."""
    monkeypatch.setattr(previous, "WINDOW", window)
    monkeypatch.setattr(previous, "GAP_S", 0)
    told: list[int] = []
    assert previous_of_type(reader, 95) == 9
    assert previous_of_type(reader, 9) == 7
    assert previous_of_type(reader, 7, told.append) is None
    assert told[-1] == 2


def test_stopped(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted it ends as stopped, and not as if there were none."""
    monkeypatch.setattr(previous, "WINDOW", 10)
    told: list[int] = []

    def tell(looked_at: int) -> None:
        told.append(looked_at)
        reader.interrupt()

    with pytest.raises(RelayError) as raised:
        previous_of_type(reader, 95, tell)
    assert raised.value.word == "stopped"
    assert told == [10]
