"""The same as the quick tests with as many rounds as a release is worth: `make torture`.

`ROUNDS=10` multiplies the rounds of kills, power cuts, full disks, races and broken requests.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.support.damage import WAYS as HARMS
from tests.support.program import (
    Running,
    reading,
    running,
)
from tests.support.random_keys import Pressing, press_at_random
from tests.support.sink import sink
from tests.support.still import still
from tests.support.waiting import wait_until
from tests.system.test_forward_kill import check_steps
from tests.system.test_full_disk import WAYS, check_cycles
from tests.system.test_hostile import mutate_and_watch
from tests.system.test_shutdown import ends_under_load
from tests.system.test_slow_clients import hold_out
from tests.system.test_startup import race
from tests.torture.call_kills import DISK, NETWORK, call_kills, why_not
from tests.torture.damages import BLIND, HEAD, harm
from tests.torture.forward_kills import forward_kill_rounds
from tests.torture.https import https
from tests.torture.kills import EARLY_ACK, kill_rounds
from tests.torture.power import NOT_SYNCED, mounted, possible, power_cuts
from tests.torture.step_kills import again, nothing_waits, step_kills
from tests.torture.totals import Totals, rounds
from tests.torture.wal import largest_log


def test_thirty_kills(tmp_path: Path, totals: Totals, capsys: pytest.CaptureFixture[str]) -> None:
    """Thirty kills under load on one database: nothing that was answered 200 is lost."""
    tally = kill_rounds(tmp_path, rounds(30), seed=7)
    totals.add(acked=tally.acked, lost=tally.lost, kills=tally.kills)
    with capsys.disabled():
        print(f"\n{tally}")
    assert tally.acked > 1_000
    assert (tally.lost, tally.unsound) == (0, 0), tally


@pytest.mark.parametrize("client_auth", ["off", "required"])
def test_thirty_kills_over_tls(
    tmp_path: Path, client_auth: str, totals: Totals, capsys: pytest.CaptureFixture[str]
) -> None:
    """Thirty kills under load over TLS, with and without client certificates."""
    tally = kill_rounds(tmp_path, rounds(30), seed=8, https=https(tmp_path / "pki", client_auth))
    totals.add(acked=tally.acked, lost=tally.lost, kills=tally.kills)
    with capsys.disabled():
        print(f"\nover TLS, client certificates {client_auth}: {tally}")
    assert tally.acked > 500
    assert (tally.lost, tally.unsound) == (0, 0), tally


def test_thirty_kills_of_an_early_ack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The control: an answer before the commit loses some."""
    tally = kill_rounds(tmp_path, 30, launcher=EARLY_ACK, seed=7)
    with capsys.disabled():
        print(f"\ncontrol, answered before the commit: {tally}")
    assert tally.lost > 0, tally


@pytest.mark.parametrize("how", WAYS)
def test_five_full_disks(tmp_path: Path, how: str) -> None:
    """Five times full and freed, one process."""
    check_cycles(tmp_path, rounds(5), how=how)


def test_twenty_races(tmp_path: Path) -> None:
    """Twenty pairs of engines started at once: one winner each."""
    race(tmp_path, rounds(20))


def test_ends_under_load_many_times(tmp_path: Path) -> None:
    """Twenty gentle ends under load."""
    for number in range(rounds(20)):
        ends_under_load(tmp_path / str(number), signal.SIGTERM, seed=number)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Running]:
    """The program with its own limits."""
    with running(tmp_path) as program:
        yield program


@pytest.mark.parametrize("seed", range(10))
def test_fifty_thousand_mutations(relay: Running, totals: Totals, seed: int) -> None:
    """Five thousand broken requests for each of ten seeds."""
    mutate_and_watch(relay, rounds(5_000), seed=100 + seed)
    totals.malformed += rounds(5_000)
    assert "Traceback" not in relay.said


def test_siege_with_real_deadlines(relay: Running) -> None:
    """Seventy of each kind of slow caller against the deadlines as they are."""
    hold_out(relay, 70, 40.0, 0.5)


@pytest.mark.parametrize("client_auth", ["off", "required"])
def test_siege_over_tls(tmp_path: Path, client_auth: str) -> None:
    """Forty of each kind over TLS, those that do not get through the handshake too."""
    secure = https(tmp_path / "pki", client_auth)
    with running(tmp_path, *secure.options) as program:
        hold_out(program, 40, 40.0, 0.5, secure.context)


