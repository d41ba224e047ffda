"""Places of attempts: so many in flight, and one more that waits for its record."""

from __future__ import annotations

from relay.delivery.places import Places


def test_one_attempt_may_wait_for_its_record() -> None:
    """The next begins at the end of an attempt, the one after that when the first is recorded."""
    freed: list[None] = []
    places = Places(1, lambda: freed.append(None))
    taken = []
    first = places.take()
    taken.append(places.are_taken)
    first.attempt_ended()
    taken.append(places.are_taken)
    second = places.take()
    second.attempt_ended()
    taken.append(places.are_taken)
    first.give_back()
    taken.append(places.are_taken)
    assert taken == [True, False, True, False]
    assert len(freed) == 3


def test_an_attempt_that_takes_too_long_holds_up_none() -> None:
    """What is given back once counts once, whatever follows."""
    places = Places(2, lambda: None)
    late = places.take()
    late.give_back()
    first = places.take()
    places.take()
    late.attempt_ended()
    late.give_back()
    taken = [places.are_taken]
    first.give_back()
    taken.append(places.are_taken)
    assert taken == [True, False]
