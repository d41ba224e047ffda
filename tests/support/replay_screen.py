"""The screen beside an engine that replays to a real backend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from relay.config import Route, SecretSource, Settings
from relay.engine import engine
from relay.models import Capture
from tests.support.factories import insert_all, new_log
from tests.support.screen import Showing, screen_on

SECRET = b"whsec_of_a_test"


class Got(list[tuple[str, str, dict[str, str], bytes]]):
    """What a backend got: method, path, headers, body; it answers with `status` once `gate` is open."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 200
        self.failing: frozenset[bytes] = frozenset()
        """Bodies that are answered 500."""
        self.gate = asyncio.Event()
        self.gate.set()
        self.port = 0


@asynccontextmanager
async def a_backend() -> AsyncIterator[Got]:
    got = Got()

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        got.append((request.method, request.path, dict(request.headers), body))
        await got.gate.wait()
        return web.json_response({"n": len(got)}, status=500 if body in got.failing else got.status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    got.port = runner.addresses[0][1]
    try:
        yield got
    finally:
        got.gate.set()
        await runner.cleanup()


@asynccontextmanager
async def replaying(
    folder: Path, captures: Iterable[Capture], *, usual: bool = True, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[Showing, Got]]:
    """The screen on a log with an engine, and a backend that is its target, or none."""
    log = new_log(folder / "relay.db")
    insert_all(log, captures)
    log.close()
    file = folder / "secret"
    file.write_bytes(SECRET)
    file.chmod(0o600)
    secrets = (SecretSource(name="default", file=file, where="test"),)
    async with a_backend() as got:
        routes = (Route(to=f"127.0.0.1:{got.port}/hook", where="--forward-to"),) if usual else ()
        wanted = Settings(db=folder / "relay.db", port=0, forward=routes, secrets=secrets)
        async with engine.running(wanted, receive=True) as running:
            async with screen_on(replace(wanted, port=1), size=size) as see:
                await see.shows(running.url or "")
                if usual:
                    await see.shows("up")
                yield see, got
