"""Export and import: what goes out comes back, byte for byte."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from relay.archive.exporting import Export, Format
from relay.archive.importing import import_items
from relay.archive.reading import BadLine, ImportFile, Item
from relay.control.messages import ImportResult
from relay.models import Capture
from relay.models.imports import BundleSecret, ImportedCapture
from relay.store.read.reader import Reader
from relay.store.write import imports
from tests.support.factories import (
    BODY,
    NOON,
    a_capture,
    a_delivery,
    an_attempt,
    insert,
    insert_attempt,
    new_log,
)
from tests.support.strategies import captures


def read(data: bytes, secrets: dict[str, bytes] | None = None, name: str = "file.ndjson") -> list[Item]:
    """What an import finds in a file."""
    return list(ImportFile(BytesIO(data), name, secrets or {}, lambda _: "bundle:file").items())


def whole(data: bytes, secrets: dict[str, bytes] | None = None) -> list[ImportedCapture]:
    """The same of a file in which all is well."""
    items = read(data, secrets)
    assert not [item for item in items if isinstance(item, BadLine)]
    return [item for item in items if isinstance(item, ImportedCapture)]


def exported(db: Path, form: Format = Format.NDJSON, **more: Any) -> bytes:
    export = Export(form, at=NOON, **more)
    with Reader(db) as reader:
        return b"".join(export.data(reader, reader.captures(reader.page(0, 1000))))


def as_sent(capture: Capture | ImportedCapture) -> tuple[Any, ...]:
    headers = capture.headers
    pairs = json.loads(headers) if isinstance(headers, str) else [list(pair) for pair in headers]
    return capture.method, capture.target, capture.http_version, pairs, capture.body


def is_sendable(capture: Capture) -> bool:
    parts = (capture.method, capture.target, *(part for pair in capture.headers for part in pair))
    return not any(mark in part for part in parts for mark in "\r\n\0")


@pytest.mark.slow
@given_settings(max_examples=200)
@given(captures().filter(is_sendable))
def test_bytes_survive(capture: Capture) -> None:
    """Method, target, headers and body of any capture come back as they were, and the body's numbers too."""
    untried = tuple(replace(each, attempts=0) for each in capture.deliveries)
    capture = replace(capture, deliveries=untried)
    export = Export(Format.NDJSON, at=NOON, reveal=True)
    data = b"".join(export.data(None, [capture]))  # type: ignore[arg-type]  # no attempts are read
    [found] = whole(data)
    assert as_sent(found) == as_sent(capture)
    assert found.starred == capture.starred
    assert found.note == capture.note
    assert found.client == capture.client
    assert [each.target for each in found.deliveries] == [each.target for each in capture.deliveries]


@pytest.mark.slow
@given_settings(max_examples=20)
@given(st.lists(captures().filter(is_sendable), min_size=1, max_size=8))
def test_bytes_survive_in_a_database(whole_file: list[Capture]) -> None:
    """Exported, imported, read and exported again: the same requests, in the same order."""
    with TemporaryDirectory() as folder:
        first = Path(folder) / "first.db"
        with closing(new_log(first)) as connection:
            for number, capture in enumerate(whole_file, 1):
                position = None if capture.position is None else number
                insert(
                    connection,
                    replace(capture, id=number, repeat_of=None, deliveries=(), position=position),
                )
        second = imported(exported(first, reveal=True), Path(folder))
        with Reader(first) as old, Reader(second) as new:
            before, after = (reader.captures(reader.page(0, 100)) for reader in (old, new))
            assert [as_sent(each) for each in after] == [as_sent(each) for each in before]
            assert [each.came_at for each in after] == [each.received_at for each in before]
            assert [(each.starred, each.note, each.tls) for each in after] == [
                (each.starred, each.note, each.tls) for each in before
            ]
        assert whole(exported(second, reveal=True))[0].body == whole_file[0].body


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "relay.db"
    with closing(new_log(path)) as connection:
        tried = a_delivery(1, status=500, verdict="retry", reason="500 is not 200", attempts=2)
        insert(connection, a_capture(1, starred=True, note="look", deliveries=(tried,)))
        insert_attempt(
            connection,
            an_attempt(
                100,
                number=2,
                status=500,
                verdict="retry",
                headers=(("Set-Cookie", "a=b"), ("X", "ÿ")),
                body=b"\xff\x00",
                sent_body=b"sent",
                sent_headers=(("A", "b"),),
                sent_target="/other",
            ),
        )
        insert(
            connection,
            a_capture(2, headers=(("Authorization", "Bearer secret"),), body=b"\xff", target="/\xe9"),
        )
    return path


