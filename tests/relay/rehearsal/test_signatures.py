"""The check of signatures, by rounds whose result is known."""

from __future__ import annotations

from typing import Any, cast

import pytest

from relay.lean.signature_forms import SignatureForm
from relay.rehearsal.checks.signatures import FORGED, NOTATIONS, signatures
from relay.rehearsal.report import Result
from relay.rehearsal.rounds import Round, Rounds, Sent
from relay.rehearsal.stage import Stage, Subject


def sent(status: int | None) -> Round:
    one = Sent(
        capture_id=1,
        delivery_id=1,
        event_type="payment.updated",
        number=1,
        status=status,
        delivered=status == 200,
        reason="nothing listens there",
    )
    return Round([one])


class Scripted:
    """Sends nothing: the right signature gets 200, every other one the same result."""

    def __init__(self, other: Round) -> None:
        self._other = other

    async def send(self, ids: Any, *, fresh: Any, signature: SignatureForm) -> Round:
        return sent(200) if signature is SignatureForm.GOOD else self._other


@pytest.mark.parametrize(
    ("other", "forged", "notation"),
    [
        (sent(401), Result.PASSED, Result.PASSED),
        (sent(200), Result.FAILED, Result.NOTE),
        (sent(500), Result.WARNING, Result.PASSED),
        (sent(None), Result.WARNING, Result.UNKNOWN),
        (Round([], not_sent="could not reach it"), Result.WARNING, Result.UNKNOWN),
    ],
    ids=["401", "200", "500", "no response", "not sent"],
)
async def test_each_result(other: Round, forged: Result, notation: Result) -> None:
    """Without a response nothing has passed: neither refused nor accepted."""
    chosen = (Subject(id=1, event_type="payment.updated"),)
    stage = Stage(rounds=cast(Rounds, Scripted(other)), subjects=chosen)
    good, *others = [line.result async for line in signatures(stage)]
    assert good is Result.PASSED
    assert others == [*[forged] * len(FORGED), *[notation] * len(NOTATIONS)]
