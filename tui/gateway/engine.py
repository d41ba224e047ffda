"""The engine as the screen sees it: its status, requests to it, and samples that are posted to it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from relay.config import Settings, preferred_secret, read_secrets
from relay.control.address import engine_url
from relay.control.exchange import A, EngineRequest
from relay.control.lock import holder
from relay.control.messages import (
    NoteRequest,
    PauseRequest,
    PruneRequest,
    ResumeRequest,
    StarRequest,
    StatusRequest,
    id_ranges,
)
from relay.errors import RelayError, Unreachable, UsageError
from relay.lean.samples import Sampler
from tui.presenters import status
from tui.presenters.status import EngineState, Status

if TYPE_CHECKING:
    from relay.delivery.samples import Post


class EngineClient:
    """The engine of one database; it may come and go."""

    def __init__(self, db: Path, settings: Callable[[], Settings]) -> None:
        """
        Args:
            settings: the current ones, which sign samples.
        """
        self._db, self._settings = db, settings

    async def status(self) -> Status:
        """Ask the engine for its status; never raises."""
        try:
            return status.read(await self._request(StatusRequest()))
        except Unreachable as error:
            known = holder(self._db)
            if known is None:
                return Status(engine=EngineState.GONE)
            return Status(engine=EngineState.SILENT, detail=f"pid {known.pid}: {error}", url=known.url)
        except RelayError as error:
            return Status(engine=EngineState.SILENT, detail=str(error))

    async def _request(self, request: EngineRequest[A], /) -> A:
        from relay.control import client  # imports aiohttp: 0.2 s that would delay the first rows

        return await client.request(self._db, request)

    async def request(self, request: EngineRequest[A], /) -> A:
        """Have the engine do something.

        Raises:
            RelayError: it failed, or no engine runs.
        """
        try:
            return await self._request(request)
        except Unreachable as error:
            if holder(self._db) is not None:
                raise
            raise Unreachable(
                "no engine runs on this database, and only an engine changes it; "
                "`lean-relay listen` starts one",
                word="no-engine",
            ) from error

    async def star(self, ids: Sequence[int], starred: bool) -> None:
        """Star or unstar captures."""
        await self.request(StarRequest(list(ids), starred))

    async def note(self, ids: Sequence[int], text: str | None) -> None:
        """Write a note on captures; None removes it."""
        await self.request(NoteRequest(list(ids), text))

    async def prune(self, ids: Sequence[int]) -> int:
        """Delete captures for good, except starred ones; return how many."""
        return (await self.request(PruneRequest(id_ranges(ids)))).removed

    async def pause(self, paused: bool) -> None:
        """Pause or resume forwarding."""
        await self.request(PauseRequest() if paused else ResumeRequest())

    async def trigger(self, type_: str) -> Post:
        """Post one sample to the engine as Lean would.

        Raises:
            RelayError: no engine receives it.
        """
        from relay.delivery.http.request import destination
        from relay.delivery.samples import post_all

        engine = holder(self._db)
        if engine is None or engine.url is None:
            raise Unreachable(
                "no engine receives webhooks for this database; start one with `lean-relay listen`",
                word="no-engine",
            )
        secrets = read_secrets(self._settings())
        secret = secrets[preferred_secret(secrets)] if secrets else None
        posts: list[Post] = []
        try:
            sample = Sampler(random.SystemRandom(), lambda: datetime.now(UTC)).sample(type_, ())
        except ValueError as error:
            raise UsageError(str(error)) from error
        await post_all(destination(engine.url), iter([sample]), posts.append, secret=secret)
        return posts[0]

    def url(self) -> str:
        """URL for webhooks: the engine's, or the one it would listen on with these settings."""
        return engine_url(self._settings())
