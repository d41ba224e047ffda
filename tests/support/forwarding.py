"""An engine that forwards to a backend under development, and the rows that it leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from relay.config import Route, Settings
from relay.engine import engine
from tests.support.backends import a_place
from tests.support.receiving import rows

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Backend:
    """A backend under development: can be stopped and started on one port, and remembers what it got."""

    def __init__(self) -> None:
        self._place = a_place()
        self.port: int = self._place.getsockname()[1]
        self.got: list[bytes] = []
        self.answer: Answer | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_port=True).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def end(self) -> None:
        await self.stop()
        self._place.close()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.got.append(await request.read())
        return web.Response() if self.answer is None else await self.answer(request)


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    one = Backend()
    await one.start()
    yield one
    await one.end()


def settings_for(folder: Path, backend: Backend, **changes: Any) -> Settings:
    route = Route(to=f":{backend.port}/hook", when=changes.pop("when", None), where="--forward-to")
    return replace(Settings(db=folder / "relay.db", port=0, forward=(route,)), **changes)


@asynccontextmanager
async def an_engine(settings: Settings) -> AsyncIterator[engine.Engine]:
    async with engine.running(settings, receive=True) as running:
        yield running


def states(db: Path) -> list[str]:
    return [state for (state,) in rows(db, "SELECT state FROM deliveries ORDER BY id")]


def attempts(db: Path) -> list[tuple[Any, ...]]:
    return rows(db, "SELECT outcome, status, verdict FROM attempts ORDER BY id")


def numbers(*values: int) -> list[bytes]:
    return [str(value).encode() for value in values]
