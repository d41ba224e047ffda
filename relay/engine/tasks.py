"""Background work that a context owns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run endless work while the context lasts; a failure of it ends the context with that error."""
    raised: BaseException | None = None
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        try:
            yield tasks
        except BaseException as error:
            raised = error
        for task in tasks:
            task.cancel()
    if raised is not None:
        raise raised
