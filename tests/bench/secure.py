"""HTTPS: requests on kept connections and whole handshakes, of the base and of the relay, by ratio.

The base is the same plain aiohttp Application with Python's ssl. Owns what is measured over TLS; wrk makes
the requests and `openssl s_time` the handshakes, so neither is measured where its program is missing.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.bench import wrk
from tests.support.certificates import Pki
from tests.support.program import ROOT, ready, running
from tests.torture.https import https

CONNECTIONS = 32


@dataclass(slots=True)
class Server:
    """One that answers over TLS, and its figures of each round."""

    name: str
    port: int
    process: psutil.Process
    shows: tuple[str, ...] = ()
    """What `openssl s_time` shows it: a certificate."""
    requests: list[float] = field(default_factory=list)
    request_us: list[float] = field(default_factory=list)
    handshakes: list[float] = field(default_factory=list)
    handshake_us: list[float] = field(default_factory=list)


@contextmanager
def base(folder: Path, pki: Pki) -> Iterator[tuple[int, psutil.Process]]:
    """The plain aiohttp Application of `tests.bench.base`, over TLS."""
    files = (str(pki.folder / "server.pem"), str(pki.folder / "server.key"))
    command = [sys.executable, "-m", "tests.bench.base", *files]
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err)
    try:
        yield ready(process, folder), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def servers(folder: Path) -> Iterator[list[Server]]:
    """The base first, which the others are divided by."""
    found: list[Server] = []
    folder = folder.absolute()
    with ExitStack() as stack:
        for name in ("base", "off", "optional"):
            (folder / name).mkdir(parents=True)
        pki = Pki.make(folder)
        found.append(Server("base", *stack.enter_context(base(folder / "base", pki))))
        for auth in ("off", "optional"):
            secure = https(folder / auth / "pki", auth)
            relay = stack.enter_context(running(folder / auth, *secure.options))
            process = psutil.Process(relay.pid)
            found.append(Server(f"relay, {auth}", relay.port, process))
            if auth == "optional":
                client = folder / auth / "pki" / "good"
                shows = ("-cert", f"{client}.pem", "-key", f"{client}.key")
                found.append(Server("with certificate", relay.port, process, shows))
        yield found


def measure(folder: Path, rounds: int, seconds: int) -> Iterator[str]:
    """The figures as lines: medians, and ratios to the base."""
    shake = shutil.which("openssl") is not None
    if not wrk.is_there():
        yield "requests over TLS were not measured: wrk is not installed"
    if not shake:
        yield "handshakes were not measured: openssl is not installed"
    with servers(folder) as all_servers:
        for _ in range(rounds):
            for server in all_servers:
                if wrk.is_there() and not server.shows:
                    before = _spent_s(server)
                    figures = wrk.press(server.port, CONNECTIONS, seconds, scheme="https")
                    server.requests.append(figures["per_second"])
                    spent = 1e6 * (_spent_s(server) - before)
                    server.request_us.append(spent / max(1, figures["answered"]))
                if shake:
                    _shake(server, seconds)
    yield f"{'':34}" + "".join(f"{server.name:>18}" for server in all_servers)
    for words, name in (
        (f"TLS requests/s, {CONNECTIONS} connections", "requests"),
        ("  its processor time, us a request", "request_us"),
        ("full TLS 1.3 handshakes/s, one by one", "handshakes"),
        ("  its processor time, us a handshake", "handshake_us"),
    ):
        line = f"{words:34}"
        first: float | None = None
        for server in all_servers:
            values = getattr(server, name)
            if values:
                middle = statistics.median(values)
                first = first or middle
                line += f"{f'{middle:,.0f} ({middle / first:.2f})':>18}"
            else:
                line += f"{'-':>18}"
        yield line


def _shake(server: Server, seconds: int) -> None:
    before = _spent_s(server)
    command = ["openssl", "s_time", "-connect", f"localhost:{server.port}", "-new", "-time", str(seconds)]
    done = subprocess.run([*command, *server.shows], capture_output=True, text=True, check=True)
    count = re.search(r"(\d+) connections in (\d+) real seconds", done.stdout)
    assert count is not None, done.stdout + done.stderr
    spent = 1e6 * (_spent_s(server) - before)
    server.handshakes.append(int(count[1]) / int(count[2]))
    server.handshake_us.append(spent / max(1, int(count[1])))


def _spent_s(server: Server) -> float:
    """Processor time of the process with the door; what the writer's takes is no matter of TLS."""
    times = server.process.cpu_times()
    return float(times.user + times.system)
