"""The load generator: signed requests over kept-alive connections, in a process of its own.

Two ways to press. `closed`: each of N connections sends its next request when it has its answer;
gives requests per second. `open`: requests leave at a fixed rate whatever comes back, and each
latency counts from the moment the request was due, so that a stall is not hidden by the
requests that it kept from leaving. Prints one JSON line; knows nothing of who answers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import itertools
import json
import queue
import selectors
import socket
import sys
import threading
import time
from array import array
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import cast

from tests.bench import wrk
from tests.support.lean_requests import many_requests

FASTEST = 45_000
"""Requests per second that `closed` is ready for; faster servers get some twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Results of one run; latencies in milliseconds."""

    answered: int
    """Answers with status 200."""
    other: int
    """Answers with another status, and connections lost."""
    seconds: float
    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float


def measured(latencies: array[float], other: int, seconds: float) -> Load:
    """The figures of a run; percentiles by nearest rank."""
    ordered = sorted(latencies)
    count = len(ordered)

    def at(share: float) -> float:
        return round(1000 * ordered[min(count - 1, int(count * share))], 3) if count else float("nan")

    return Load(
        answered=count,
        other=other,
        seconds=round(seconds, 3),
        per_second=round(count / seconds, 1),
        p50_ms=at(0.50),
        p99_ms=at(0.99),
        max_ms=at(1.0),
    )


def answer_length(data: bytes) -> int:
    """Bytes of the first whole answer in `data`, or 0 while it is not all there."""
    head_end = data.find(b"\r\n\r\n")
    if head_end < 0:
        return 0
    head = data[:head_end].lower()
    at = head.find(b"content-length:")
    body = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    whole = head_end + 4 + body
    return whole if len(data) >= whole else 0


class Caller(asyncio.Protocol):
    """One connection that always has exactly one request out."""

    def __init__(self, requests: Iterator[bytes], latencies: array[float], until: float) -> None:
        self.requests = requests
        self.latencies = latencies
        self.until = until
        self.other = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.usual = 0
        """Length of an ordinary answer: one that arrives whole needs no parsing."""
        self.buffer = b""
        self.waits = False
        """Whether a request has no answer yet."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self.send()

    def send(self) -> None:
        self.sent_at = time.perf_counter()
        self.waits = self.sent_at < self.until
        if self.waits:
            self.transport.write(next(self.requests))
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if self.buffer or len(data) != self.usual:
            self.buffer += data
            whole = answer_length(self.buffer)
            if not whole:
                return
            data, self.buffer, self.usual = self.buffer, b"", whole
        if data[9:12] == b"200":
            self.latencies.append(now - self.sent_at)
        else:
            self.other += 1
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        self.other += self.waits
        if not self.ended.done():
            self.ended.set_result(None)


async def press(port: int, connections: int, seconds: float, size: int | None = None) -> Load:
    """Closed loop: as many as `connections` callers get answered."""
    requests = itertools.cycle(many_requests(wrk.ready(FASTEST * seconds, size), size=size))
    gc.disable()
    loop = asyncio.get_running_loop()
    latencies = array("d")
    begun = time.perf_counter()
    callers = []
    for _ in range(connections):
        _, caller = await loop.create_connection(
            lambda: Caller(requests, latencies, begun + seconds), "127.0.0.1", port
        )
        callers.append(caller)
    async with asyncio.timeout(seconds + 20):
        for caller in callers:
            await caller.ended
    return measured(latencies, sum(caller.other for caller in callers), time.perf_counter() - begun)


def pace(port: int, connections: int, seconds: float, rate: float, size: int | None = None) -> Load:
    """Open loop: `rate` requests per second, each due at its own time.

    A thread that sleeps to each due time sends (event loops wake to the millisecond only),
    the calling one reads. With no connection free the next request waits for one, late.
    """
    requests = many_requests(int(rate * seconds), size=size)
    latencies = array("d")
    due_of: dict[socket.socket, float] = {}
    free: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()
    begun = time.perf_counter() + 0.05
    all_sent = threading.Event()

    def send() -> None:
        for number, request in enumerate(requests):
            due = begun + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            try:
                connection = free.get(timeout=15)
            except queue.Empty:
                break
            due_of[connection] = due
            with contextlib.suppress(OSError):
                connection.sendall(request)
        all_sent.set()

    other = 0
    with selectors.DefaultSelector() as ready:
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ready.register(connection, selectors.EVENT_READ)
            free.put(connection)
        sender = threading.Thread(target=send, name="sender", daemon=True)
        sender.start()
        give_up = begun + seconds + 20
        while (not all_sent.is_set() or due_of) and time.perf_counter() < give_up:
            for key, _ in ready.select(0.05):
                connection = cast(socket.socket, key.fileobj)
                try:
                    data = connection.recv(65536)
                except OSError:
                    data = b""
                now = time.perf_counter()
                if data:
                    if due_of.get(connection) is None or not answer_length(data):
                        raise SystemExit(f"an answer that came in pieces or unasked: {data[:200]!r}")
                    due = due_of.pop(connection)
                    if data[9:12] == b"200":
                        latencies.append(now - due)
                    else:
                        other += 1
                    free.put(connection)
                else:
                    other += due_of.pop(connection, None) is not None
                    ready.unregister(connection)
                    connection.close()
        for key in list(ready.get_map().values()):
            cast(socket.socket, key.fileobj).close()
    return measured(latencies, other + len(due_of), time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Signed Lean-like load on 127.0.0.1; one JSON line at the end."
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rate", type=float, help="open loop at this many per second; without: closed loop")
    parser.add_argument("--size", type=int, help="bytes of a body; without: a small webhook's")
    given = parser.parse_args()
    if not given.rate and given.seconds >= 1 and wrk.is_there():
        print(json.dumps(wrk.press(given.port, given.connections, round(given.seconds), size=given.size)))
        return
    if given.rate:
        sys.setswitchinterval(0.0002)
        load = pace(given.port, given.connections, given.seconds, given.rate, given.size)
    else:
        with contextlib.suppress(ImportError):
            import uvloop

            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        load = asyncio.run(press(given.port, given.connections, given.seconds, given.size))
    print(json.dumps(asdict(load)))


if __name__ == "__main__":
    main()
