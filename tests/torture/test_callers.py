"""Broken requests, and callers that never come to an end: `make torture`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hostile import mutate_and_watch
from tests.support.program import Running, running
from tests.torture.https import https
from tests.torture.slow import Siege, hold_out
from tests.torture.totals import Part, rounds


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Running]:
    """The program with its own limits."""
    with running(tmp_path) as program:
        yield program


@pytest.mark.parametrize("seed", range(6))
def test_mutated_requests(relay: Running, part: Part, seed: int) -> None:
    """Two thousand broken requests for each of six seeds; each 200 is a row, and canaries live."""
    count = rounds(2_000)
    mutate_and_watch(relay, count, seed=100 + seed)
    part.count(count, malformed=count)
    assert "Traceback" not in relay.said


def reported(besieging: Siege, part: Part) -> None:
    """Count the slow callers and the good ones' slowest answers."""
    part.count(len(besieging.slow), len(besieging.holding()), p99_ms=besieging.good.p99_s() * 1000)
    part.say(f"{besieging.good.answered:,} good requests answered meanwhile, {besieging.good.failed} not")


@pytest.mark.alone
def test_siege(relay: Running, part: Part) -> None:
    """A thousand slow callers against the deadlines as they are."""
    reported(hold_out(relay, rounds(143), 40.0, 0.5), part)


@pytest.mark.parametrize("client_auth", ["off", "required"])
def test_siege_over_tls(tmp_path: Path, client_auth: str, part: Part) -> None:
    """Forty of each kind over TLS, those that do not get through the handshake too."""
    secure = https(tmp_path / "pki", client_auth)
    with running(tmp_path, *secure.options) as program:
        reported(hold_out(program, 40, 40.0, 0.5, secure.context), part)
