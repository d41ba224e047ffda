"""`outage`: the backend is restarted while events arrive; Lean sends again what got no 200."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from relay.rehearsal.checks.duplicates import NOT_COMPARABLE
from relay.rehearsal.report import CheckName, ReportLine, Result
from relay.rehearsal.rounds import Round
from relay.rehearsal.stage import Stage, events, line, types_of
from relay.rehearsal.state import instead

WHY = (
    "While a backend restarts, Lean gets no 200 and sends again; but what got its 200 before, Lean never "
    "sends again, so it must not live in memory alone."
)

LASTS_S = 1.5
"""The events are spread over this time; the restart begins after a third of it."""

MOST_RATE = 200.0
CHECK = CheckName.OUTAGE


async def outage(stage: Stage) -> AsyncIterator[ReportLine]:
    """All captures around a restart, again by Lean's clock."""
    count = len(stage.ids)
    if stage.restart is None:
        async for each in _pause(stage):
            yield each
        return
    reference = await stage.measured(stage.ids)
    before = await stage.prepared()
    sending = asyncio.ensure_future(
        stage.rounds.send(
            stage.ids,
            fresh=stage.fresh(compared=True),
            retries=stage.time_scale,
            rate=min(max(count / LASTS_S, 1.0), MOST_RATE),
        )
    )
    try:
        await asyncio.sleep(LASTS_S / 3)
        await stage.restarted()
        sent = await sending
    finally:
        if not sending.done():
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    effect = await stage.effect_since(before)
    lost = [each[-1] for each in sent.deliveries() if not each[-1].delivered]
    if sent.not_sent or lost:
        result = Result.FAILED
        received = sent.not_sent or f"lost {types_of(lost)}: {lost[0].reason}"
    elif stage.probe is None:
        result, received = (
            Result.UNKNOWN,
            f"{_attempts(sent)}; what a restart forgets is unknown without --probe",
        )
    elif effect is None or reference.effect is None or not reference.round.all_delivered:
        result, received = Result.UNKNOWN, f"{_attempts(sent)}; {NOT_COMPARABLE}"
    elif effect != reference.effect:
        result, received = (
            Result.FAILED,
            f"{_attempts(sent)}, but not each effect once{instead(effect, reference.effect)}",
        )
    else:
        result, received = Result.PASSED, f"{_attempts(sent)}, each effect once"
    yield line(
        CHECK,
        "a restart while events arrive",
        result,
        sent=events(count),
        received=received,
        why=WHY,
        look_at=lost or ([] if result is Result.PASSED else sent.last),
    )


async def _pause(stage: Stage) -> AsyncIterator[ReportLine]:
    """Without a restart: the events that Lean would hold back come all at once, after a pause."""
    await stage.start_again()
    await asyncio.sleep(LASTS_S)
    sent = await stage.rounds.send(
        stage.ids, fresh=stage.fresh(), retries=stage.time_scale, concurrency=min(len(stage.ids), 10)
    )
    lost = [each[-1] for each in sent.deliveries() if not each[-1].delivered]
    yield line(
        CHECK,
        "all at once, after a pause of the relay's",
        Result.FAILED if lost or sent.not_sent else Result.UNKNOWN,
        sent=events(len(stage.ids)),
        received=sent.not_sent
        or (
            f"lost {types_of(lost)}: {lost[0].reason}"
            if lost
            else f"{_attempts(sent)}; nothing was restarted, add --restart"
        ),
        why=WHY,
        look_at=lost,
    )


def _attempts(sent: Round) -> str:
    again = sum(len(each) > 1 for each in sent.deliveries())
    return f"{sent.received}" + (f", {again} of them only when sent again" if again else "")
