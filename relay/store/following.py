"""The log followed along ids: the captures of one event, and all that belongs to one of Lean's ids.

Owns the passes over the log that this takes; what belongs together is `relay.journeys`' and `relay.repeats`'.
"""

from __future__ import annotations

from relay.journeys import Builder, Circle, Journey, value_of
from relay.lean.ids import Of, ids_of
from relay.repeats import Tries, tries_of
from relay.store.finding import naming
from relay.store.reader import Reader
from relay.store.selecting import fetched
from relay.store.shapes import bodies

ROUNDS = 6
"""Passes over the log: each finds what the ids of the one before lead to; three are usual."""

MOST_STEPS = 5_000

MOST_TRIES = 50
"""Captures of one event that are looked at; Lean makes 7."""


def tries_with(reader: Reader, number: int) -> Tries | None:
    """The captures of the event that a capture reports; None where it is the only one."""
    ids = reader.same_event(number)
    return tries_of(reader.captures(ids[:MOST_TRIES])) if len(ids) > 1 else None


def journey_of(reader: Reader, lean_id: str) -> tuple[Journey, int] | None:
    """The journey of an id, and how many captures it has beyond MOST_STEPS; None where no event has it.

    An event_id is followed to what its event is about. Takes some passes over all bodies of the log, 3 us
    for each in each.
    """
    circle, numbers = _followed(reader, lean_id)
    if not numbers:
        about = _about(reader, lean_id)
        if about is not None:
            circle, numbers = _followed(reader, about)
    if not numbers:
        return None
    builder = Builder(circle)
    for capture in fetched(reader, numbers[:MOST_STEPS]):
        builder.add(capture)
    return builder.journey(), max(0, len(numbers) - MOST_STEPS)


def _followed(reader: Reader, lean_id: str) -> tuple[Circle, list[int]]:
    """The ids that belong to one, and the captures of all of them, oldest first."""
    circle = Circle(lean_id)
    numbers: set[int] = set()
    new = {lean_id}
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
