"""A team's PostgreSQL where a machine goes down: `make torture`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.postgres import needs_postgres
from tests.torture import patroni
from tests.torture.power import possible
from tests.torture.team import failover, power_cuts
from tests.torture.totals import Totals, rounds

pytestmark = needs_postgres


@pytest.mark.skipif(not possible(), reason="needs root, Linux and mkfs.ext4")
def test_ten_power_cuts_of_postgres(
    tmp_path: Path, totals: Totals, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten power cuts on one log: no webhook with a 200 is lost; without waiting for the disk, some."""
    tally = power_cuts(tmp_path, rounds(10))
    totals.add(acked=tally.acked, lost=tally.lost, power_cuts=rounds(10))
    control = power_cuts(tmp_path / "control", 2, waits=False)
    with capsys.disabled():
        print(f"\n{tally}\ncontrol, synchronous_commit off: {control}")
    assert tally.acked > 100
    assert (tally.lost, tally.twice) == (0, 0), tally
    assert control.lost > 0, control


def test_failover(tmp_path: Path, totals: Totals, capsys: pytest.CaptureFixture[str]) -> None:
    """A synchronous standby has every webhook that was answered 200; an asynchronous one does not."""
    tally = failover(tmp_path / "synchronous", synchronous=True)
    totals.add(acked=tally.acked, lost=tally.lost)
    control = failover(tmp_path / "asynchronous", synchronous=False)
    with capsys.disabled():
        print(f"\n{tally}\ncontrol, asynchronous: {control}")
    assert tally.acked > 300
    assert (tally.lost, tally.twice) == (0, 0), tally
    assert control.lost > 0, control


@pytest.mark.skipif(patroni.why_not() is not None, reason=patroni.why_not() or "")
def test_patroni(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The primary killed, stopped and switched over under load: every webhook with a 200 is there, once."""
    tally, outages = patroni.outages(tmp_path)
    with capsys.disabled():
        print(f"\n{tally}")
        for each in outages:
            print(f"{each.what}: {each.without_200_s:.1f} s without a 200, {each.refused} answered 503")
    assert tally.acked > 1_000
    assert (tally.lost, tally.twice) == (0, 0), tally
