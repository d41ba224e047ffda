"""`kill -9` while captures go on to a backend: nothing accepted is lost, and repeats are bounded."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from tests.support.program import (
    reading,
    running,
)
from tests.support.waiting import wait_until
from tests.torture.posting import posting

CAPTURE = re.compile(r";capture=(\d+)")


class Counting(ThreadingHTTPServer):
    """A backend that answers 200 and counts which capture came how often."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = Lock()
        self.came: Counter[int] = Counter()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Counting

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        found = CAPTURE.search(self.headers["X-Lean-Relay"])
        assert found is not None
        with self.server.lock:
            self.server.came[int(found[1])] += 1
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def counting() -> Iterator[Counting]:
    """The backend, in a thread."""
    with Counting() as backend:
        thread = Thread(target=backend.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield backend
        finally:
            backend.shutdown()
            thread.join()


@dataclass(slots=True)
class Tally:
    """What the rounds came to."""

    kills: int = 0
    captures: int = 0
    missing: int = 0
    """Captures that the backend never got."""
    repeats: int = 0
    """Times that it got one again."""
    unended: int = 0
    """Deliveries that neither ended nor wait."""


def forward_kill_rounds(folder: Path, rounds: int, *, in_flight: int, seed: int = 1) -> Tally:
    """Post, kill, start again on the same log; at last everything is drained."""
    rng = random.Random(seed)
    tally = Tally()
    with counting() as backend:
        to = ("--forward-to", f":{backend.server_address[1]}/hook", "--in-flight", str(in_flight))
        for number in range(rounds):
            with running(folder, *to) as program:
                with posting(program.port, seed=number) as posters:
                    posters.stopping.wait(rng.uniform(0.1, 0.6))
                    program.kill()
                tally.kills += 1
        with running(folder, *to) as program, reading(program.db) as log:
            waiting = "SELECT count(*) FROM deliveries WHERE state IN ('queued', 'sending')"
            wait_until(lambda: log.execute(waiting).fetchone()[0] == 0, "the queue to drain", within_s=120)
            ids = {number for (number,) in log.execute("SELECT id FROM captures")}
            tally.unended = log.execute("SELECT count(*) FROM deliveries WHERE state <> 'ended'").fetchone()[
                0
            ]
    tally.captures = len(ids)
    tally.missing = len(ids - backend.came.keys())
    tally.repeats = sum(count - 1 for count in backend.came.values())
    return tally
