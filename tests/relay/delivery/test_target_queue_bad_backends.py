"""Every kind of bad backend as a target of one relay: each try is named rightly, no queue stands still."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from relay.config import Route, Settings
from relay.control.messages import StatusRequest
from relay.delivery.http import response
from relay.delivery.http.outcomes import Outcome
from relay.engine import engine
from tests.relay.delivery.http.test_sender_bad_backends import BAD
from tests.relay.engine.test_engine import post
from tests.support import backends
from tests.support.backends import Authority, Backend, a_place, backend
from tests.support.receiving import (
    a_post,
    rows,
)
from tests.support.waiting import until

pytestmark = pytest.mark.slow

CAPTURES = 3


@pytest.mark.parametrize("times_out", [True, False])
async def test_no_bad_backend_stops_a_queue(
    tmp_path: Path, ca: Authority, monkeypatch: pytest.MonkeyPatch, times_out: bool
) -> None:
    """Three captures go to each, one after the other; what cannot be reached waits and holds up no other."""
    monkeypatch.setattr(response, "MOST_RESPONSE_BYTES", 2 * 1024 * 1024)
    with ExitStack() as stack:
        bad: dict[str, Backend] = {
            name: stack.enter_context(backend(behave))
            for name, (behave, outcome, *_) in BAD.items()
            if (outcome is Outcome.TIMEOUT) == times_out
        }
        good = stack.enter_context(backend(backends.answers()))
        wrong = stack.enter_context(backend(backends.answers(), tls=ca.context("other.test")))
        nobody = stack.enter_context(a_place())
        urls = {name: f"{there.url}/hook" for name, there in bad.items()}
        away = {
            f"http://localhost:{nobody.getsockname()[1]}": "nothing listens on port",
            f"https://localhost:{wrong.port}": "TLS failed: ",
        }
        targets = [*urls.values(), *away, f"{good.url}/hook"]
        settings = Settings(
            db=tmp_path / "relay.db",
            port=0,
            forward=tuple(Route(to=to, when=None, where="forward") for to in targets),
            timeout_s=1.0 if times_out else 60.0,
        )
        async with engine.running(settings, receive=True) as running:
            for number in range(CAPTURES):
                assert b" 200 " in await post(running.url, a_post(str(number).encode()))
            waiting = CAPTURES * len(away)
            await until(
                lambda: (
                    rows(settings.db, "SELECT count(*) FROM deliveries WHERE state <> 'ended'")
                    == [(waiting,)]
                ),
                "all that can be sent",
                30,
            )
            states = {each.target: each for each in (await running.request(StatusRequest())).targets}
    for target, why in away.items():
        assert (states[target].state, states[target].waiting) == ("down", CAPTURES)
        assert str(states[target].reason).startswith(why), states[target]
    tried: dict[str, list[tuple[int, str, int | None, str]]] = {}
    for target, *attempt in rows(
        settings.db,
        "SELECT target, capture_id, outcome, status, verdict FROM attempts"
        " JOIN deliveries ON deliveries.id = delivery_id ORDER BY attempts.id",
    ):
        tried.setdefault(target, []).append(tuple(attempt))
    assert tried.pop(f"{good.url}/hook") == [
        (number + 1, "answered", 200, "delivered") for number in range(3)
    ]
    assert set(tried) == set(urls.values())
    for name in bad:
        _, outcome, status, _ = BAD[name]
        expected = [(number + 1, outcome, status, "retry") for number in range(CAPTURES)]
        assert tried[urls[name]] == expected, name
        assert len(bad[name].requests) <= CAPTURES, name
