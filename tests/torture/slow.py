"""Callers that never come to an end, next to others that do.

Owns the slow ones (sockets driven from one thread) and what the good ones saw meanwhile.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil

from tests.support.lean_requests import a_body, a_request
from tests.support.program import Running, connect, exchange, read_reply, reading
from tests.support.waiting import wait_until

TICK_S = 0.1

BEGINNINGS: dict[str, tuple[bytes, bytes]] = {
    "silent": (b"", b""),
    "head trickles": (b"POST / HTTP/1.1\r\nHost: relay.test\r\nX-Slow: ", b"a"),
    "head stalls": (b"POST / HTTP/1.1\r\nHost: relay.te", b""),
    "body trickles": (b"POST / HTTP/1.1\r\nHost: relay.test\r\nContent-Length: 100000\r\n\r\n", b"a"),
    "body stalls": (b"POST / HTTP/1.1\r\nHost: relay.test\r\nContent-Length: 1000\r\n\r\n{", b""),
    "chunks trickle": (
        b"POST / HTTP/1.1\r\nHost: relay.test\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\na\r\n",
    ),
    "idle after an answer": (a_request(a_body()), b""),
}
"""The bytes that each kind sends first, and then ten times a second."""

HANDSHAKES: dict[str, tuple[bytes, bytes]] = {
    "no hello": (b"", b""),
    "hello stalls": (b"\x16\x03\x01\x02\x00\x01", b""),
    "hello trickles": (b"\x16\x03\x01\x10\x00\x01\x00\x0f\xfc\x03\x03", b"\x00"),
}
"""Those that do not get through the handshake, over TLS; to plain HTTP they are not shown."""


@dataclass(slots=True, eq=False)
class Slow:
    """One slow caller."""

    kind: str
    connection: socket.socket
    begun: float
    ended_after_s: float | None = None
    received: bytes = b""


@dataclass(slots=True)
class Good:
    """Results of the others meanwhile."""

    answered: int = 0
    failed: int = 0
    latencies: list[float] = field(default_factory=list)

    def p99_s(self) -> float:
        """The latency that one in a hundred exceeded."""
        return sorted(self.latencies)[int(len(self.latencies) * 0.99)]


class Siege:
    """Slow callers and good ones on one port."""

    def __init__(self, port: int, each: int, tls: ssl.SSLContext | None) -> None:
        self.good = Good()
        self._tls = tls
        self._kinds = BEGINNINGS if tls is None else BEGINNINGS | HANDSHAKES
        self._port = port
        self._stopping = threading.Event()
        self.slow = []
        for _ in range(each):
            for kind, (first, _) in self._kinds.items():
                connection = connect(port, tls=None if kind in HANDSHAKES else tls)
                connection.setblocking(False)
                with contextlib.suppress(OSError):
                    connection.send(first)
                self.slow.append(Slow(kind, connection, time.monotonic()))

    def drive(self) -> None:
        """Trickle and look for the end of each until all have ended or the siege does."""
        while not self._stopping.wait(TICK_S):
            for caller in self.slow:
                if caller.ended_after_s is None:
                    self._step(caller)
            if not self.holding():
                return

    def _step(self, caller: Slow) -> None:
        more = self._kinds[caller.kind][1]
        try:
            if more:
                caller.connection.send(more)
            data = caller.connection.recv(65536)
            caller.received += data
            ended = not data
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            ended = False
        except OSError:
            ended = True
        if ended:
            caller.ended_after_s = time.monotonic() - caller.begun
            caller.connection.close()

    def post(self) -> None:
        """Ordinary webhooks, one about each 10 ms, each on a connection of its own or a kept one."""
        kept: socket.socket | None = None
        number = 0
        while not self._stopping.wait(0.01):
            number += 1
            begun = time.monotonic()
            try:
                if kept is None or number % 10 == 0:
                    if kept is not None:
                        kept.close()
                    kept = connect(self._port, tls=self._tls)
                kept.sendall(a_request(a_body()))
                reply = read_reply(kept)
            except OSError:
                reply = None
            if reply is not None and reply.status == 200:
                self.good.answered += 1
            else:
                self.good.failed += 1
                kept = None
            self.good.latencies.append(time.monotonic() - begun)
        if kept is not None:
            kept.close()

    def holding(self) -> list[str]:
        """The kinds that still hold a connection."""
        return sorted({caller.kind for caller in self.slow if caller.ended_after_s is None})

    def end(self) -> None:
        """Let go of everything."""
        self._stopping.set()


@contextlib.contextmanager
def siege(port: int, each: int, tls: ssl.SSLContext | None = None) -> Iterator[Siege]:
    """`each` callers of every slow kind, and a good one, at work for as long as the context lasts."""
    besieging = Siege(port, each, tls)
    threads = [threading.Thread(target=work, daemon=True) for work in (besieging.drive, besieging.post)]
    for thread in threads:
        thread.start()
    try:
        yield besieging
    finally:
        besieging.end()
        for thread in threads:
            thread.join(15)
        for caller in besieging.slow:
            caller.connection.close()


def reasons(program: Running) -> set[str]:
    """The stable words of the refusals written so far."""
    with reading(program.db) as log:
        return {reason for (reason,) in log.execute("SELECT reason FROM refusals")}


def descriptors(program: Running) -> int:
    """How many files and sockets the program has open."""
    return int(psutil.Process(program.pid).num_fds())


def hold_out(
    program: Running, each: int, within_s: float, good_p99_s: float, tls: ssl.SSLContext | None = None
) -> Siege:
    """A siege until the last slow caller is gone; good requests are all answered meanwhile."""
    assert exchange(program.port, a_request(a_body()), tls=tls) is not None
    before = descriptors(program)
    with siege(program.port, each, tls) as besieging:
        wait_until(lambda: not besieging.holding(), "slow callers to be dropped", within_s)
    assert besieging.good.failed == 0, besieging.good
    assert besieging.good.answered > 20
    assert besieging.good.p99_s() < good_p99_s
    for caller in besieging.slow:
        status = caller.received[9:12]
        assert status == b"200" if caller.kind.startswith("idle") else status in (b"408", b""), caller
    wait_until(lambda: descriptors(program) <= before + 5, "descriptors to be given back")
    expected = {"head-timeout", "body-timeout"} | (set() if tls is None else {"tls-timeout"})
    wait_until(lambda: expected <= reasons(program), "the refusals' rows")
    assert "Traceback" not in program.said
    return besieging
