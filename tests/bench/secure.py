"""HTTPS: requests on kept connections and whole handshakes, of the base and of the relay.

The base is the same plain aiohttp Application with Python's ssl; a second one commits each request alone. wrk
makes the requests and `openssl s_time` the handshakes, so neither is measured where its program is missing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from relay.docs.figures import Comparison
from tests.bench import wrk
from tests.bench.base import running_base
from tests.bench.contenders import BASE, COMMITTING
from tests.bench.generator import progress, spent_s
from tests.bench.result import Plan, Samples
from tests.support.certificates import Pki
from tests.support.program import running, writing_processes
from tests.torture.https import https

CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Server:
    """One that answers over TLS."""

    name: str
    port: int
    door: psutil.Process
    """Has the connections; what handshakes cost is its."""
    others: tuple[psutil.Process, ...] = ()
    shows: tuple[str, ...] = ()
    """Options of `openssl s_time` that show it a certificate."""


@contextmanager
def servers(folder: Path) -> Iterator[list[Server]]:
    """The base first."""
    found: list[Server] = []
    folder = folder.absolute()
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        pki = Pki.make(folder)
        tls = ("--tls", str(pki.folder / "server.pem"), str(pki.folder / "server.key"))
        for name, more in ((BASE, ()), (COMMITTING, ("--commit", str(folder / "naive.db")))):
            found.append(Server(name, *stack.enter_context(running_base(folder / name[-4:], *tls, *more))))
        for auth in ("off", "optional"):
            (folder / auth).mkdir()
            secure = https(folder / auth / "pki", auth)
            relay = stack.enter_context(running(folder / auth, *secure.options))
            engine, writing = psutil.Process(relay.pid), tuple(writing_processes(relay.pid))
            found.append(Server(f"relay, client-auth {auth}", relay.port, engine, writing))
            if auth == "optional":
                client = folder / auth / "pki" / "good"
                shows = ("-cert", f"{client}.pem", "-key", f"{client}.key")
                found.append(Server("relay, certificate shown", relay.port, engine, writing, shows))
        yield found


def measure(folder: Path, plan: Plan) -> Iterator[Comparison]:
    """Requests, then handshakes."""
    requests = Samples("tls", f"HTTPS: stored and answered, {CONNECTIONS} kept connections", BASE)
    handshakes = Samples("handshakes", "HTTPS: full TLS 1.3 handshakes, one at a time", BASE)
    shake = shutil.which("openssl") is not None
    if not wrk.is_there():
        requests.notes.append("not measured: wrk is not installed")
    if not shake:
        handshakes.notes.append("not measured: openssl is not installed")
    seconds = max(1, round(plan.seconds))
    with servers(folder) as all_servers:
        for number in range(plan.rounds):
            progress(f"tls: round {number + 1} of {plan.rounds}")
            for server in all_servers[:: 1 if number % 2 == 0 else -1]:
                if wrk.is_there() and not server.shows:
                    _press(server, seconds, requests)
                if shake and server.name != COMMITTING:
                    _shake(server, seconds, handshakes)
    order = [server.name for server in all_servers]
    yield requests.comparison(order)
    yield handshakes.comparison(order)


def _press(server: Server, seconds: int, samples: Samples) -> None:
    before = spent_s(server.door, *server.others)
    figures = wrk.press(server.port, CONNECTIONS, seconds, scheme="https")
    us = 1e6 * (spent_s(server.door, *server.others) - before) / max(1, figures["answered"])
    samples.add("answered", "per second", server.name, figures["per_second"])
    samples.add("processor time", "µs per request", server.name, us)
    samples.add("p99", "ms", server.name, figures["p99_ms"])


def _shake(server: Server, seconds: int, samples: Samples) -> None:
    before = spent_s(server.door)
    command = ["openssl", "s_time", "-connect", f"localhost:{server.port}", "-new", "-time", str(seconds)]
    done = subprocess.run([*command, *server.shows], capture_output=True, text=True, check=True)
    count = re.search(r"(\d+) connections in (\d+) real seconds", done.stdout)
    assert count is not None, done.stdout + done.stderr
    samples.add("handshakes", "per second", server.name, int(count[1]) / int(count[2]))
    us = 1e6 * (spent_s(server.door) - before) / max(1, int(count[1]))
    samples.add("processor time", "µs per handshake", server.name, us)
