"""Bisect: the smallest ordered set that still fails, in few rounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.rehearsal.checks.bisect import minimal
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
