"""Finds what was taken from elsewhere before: imported captures, and the last backfill.

For both halves of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from relay.models.imports import ImportedCapture, source_start


def backfill_mark(environment: str, region: str) -> str:
    """The name of the mark that holds the end of the last complete window, microseconds UTC."""
    return f"backfill:{environment}:{region}"


Execute = Callable[[str, Sequence[Any]], Iterable[tuple[Any, ...]]]
"""Runs a statement and returns its rows."""


def stored_as(execute: Execute, capture: ImportedCapture) -> int | None:
    """The id of a capture that was imported before, or captured in this database; None if it is new."""
    start = source_start(capture.digest)
    [(found,)] = execute(
        "SELECT min(id) FROM captures WHERE source >= ? AND source < ?", (start, f"{start}~")
    )
    if found is None and capture.original is not None:
        [(found,)] = execute(
            "SELECT min(id) FROM captures WHERE id = ? AND received_at = ? AND body_sha256 = ?",
            (*capture.original, capture.body_sha256),
        )
    return None if found is None else int(found)
