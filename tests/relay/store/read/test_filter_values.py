"""What the newest captures have that a filter could ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.models import Event, Shape, Signature
from relay.store.read import filter_values
from relay.store.read.filter_values import MOST, seen_values
from relay.store.read.reader import Reader
from tests.support.factories import a_capture, a_delivery, insert_all, new_log


def test_values_by_how_often_they_came(tmp_path: Path) -> None:
    """Types, methods, paths up to `?`, statuses and names of headers, the more frequent first."""
    db = tmp_path / "relay.db"
    connection = new_log(db)
    insert_all(
        connection,
        [
            a_capture(
                1, target="/one?a=b", event=Event(type="rare"), deliveries=(a_delivery(1, status=500),)
            ),
            a_capture(2, target="/two", deliveries=(a_delivery(2), a_delivery(3))),
            a_capture(3, target="/two?x", headers=(("X-\xc3\xa9", "1"),)),
            a_capture(4, method="PUT", target="/two", event=None, signed_by="sandbox"),
        ],
    )
    connection.close()
    with Reader(db) as reader:
        found = seen_values(reader)
    assert list(found.counts["type"].items()) == [("payment.updated", 2), ("rare", 1)]
    assert list(found.counts["path"].items()) == [("/two", 3), ("/one", 1)]
    assert found.counts["signed"] == {"sandbox": 1}
    assert list(found.counts["method"].items()) == [("POST", 3), ("PUT", 1)]
    assert found.counts["answer"] == {"200": 4}
    assert found.names["status"] == ["200", "500"]
    assert found.names["header"] == ["Host", "content-type", "X-é"]
    assert (found.counted, found.is_all) == (4, True)


def test_words_of_the_filter_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures and the like, with 0 for what no capture has, in the newest captures only."""
    monkeypatch.setattr(filter_values, "NEWEST", 3)
    connection = new_log(tmp_path / "relay.db")
    signatures = (Signature.VALID, Signature.INVALID, Signature.VALID, Signature.MISSING)
    insert_all(connection, (a_capture(at, signature=each) for at, each in enumerate(signatures, 1)))
    connection.close()
    with Reader(tmp_path / "relay.db") as reader:
        found = seen_values(reader)
    assert found.counts["sig"] == {"invalid": 1, "valid": 1, "missing": 1, "malformed": 0, "unchecked": 0}
    assert found.counts["shape"] == dict.fromkeys(Shape, 0)
    assert found.counts["origin"]["received"] == 3
    assert (found.counted, found.is_all) == (3, False)


def test_none_in_an_empty_log(tmp_path: Path) -> None:
    """An empty log has nothing to offer."""
    new_log(tmp_path / "relay.db").close()
    with Reader(tmp_path / "relay.db") as reader:
        found = seen_values(reader)
    assert not any(count for counts in found.counts.values() for count in counts.values())
    assert not any(found.names.values())


def test_a_flood_of_values_is_bounded(tmp_path: Path) -> None:
    """A scanner that tries a thousand paths fills no list without end."""
    connection = new_log(tmp_path / "relay.db")
    insert_all(connection, (a_capture(number, target=f"/{number}") for number in range(1, 3 * MOST)))
    connection.close()
    with Reader(tmp_path / "relay.db") as reader:
        assert len(seen_values(reader).counts["path"]) == MOST
