"""Groups of captures that are committed together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relay.store.write.protocol import Arrived

ROWS_AT_ONCE = 64
"""Rows of one INSERT: one cached statement for each count up to this."""

BYTES_AT_ONCE = 8 * 1024 * 1024
"""A group ends after this many body bytes, so that no capture waits long for large bodies."""


def groups(arrived: Sequence[Arrived]) -> Iterator[Sequence[Arrived]]:
    """Divide captures into groups, in their order."""
    start = size = 0
    for end, (row, _) in enumerate(arrived):
        if end - start >= ROWS_AT_ONCE or size >= BYTES_AT_ONCE:
            yield arrived[start:end]
            start, size = end, 0
        size += len(row.body)
    if start < len(arrived):
        yield arrived[start:]
