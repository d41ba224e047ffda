"""Captures of one event: which try each is by the clock, and an alarm where the bytes differ."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.analysis.retries import retries_of
from relay.models import Answer, Capture, Event, Origin
from tests.support import strategies
from tests.support.factories import BODY, EVENT_ID, NOON, a_capture, a_delivery


def came(id: int, after: timedelta, **changes: Any) -> Capture:
    return a_capture(id, received_at=NOON + after, **changes)


@pytest.mark.parametrize(
    ("after", "scheduled", "words"),
    [
        (timedelta(minutes=1), 2, "attempt 2 of 7, 1 min after the first, as Lean's schedule says"),
        (
            timedelta(minutes=2, seconds=3),
            3,
            "attempt 3 of 7, 2 min after the first, as Lean's schedule says",
        ),
        (timedelta(hours=3), 7, "attempt 7 of 7, 3 h after the first, as Lean's schedule says"),
        (timedelta(minutes=20), None, "repeated 20 min after the first, which does not fit Lean's schedule"),
        (timedelta(milliseconds=90), 1, "repeated 90 ms after the first"),
        (timedelta(0), 1, "repeated 0 ms after the first"),
        (timedelta(seconds=4), 1, "repeated 4 s after the first, which does not fit Lean's schedule"),
    ],
)
def test_which_try_by_the_clock(after: timedelta, scheduled: int | None, words: str) -> None:
    """A capture at one of Lean's minutes is that try; at any other time it is only again."""
    tries = retries_of([came(1, timedelta(0)), came(5, after)])
    second = tries.of(5)
    assert second is not None
    assert (second.scheduled, second.words) == (scheduled, words)
    first = tries.of(1)
    assert first is not None
    assert first.words == "the first of this event"
    assert second.as_json()["after_first_s"] == after.total_seconds()


def test_tries_that_never_reached_the_log() -> None:
    """A first capture two minutes after its own timestamp is probably a later try; counting starts there."""
    event = Event(type="payment.updated", event_id=EVENT_ID, at=NOON - timedelta(minutes=2))
    tries = retries_of([came(1, timedelta(0), event=event), came(2, timedelta(minutes=3), event=event)])
    assert tries.captures[0].words.startswith("attempt 3 of 7 by its time: it arrived 2 min after its own")
    assert tries.captures[1].words == "attempt 4 of 7, 5 min after the first, as Lean's schedule says"


def test_what_was_fetched_is_no_try() -> None:
    """An event from Lean's API counts as none of the seven, whether it is before or after the webhooks."""
    sent = NOON - timedelta(minutes=2)
    event = Event(type="payment.updated", event_id=EVENT_ID, at=sent)
    fetched = came(1, timedelta(0), event=event, origin=Origin.EVENTS_API)
    alone = retries_of([fetched]).captures[0]
    assert (alone.scheduled, alone.first_was_missed) == (None, False)
    assert alone.words == "fetched from Lean's Events API, so not one of Lean's attempts"
    tries = retries_of(
        [fetched, came(2, timedelta(seconds=-119), event=event), came(3, -timedelta(minutes=1))]
    )
    assert [each.words for each in tries.captures[1:]] == [
        "the first of this event",
        "attempt 2 of 7, 59 s after the first, as Lean's schedule says",
    ]
    assert tries.sent.capture.id == 2


def test_what_earlier_tries_were_answered() -> None:
    """The relay's own answer, and each target's with the verdict."""
    first = came(
        1,
        timedelta(0),
        answer=Answer(status=503, on_purpose="--respond"),
        deliveries=(a_delivery(status=500, verdict="retry"), a_delivery(attempts=0, state="queued")),
    )
    [before] = retries_of([first, came(2, timedelta(minutes=1))]).before(2)
    assert before.answers == (
        "503 by the relay; http://localhost:3000: 500 retry; http://localhost:3000: queued"
    )


def test_other_bytes_are_an_alarm_with_the_difference() -> None:
    """The same event with another body is told apart from a retry, value by value."""
    other = BODY.replace(b"100.50", b"900.50")
    tries = retries_of([came(1, timedelta(0)), came(2, timedelta(minutes=1), body=other)])
    assert [number for number in (1, 2) if tries.alarm(number) is not None] == [2]
    [difference] = tries.differences(2)
    assert (difference.field, difference.a, difference.b) == ("body payload.amount", "100.50", "900.50")
    assert list(tries.differences(1)) == []
    assert list(tries.differences(99)) == []


@pytest.mark.slow
@given(st.lists(strategies.captures(), min_size=1, max_size=4))
def test_no_captures_make_it_raise(captures: list[Capture]) -> None:
    """Whatever is in them, and in whatever order their times are."""
    tries = retries_of(captures)
    for each in tries.captures:
        assert each.words
        assert each.answers
        list(tries.differences(each.capture.id))
