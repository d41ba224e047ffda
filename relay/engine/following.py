"""The engine's side of following: checks a team's captures with the settings here, and reports progress.

Owns what becomes of each capture: signature, event and sender by this person's settings, and the targets that
it is forwarded to. The follower decides what is read when.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from time import time_ns

from multidict import CIMultiDict

from relay.config import Settings
from relay.control.messages import FollowerStatus
from relay.engine.forwarding import PARKED_AFTER
from relay.engine.tasks import background
from relay.errors import UsageError
from relay.models import iso
from relay.receiver.intake import as_capture
from relay.receiver.receiver import JUDGED_APART_BYTES, Receiver
from relay.receiver.web_pages import UNKNOWN_HOST
from relay.store import rows
from relay.store.columns import Row
from relay.store.write import followed
from relay.store.write.client import Writer
from relay.store.write.followed import FollowedCapture
from relay.store.write.protocol import Send
from relay.team.address import TeamAddress
from relay.team.connect import client_library, open_log
from relay.team.follower import Follower
from relay.team.log import TeamCapture, TeamLog
from relay.text.team import TOO_OLD

log = logging.getLogger("relay.team")


class Following:
    """A running follower."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    def status(self) -> FollowerStatus:
        """The follower's state, for clients."""
        state = self._follower.state
        behind = None
        if state.word in ("following", "waiting") and state.position is not None:
            behind = max((state.newest or 0) - state.position, 0)
        return FollowerStatus(
            state=state.word,
            since=None if state.since is None else iso(state.since),
            reason=state.reason,
            position=state.position,
            newest=state.newest,
            behind=behind,
            missed=state.missed,
        )


@asynccontextmanager
async def following(
    writer: Writer,
    settings: Settings,
    receiver: Receiver,
    stored: Callable[[int, int], None],
    *,
    is_receiving: Callable[[], bool],
) -> AsyncIterator[Following]:
    """Follow the team's log while the context lasts.

    Args:
        receiver: has the settings in force for checks and routes.
        stored: called after each commit with the newest id and the number of captures added.
        is_receiving: whether captures were received here just now.

    Raises:
        RelayError: `team-extra`, asyncpg is not installed; or the URL cannot be used.
        UsageError: `--from` was given, and this database follows already; or the URL is not set or not valid.
    """
    decided = settings.sources.get("follow_from") == "--from"
    known = await writer.outside_transaction(followed.stands_at)
    if known.position is not None and known.stopped is None and decided:
        raise UsageError(
            f"--from is for the first start; this database goes on after position {known.position}, "
            "so leave it out"
        )

    client_library()
    address = TeamAddress.of_settings(settings, warn=log.warning)

    async def connect() -> TeamLog:
        return await open_log(address, read=True)

    async def judge(capture: TeamCapture) -> FollowedCapture:
        return await judged(capture, receiver)

    follower = Follower(
        connect, writer, judge, stored, is_receiving=is_receiving, start=settings.follow_from, decided=decided
    )
    async with background(follower.run()):
        yield Following(follower)


async def judged(capture: TeamCapture, receiver: Receiver) -> FollowedCapture:
    """A team's capture, checked and routed by the settings here."""
    arguments = (
        capture.received_at,
        capture.method,
        capture.target,
        capture.http_version,
        capture.client,
        capture.tls,
        capture.answer,
        capture.answer_reason,
        capture.origin,
        capture.headers,
        capture.body,
    )
    if len(capture.body) > JUDGED_APART_BYTES:
        row = await asyncio.to_thread(receiver.intake.copy, *arguments)
    else:
        row = receiver.intake.copy(*arguments)
    return FollowedCapture(capture.position, row, _sends(row, receiver))


def _sends(row: Row, receiver: Receiver) -> tuple[Send, ...]:
    targets = receiver.routes.of(lambda: as_capture(row))
    if not targets:
        return ()
    if row.received_at < time_ns() // 1000 - PARKED_AFTER // timedelta(microseconds=1):
        return tuple((target, TOO_OLD) for target in targets)
    if row.method in ("GET", "HEAD"):
        headers = CIMultiDict(rows.headers(row.headers))
        if receiver.sites.parks(row.method, row.target, headers):
            return tuple((target, UNKNOWN_HOST) for target in targets)
    return targets
