"""Captures and different events: as `counts` has them, at once and kept up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from relay.models import Capture
from relay.store.read import counts as counting
from relay.store.read.reader import Reader
from relay.store.write.event_index import EventIndex
from tests.support.factories import a_capture, insert_all, new_log


def captures(first: int, last: int) -> list[Capture]:
    """Three captures an event, and each seventh is no event."""
    made: list[Capture] = []
    for number in range(first, last + 1):
        capture = a_capture(number, repeat_of=None if number % 3 == 1 else number - (number - 1) % 3)
        assert capture.event is not None
        event = replace(capture.event, event_id=f"event-{(number - 1) // 3}")
        made.append(replace(capture, event=event))
        if number % 21 == 1:
            made[-1] = replace(capture, event=None, repeat_of=None)
        elif (number - 2) % 21 == 0:
            made[-1] = replace(made[-1], repeat_of=None)  # The one before is none, so this is the first.
        elif (number - 3) % 21 == 0:
            made[-1] = replace(made[-1], repeat_of=number - 1)
    return made


@pytest.mark.parametrize("step", [1, 4, 100_000])
def test_as_counted_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """In steps of any size, with some indexed and some not, and with what comes afterwards."""
    monkeypatch.setattr(counting, "EVENTS_IN_A_STEP", step)
    log = new_log(tmp_path / "relay.db")
    insert_all(log, captures(1, 60))
    EventIndex(log)
    insert_all(log, captures(61, 90))
    with Reader(tmp_path / "relay.db") as reader:
        found = counting.counted(reader, 90, 90)
        counts = reader.counts()
        assert (found.captures, found.events, found.upto) == (counts.captures, counts.events, 90)
        assert counting.with_newer(reader, found) is found
        insert_all(log, captures(91, 130))
        found, counts = counting.with_newer(reader, found), reader.counts()
        assert (found.captures, found.events, found.upto) == (counts.captures, counts.events, 130)
        EventIndex(log)
        assert counting.counted(reader, 90, 90).events == 90 // 3
    log.close()


def test_of_an_empty_log(tmp_path: Path) -> None:
    """Nothing is none."""
    new_log(tmp_path / "relay.db").close()
    with Reader(tmp_path / "relay.db") as reader:
        assert counting.counted(reader, 0, 0) == counting.EventCount(0, 0, 0)
