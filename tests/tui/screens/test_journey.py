"""The journey of a capture's ids: found, worded as the command does, and led back to the list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from relay.errors import RelayError
from relay.models import Capture, Event, Signature
from relay.store.read.journeys import SearchProgress
from relay.text.safe import visible
from tests.support.factories import a_capture, a_delivery, insert_all, new_log
from tests.support.screen import showing
from tui.app import RelayApp
from tui.gateway.journeys import Journeys
from tui.presenters.journey import heads, row

INTENT = "7d8def9f-1dd0-4005-8c00-c01eae7033e1"
PAYMENT = "37b1f471-0a6c-4a66-996c-27e386443ed3"
CUSTOMER = "c0ffee00-0000-4000-8000-000000000001"


def an_event(number: int, type_: str, payload: dict[str, Any], **changes: Any) -> Capture:
    body = json.dumps(
        {
            "type": type_,
            "payload": payload,
            "message": "m",
            "timestamp": "2026-11-20T11:59:59.089123Z",
            "event_id": f"b0a1c2d3-e4f5-4061-8273-{number:012}",
        },
        ensure_ascii=False,
    ).encode()
    event = Event(type=type_, event_id=f"b0a1c2d3-e4f5-4061-8273-{number:012}")
    return a_capture(number, body=body, event=event, **changes)


def payment_and_intent() -> Iterator[Capture]:
    """A payment's way, with another customer's event in between."""
    yield an_event(1, "payment_intent.created", {"id": INTENT, "customer_id": CUSTOMER})
    yield an_event(2, "payment.created", {"id": PAYMENT, "intent_id": INTENT, "status": "PENDING_WITH_BANK"})
    yield a_capture(3, event=None, body=b"{}", target="/else")
    failed = (a_delivery(1, status=500, verdict="retry"),)
    yield an_event(
        4,
        "payment.updated",
        {"id": PAYMENT, "intent_id": INTENT, "status": "ACCEPTED_BY_BANK", "customer_id": CUSTOMER},
        deliveries=failed,
        signature=Signature.INVALID,
    )


def a_log(folder: Path, captures: Iterator[Capture]) -> Path:
    log = new_log(folder / "relay.db")
    insert_all(log, captures)
    log.close()
    return folder / "relay.db"


@pytest.mark.parametrize("width", [60, 118, 250])
def test_worded_as_the_command_does(tmp_path: Path, width: int) -> None:
    """Each step has its status, what came before it, signature and verdict, in any width."""
    followed = Journeys(a_log(tmp_path, payment_and_intent())).follow(4, 0)
    steps = followed.journey.steps
    assert [step.capture_id for step in steps] == [1, 2, 4]
    last = row(steps[-1], followed, width, steps[0].received_at.date())
    text = " ".join("".join(piece for piece, _ in line) for line in last)
    assert "payment PENDING_WITH_BANK -> ACCEPTED_BY_BANK, signature invalid, -> 500 retry" in text
    head = "\n".join(text for text, _ in heads(followed, "]"))
    assert f"payment {PAYMENT}: 3 captures of 3 types" in head
    assert "Capture 4 has 3 ids; this is number 1" in head


def test_hostile_words_are_made_safe(tmp_path: Path) -> None:
    """Types, ids and states come from outside."""
    bad = "\u202e\x9b\x1b[31m\0[@click=app.exit]"
    capture = an_event(1, "payment.x" + bad, {"id": bad, "status": bad})
    followed = Journeys(a_log(tmp_path, iter([capture]))).follow(1, 0)
    step = replace(followed.journey.steps[0], type="x" + bad)
    lines = [
        *(text for text, _ in heads(followed, "]")),
        *(text for line in row(step, followed, 80, step.received_at.date()) for text, _ in line),
    ]
    for text in lines:
        assert visible(text) == text


@pytest.mark.slow
async def test_from_the_list_and_back_to_another_capture(tmp_path: Path) -> None:
    """`J` opens it at the capture, Enter on another step goes to that one in the list."""
    async with showing(tmp_path, payment_and_intent(), size=(80, 24)) as see:
        await see.shows("#4 ")
        await see.press("J")
        await see.shows("3 captures of 3 types", "▸ 4", "payment.created", "PENDING_WITH_BANK")
        await see.press("k", "enter")
        await see.shows("#2 payment.created", "4 captures")


@pytest.mark.slow
async def test_the_next_of_its_ids(tmp_path: Path) -> None:
    """`]` follows the capture's other ids, one after the other, and round."""
    async with showing(tmp_path, payment_and_intent()) as see:
        await see.shows("#4 ")
        await see.press("J")
        await see.shows(f"payment {PAYMENT}")
        await see.press("right_square_bracket")
        await see.shows(f"intent {INTENT}: 3 captures", "this is number 2")
        await see.press("right_square_bracket")
        await see.shows(f"customer {CUSTOMER}", "this is number 3")
        await see.press("left_square_bracket", "left_square_bracket", "left_square_bracket")
        await see.shows("this is number 3")
        await see.press("escape")
        await see.shows("4 captures")


