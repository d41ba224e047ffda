"""`retries`: each event by Lean's clock, until Lean would count it as delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator

from relay.lean.schedule import ATTEMPTS
from relay.rehearsal.report import CheckName, ReportLine, Result, counted
from relay.rehearsal.stage import Stage, events, line, types_of

WHY = (
    "Lean counts only a 200 within 10 s; otherwise it sends the webhook again 1, 2, 5, 10, 60 and 180 "
    "minutes after the first attempt, and documents no attempt after that."
)


async def retries(stage: Stage) -> AsyncIterator[ReportLine]:
    """Each capture, again as Lean would send it again."""
    await stage.start_again()
    sent = await stage.rounds.send(stage.ids, fresh=stage.fresh(), retries=stage.time_scale)
    deliveries = sent.deliveries()
    first = [each for each in deliveries if each[0].delivered]
    later = [each for each in deliveries if not each[0].delivered and each[-1].delivered]
    lost = [each for each in deliveries if not each[-1].delivered]
    check = CheckName.RETRIES
    if first:
        yield line(
            check,
            "delivered at the first attempt",
            Result.PASSED,
            sent=events(len(first)),
            received=counted(each[0].word for each in first),
            why=WHY,
        )
    if later:
        yield line(
            check,
            "delivered only when it was sent again",
            Result.WARNING,
            sent=f"{events(len(later))} ({types_of(each[0] for each in later)}), up to "
            f"{max(each[-1].number for each in later)} times",
            received=f"at first {counted(each[0].reason for each in later)}",
            why=WHY,
            look_at=[each[0] for each in later],
        )
    if lost:
        yield line(
            check,
            f"lost after {ATTEMPTS} attempts",
            Result.FAILED,
            sent=f"{events(len(lost))} ({types_of(each[0] for each in lost)})",
            received=f"at last {counted(each[-1].reason for each in lost)}",
            why=WHY,
            look_at=[each[0] for each in lost],
        )
