"""A team's PostgreSQL where a machine goes down: `make torture`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.postgres import needs_postgres
from tests.torture import patroni
from tests.torture.power import why_not
from tests.torture.team import failover, power_cuts
from tests.torture.totals import Part, rounds

pytestmark = needs_postgres


@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
def test_power_cuts_of_postgres(tmp_path: Path, part: Part) -> None:
    """Ten power cuts on one log: no webhook with a 200 is lost; without waiting for the disk, some."""
    tally = power_cuts(tmp_path, rounds(10))
    part.count(tally.rounds, tally.lost, acked=tally.acked, lost=tally.lost, power_cuts=tally.rounds)
    control = power_cuts(tmp_path / "control", 2, waits=False)
    part.control("synchronous_commit off", control.rounds, control.lost)
    assert tally.acked > 100
    assert (tally.lost, tally.twice) == (0, 0), tally
    assert control.lost > 0, control


def test_failover(tmp_path: Path, part: Part) -> None:
    """A synchronous standby has every webhook that was answered 200; an asynchronous one does not."""
    tally = failover(tmp_path / "synchronous", synchronous=True)
    part.count(tally.acked, tally.lost, acked=tally.acked, lost=tally.lost)
    control = failover(tmp_path / "asynchronous", synchronous=False)
    part.control("an asynchronous standby", control.acked, control.lost)
    assert tally.acked > 300
    assert (tally.lost, tally.twice) == (0, 0), tally
    assert control.lost > 0, control


@pytest.mark.skipif(patroni.why_not() is not None, reason=patroni.why_not() or "")
def test_patroni(tmp_path: Path, part: Part) -> None:
    """The primary killed, stopped and switched over under load: every webhook with a 200 is there, once."""
    tally, outages = patroni.outages(tmp_path)
    part.count(len(outages), tally.lost + tally.twice, acked=tally.acked, lost=tally.lost)
    for each in outages:
        part.say(f"{each.what}: {each.without_200_s:.1f} s without a 200, {each.refused} answered 503")
    assert tally.acked > 1_000
    assert (tally.lost, tally.twice) == (0, 0), tally
