"""`signatures`: the right signature, wrong ones, and other notations of the right one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from relay.lean.signature_forms import SignatureForm
from relay.rehearsal.report import CheckName, ReportLine, Result
from relay.rehearsal.rounds import Round, Sent
from relay.rehearsal.stage import Stage, events, line

WHY_CHECKED = (
    "Anybody who learns the URL can post to it; only the HMAC-SHA512 of the exact bytes of the body shows "
    "that Lean did."
)
WHY_NOTATION = "Lean documents one notation, `sha512=` and lowercase hex digits; nothing else is needed."

MOST = 10
"""Captures that are sent in each way: the first ones, so that an update follows what it updates."""

FORGED: Mapping[SignatureForm, str] = {
    SignatureForm.NONE: "without a signature",
    SignatureForm.WRONG_SECRET: "signed with another secret",
    SignatureForm.OTHER_BODY: "with another body's signature",
    SignatureForm.CHANGED_BYTE: "one byte changed after signing",
    SignatureForm.ADDED_SPACE: "one space added to the JSON after signing",
}
"""Requests that a backend has to refuse."""

NOTATIONS: Mapping[SignatureForm, str] = {
    SignatureForm.SHA256: "signed with HMAC-SHA256 instead",
    SignatureForm.NO_PREFIX: "signed rightly, without the prefix sha512=",
    SignatureForm.UPPERCASE: "signed rightly, in uppercase hex",
}
"""Requests that a backend may accept, but does not need to."""

CHECK = CheckName.SIGNATURES


async def signatures(stage: Stage) -> AsyncIterator[ReportLine]:
    """A few captures, signed in all these ways."""
    if not stage.is_signed:
        yield line(
            CHECK,
            "signed rightly and wrongly",
            Result.UNKNOWN,
            sent="nothing",
            received="no webhook secret is configured; set one with LEAN_WEBHOOK_SECRET",
            why=WHY_CHECKED,
        )
        return
    chosen = stage.ids[:MOST]
    await stage.start_again()
    good = await stage.rounds.send(chosen, fresh=stage.fresh(), signature=SignatureForm.GOOD)
    refused = [one for one in good.last if not one.delivered]
    yield line(
        CHECK,
        "signed as Lean does",
        Result.FAILED if refused or good.not_sent else Result.PASSED,
        sent=events(len(chosen)),
        received=good.not_sent or good.received,
        why="Lean signs each webhook so; a backend that refuses it gets none.",
        look_at=refused,
    )
    for form, case in FORGED.items():
        sent = await stage.rounds.send(chosen, fresh=stage.fresh(), signature=form)
        yield _forged(case, sent, len(chosen))
    for form, case in NOTATIONS.items():
        sent = await stage.rounds.send(chosen, fresh=stage.fresh(), signature=form)
        yield _notation(case, sent, len(chosen))


def _forged(case: str, sent: Round, count: int) -> ReportLine:
    accepted = [one for one in sent.last if _is_accepted(one)]
    unclear = [one for one in sent.last if one.status is None or one.status >= 500]
    if accepted:
        result, received = Result.FAILED, f"{sent.received}: accepted"
    elif unclear or sent.not_sent:
        result, received = Result.WARNING, f"{sent.not_sent or sent.received}; refuse it with 401 or 400"
    else:
        result, received = Result.PASSED, sent.received
    return line(
        CHECK,
        case,
        result,
        sent=events(count),
        received=received,
        why=WHY_CHECKED,
        look_at=accepted or unclear,
    )


def _notation(case: str, sent: Round, count: int) -> ReportLine:
    accepted = [one for one in sent.last if _is_accepted(one)]
    silent = [one for one in sent.last if one.status is None]
    result, received = Result.PASSED, sent.not_sent or sent.received
    if accepted:
        result, received = Result.NOTE, f"{sent.received}: accepted"
    elif silent or sent.not_sent:
        result = Result.UNKNOWN
    return line(
        CHECK,
        case,
        result,
        sent=events(count),
        received=received,
        why=WHY_NOTATION,
        look_at=accepted or silent,
    )


def _is_accepted(one: Sent) -> bool:
    return one.status is not None and 200 <= one.status < 300
