"""Reads the captures of one event."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from relay.analysis.diff import Difference
from relay.analysis.retries import EventRetries, retries_of
from relay.models import Capture
from relay.store.read.reader import Reader
from relay.store.read.selection import fetched

MOST_TRIES = 50
"""Limit of captures read per event; Lean makes 7."""


def tries(reader: Reader, number: int) -> EventRetries | None:
    """All captures of a capture's event, without bodies; None if it is the only one.

    If there are more than MOST_TRIES, the oldest and the capture itself.
    """
    ids = reader.same_event(number)
    if len(ids) < 2:
        return None
    wanted = ids[:MOST_TRIES] if number in ids[:MOST_TRIES] else [*ids[: MOST_TRIES - 1], number]
    # Bodies may be large, and their hashes are enough to compare them.
    return retries_of([replace(capture, body=b"") for capture in fetched(reader, wanted)])


def other_bytes(reader: Reader, tries: EventRetries, capture: Capture, most: int) -> tuple[Difference, ...]:
    """At most `most` differences of a capture's body from the first one sent of its event, which is `a`.

    Slow for large bodies.
    """
    own = tries.of(capture.id)
    if own is None or not own.has_other_bytes:
        return ()
    first = reader.capture(tries.sent.capture.id)
    return () if first is None else tuple(islice(_differences(first, capture), most))


def other_bodies(reader: Reader, number: int) -> Iterator[tuple[int, bytes]]:
    """Bodies of the other captures of an event, oldest first, one in memory at a time."""
    for other in islice((each for each in reader.same_event(number) if each != number), MOST_TRIES):
        capture = reader.capture(other)
        if capture is not None:
            yield other, capture.body


def _differences(first: Capture, capture: Capture) -> Iterator[Difference]:
    return retries_of([first, capture]).differences(capture.id)
