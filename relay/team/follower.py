"""Copies a team's log into this database: in order, from its last position on, as long as the engine runs.

Owns when the log is read, what a hole in it means, and when to stop: where the log's history is not the one
that is here. The listener never waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from time import time_ns

from relay.errors import RelayError
from relay.store.errors import StoreClosed, StoreUnavailable
from relay.store.team_progress import TeamProgress, identity
from relay.store.write import followed
from relay.store.write.client import Writer
from relay.store.write.followed import FollowedCapture
from relay.team.log import LogState, TeamCapture, TeamLog
from relay.text.captures import captures
from relay.text.team import DECIDE, LOST

log = logging.getLogger("relay.team")

POLL_S = 1.0
"""Between two looks at a log with nothing new, unless a node wakes us."""

PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""After the first, second, ... failure without progress; the last for all later ones."""

ROWS_AT_ONCE = 500
BYTES_AT_ONCE = 8 * 1024 * 1024
"""Of one read; a larger body comes alone."""
FEWEST_BYTES_AT_ONCE = 64 * 1024

STORED_AT_ONCE = 64
STORED_BYTES_AT_ONCE = 1024 * 1024
"""Of one commit, which captures that are received here wait for: some 5 ms."""

ROWS_WHILE_RECEIVING = 8
"""Of one read and one commit while captures are received here."""
REST_S = 0.02
"""After each of those: the processor and the disk are theirs."""

JUDGED_AT_ONCE = 16
"""Captures that are checked before other work gets a turn: less than a millisecond."""

FIRST_START = timedelta(days=7)
"""How far back a database begins to follow."""


