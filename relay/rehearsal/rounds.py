"""Has the engine send captures as replays, one round at a time, and collects the attempts.

The engine ends a round whose conductor no longer asks for news, so that nothing is sent for a rehearsal that
has died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from relay.control.exchange import Requester
from relay.control.messages import (
    CancelRequest,
    FreshIds,
    ReplayQuery,
    ReplayRequest,
    ReplayState,
    ReplayStatus,
    TargetTls,
)
from relay.errors import RelayError
from relay.lean.signature_forms import SignatureForm
from relay.models import Attempt
from relay.rehearsal.report import counted
from relay.store.read import attempts
from relay.store.read.reader import Reader
from relay.text.safe import visible

NEWS_WITHIN_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One attempt of a round."""

    capture_id: int
    delivery_id: int
    event_type: str | None
    number: int
    """Which of Lean's attempts it was, 1 for the first."""
    status: int | None
    delivered: bool
    """Whether Lean would count it as delivered."""
    reason: str
    """Lean's conclusion in words; or why there is no response."""

    @classmethod
    def of(cls, attempt: Attempt, event_type: str | None) -> Sent:
        return cls(
            capture_id=attempt.capture_id,
            delivery_id=attempt.delivery_id,
            event_type=event_type,
            number=attempt.number,
            status=attempt.status,
            delivered=attempt.verdict == "delivered",
            reason=visible(attempt.error or attempt.verdict_reason or attempt.outcome),
        )

    @property
    def word(self) -> str:
        """`200`, or why there was none."""
        return str(self.status) if self.status is not None else self.reason


@dataclass(slots=True)
class Round:
    """All attempts of one replay."""

    sent: list[Sent] = field(default_factory=list)
    not_sent: str | None = None
    """Why not all was sent; None where it was."""

    def deliveries(self) -> list[list[Sent]]:
        """The attempts of each delivery, in order."""
        found: dict[int, list[Sent]] = {}
        for one in self.sent:
            found.setdefault(one.delivery_id, []).append(one)
        return list(found.values())

    @property
    def last(self) -> list[Sent]:
        """The last attempt of each delivery."""
        return [each[-1] for each in self.deliveries()]

    @property
    def all_delivered(self) -> bool:
        """Whether all was sent, and each delivery ended as delivered."""
        return self.not_sent is None and all(one.delivered for one in self.last)

    @property
    def received(self) -> str:
        """`11 x 200, 1 x 500`: the last responses; safe to show."""
        return counted(one.word for one in self.last)


class Rounds:
    """Sends rounds to one target."""

    def __init__(
        self,
        send: Requester,
        db: Path,
        *,
        to: str,
        resign: bool | str,
        tls: TargetTls | None,
        by: str = "command",
        progress: Callable[[str], None],
    ) -> None:
        """
        Args:
            to: the target as people write it.
            resign: as in `ReplayRequest`; False for captures that carry no signature.
            progress: called with a few words whenever something was sent.
        """
        self._send = send
        self._db = db
        self.to = to
        self._resign = resign
        self._tls = tls
        self._by = by
        self._progress = progress
        self.requests = 0
        """Attempts so far, in all rounds."""

    def note(self, words: str) -> None:
        """Pass on the progress of a check, in our own words."""
        self._progress(words)

    async def send(
        self,
        ids: Sequence[int],
        *,
        fresh: FreshIds,
        signature: SignatureForm | None = None,
        retries: float | None = None,
        times: int = 1,
        concurrency: int = 1,
        rate: float | None = None,
    ) -> Round:
        """Send captures in this order, and return when the last attempt is recorded.

        Args:
            retries: repeats by Lean's clock, at this time scale, what is not delivered.

        Raises:
            RelayError: the engine's error.
        """
        request = ReplayRequest(
            ranges=tuple((number, number) for number in ids),
            to=(self.to,),
            resign=self._resign if signature is None else False,
            fresh=fresh,
            signature=signature,
            retries=retries,
            times=times,
            concurrency=concurrency,
            rate=rate,
            tls=self._tls,
            tied=True,
            by="screen" if self._by == "screen" else "command",
        )
        replay = await self._send(request)
        try:
            return await self._collected(replay)
        except BaseException:
            # Also when interrupted: the engine must not go on without a conductor.
            with suppress(RelayError):
                await asyncio.shield(self._send(CancelRequest(replay.run)))
            raise

    async def _collected(self, replay: ReplayStatus) -> Round:
        collected = Round()
        with Reader(self._db) as reader:
            known = 0
            while True:
                news = await self._send(ReplayQuery(run=replay.run, after=known, wait_s=NEWS_WITHIN_S))
                (replay,) = news.runs
                for each in attempts.in_pages(reader, news.attempts):
                    collected.sent.append(Sent.of(each.attempt, each.event_type))
                known += len(news.attempts)
                self.requests += len(news.attempts)
                if news.attempts:
                    self._progress(f"{self.requests:,} requests sent")
                if not replay.is_running and not news.attempts:
                    break
        if replay.state == ReplayState.FAILED:
            raise RelayError(f"the engine could not send a round: {replay.reason}", word="round-failed")
        if replay.state == ReplayState.CANCELLED:  # The backend is not to blame for what was not sent.
            raise RelayError(f"a round was ended before all was sent: {replay.reason}", word="round-failed")
        collected.not_sent = replay.reason
        return collected
