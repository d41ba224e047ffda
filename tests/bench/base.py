"""The base that the relay is compared with: a plain aiohttp Application that reads the body and answers 200.

On asyncio's own loop, with aiohttp's defaults and no access log. With `--tls` it serves HTTPS; with
`--commit` each request is a row and a commit of its own before its 200, as a first version is written. Run as
a program: it prints one line when it listens, as `lean-relay listen` does, and ends with SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sqlite3
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
def running_base(folder: Path, *arguments: str) -> Iterator[tuple[int, psutil.Process]]:
    """Its port and its process."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.bench.base", *arguments]
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err)
    try:
        yield ready(process, folder), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(10)


async def answer(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(text="ok\n")


class Committing:
    """A handler that commits each request alone."""

    def __init__(self, db: Path) -> None:
        self._db = sqlite3.connect(db, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE captures (id INTEGER PRIMARY KEY, method, target, headers, body)")

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = json.dumps([(name, value) for name, value in request.headers.items()])
        self._db.execute(
            "INSERT INTO captures (method, target, headers, body) VALUES (?, ?, ?, ?)",
            (request.method, request.path_qs, headers, body),
        )
        return web.Response(text="ok\n")


async def serve() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--commit", type=Path, metavar="DB")
    given = parser.parse_args()
    app = web.Application(client_max_size=10 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", Committing(given.commit).answer if given.commit else answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    tls = None
    if given.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*given.tls)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    print(f"listening on http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve())
