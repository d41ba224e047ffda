"""The writing process with a planted fault: an error of the disk counts as success. For a control alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from relay.store.errors import StoreUnavailable
from relay.store.write import process
from relay.store.write.protocol import Arrived
from relay.store.write.recorder import Recorder


def _deaf(recorder: Recorder, group: Sequence[Arrived], since: float) -> None:
    try:
        recorder._write_group(group, since)
    except (sqlite3.Error, StoreUnavailable):
        recorder._listener.stored(recorder._next_id, len(group))


if __name__ == "__main__":
    setattr(Recorder, "_store_group", _deaf)  # noqa: B010 - mypy forbids assigning to a method
    process.main()
