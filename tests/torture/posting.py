"""Callers that post unique events as fast as they are answered and remember each 200.

Owns what a client may rely on: an id and a hash for every 200 that it saw whole. Speaks raw
sockets from threads of the test's process.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from tests.support.lean_requests import a_body, a_request
from tests.support.program import connect, read_reply, reading


class Posters:
    """The callers of one run, and the responses that they got."""

    def __init__(self) -> None:
        self.acked: dict[str, str] = {}
        """Event id -> SHA-256 of the body that was answered 200."""
        self.begun: dict[str, float] = {}
        """Event id -> `monotonic()` before its request was sent."""
        self.statuses: Counter[int] = Counter()
        self.broken = 0
        """Connections that ended without an answer to a request under way."""
        self.stopping = threading.Event()

    def _post(self, port: int, rng: random.Random, tls: ssl.SSLContext | None) -> None:
        while not self.stopping.is_set():
            try:
                with connect(port, tls=tls) as connection:
                    while not self.stopping.is_set():
                        event_id = str(uuid4())
                        body = a_body(event_id) + b" " * rng.choice((0, 0, 0, 7, 3_000, 40_000))
                        self.begun[event_id] = time.monotonic()
                        connection.sendall(a_request(body))
                        reply = read_reply(connection)
                        if reply is None:
                            self.broken += 1
                            break
                        self.statuses[reply.status] += 1
                        if reply.status == 200:
                            self.acked[event_id] = hashlib.sha256(body).hexdigest()
                        if reply.headers.get("connection") == "close":
                            break
            except OSError:
                self.stopping.wait(0.01)


@contextlib.contextmanager
def posting(
    port: int, connections: int = 6, seed: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[Posters]:
    """Callers at work for as long as the context lasts, over TLS where there is a context for it."""
    posters = Posters()
    threads = [
        threading.Thread(
            target=posters._post, args=(port, random.Random(seed * 1000 + number), tls), daemon=True
        )
        for number in range(connections)
    ]
    for thread in threads:
        thread.start()
    try:
        yield posters
    finally:
        posters.stopping.set()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads), "a caller got no answer within its bound"


def lost(db: Path, acked: dict[str, str]) -> list[str]:
    """Event ids that were answered 200 and are not in the database, or not with these bytes."""
    found: dict[str, str] = {}
    with reading(db) as log:
        for event_id, body in log.execute("SELECT event_id, body FROM captures WHERE event_id IS NOT NULL"):
            found[event_id] = hashlib.sha256(body).hexdigest()
    return [event_id for event_id, digest in acked.items() if found.get(event_id) != digest]
