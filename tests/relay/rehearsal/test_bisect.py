"""Bisect: the smallest ordered set that still fails, in few rounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.control.messages import FreshIds
from relay.rehearsal.checks.bisect import bisect, minimal
from relay.rehearsal.report import Result
from relay.rehearsal.rounds import Round, Rounds, Sent
from relay.rehearsal.stage import Stage, Subject
from relay.rehearsal.state import Probe
from tests.support.handlers import Pair, serving
from tests.support.lean_requests import a_request
from tests.support.program import exchange, lean_relay, running


def contains(ids: Sequence[int], wanted: Sequence[int]) -> bool:
    left = iter(ids)
    return all(each in left for each in wanted)


@given(st.integers(1, 200), st.data())
def test_the_needed_ones_are_found_in_few_rounds(count: int, data: st.DataObject) -> None:
    """Where adding captures never mends a failure: exactly those, and about log2(n) rounds for each."""
    ids = list(range(1, count + 1))
    wanted = sorted(data.draw(st.sets(st.sampled_from(ids), min_size=1, max_size=4)))
    rounds = 0

    async def fails(some: Sequence[int]) -> bool:
        nonlocal rounds
        rounds += 1
        return contains(some, wanted)

    assert list(asyncio.run(minimal(ids, fails))) == wanted
    assert rounds <= len(wanted) * (count.bit_length() + 4)


@given(st.integers(3, 40), st.data())
def test_what_mends_a_failure_is_left_out(count: int, data: st.DataObject) -> None:
    """Not monotone: one capture mends it. The result still fails, and no single one can be left out."""
    ids = list(range(1, count + 1))
    first, second, mends = data.draw(st.permutations(ids))[:3]
    wanted = sorted((first, second))

    async def fails(some: Sequence[int]) -> bool:
        return contains(some, wanted) and (mends not in some or len(some) == count)

    found = list(asyncio.run(minimal(ids, fails)))
    assert asyncio.run(fails(found))
    for each in found:
        assert not asyncio.run(fails([one for one in found if one != each]))


class Scripted:
    """Sends nothing; one capture is not delivered."""

    to = "http://localhost:3000/hook?a=1&b=2"

    def __init__(self, broken: int) -> None:
        self._broken = broken
        self.sent: list[list[int]] = []

    def note(self, words: str) -> None:
        pass

    async def send(self, ids: Sequence[int], *, fresh: FreshIds) -> Round:
        self.sent.append(list(ids))
        return Round(
            [
                Sent(
                    capture_id=number,
                    delivery_id=number,
                    event_type=None,
                    number=1,
                    status=200,
                    delivered=number != self._broken,
                    reason="",
                )
                for number in ids
            ]
        )


def a_stage(rounds: Scripted, count: int, probe: Probe | None = None) -> Stage:
    subjects = tuple(Subject(id=number, event_type=None) for number in range(1, count + 1))
    return Stage(rounds=cast(Rounds, rounds), subjects=subjects, probe=probe)


@pytest.mark.parametrize("count", [1, 5])
async def test_the_first_capture_alone(count: int) -> None:
    """No round is empty, as an engine refuses one; the command is one that a shell takes."""
    rounds = Scripted(broken=1)
    [line] = [each async for each in bisect(a_stage(rounds, count))]
    assert (line.result, line.captures) == (Result.FAILED, (1,))
    assert [] not in rounds.sent
    assert line.command == f"lean-relay replay 1 --to '{Scripted.to}' --fresh-ids --yes"


async def test_a_probe_that_fails_by_itself() -> None:
    """No capture is to blame, and none is named."""
    [line] = [each async for each in bisect(a_stage(Scripted(broken=0), 2, Probe("exit 1")))]
    assert (line.result, line.captures, line.command) == (Result.UNKNOWN, (), None)
    assert "fails even where nothing is sent" in line.received


@pytest.mark.slow
def test_a_pair_among_200_that_fails_only_together_and_in_one_order(tmp_path: Path) -> None:
    """Found through the real program, in less than 60 rounds, with the command that replays it."""
    with serving(Pair()) as served, running(tmp_path) as relay:
        for number in range(1, 201):
            name = {37: Pair.first, 164: Pair.second, 20: Pair.second, 190: Pair.first}.get(number, "other")
            body = json.dumps(
                {
                    "type": "entity.created",
                    "payload": {"id": f"00000000-0000-4000-8000-{number:012}", "app_user_id": name},
                    "event_id": f"10000000-0000-4000-8000-{number:012}",
                    "timestamp": "2026-03-04T05:06:07.089123Z",
                }
            )
            exchange(relay.port, a_request(body.encode()))
        done = lean_relay(
            tmp_path,
            *("rehearse", "bisect", "1..", "--to", served.url, "--probe", served.probe),
            *("--reset", served.command("reset"), "--rounds", "60", "--yes", "--json"),
            *("--db", str(relay.db)),
        )
    line, total = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 3, done.stderr
    assert line["captures"] == [37, 164]
    assert line["command"].startswith("lean-relay replay 37 164 ")
    assert "fails with 2 events in this order" in line["received"]
    assert total["results"]["failed"] == 1
