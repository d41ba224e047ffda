"""`duplicates`: the same event twice, one after another, at once, and while the first is being handled."""

from __future__ import annotations

from collections.abc import AsyncIterator

from relay.rehearsal.report import CheckName, ReportLine, Result
from relay.rehearsal.rounds import Round
from relay.rehearsal.stage import Measured, Stage, events, line, types_of
from relay.rehearsal.state import Change, instead

WHY = (
    "Lean sends an event again when a 200 came late or was lost on its way, so the same event can arrive "
    "twice, even while the first is still being handled; it must have its effect once."
)

BETWEEN_S = 0.05
"""From an event to its repeat, where the repeat is to come while the first is being handled."""

NEEDS_PROBE = "responses alone do not show a second effect; add --probe"
NOT_COMPARABLE = "the probe's output cannot be compared; print numbers only, or add --reset"

CHECK = CheckName.DUPLICATES


async def duplicates(stage: Stage) -> AsyncIterator[ReportLine]:
    """Each capture twice, in three ways."""
    before = await stage.prepared()
    fresh = stage.fresh(compared=True)
    once = await stage.rounds.send(stage.ids, fresh=fresh)
    reference = Measured(once, await stage.effect_since(before))
    if not once.all_delivered:
        yield line(
            CHECK,
            "each event once, as a start",
            Result.FAILED,
            sent=events(len(stage.ids)),
            received=once.not_sent or once.received,
            why="An event that is not delivered the first time shows nothing about its repeats.",
            look_at=[one for one in once.last if not one.delivered],
        )
        return
    again = await stage.rounds.send(stage.ids, fresh=fresh, retries=stage.time_scale)
    both = await stage.effect_since(before)
    yield _judged(stage, "the same event again, later", again, both, reference.effect)
    for case, rate in (
        ("the same event twice at once", None),
        ("the same event again while the first is being handled", 1 / BETWEEN_S),
    ):
        before = await stage.prepared()
        fresh = stage.fresh(compared=True)
        pairs = Round()
        for number in stage.ids:
            pair = await stage.rounds.send(
                [number], fresh=fresh, times=2, concurrency=2, rate=rate, retries=stage.time_scale
            )
            pairs.sent += pair.sent
            pairs.not_sent = pairs.not_sent or pair.not_sent
        yield _judged(stage, case, pairs, await stage.effect_since(before), reference.effect)


def _judged(stage: Stage, case: str, sent: Round, effect: Change | None, once: Change | None) -> ReportLine:
    deliveries = sent.deliveries()
    lost = [each[-1] for each in deliveries if not each[-1].delivered]
    late = [each[0] for each in deliveries if not each[0].delivered and each[-1].delivered]
    result, received, look_at = Result.PASSED, f"{sent.received}, and one effect", sent.last
    if sent.not_sent or lost:
        result = Result.FAILED
        received = sent.not_sent or f"{sent.received} for {types_of(lost)}"
        look_at = lost or sent.last
    elif effect is not None and once is not None and effect != once:
        result = Result.FAILED
        received = f"{sent.received}, but another effect than from sending it once{instead(effect, once)}"
    elif stage.probe is None:
        result, received = Result.UNKNOWN, f"{sent.received}; {NEEDS_PROBE}"
    elif effect is None or once is None:
        result, received = Result.UNKNOWN, f"{sent.received}; {NOT_COMPARABLE}"
    elif late:
        result, look_at = Result.WARNING, late
        received = f"one effect, but 200 only after {late[0].word}, when it was sent again"
    return line(
        CHECK,
        case,
        result,
        sent=f"{events(len(stage.ids))}, twice each",
        received=received,
        why=WHY,
        look_at=() if result is Result.PASSED else look_at,
    )
