"""Conducts a rehearsal: asks the engine for one round after another, and collects the report."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from time import monotonic

from relay.errors import RelayError
from relay.rehearsal.checks.bisect import bisect
from relay.rehearsal.checks.duplicates import duplicates
from relay.rehearsal.checks.order import order
from relay.rehearsal.checks.outage import outage
from relay.rehearsal.checks.retries import retries
from relay.rehearsal.checks.signatures import signatures
from relay.rehearsal.checks.types import types
from relay.rehearsal.report import CheckName, Report, ReportLine
from relay.rehearsal.stage import Stage

RUN: Mapping[CheckName, Callable[[Stage], AsyncIterator[ReportLine]]] = {
    CheckName.RETRIES: retries,
    CheckName.DUPLICATES: duplicates,
    CheckName.ORDER: order,
    CheckName.SIGNATURES: signatures,
    CheckName.OUTAGE: outage,
    CheckName.TYPES: types,
    CheckName.BISECT: bisect,
}


INTERRUPTED = "interrupted"


def new_seed() -> int:
    """A seed that is short enough to type again."""
    return random.SystemRandom().randrange(1_000_000)


async def rehearse(
    stage: Stage,
    checks: tuple[CheckName, ...],
    *,
    target: str,
    samples: bool,
    report: Callable[[ReportLine], None],
) -> Report:
    """Do the checks, and call `report` with each line as soon as it is known.

    A rehearsal that is cancelled, or whose commands fail, still returns what was done, with the reason.

    Args:
        samples: whether the stage's captures are samples, as none was captured.
    """
    begun = monotonic()
    lines: list[ReportLine] = []
    not_done: str | None = None
    try:
        for name in checks:
            generator = RUN[name](stage)
            async with aclosing(generator) as found:  # type: ignore[type-var]  # all are generators
                async for each in found:
                    lines.append(each)
                    report(each)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        not_done = INTERRUPTED
    except RelayError as error:
        not_done = str(error)
        if not lines:
            raise
    return Report(
        target=target,
        seed=stage.seed,
        captures=len(stage.subjects),
        samples=samples,
        lines=tuple(lines),
        requests=stage.rounds.requests,
        elapsed_s=monotonic() - begun,
        not_done=not_done,
    )
