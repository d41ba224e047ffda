"""`kill -9` at random moments, at each step and at each system call: `make torture`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.bad_backends import bad_backend_rounds
from tests.torture.call_kills import DISK, NETWORK, call_kills
from tests.torture.forward_kills import forward_kill_rounds
from tests.torture.https import https
from tests.torture.kills import EARLY_ACK, kill_rounds
from tests.torture.step_kills import check_steps, step_kills
from tests.torture.strace import why_not
from tests.torture.totals import Part, rounds


def test_kills_under_load(tmp_path: Path, part: Part) -> None:
    """Thirty kills under load on one database: nothing that was answered 200 is lost."""
    tally = kill_rounds(tmp_path, rounds(30), seed=7)
    part.count(tally.kills, tally.lost, acked=tally.acked, lost=tally.lost, kills=tally.kills)
    control = kill_rounds(tmp_path / "control", 10, launcher=EARLY_ACK, seed=7)
    part.control("answered before the commit", control.kills, control.lost)
    assert tally.acked > 1_000
    assert (tally.lost, tally.unsound) == (0, 0), tally
    assert control.lost > 0, control


@pytest.mark.parametrize("client_auth", ["off", "required"])
def test_kills_over_tls(tmp_path: Path, client_auth: str, part: Part) -> None:
    """The same over TLS, with and without client certificates."""
    tally = kill_rounds(tmp_path, rounds(10), seed=8, https=https(tmp_path / "pki", client_auth))
    part.count(tally.kills, tally.lost, acked=tally.acked, lost=tally.lost, kills=tally.kills)
    assert tally.acked > 150
    assert (tally.lost, tally.unsound) == (0, 0), tally


@pytest.mark.parametrize("in_flight", [1, 4])
def test_kills_while_forwarding(tmp_path: Path, part: Part, in_flight: int) -> None:
    """Each capture reaches its backend; a kill repeats those in flight and one at most."""
    tally = forward_kill_rounds(tmp_path, rounds(20), in_flight=in_flight)
    part.count(tally.captures, tally.missing, kills=tally.kills)
    part.say(f"{tally.captures:,} captures, {tally.repeats} attempts repeated")
    assert tally.missing == 0, tally
    assert tally.repeats <= tally.kills * (in_flight + 1), tally


def test_kills_before_a_bad_backend(tmp_path: Path, part: Part) -> None:
    """Whatever the backend does: each delivery ends with an attempt to be seen, and no redirect is obeyed."""
    tally = bad_backend_rounds(tmp_path, rounds(20))
    failed = tally.lost + tally.unended + tally.without_attempt + tally.redirected
    part.count(tally.captures, failed, acked=tally.acked, lost=tally.lost, kills=tally.kills)
    part.say(", ".join(f"{count} {outcome}" for outcome, count in tally.outcomes.items()))
    assert tally.captures > 100, tally
    assert failed == 0, tally
    assert tally.repeats <= tally.kills * 5, tally
    assert not tally.traceback


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("times", [1, 2, 5])
def test_killed_at_each_step_of_a_delivery(tmp_path: Path, part: Part, times: int, in_flight: int) -> None:
    """Whatever a delivery had come to: each capture arrives, and those in flight and one may be repeated."""
    tally = step_kills(tmp_path, times, in_flight=in_flight)
    part.count(tally.kills, tally.missing + tally.unended, kills=tally.kills)
    check_steps(tally, in_flight)


@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
@pytest.mark.parametrize("calls", [DISK, NETWORK])
def test_killed_at_each_system_call(tmp_path: Path, calls: str, part: Part) -> None:
    """Wherever it stood between door, disk and backend: each capture arrives, and two may be repeated."""
    tally = call_kills(tmp_path, calls)
    part.count(tally.kills, tally.missing + tally.unended, kills=tally.kills)
    assert tally.kills >= 5
    check_steps(tally, 1)
