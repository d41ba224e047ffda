"""The captures of one event, read from the database."""

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
"""Captures of one event that are looked at; Lean makes 7."""


def tries(reader: Reader, number: int) -> EventRetries | None:
    """The captures of the event that a capture reports, without bodies; None where it is the only one.

    Of more than MOST_TRIES the oldest, and the capture itself.
    """
    ids = reader.same_event(number)
    if len(ids) < 2:
        return None
    wanted = ids[:MOST_TRIES] if number in ids[:MOST_TRIES] else [*ids[: MOST_TRIES - 1], number]
    # Bodies may be large, and what they say is told by their hashes.
    return retries_of([replace(capture, body=b"") for capture in fetched(reader, wanted)])


def other_bytes(reader: Reader, tries: EventRetries, capture: Capture, most: int) -> tuple[Difference, ...]:
    """How a capture's body differs from the first one of its event, at most `most`; `a` is the first.

    Large bodies take their time.
    """
    own = tries.of(capture.id)
    if own is None or own.same_bytes:
        return ()
    first = reader.capture(tries.captures[0].capture.id)
    return () if first is None else tuple(islice(_differences(first, capture), most))


def other_bodies(reader: Reader, number: int) -> Iterator[tuple[int, bytes]]:
    """The bodies of the other captures of an event, oldest first, one in memory at a time."""
    for other in islice((each for each in reader.same_event(number) if each != number), MOST_TRIES):
        capture = reader.capture(other)
        if capture is not None:
            yield other, capture.body


def _differences(first: Capture, capture: Capture) -> Iterator[Difference]:
    return retries_of([first, capture]).differences(capture.id)
