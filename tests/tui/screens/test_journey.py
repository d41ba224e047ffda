"""The journey of a capture's ids: found, worded as the command does, and led back to the list."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.store.read.journeys import SearchProgress
from tests.support.factories import a_capture
from tests.support.payment_journey import CUSTOMER, INTENT, PAYMENT, an_event, payment_and_intent
from tests.support.screen import showing
from tui.app import RelayApp


@pytest.mark.slow
async def test_from_the_list_and_back_to_another_capture(tmp_path: Path) -> None:
    """`J` opens it at the capture, Enter on another step goes to that one in the list."""
    async with showing(tmp_path, payment_and_intent(), size=(80, 24)) as see:
        await see.shows("#4 ")
        await see.press("J")
        await see.shows("3 captures of 3 types", "▸ 4", "payment.created", "PENDING_WITH_BANK")
        await see.press("k", "enter")
        await see.shows("#2 ", "4 captures")


@pytest.mark.slow
async def test_the_next_of_its_ids(tmp_path: Path) -> None:
    """`]` follows the capture's other ids, one after the other, and round."""
    async with showing(tmp_path, payment_and_intent()) as see:
        await see.shows("#4 ")
        await see.press("J")
        await see.shows(f"intent {INTENT}: 3 captures", "▸ intent 7d8def9f-1dd…")
        await see.press("right_square_bracket")
        await see.shows(f"payment {PAYMENT}: 3 captures", "▸ payment 37b1f471-0a6…")
        await see.press("right_square_bracket")
        await see.shows(f"customer {CUSTOMER}", "▸ customer c0ffee00-000…")
        await see.press("left_square_bracket", "left_square_bracket", "left_square_bracket")
        await see.shows("▸ customer c0ffee00-000…")
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
        await see.shows(f"intent {INTENT}")
        with journeys._one:
            await see.press("right_square_bracket")
            await see.shows("Esc stops.")
            await see.press("escape")
        await see.shows(f"intent {INTENT}", "▸ intent")
        await see.press("escape")
        await see.shows("4 captures")
