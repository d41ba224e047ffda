"""A journey, read from the log: what belongs to one of Lean's ids is found by passes over all bodies."""

from __future__ import annotations

from relay.errors import NotFound
from relay.journeys import Builder, Circle, Journey, value_of
from relay.lean.ids import LeanId, Of, ids_of
from relay.models import Capture
from relay.store.finding import naming
from relay.store.reader import Reader
from relay.store.selecting import fetched
from relay.store.shapes import bodies

ROUNDS = 6
"""Passes over the log: each finds what the ids of the one before lead to; three are usual."""

MOST_STEPS = 5_000


def journey_of(reader: Reader, id: str) -> tuple[Journey, int]:
    """The journey of an id, and how many captures it would have beyond MOST_STEPS.

    Raises:
        NotFound: no event in the log has this id.
    """
    circle, numbers = _followed(reader, id)
    if not numbers:
        about = _about(reader, id)
        if about is not None:
            circle, numbers = _followed(reader, about)
    if not numbers:
        raise NotFound(f"no event has the id {id}; `lean-relay list {id}` looks for it as a text")
    builder = Builder(circle)
    for capture in fetched(reader, numbers[:MOST_STEPS]):
        builder.add(capture)
    return builder.journey(), max(0, len(numbers) - MOST_STEPS)


def seeds(capture: Capture) -> tuple[LeanId, ...]:
    """The ids by which a capture can be followed, what its event is about first, its customer last."""
    ids = ids_of(value_of(capture.body))
    return tuple(sorted(ids, key=lambda each: (each.of is Of.CUSTOMER, each.path != "payload.id")))


def _followed(reader: Reader, id: str) -> tuple[Circle, list[int]]:
    """The ids that belong to one, and the captures of all of them, oldest first."""
    circle = Circle(id)
    numbers: set[int] = set()
    new = {id}
    for _ in range(ROUNDS):
        found = [number for number in naming(reader, new) if number not in numbers]
        new = set()
        for number, body in bodies(reader, found):
            ids = ids_of(value_of(body))
            if circle.belongs(ids):
                numbers.add(number)
                new |= circle.grow(ids)
        if not new:
            break
    return circle, sorted(numbers)


def _about(reader: Reader, event_id: str) -> str | None:
    """What the event of an event_id is about: its own id, or the first that it names."""
    for _, body in bodies(reader, reader.by_event(event_id)[:1]):
        ids = ids_of(value_of(body))
        own = next((each for each in ids if each.path == "payload.id"), None)
        first = own or next((each for each in ids if each.of is not Of.CUSTOMER), None)
        return first.value if first is not None else ids[0].value if ids else None
    return None
