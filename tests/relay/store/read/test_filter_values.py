"""What the newest captures have that a filter could ask for."""

from __future__ import annotations

from pathlib import Path

from relay.models import Event
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
    assert found["type"] == ["payment.updated", "rare"]
    assert found["path"] == ["/two", "/one"]
    assert found["signed"] == ["sandbox"]
    assert found["method"] == ["POST", "PUT"]
    assert found["status"] == ["200", "500"]
    assert found["header"] == ["Host", "content-type", "X-é"]


def test_none_in_an_empty_log(tmp_path: Path) -> None:
    """An empty log has nothing to offer."""
    new_log(tmp_path / "relay.db").close()
    with Reader(tmp_path / "relay.db") as reader:
        assert not any(seen_values(reader).values())


def test_a_flood_of_values_is_bounded(tmp_path: Path) -> None:
    """A scanner that tries a thousand paths fills no list without end."""
    connection = new_log(tmp_path / "relay.db")
    insert_all(connection, (a_capture(number, target=f"/{number}") for number in range(1, 3 * MOST)))
    connection.close()
    with Reader(tmp_path / "relay.db") as reader:
        assert len(seen_values(reader)["path"]) == MOST
