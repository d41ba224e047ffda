"""What a backfill, and a screen in a browser, cost the listener beside them: latencies alone and with it.

Lean is a server that has its pages ready. A browser is a client that takes what the screen draws.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

from aiohttp import ClientSession

from tests.support.lean_api import Fault, LeanApi, an_event, lean_api
from tests.support.program import RELAY, ROOT, Running, environment, running, working_folder

EVENTS = 10_000
PAGE = 100
RATE = 500
CONNECTIONS = 16

Beside = Callable[[], AbstractContextManager[None]]


def of_backfill(folder: Path, rounds: int, seconds: float) -> Iterator[str]:
    """Latencies beside a backfill of 10,000 events, then its rate and memory."""
    with lean_api() as lean:
        config = str(lean.write_settings(folder / "settings"))
        lean.intervene = ready_pages()
        with running(folder, "--config", config) as relay:
            yield from compared(relay, "a backfill", lambda: backfilling(relay, config), rounds, seconds)
        for db, words in ((folder / "new.db", "all new"), (folder / "new.db", "all known")):
            yield timed(folder, config, db, words)


def of_web(folder: Path, rounds: int, seconds: float) -> Iterator[str]:
    """Latencies beside a screen in a browser that follows what comes."""
    with running(folder) as relay:
        yield from compared(relay, "a browser's screen", lambda: watching(relay), rounds, seconds)


def compared(relay: Running, words: str, beside: Beside, rounds: int, seconds: float) -> Iterator[str]:
    """Latencies alone and with something beside, of the same listener, in turns."""
    found: dict[str, list[dict[str, float]]] = {"alone": [], words: []}
    press(relay, 1)
    for _ in range(rounds):
        for name, context in (("alone", nullcontext), (words, beside)):
            with context():
                found[name].append(press(relay, 2 * seconds))
    yield f"{RATE}/s, open loop, medians of {rounds} rounds:"
    for name, figures in found.items():
        p50, p99, most = (
            statistics.median(each[field] for each in figures) for field in ("p50_ms", "p99_ms", "max_ms")
        )
        yield f"  {name:20} p50 {p50:.2f} ms, p99 {p99:.2f} ms, max {most:.1f} ms"
    pairs = zip(found[words], found["alone"], strict=True)
    yield f"  ratio of p99         {statistics.median(a['p99_ms'] / b['p99_ms'] for a, b in pairs):.2f}"


def press(relay: Running, seconds: float) -> dict[str, float]:
    load = ("--connections", str(CONNECTIONS), "--rate", str(RATE), "--seconds", str(seconds))
    command = [sys.executable, "-m", "tests.bench.load", "--port", str(relay.port), *load]
    figures: dict[str, float] = json.loads(subprocess.run(command, cwd=ROOT, stdout=-1, check=True).stdout)
    return figures


def ready_pages() -> Callable[[LeanApi, dict[str, str]], Fault]:
    """Pages of EVENTS events; those of each new run are new ones, unless it is asked again for the same."""
    runs: dict[str, int] = {}
    facts = {"size": PAGE, "total_elements": EVENTS, "total_pages": EVENTS // PAGE}
    now = datetime.now(UTC)

    def page(lean: LeanApi, query: dict[str, str]) -> Fault:
        of_run = 0 if query.get("type") else runs.setdefault(query["to"], len(runs) + 1)
        first = of_run * EVENTS + int(query["page"]) * PAGE
        events = (
            an_event(each, now - timedelta(seconds=each % EVENTS)) for each in range(first, first + PAGE)
        )
        about = json.dumps({"number": int(query["page"]), **facts}).encode()
        return Fault(body=b'{"data": [%s], "page": %s}' % (b",".join(events), about))

    return page


def command(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *RELAY, *arguments],
        cwd=working_folder(folder),
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def backfilling(relay: Running, config: str) -> Iterator[None]:
    """A backfill that goes on for as long as the context lasts."""
    process = command(relay.folder, "backfill", "--since", "1d", "--db", str(relay.db), "--config", config)
    time.sleep(2)  # Its first pages.
    assert process.poll() is None
    yield
    assert process.poll() is None, "it ended before the measure did"
    process.kill()
    process.communicate()


def timed(folder: Path, config: str, db: Path, words: str) -> str:
    """A whole backfill: its rate beside the pauses between pages, and its memory.

    Its events are asked for by type, so a second run gets the same.
    """
    began = time.monotonic()
    arguments = ("--since", "1d", "--type", "payment.updated", "--json", "--db", str(db), "--config", config)
    process = command(folder, "backfill", *arguments)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - began
    line = json.loads(out)
    spent_s = usage.ru_utime + usage.ru_stime
    peak_mib = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return (
        f"{EVENTS:,} events, {words}: {line['taken']:,} taken in {seconds:.1f} s, of which"
        f" {EVENTS // PAGE * 0.2:.0f} are pauses between pages; {spent_s:.1f} s of processor time,"
        f" at most {peak_mib:.0f} MiB"
    )


@contextmanager
def watching(relay: Running) -> Iterator[None]:
    """A page that is open for as long as the context lasts, and takes every frame."""
    process = command(relay.folder, "web", "--no-open", "--json", "--db", str(relay.db))
    assert process.stdout is not None
    address = json.loads(process.stdout.readline())["url"]
    over, seen = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_watch(address, over, seen)))
    thread.start()
    assert seen.wait(60), "the screen drew nothing"
    yield
    over.set()
    thread.join()
    process.terminate()
    process.communicate()


async def _watch(address: str, over: threading.Event, seen: threading.Event) -> None:
    with urlopen(address) as response:  # noqa: ASYNC210 -- nothing else runs here
        cookie = response.headers["Set-Cookie"].partition(";")[0]
        path = re.search("url=(/[^/]+/)", response.read().decode())
    assert path is not None
    origin = address.partition("/?")[0]
    headers = {"Cookie": cookie, "Origin": origin}
    url = f"{origin}{path[1]}socket?width=160&height=50"
    async with ClientSession() as client, client.ws_connect(url, headers=headers, max_msg_size=0) as socket:
        while not over.is_set():
            try:
                drawn = await socket.receive(timeout=0.2)
            except TimeoutError:
                continue
            if len(drawn.data or b"") > 1000:
                seen.set()