class HistoryLost(Exception):
    """The log lacks what was read from it before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowerState:
    """The state of a follower."""

    word: str = "connecting"
    """`connecting`, `following`, `waiting` (for a position that the log lacks), `silent` or `stopped`."""
    since: datetime | None = None
    """When that began; aware, UTC."""
    reason: str | None = None
    """Why it does not follow."""
    position: int | None = None
    """The last one that is here; None before the first read."""
    newest: int | None = None
    """The last one of the log, when it was last heard of."""
    missed: int = 0
    """Captures that were pruned from the log before this database read them."""


Judge = Callable[[TeamCapture], Awaitable[FollowedCapture]]
"""Checks a capture with the settings here, and chooses its targets."""


class Follower:
    """Follows one log; `state` says how it goes."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[TeamLog]],
        writer: Writer,
        judge: Judge,
        stored: Callable[[int, int], None],
        *,
        is_receiving: Callable[[], bool],
        start: timedelta | str,
        decided: bool = False,
    ) -> None:
        """
        Args:
            stored: called after each commit with the newest id and the number of captures added.
            is_receiving: whether captures were received here just now, for which this makes room.
            start: where the first start begins: so far back, at `now` or at the `beginning`.
            decided: begin there too where the history of the log was lost; else nothing is followed then.
        """
        self._connect = connect
        self._writer = writer
        self._judge = judge
        self._stored = stored
        self._is_receiving = is_receiving
        self._start = start
        self._decided = decided
        self._failures = 0
        """Since something was last stored, or there was nothing new."""
        self._read_bytes = BYTES_AT_ONCE
        self.state = FollowerState()

    async def run(self) -> None:
        """Follow until the engine ends; whatever fails is tried again, after growing pauses."""
        while True:
            try:
                await self._connect_and_follow()
            except HistoryLost as lost:
                self._become("stopped", str(lost))
                log.error("%s: %s; %s", LOST, lost, DECIDE)
                return
            except (RelayError, StoreUnavailable) as error:
                self._fail(str(error))
            except StoreClosed:
                return
            except Exception as error:
                # Whatever it is, the engine goes on without the team; its words may quote a webhook.
                self._fail(f"a bug in the relay, {type(error).__name__}")
            await asyncio.sleep(PAUSES_S[min(self._failures, len(PAUSES_S)) - 1])

    async def _connect_and_follow(self) -> None:
        """Follow until the connection ends, which raises.

        Raises:
            HistoryLost: that is stored, so that a restart alone decides nothing.
        """
        known = await self._writer.outside_transaction(followed.stands_at)
        self._learn(position=known.position, missed=known.missed)
        if known.stopped is not None and not self._decided:
            raise HistoryLost(known.stopped)
        team_log = await self._connect()
        try:
            await self._follow(team_log, known)
        except HistoryLost as lost:
            await self._writer.write(partial(followed.stop, reason=str(lost)))
            raise
        finally:
            await team_log.close()

    # -- one connection ------------------------------------------------------------------------

    async def _follow(self, team_log: TeamLog, known: TeamProgress) -> None:
        state = await self._look(team_log)
        if known.position is None or known.stopped is not None:
            await self._begin(team_log, state)
        else:
            await self._check_last(team_log, state, known)
        self._decided = False
        log_id = state.id
        while True:
            position = self.state.position
            assert position is not None
            _check_history(state, position, log_id)
            if state.newest > position:
                await self._advance(team_log, state, position)
            if self.state.word == "waiting":
                await asyncio.sleep(POLL_S)
            elif self.state.position == state.newest:
                self._note_progress()
                await team_log.wait(POLL_S)
            state = await self._look(team_log)

    async def _look(self, team_log: TeamLog) -> LogState:
        state = await team_log.state()
        self._learn(newest=state.newest)
        return state

    async def _begin(self, team_log: TeamLog, state: LogState) -> None:
        """Choose where to start, and store that."""
        match self._start:
            case "beginning":
                position = state.pruned
            case "now":
                position = state.newest
            case start:
                back = start if isinstance(start, timedelta) else FIRST_START
                since = datetime.now(UTC) - back
                # What was published since the look is read like everything new.
                position = min(await team_log.position_before(since), state.newest)
        await self._writer.write(partial(followed.begin, log=state.id, position=position))
        self._learn(position=position)
        more = state.newest - position
        log.info(
            "following the team's log from position %d on%s",
            position + 1,
            f"; {captures(more)} to catch up on" if more else "",
        )

    async def _check_last(self, team_log: TeamLog, state: LogState, known: TeamProgress) -> None:
        """
        Raises:
            HistoryLost: it is another log, or the last capture that was read is not in it.
        """
        assert known.position is not None
        _check_history(state, known.position, known.log)
        if known.last is None or known.position <= state.pruned:
            return
        found = await team_log.digest(known.position)
        if found is not None and identity(found.received_at, found.body_sha256) != known.last:
            raise HistoryLost(f"position {known.position} holds another webhook there than here")

    async def _advance(self, team_log: TeamLog, state: LogState, position: int) -> None:
        """Store what comes after a position, up to the first hole."""
        rows = ROWS_WHILE_RECEIVING if self._is_receiving() else ROWS_AT_ONCE
        read = await self._read(team_log, position, rows)
        whole = [each for number, each in enumerate(read, position + 1) if each.position == number]
        if whole:
            await self._store(whole)
            return
        first = read[0].position if read else state.newest + 1
        state = await self._look(team_log)  # A hole may have been pruned since.
        pruned = min(state.pruned, first - 1)
        if pruned > position:
            missed = pruned - position
            await self._writer.write(partial(followed.skip, position=pruned, missed=missed))
            self._note_progress()
            self._learn(position=pruned, missed=self.state.missed + missed)
            log.warning(
                "%s of the team, positions %d to %d, %s pruned from its log before this database read them",
                captures(missed),
                position + 1,
                pruned,
                "was" if missed == 1 else "were",
            )
        elif self.state.word != "waiting":
            reason = f"position {position + 1} is missing in the team's log, and was not pruned"
            self._note_progress("waiting", reason)
            log.warning("%s; waiting for it", reason)

    async def _read(self, team_log: TeamLog, after: int, rows: int) -> Sequence[TeamCapture]:
        try:
            read = await team_log.read(after, rows=rows, limit_bytes=self._read_bytes)
        except RelayError:
            # It may have taken too long over a slow connection.
            self._read_bytes = max(self._read_bytes // 8, FEWEST_BYTES_AT_ONCE)
            raise
        self._read_bytes = min(self._read_bytes * 2, BYTES_AT_ONCE)
        return read

    async def _store(self, read: Sequence[TeamCapture]) -> None:
        batch: list[FollowedCapture] = []
        size = 0
        for each in read:
            most = ROWS_WHILE_RECEIVING if self._is_receiving() else STORED_AT_ONCE
            if batch and (len(batch) >= most or size + len(each.body) > STORED_BYTES_AT_ONCE):
                await self._commit(batch)
                batch, size = [], 0
            batch.append(await self._judge(each))
            size += len(each.body)
            if len(batch) % JUDGED_AT_ONCE == 0:
                await asyncio.sleep(0)
        await self._commit(batch)

    async def _commit(self, batch: Sequence[FollowedCapture]) -> None:
        work = partial(followed.add, captures=batch, now=time_ns() // 1000)
        stored = await self._writer.write(work)
        self._note_progress()
        self._learn(position=batch[-1].position)
        if stored.newest is not None:
            self._stored(stored.newest, stored.added)
        if self._is_receiving():
            await asyncio.sleep(REST_S)

    # -- how it goes ---------------------------------------------------------------------------

    def _learn(self, **facts: int | None) -> None:
        self.state = replace(self.state, **facts)  # type: ignore[arg-type]

    def _become(self, word: str, reason: str | None = None) -> None:
        since = self.state.since if word == self.state.word else datetime.now(UTC)
        self.state = replace(self.state, word=word, since=since, reason=reason)

    def _note_progress(self, word: str = "following", reason: str | None = None) -> None:
        """End a row of failures. That the log answers is not enough: the same webhook may fail every time."""
        if self._failures:
            log.warning("the team's log is followed again")
            self._failures = 0
        self._become(word, reason)

    def _fail(self, reason: str) -> None:
        self._failures += 1
        if self.state.word != "silent":
            log.warning("the team's log is not followed: %s; trying again", reason)
        self._become("silent", reason)


def _check_history(state: LogState, position: int, log_id: str | None) -> None:
    """
    Raises:
        HistoryLost: it is another log, or it ends before a position that was read.
    """
    if state.id != log_id:
        raise HistoryLost("it was made again, or the settings name another one")
    if state.newest < position:
        raise HistoryLost(
            f"it ends at position {state.newest}, and position {position} was read from it before"
        )
