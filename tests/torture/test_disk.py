"""Full disks, power cuts, files harmed from outside, and a WAL under load: `make torture`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.damage import WAYS as HARMS
from tests.support.program import nothing_waits, reading, running
from tests.support.sink import sink
from tests.support.waiting import wait_until
from tests.torture import strace
from tests.torture.damages import BLIND, HEAD, harm
from tests.torture.full_disk import WAYS, check_cycles
from tests.torture.io_errors import DEAF, KINDS, io_errors, io_errors_at_once
from tests.torture.power import NOT_SYNCED, mounted, power_cuts, why_not
from tests.torture.step_kills import again
from tests.torture.totals import Part, rounds
from tests.torture.wal import largest_log


@pytest.mark.parametrize("how", WAYS)
def test_full_disks(tmp_path: Path, how: str, part: Part) -> None:
    """Five times full and freed, one process."""
    tally = check_cycles(tmp_path, rounds(5), how=how)
    part.count(tally.cycles, tally.lost, acked=tally.acked, lost=tally.lost)
    part.say(f"{tally.statuses[503]} times 503, healed within {tally.slowest_healing_s:.1f} s")


@pytest.mark.skipif(strace.why_not() is not None, reason=strace.why_not() or "")
@pytest.mark.parametrize("kind", KINDS)
def test_io_errors(tmp_path: Path, kind: str, part: Part) -> None:
    """An error at each of a hundred writes and syncs: what was answered 200 is there, and it goes on."""
    tally = io_errors_at_once(tmp_path, kind, rounds(100))
    part.count(tally.errors, tally.lost, acked=tally.acked, lost=tally.lost, kills=tally.kills)
    part.say(f"{tally.refused:,} times 503", *(f"{count} x {what}" for what, count in tally.where.items()))
    control = io_errors(tmp_path / "control", kind, range(1, 13), launcher=DEAF)
    part.control("which takes errors for success", control.errors, control.lost)
    assert tally.errors >= 0.9 * rounds(100), tally
    assert (tally.lost, tally.unsound, tally.not_healed, tally.tracebacks) == (0, 0, 0, 0), tally
    assert control.lost > 0, control


@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
def test_power_cuts(tmp_path: Path, part: Part) -> None:
    """Ten power cuts on one database: nothing that was answered 200 is lost; unsynced, some is."""
    tally = power_cuts(tmp_path, rounds(10))
    part.count(tally.cuts, tally.lost, acked=tally.acked, lost=tally.lost, power_cuts=tally.cuts)
    (tmp_path / "control").mkdir()
    control = power_cuts(tmp_path / "control", 2, launcher=NOT_SYNCED)
    part.control("not synced", control.cuts, control.lost)
    assert tally.acked > 100
    assert (tally.lost, tally.unsound) == (0, 0), tally
    assert control.lost > 0, control


@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
def test_power_cuts_while_forwarding(tmp_path: Path, part: Part) -> None:
    """What deliveries leave unsynced takes no capture along, and each capture reaches the backend."""
    with sink() as there:
        tally = power_cuts(tmp_path, rounds(10), "--forward-to", f":{there.port}")
        with (
            mounted(tmp_path / "disk.img", tmp_path / "disk"),
            running(
                tmp_path / "run", "--forward-to", f":{there.port}", db=tmp_path / "disk/relay.db"
            ) as relay,
        ):
            wait_until(lambda: nothing_waits(relay.db), "the queue to drain", within_s=60)
            with reading(relay.db) as log:
                ids = {number for (number,) in log.execute("SELECT id FROM captures")}
    missing = ids - set(there.ids)
    part.count(
        tally.cuts, tally.lost + len(missing), acked=tally.acked, lost=tally.lost, power_cuts=tally.cuts
    )
    part.say(f"sent {len(there.ids):,} times, {again(there)} of them again")
    assert tally.acked > 100
    assert (tally.lost, tally.unsound) == (0, 0), tally
    assert not missing


def test_every_way_to_harm_the_database(tmp_path: Path, part: Part) -> None:
    """No 200 for a row that cannot be read once the harm is done; what it did not destroy is found too."""
    part.say(HEAD)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda name: harm(tmp_path / str(list(HARMS).index(name)), name), HARMS))
    part.say(*results)
    control = harm(tmp_path / "control", "rm DB", launcher=BLIND)
    found, acked = control.found_after, control.acked_after
    wrong = [
        str(result)
        for result in results
        if result.found_after < result.acked_after
        or (result.found_before < result.acked_before and not HARMS[result.way].destroys)
        or (result.acked_after == 0 and (HARMS[result.way].harmless or HARMS[result.way].heals))
        or result.traceback
    ]
    part.count(len(results), len(wrong))
    part.control("which does not look at its files", acked, acked - found)
    assert not wrong, "\n".join(wrong)
    assert found < acked


def test_wal_stays_bounded(tmp_path: Path, part: Part) -> None:
    """The WAL stays below 64 MiB under load with our own commands reading."""
    tally = largest_log(tmp_path, 20.0)
    part.count(tally.reads, tally.failed)
    part.say(f"{tally.stored:,} stored, WAL {tally.largest_wal_bytes / 2**20:.1f} MiB at most")
    assert tally.failed == 0
    assert tally.largest_wal_bytes < 64 * 1024 * 1024
