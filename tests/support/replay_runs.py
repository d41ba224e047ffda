"""Replays by an engine of their own: settings, the end of a run, and the rows that it leaves."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from relay.config import Route, Settings
from relay.control.exchange import Requester
from relay.control.messages import ReplayQuery, ReplayRequest, ReplayStatus
from relay.engine import access
from relay.lean.signature import sign
from tests.support.factories import BODY, a_capture, insert_all, new_log
from tests.support.receiving import rows

SECRET = b"a secret"
SIGNATURE = sign(BODY, SECRET)
HEADERS = (("Host", "relay"), ("X-Odd", "a"), ("x-odd", "b\xe9"), ("Lean-Signature", SIGNATURE))


def settings_for(folder: Path, *to: str, captures: int = 3, **changes: Any) -> Settings:
    """Settings of an engine whose log holds captures 1 to `captures`."""
    log = folder / "relay.db"
    with closing(new_log(log)) as connection:
        insert_all(connection, (a_capture(number, headers=HEADERS) for number in range(1, captures + 1)))
    routes = tuple(Route(to=target, where="--forward-to") for target in to)
    return replace(Settings(db=log, port=0, forward=routes), **changes)


class Ended(ReplayStatus, frozen=True, kw_only=True):
    """A run that is over, with the ids of its attempts."""

    attempts: list[int]


async def ended(send: Requester, run: ReplayStatus) -> Ended:
    """The run once it is over."""
    attempts: list[int] = []
    while True:
        news = await send(ReplayQuery(run=run.run, after=len(attempts), wait_s=0.5))
        attempts += news.attempts
        (progress,) = news.runs
        if progress.state != "running" and not news.attempts:
            return Ended(**msgspec.structs.asdict(progress), attempts=attempts)


async def replayed(settings: Settings, order: ReplayRequest) -> Ended:
    """Send a request to an engine that lives as long as its run; the run once it is over."""
    async with access.connect(settings) as send:
        return await ended(send, await send(order))


def deliveries(settings: Settings) -> list[tuple[Any, ...]]:
    return rows(settings.db, "SELECT capture_id, kind, state, reason FROM deliveries ORDER BY id")