def imported(data: bytes, folder: Path) -> Path:
    """A new database with what an import stores."""
    path = folder / "other.db"
    with closing(new_log(path)) as connection:
        store(connection, data)
    return path


def store(connection: Any, data: bytes) -> tuple[int, int]:
    items = read(data)
    stored = imports.add(
        connection,
        [item for item in items if isinstance(item, ImportedCapture)],
        origin="imported",
        received_at=1_800_000_000_000_000,
        bundle=next((item for item in items if isinstance(item, BundleSecret)), None),
    )
    new = sum(each.is_new for each in stored)
    return new, len(stored) - new


def test_nothing_is_lost_with_reveal(db: Path, tmp_path: Path) -> None:
    """Bytes, note, star, deliveries and attempts are there again; times stand in the source."""
    there = imported(exported(db, reveal=True), tmp_path)
    with Reader(db) as old, Reader(there) as new:
        before, after = old.captures((1, 2)), new.captures((1, 2))
        assert [as_sent(each) for each in after] == [as_sent(each) for each in before]
        assert [(each.starred, each.note) for each in after] == [(True, "look"), (False, None)]
        assert [each.origin for each in after] == ["imported", "imported"]
        assert after[0].source is not None
        assert (after[0].source.id, after[0].source.received_at) == (1, before[0].received_at)
        assert after[0].came_at == before[0].received_at != after[0].received_at
        assert after[0].deliveries == before[0].deliveries
        assert [replace(each, id=0) for each in new.attempts(1)] == [
            replace(each, id=0) for each in old.attempts(1)
        ]
        assert after[1].repeat_of is None
        assert [each.was_elsewhere for each in new.attempts_after(0, 10)] == [True] * 3
        assert [each.was_elsewhere for each in old.attempts_after(0, 10)] == [False] * 3


def test_secret_headers_are_masked_unless_revealed(db: Path) -> None:
    """The values of secret headers, of requests and responses, are not in the file, whose head says so."""
    masked, revealed = exported(db), exported(db, reveal=True)
    assert b"Bearer secret" not in masked
    assert b"a=b" not in masked
    assert json.loads(masked.splitlines()[0])["headers"] == "masked"
    assert b"Bearer secret" in revealed
    assert json.loads(revealed.splitlines()[0])["headers"] == "revealed"
    [_, second] = whole(masked)
    assert '"headers": "masked"' in second.source


def test_a_second_import_adds_nothing(db: Path, tmp_path: Path) -> None:
    """Neither does the same file, another export of the same captures, or an import where they came from."""
    data = exported(db)
    with closing(new_log(tmp_path / "new.db")) as connection:
        assert store(connection, data) == (2, 0)
        assert store(connection, data) == (0, 2)
        assert store(connection, exported(db, reveal=True)) == (0, 2)
    with closing(new_log(db)) as connection:
        assert store(connection, data) == (0, 2)


def test_repeats_are_found_again(tmp_path: Path) -> None:
    """An imported capture repeats what is here already, or came before it in the file."""
    db = tmp_path / "relay.db"
    with closing(new_log(db)) as connection:
        insert(connection, a_capture(7))
        store(connection, BODY.replace(b"100.50", b"200.50") + b"\n" + BODY.replace(b"100.50", b"300.50"))
    with Reader(db) as reader:
        assert [each.repeat_of for each in reader.captures((7, 8, 9))] == [None, 7, 7]


async def test_batches_are_stored_in_order_and_counted() -> None:
    """Each batch is one request, and the tally counts all of them."""
    data = b"".join(b'{"type":"a.b","payload":{},"event_id":"%d"}\n' % number for number in range(250))
    sizes: list[int] = []

    async def stores(batch: list[ImportedCapture], bundle: BundleSecret | None) -> ImportResult:
        sizes.append(len(batch))
        return ImportResult(added=len(batch) - 1, known=1)

    tally = await import_items(read(data), stores, lambda _: None)
    assert sizes == [100, 100, 50]
    assert (tally.added, tally.known, tally.bad) == (247, 3, 0)