@pytest.mark.slow
async def test_an_id_of_one_capture_alone_is_passed_over(tmp_path: Path) -> None:
    """An entity that only this capture names is not shown first, where its customer has others."""
    captures = [
        *payment_and_intent(),
        an_event(
            5, "entity.created", {"id": "5ae0fca1-6d4f-41a5-8c9a-5f2b1e9c2d11", "customer_id": CUSTOMER}
        ),
    ]
    async with showing(tmp_path, captures) as see:
        await see.shows("#5 ")
        await see.press("J")
        await see.shows(f"customer {CUSTOMER}: 4 captures", "▸ 5")
        await see.press("right_square_bracket")
        await see.shows("entity 5ae0fca1-6d4f-41a5-8c9a-5f2b1e9c2d11: 1 capture of 1 type")


@pytest.mark.slow
async def test_capture_that_a_filter_hides(tmp_path: Path) -> None:
    """A step that the filter leaves out is gone to all the same; the filter is off then, and that is said."""
    async with showing(tmp_path, payment_and_intent()) as see:
        await see.press("slash", *"sig", "colon", *"invalid", "enter")
        await see.shows("1 match", "#4 ")
        await see.press("J")
        await see.shows("3 captures of 3 types")
        await see.press("g", "enter")
        await see.shows("#1 payment_intent.created", "4 captures", "does not match the filter")


@pytest.mark.slow
async def test_nothing_to_follow(tmp_path: Path) -> None:
    """A capture without ids says so."""
    async with showing(tmp_path, [a_capture(1, body=b"{}", event=None)]) as see:
        await see.shows("#1 ")
        await see.press("J")
        await see.shows("capture 1 has no Lean id to follow")


@pytest.mark.slow
async def test_how_far_a_look_has_come_and_how_it_ends(tmp_path: Path) -> None:
    """The progress of a search is shown; `Esc` ends it and keeps what is shown, or closes."""
    async with showing(tmp_path, payment_and_intent()) as see:
        await see.shows("#4 ")
        app = see.pilot.app
        assert isinstance(app, RelayApp)
        journeys = app._gateway._journeys
        with journeys._one:
            await see.press("J")
            await see.shows("Looking through the database … Esc closes.")
            journeys.looking = SearchProgress(ids=3, looked_at=400_000, of=1_000_000)
            await see.shows("Looked through 400,000 of 1,000,000 captures for 3 ids … Esc closes.")
            await see.press("escape")
            await see.shows("4 captures")
        await see.press("J")
        await see.shows(f"payment {PAYMENT}")
        with journeys._one:
            await see.press("right_square_bracket")
            await see.shows("Esc stops.")
            await see.press("escape")
        await see.shows(f"payment {PAYMENT}", "this is number 1")
        await see.press("escape")
        await see.shows("4 captures")


def test_a_look_that_is_stopped_ends(tmp_path: Path) -> None:
    """One that was asked for before does not begin, and the next look is a whole one."""
    journeys = Journeys(a_log(tmp_path, payment_and_intent()))
    asked = journeys.stops
    journeys.stop()
    assert len(journeys.follow(4, 0, journeys.stops).journey.steps) == 3
    with pytest.raises(RelayError) as stopped:
        journeys.follow(4, 0, asked)
    assert stopped.value.word == "stopped"
