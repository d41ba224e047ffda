"""`order`: the events in other orders than they came, each again by Lean's clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

from relay.rehearsal.checks.duplicates import NOT_COMPARABLE
from relay.rehearsal.report import CheckName, ReportLine, Result
from relay.rehearsal.stage import Measured, Stage, events, line, types_of
from relay.rehearsal.state import instead

WHY = "Lean guarantees no order: an update can arrive before the event that it updates."

ROUNDS = 3
CHECK = CheckName.ORDER


async def order(stage: Stage) -> AsyncIterator[ReportLine]:
    """The captures as they came, then in other orders."""
    if len(stage.ids) < 2:
        yield line(
            CHECK,
            "another order",
            Result.UNKNOWN,
            sent=events(len(stage.ids)),
            received="one event has only one order; choose more captures",
            why=WHY,
        )
        return
    reference = await stage.measured(stage.ids, retries=stage.time_scale)
    for case, ids in _orders(stage).items():
        yield _judged(stage, case, await stage.measured(ids, retries=stage.time_scale), reference)


def _orders(stage: Stage) -> dict[str, list[int]]:
    """Orders to try, by their case: the last event first, then at random."""
    orders = {"the last event first": list(reversed(stage.ids))}
    for number in range(1, ROUNDS):
        ids = list(stage.ids)
        stage.random.shuffle(ids)
        orders[f"shuffled, {number} of {ROUNDS - 1}"] = ids
    return orders


def _judged(stage: Stage, case: str, there: Measured, reference: Measured) -> ReportLine:
    deliveries = there.round.deliveries()
    lost = [each[-1] for each in deliveries if not each[-1].delivered]
    late = [each[0] for each in deliveries if not each[0].delivered and each[-1].delivered]
    received, look_at = there.round.received, lost or late
    effect, in_order = there.effect, reference.effect
    if there.round.not_sent or lost:
        result = Result.FAILED
        received = there.round.not_sent or f"{received}: lost {types_of(lost)}"
    elif effect is not None and in_order is not None and effect != in_order:
        result, look_at = Result.FAILED, there.round.sent
        received = f"{received}, but another end state than in order{instead(effect, in_order)}"
    elif late:
        result, received = (
            Result.WARNING,
            f"200 only after {late[0].word}, when it was sent again: {types_of(late)}",
        )
    elif stage.probe is None:
        result, received = Result.UNKNOWN, f"{received}; the end state is unknown without --probe"
    elif effect is None or in_order is None:
        result, received = Result.UNKNOWN, f"{received}; {NOT_COMPARABLE}"
    else:
        result, received = Result.PASSED, f"{received}, and the same end state"
    return line(
        CHECK,
        case,
        result,
        sent=events(len(stage.ids)),
        received=received,
        why=WHY,
        look_at=look_at,
    )
