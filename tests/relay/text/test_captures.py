"""Short texts about captures and deliveries."""

from __future__ import annotations

import pytest

from relay.models import Delivery
from relay.text.captures import attempt_outcome, outcome, outcomes, relay_response, response
from tests.support.factories import a_delivery, an_attempt


@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        (a_delivery(attempts=0, state="queued"), "queued"),
        (a_delivery(state="parked", status=500), "parked"),
        (a_delivery(status=200, verdict="delivered"), "200 delivered"),
        (a_delivery(status=500, verdict="retry"), "500 retry"),
        (a_delivery(status=None, outcome="timeout", verdict="retry"), "timeout retry"),
        (a_delivery(status=200, outcome="broken-off", verdict="retry"), "200 broken-off retry"),
        (a_delivery(status=None, outcome=None, verdict=None), "no response"),
    ],
)
def test_how_a_delivery_ended(delivery: Delivery, words: str) -> None:
    """The list, a journey, its diagram and the retries of an event say it in the same words."""
    assert outcome(delivery) == words
    assert outcomes((delivery,)) == f"-> {words}"


def test_how_an_attempt_ended() -> None:
    """The status and its time, or why there was no response; hostile characters are made visible."""
    assert attempt_outcome(an_attempt(status=500, elapsed_ms=41.2, error=None)) == "500 in 41 ms"
    assert attempt_outcome(an_attempt(status=200, error="late")) == "200 in 41 ms, late"
    assert attempt_outcome(an_attempt(status=None, error="reset\x1b[m")) == "reset␛[m"
    assert attempt_outcome(an_attempt(status=None, error=None, outcome="timeout")) == "timeout"
    assert response(None, None) == "no response"


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (200, None, "relay took it: 200"),
        (503, None, "relay answered 503"),
        (None, "timed out", "timed out"),
        (None, None, "no response"),
    ],
)
def test_how_the_relay_responded(status: int | None, reason: str | None, words: str) -> None:
    """The relay's 200 is not written as a backend's."""
    assert relay_response(status, reason) == words
