"""`bisect`: the smallest ordered set of captures that still makes the backend fail.

Delta debugging. It first looks for the shortest beginning that fails, whose last capture is needed; then for
the shortest beginning that fails followed by that one, and so on: about log2(n) rounds for each capture of
the result, where adding captures never mends a failure. Where it does, parts are left out until none can be.
"""

from __future__ import annotations

import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from relay.rehearsal.report import CheckName, ReportLine, Result
from relay.rehearsal.stage import Stage, events

WHY = "A handler that fails only after certain other webhooks is found by the fewest that show it."

Fails = Callable[[Sequence[int]], Awaitable[bool]]

CHECK = CheckName.BISECT


class OutOfRounds(Exception):
    """The rounds allowed are used up."""


async def bisect(stage: Stage) -> AsyncIterator[ReportLine]:
    """The smallest set of the captures that fails, as one line."""
    used = 0
    smallest: Sequence[int] = stage.ids

    async def fails(ids: Sequence[int]) -> bool:
        nonlocal used, smallest
        if used >= stage.most_rounds:
            raise OutOfRounds
        used += 1
        stage.rounds.note(f"round {used} of at most {stage.most_rounds}: {events(len(ids))}")
        found = await _fails(stage, ids)
        if found and len(ids) < len(smallest):
            smallest = tuple(ids)
        return found

    if not await fails(stage.ids):
        yield _line(stage, Result.UNKNOWN, (), f"all {events(len(stage.ids))} together do not fail")
        return
    not_done = ""
    try:
        smallest = await minimal(stage.ids, fails)
    except OutOfRounds:
        not_done = f"; stopped after {used} rounds, more with --rounds"
    if not smallest:
        words = "the probe fails even where nothing is sent; check --probe and --reset"
        yield _line(stage, Result.UNKNOWN, (), words)
        return
    yield _line(
        stage,
        Result.FAILED,
        smallest,
        f"fails with {events(len(smallest))} in this order, {used} rounds{not_done}",
    )


async def _fails(stage: Stage, ids: Sequence[int]) -> bool:
    await stage.start_again()
    if ids and not (await stage.rounds.send(ids, fresh=stage.fresh())).all_delivered:
        return True
    return stage.probe is not None and not await stage.probe.holds()


async def minimal(ids: Sequence[int], fails: Fails) -> tuple[int, ...]:
    """A part of `ids`, in their order, that fails and of which each smaller part that was tried does not.

    Args:
        ids: they fail together.
        fails: tries some of them, in their order.
    """
    needed: list[int] = []
    rest = list(ids)
    while rest and not (needed and await fails(needed)):
        shortest = await _shortest(rest, needed, fails)
        if shortest == 0:  # The needed ones fail alone, or nothing has to be sent.
            break
        needed.insert(0, rest[shortest - 1])
        rest = rest[: shortest - 1]
    # Where what was left out mended a failure, those are not all, or too many.
    start = needed if rest or await fails(needed) else list(ids)
    return await _reduced(start, fails)


async def _shortest(rest: Sequence[int], needed: Sequence[int], fails: Fails) -> int:
    """The length of the shortest beginning of `rest` that fails followed by `needed`; all of it does."""
    low, high = 0, len(rest)
    while low < high:
        middle = (low + high) // 2
        if await fails([*rest[:middle], *needed]):
            high = middle
        else:
            low = middle + 1
    return high


async def _reduced(ids: list[int], fails: Fails) -> tuple[int, ...]:
    """Leave out parts, halves first, for as long as the rest fails."""
    parts = 2
    while len(ids) > 1:
        size = -(-len(ids) // parts)
        for at in range(0, len(ids), size):
            left = ids[:at] + ids[at + size :]
            if left and await fails(left):
                ids, parts = left, max(parts - 1, 2)
                break
        else:
            if parts >= len(ids):
                break
            parts = min(parts * 2, len(ids))
    return tuple(ids)


def _line(stage: Stage, result: Result, captures: Sequence[int], received: str) -> ReportLine:
    command = None
    if captures:
        command = shlex.join(
            ["lean-relay", "replay", *map(str, captures), "--to", stage.rounds.to, "--fresh-ids", "--yes"]
        )
    return ReportLine(
        check=CHECK,
        case="the fewest webhooks that make it fail",
        result=result,
        sent=events(len(stage.ids)),
        received=received,
        why=WHY,
        captures=tuple(captures),
        command=command,
    )
