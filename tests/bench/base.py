"""What the relay is measured against: a plain aiohttp Application that reads the body and answers 200.

On asyncio's own loop, with aiohttp's defaults and no access log; over TLS where the files of a certificate
and its key are named. Run as a program: it prints one line when it listens, as `lean-relay listen` does, and
ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from aiohttp import web

from tests.support.program import ROOT, ready


@contextmanager
def running_base(folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """Its port and its process."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.base"], cwd=ROOT, stdout=out, stderr=err
        )
    try:
        yield ready(process, folder), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(10)


async def answer(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(text="ok\n")


async def serve() -> None:
    app = web.Application(client_max_size=10 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    tls = None
    if len(sys.argv) > 1:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*sys.argv[1:])
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    print(f"listening on http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
