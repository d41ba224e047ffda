import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.errors import NotFound, UsageError
from relay.models import Capture
from relay.store.read.reader import Reader
from relay.store.read.selection import BYTES_AT_ONCE, select, select_ids
from tests.support.factories import EVENT_ID, NOON, a_capture, insert_all, new_log


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    path = tmp_path / "relay.db"
    connection: sqlite3.Connection = new_log(path)
    insert_all(connection, [a_capture(number) for number in (1, 2, 3, 12, 13)])
    insert_all(connection, [a_capture(20, body=b"other")])
    with Reader(path) as reader:
        yield reader
    connection.close()


def chosen(reader: Reader, *words: str) -> list[int]:
    return list(select_ids(reader, words, NOON))


def test_ids(reader: Reader) -> None:
    """Ids come oldest first, each once, whatever order and overlap they were given in."""
    assert chosen(reader, "13", "2..12", "1..2", "latest") == [1, 2, 3, 12, 13, 20]
    assert chosen(reader, "12..") == [12, 13, 20]
    assert chosen(reader, "..2") == [1, 2]
    assert chosen(reader, "latest") == [20]
    assert chosen(reader, "2 3") == [2, 3]


def test_missing_ids(reader: Reader) -> None:
    """What is named and not there is said, with what there is."""
    with pytest.raises(NotFound, match="no capture 4, 99; the database has ids 1 to 20"):
        chosen(reader, "1", "4", "99")
    with pytest.raises(NotFound, match=r"4\.\.9"):
        chosen(reader, "4..9")
    with pytest.raises(NotFound, match=EVENT_ID[:-1] + "0"):
        chosen(reader, EVENT_ID[:-1] + "0")
    with pytest.raises(NotFound, match="999999999999999999"):
        chosen(reader, "9" * 18)


def test_empty_log(tmp_path: Path) -> None:
    """An empty log has no latest capture, and a filter finds nothing in it."""
    new_log(tmp_path / "relay.db").close()
    with Reader(tmp_path / "relay.db") as reader:
        with pytest.raises(NotFound, match="empty"):
            chosen(reader, "latest")
        for words in ([], ["type:payment"]):
            with pytest.raises(NotFound):
                chosen(reader, *words)


def test_events_and_filters(reader: Reader) -> None:
    """An event is all its captures, a filter what matches, nothing is everything."""
    assert chosen(reader, EVENT_ID) == [1, 2, 3, 12, 13]
    assert chosen(reader, EVENT_ID.upper()) == [1, 2, 3, 12, 13]
    assert chosen(reader, "-type:payment", "other") == [20]
    assert [capture.id for capture in select(reader, [], NOON)] == [1, 2, 3, 12, 13, 20]


def test_nothing_found_is_an_error(reader: Reader) -> None:
    """A selection that selects nothing is an error that names it, whatever kind of words it is made of."""
    for words in (["type:nothing"], ["zzz", "other"]):
        with pytest.raises(NotFound, match=f"no capture matches {' '.join(words)}"):
            select(reader, words, NOON)


def test_faults_come_at_once(reader: Reader) -> None:
    """A wrong filter is a usage error before anything is read."""
    with pytest.raises(UsageError, match="statsu"):
        select(reader, ["statsu:500"], NOON)


def test_large_bodies_come_in_small_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of large bodies only a few are in memory at once, and all come, in order."""
    connection = new_log(tmp_path / "relay.db")
    big = BYTES_AT_ONCE // 3
    insert_all(connection, [a_capture(n, body=b"x" * (4 * big if n == 5 else big)) for n in range(1, 9)])
    pages: list[list[int]] = []
    with Reader(tmp_path / "relay.db") as reader:
        captures = reader.captures

        def noted(ids: list[int]) -> list[Capture]:
            pages.append(ids)
            return captures(ids)

        monkeypatch.setattr(reader, "captures", noted)
        assert [capture.id for capture in select(reader, [], NOON)] == list(range(1, 9))
    assert pages == [[1, 2, 3], [4], [5], [6, 7, 8]]
    connection.close()
