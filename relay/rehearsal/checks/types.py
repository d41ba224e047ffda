"""`types`: a sample of each type that Lean documents, one that it does not document, and an unknown one."""

from __future__ import annotations

from collections.abc import AsyncIterator

from relay.rehearsal.report import CheckName, ReportLine, Result, counted
from relay.rehearsal.rounds import Sent
from relay.rehearsal.samples import kind_of
from relay.rehearsal.stage import Stage, events, line, types_of

WHY = (
    "Lean sends all types to one URL and may add others; what gets no 200 within 10 s is sent again for "
    "three hours and then lost."
)

CHECK = CheckName.TYPES


async def types(stage: Stage) -> AsyncIterator[ReportLine]:
    """All samples, once each; a line for each kind of type."""
    await stage.start_again()
    kinds: dict[str, list[int]] = {}
    for each in stage.samples:
        kinds.setdefault(kind_of(each.event_type), []).append(each.id)
    for kind, ids in kinds.items():
        sent = await stage.rounds.send(ids, fresh=stage.fresh())
        failed = [one for one in sent.last if not one.delivered]
        if sent.not_sent:
            yield _line(
                kind, Result.FAILED, len(ids), f"{sent.not_sent}, after {events(len(sent.last))}", failed
            )
        elif failed:
            yield _line(kind, Result.FAILED, len(ids), f"{_reasons(failed)} for {types_of(failed)}", failed)
        else:
            yield _line(kind, Result.PASSED, len(ids), sent.received, [])


def _reasons(failed: list[Sent]) -> str:
    return counted(one.reason for one in failed)


def _line(kind: str, result: Result, count: int, received: str, look_at: list[Sent]) -> ReportLine:
    return line(CHECK, kind, result, sent=events(count), received=received, why=WHY, look_at=look_at)
