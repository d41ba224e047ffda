"""One round: what the engine says of it."""

from __future__ import annotations

from typing import Any

import pytest

from relay.control.messages import (
    CancelRequest,
    FreshIds,
    ReplayList,
    ReplayQuery,
    ReplayRequest,
    ReplayState,
    ReplayStatus,
)
from relay.errors import RelayError
from relay.rehearsal.rounds import Rounds
from tests.support.empty_database import empty_database


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (ReplayState.CANCELLED, "a round was ended before all was sent: cancelled"),
        (ReplayState.FAILED, "the engine could not send a round: cancelled"),
    ],
)
async def test_what_this_side_did_is_no_result_of_the_backend(state: ReplayState, why: str) -> None:
    """A round that somebody cancels, or that fails here, ends the rehearsal; no check judges it."""
    asked: list[object] = []

    async def engine(request: Any) -> Any:
        asked.append(type(request))
        if isinstance(request, ReplayRequest):
            return ReplayStatus(run=7)
        return ReplayList([ReplayStatus(run=7, state=state, reason="cancelled")])

    rounds = Rounds(engine, empty_database(), to=":1", resign=False, tls=None, progress=lambda words: None)
    with pytest.raises(RelayError) as ended:
        await rounds.send([1], fresh=FreshIds(seed="0", shift_us=0))
    assert (str(ended.value), ended.value.word) == (why, "round-failed")
    assert asked == [ReplayRequest, ReplayQuery, CancelRequest]
