"""What a backfill, and a screen in a browser, cost the listener beside them: latencies alone and with it.

Lean is a server that has its pages ready. A browser is a client that takes what the screen draws.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

from aiohttp import ClientSession

from relay.docs.figures import Comparison
from tests.bench.commands import ended
from tests.bench.contenders import server_of
from tests.bench.generator import Measure, Rounds, Server, always, recorded
from tests.bench.result import Plan, Samples
from tests.support.killing import a_command
from tests.support.lean_api import Fault, LeanApi, an_event, lean_api
from tests.support.program import Running, running

EVENTS = 10_000
PAGE = 100
RATE = 500
CONNECTIONS = 16

FIRST_PAGES_S = 2.0
"""After the start of a backfill, before it is measured."""

ALONE = "alone"

Beside = Callable[[], AbstractContextManager[None]]


def of_backfill(folder: Path, plan: Plan) -> Iterator[Comparison]:
    """Latencies beside a backfill of 10,000 events, then its rate and memory."""
    with lean_api() as lean:
        config = str(lean.write_settings(folder / "settings"))
        lean.intervene = ready_pages()
        with running(folder, "--config", config) as relay:
            yield compared(relay, "backfill", "a backfill", lambda: backfilling(relay, config), plan)
        samples = Samples(
            "backfill-alone",
            f"A backfill of {EVENTS:,} events; {EVENTS // PAGE * 0.2:.0f} s of it are pauses between pages",
        )
        for words in ("all new", "all known"):
            timed(folder, config, folder / "new.db", words, samples)
        yield samples.comparison()


def of_web(folder: Path, plan: Plan) -> Iterator[Comparison]:
    """Latencies beside a screen in a browser that follows what comes."""
    with running(folder) as relay:
        yield compared(relay, "web", "a browser's screen", lambda: watching(relay), plan)


def compared(relay: Running, name: str, words: str, beside: Beside, plan: Plan) -> Comparison:
    """Latencies alone and with something beside, of the same listener, in turns."""
    server = server_of(relay)
    samples = Samples(name, f"The listener with {words}, {RATE} per second, open loop", ALONE)

    @contextmanager
    def turn() -> Iterator[Server]:
        with beside():
            yield server

    figures = (("p50", "ms", "p50_ms"), ("p99", "ms", "p99_ms"), ("most", "ms", "max_ms"))
    measure = Measure(recorded(samples, *figures), connections=CONNECTIONS, rate=RATE, share=2.0)
    Rounds({ALONE: always(server), words: turn}, [measure]).run(plan, name)
    return samples.comparison()


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


@contextmanager
def backfilling(relay: Running, config: str) -> Iterator[None]:
    """A backfill that goes on for as long as the context lasts."""
    arguments = ("backfill", "--since", "1d", "--db", str(relay.db), "--config", config)
    with a_command(relay.folder, *arguments) as process:
        time.sleep(FIRST_PAGES_S)
        assert process.poll() is None
        yield
        assert process.poll() is None, "it ended before the measure did"
        process.kill()


def timed(folder: Path, config: str, db: Path, words: str, samples: Samples) -> None:
    """A whole backfill: its rate beside the pauses between pages, and its memory.

    Its events are asked for by type, so a second run gets the same.
    """
    arguments = ("--since", "1d", "--type", "payment.updated", "--json", "--db", str(db), "--config", config)
    begun = time.perf_counter()
    process = a_command(folder, "backfill", *arguments)
    took = ended(process, begun, memory=True)
    assert process.stdout is not None
    with process.stdout:
        line = json.loads(process.stdout.read())
    samples.add("taken", "events", words, line["taken"])
    samples.add("duration", "s", words, took.wall_s)
    samples.add("processor time", "s", words, took.cpu_s)
    samples.add("most memory", "MiB", words, took.peak_mib)


@contextmanager
def watching(relay: Running) -> Iterator[None]:
    """A page that is open for as long as the context lasts, and takes every frame."""
    with a_command(relay.folder, "web", "--no-open", "--json", "--db", str(relay.db)) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["url"]
        over, seen = threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(_watch(address, over, seen)))
        thread.start()
        try:
            assert seen.wait(60), "the screen drew nothing"
            yield
        finally:  # A thread that is left would keep the whole run from its end.
            over.set()
            thread.join()
            process.terminate()


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
