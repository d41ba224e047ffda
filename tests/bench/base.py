"""What the relay is measured against: a plain aiohttp Application that reads the body and answers 200.

On asyncio's own loop, with aiohttp's defaults and no access log. Run as a program: it prints
one line when it listens, as `lean-relay listen` does, and ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal

from aiohttp import web


async def answer(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(text="ok\n")


async def serve() -> None:
    app = web.Application(client_max_size=10 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