def test_log_stays_bounded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The write-ahead log stays below 64 MiB under load with our own commands reading."""
    tally = largest_log(tmp_path, 20.0)
    with capsys.disabled():
        print(f"\n{tally}")
    assert tally.failed == 0
    assert tally.largest_wal_bytes < 64 * 1024 * 1024


def test_every_way_to_harm_the_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No 200 for a row that cannot be read once the harm is done; what it did not destroy is found too."""
    results = []
    with capsys.disabled():
        print(f"\n{HEAD}")
        for number, name in enumerate(HARMS):
            results.append(harm(tmp_path / str(number), name))
            print(results[-1])
        control = harm(tmp_path / "control", "cp BACKUP DB", launcher=BLIND)
        print(f"control, which does not look:\n{control}")
    wrong = [
        str(result)
        for result in results
        if result.found_after < result.acked_after
        or (result.found_before < result.acked_before and not HARMS[result.way].destroys)
        or (result.acked_after == 0 and (HARMS[result.way].harmless or HARMS[result.way].heals))
        or result.traceback
    ]
    assert not wrong, "\n".join(wrong)
    assert control.found_after < control.acked_after, control


@pytest.mark.skipif(not possible(), reason="needs root, Linux and mkfs.ext4")
def test_ten_power_cuts(tmp_path: Path, totals: Totals, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten power cuts on one database: nothing that was answered 200 is lost; unsynced, some is."""
    tally = power_cuts(tmp_path, rounds(10))
    totals.add(acked=tally.acked, lost=tally.lost, power_cuts=rounds(10))
    (tmp_path / "control").mkdir()
    control = power_cuts(tmp_path / "control", 2, launcher=NOT_SYNCED)
    with capsys.disabled():
        print(f"\n{tally}\ncontrol, not synced: {control}")
    assert tally.acked > 100
    assert (tally.lost, tally.unsound) == (0, 0), tally
    assert control.lost > 0, control


@pytest.mark.skipif(not possible(), reason="needs root, Linux and mkfs.ext4")
def test_ten_power_cuts_while_forwarding(
    tmp_path: Path, totals: Totals, capsys: pytest.CaptureFixture[str]
) -> None:
    """What deliveries leave unsynced takes no capture along, and each capture reaches the backend."""
    with sink() as there:
        tally = power_cuts(tmp_path, rounds(10), "--forward-to", f":{there.port}")
        totals.add(acked=tally.acked, lost=tally.lost, power_cuts=rounds(10))
        with (
            mounted(tmp_path / "disk.img", tmp_path / "disk"),
            running(
                tmp_path / "run", "--forward-to", f":{there.port}", db=tmp_path / "disk/relay.db"
            ) as relay,
        ):
            wait_until(lambda: nothing_waits(relay.db), "the queue to drain", within_s=60)
            with reading(relay.db) as log:
                ids = {number for (number,) in log.execute("SELECT id FROM captures")}
    with capsys.disabled():
        print(f"\n{tally}, sent {len(there.ids)} times, {again(there)} of them again")
    assert tally.acked > 100
    assert (tally.lost, tally.unsound) == (0, 0), tally
    assert not ids - set(there.ids)


@pytest.mark.parametrize("in_flight", [1, 4])
def test_twenty_kills_while_forwarding(tmp_path: Path, totals: Totals, in_flight: int) -> None:
    """Each capture reaches its backend; a kill repeats the tries in flight and one at most."""
    tally = forward_kill_rounds(tmp_path, rounds(20), in_flight=in_flight)
    totals.kills += tally.kills
    assert (tally.missing, tally.unended) == (0, 0), tally
    assert tally.repeats <= tally.kills * (in_flight + 1), tally


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("times", [1, 2, 3, 5, 8])
def test_killed_at_each_step_of_a_delivery(
    tmp_path: Path, totals: Totals, times: int, in_flight: int
) -> None:
    """Whatever a delivery had come to: each capture arrives, and those in flight and one may be repeated."""
    tally = step_kills(tmp_path, times, in_flight=in_flight)
    totals.kills += tally.kills
    check_steps(tally, in_flight)


@pytest.mark.skipif(why_not() is not None, reason=why_not() or "")
@pytest.mark.parametrize("calls", [DISK, NETWORK])
def test_killed_at_each_system_call(
    tmp_path: Path, calls: str, totals: Totals, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever it stood between door, disk and backend: each capture arrives, and two may be repeated."""
    tally = call_kills(tmp_path, calls)
    totals.kills += tally.kills
    with capsys.disabled():
        print(f"\n{tally}")
    assert tally.kills >= 5
    check_steps(tally, 1)


@pytest.mark.parametrize("seed", [11, 12])
async def test_keys_at_random_for_five_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Any key at any place of the screen, at six sizes: no traceback, no lost mark, nothing unasked."""
    pressing = Pressing()
    pressing.watch(monkeypatch)
    until = monotonic() + 300
    async with still(tmp_path, monkeypatch, size=(120, 40)) as see:
        await press_at_random(see, seed, lambda _: monotonic() < until, pressing)
    with capsys.disabled():
        print(f"\n{len(pressing.pressed):,} keys, {pressing.sent:,} requests for the engine")
    assert len(set(pressing.pressed)) > 50
