"""Other catchers of webhooks, beside the relay in the same rounds, and in words what each leaves out.

Each is installed in an environment of its own in the user's cache folder, by `--peers` alone. The words were
checked in the code of the versions named with them.
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs
import psutil

from relay.docs.figures import Comparison
from tests.bench import wrk
from tests.bench.contenders import BASE
from tests.bench.generator import Measure, Rounds, Server, progress, recorded, resting
from tests.bench.receive import FIGURES, THREE, started
from tests.bench.result import Plan, Samples
from tests.bench.terminals import drained
from tests.support.backends import free_port
from tests.support.lean_requests import a_body, a_request
from tests.support.program import exchange
from tests.support.terminal import Terminal

CACHE = platformdirs.user_cache_path("lean-relay") / "bench-peers"
READY_S = 30.0

ANSWERS = """
from mitmproxy import http

def request(flow):
    flow.response = http.Response.make(200, b"ok\\n")
"""


class NotRunError(Exception):
    """A peer cannot be installed or started here, with the reason."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that catches webhooks."""

    name: str
    distribution: str
    """On PyPI; empty for Debian's package of this name."""
    command: Callable[[Path, Path, int], Sequence[object]]
    """From its executable, a folder of its own and a port."""
    about: str
    """What of a webhook it keeps, and when."""
    at_terminal: bool = False


def _mitmdump(program: Path, folder: Path, port: int) -> Sequence[object]:
    (folder / "answers.py").write_text(ANSWERS)
    names = (f"confdir={folder}", "connection_strategy=lazy", "keep_host_header=true")
    settings = [word for name in names for word in ("--set", name)]
    settings += ["--listen-host", "127.0.0.1", "-p", str(port), "-q"]
    # Nothing reaches the server that reverse mode names: the script answers before.
    mode = ("--mode", "reverse:http://127.0.0.1:9")
    return program, *mode, *settings, "-s", folder / "answers.py", "-w", folder / "flows"


def _webhook(program: Path, folder: Path, port: int) -> Sequence[object]:
    hooks = [{"id": "lean", "execute-command": shutil.which("true")}]
    (folder / "hooks.json").write_text(json.dumps(hooks))
    where = ("-ip", "127.0.0.1", "-port", port, "-urlprefix", "webhooks")
    return program, "-hooks", folder / "hooks.json", *where


PEERS = (
    Peer(
        "mitmdump",
        "mitmproxy",
        _mitmdump,
        "with -w and a script that answers 200: appends flows, with bytes and repeated headers, to a file"
        " that it does not sync; a crash of the machine loses what was answered (11.0)",
    ),
    Peer(
        "hookee",
        "hookee",
        lambda program, folder, port: (
            *(program, "--no-tunnel", "--port", port, "--default-route", "/.*"),
            *("--save-dir", folder / "saved"),
        ),
        "with --save-dir: a JSON file for each request before its response, not synced; repeated headers"
        " are joined, secret headers masked; a connection for each request (3.0)",
    ),
    Peer(
        "webhook-replay",
        "webhook-replay",
        lambda program, folder, port: (program, "--db", folder / "captures.db", "serve", "--port", port),
        "commits each request to SQLite before its response, with its bytes and repeated headers, and keeps"
        " the newest 1,000; a connection for each request (0.1)",
    ),
    Peer(
        "fasthook",
        "fasthook",
        lambda program, folder, port: (
            *(program, "listen", port, "--host", "127.0.0.1", "--quiet"),
            *("--save", folder / "events.json"),
        ),
        "with --save: appends a line to a file before the response, not synced, and answers 200 where that"
        " fails; of repeated headers one; it forwards JSON written again, not the bytes (2.0)",
    ),
    Peer(
        "hooktui",
        "hooktui",
        lambda program, folder, port: (program, "--port", port),
        "answers first, then its screen commits to SQLite; a body that is not UTF-8 is not kept, of repeated"
        " headers one (0.1)",
        at_terminal=True,
    ),
    Peer(
        "webhook",
        "",
        _webhook,
        "starts a command for each request, here true, and stores nothing (2.8)",
    ),
)


def measure(folder: Path, plan: Plan) -> Iterator[Comparison]:
    """The same requests for all, in turns."""
    samples = Samples("peers", "Peers: 32 connections, 451-byte bodies", BASE)
    if not wrk.is_there():
        # Some peers close each connection; wrk opens others.
        samples.notes.append("not measured: wrk is not installed")
        yield samples.comparison()
        return
    with ExitStack() as stack:
        turns = stack.enter_context(started(folder, THREE, samples.notes))
        servers: dict[str, Server] = {}
        for peer in PEERS:
            progress(f"peers: {peer.name}")
            try:
                program, version = installed(peer)
                servers[peer.name] = stack.enter_context(serving(peer, program, folder / peer.name))
            except NotRunError as error:
                samples.notes.append(f"{peer.name}: not run: {error}")
            else:
                samples.notes.append(f"{peer.name} {version}: {peer.about}")
        turns |= {name: stack.enter_context(resting(server)) for name, server in servers.items()}
        rounds = Rounds(
            turns,
            [Measure(recorded(samples, *FIGURES), base=BASE)],
            optional=frozenset(servers),
            # The generator in Python, which warms up, cannot do with closed connections.
            warmed=set(servers),
        )
        rounds.run(replace(plan, seconds=max(1.0, plan.seconds)), "peers")
        samples.notes += [
            f"{name}: left out, since requests stayed without a response ({why})"
            for name, why in rounds.failed.items()
        ]
        for name, server in servers.items():
            if server.other:
                samples.notes.append(
                    f"{name}: {server.other:,} of {server.other + server.answered:,} not 200"
                )
        order = [BASE, *turns]
    yield samples.comparison(order)


# -- installing ------------------------------------------------------------------------------------


def installed(peer: Peer) -> tuple[Path, str]:
    """Its executable and its version; fetched where it is not in the cache.

    Raises:
        NotRunError: it does not install here.
    """
    return _from_pypi(peer) if peer.distribution else _from_debian(peer.name)


def _from_pypi(peer: Peer) -> tuple[Path, str]:
    home = CACHE / peer.name
    python, program = home / "bin" / "python", home / "bin" / peer.name
    if not program.exists():
        _run(sys.executable, "-m", "venv", "--clear", home)
        _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", peer.distribution)
    if not program.exists():
        raise NotRunError(f"{peer.distribution} has no program {peer.name}")
    ask = f"from importlib.metadata import version; print(version({peer.distribution!r}))"
    return program, _run(python, "-c", ask)


def _from_debian(name: str) -> tuple[Path, str]:
    home = CACHE / name
    there = shutil.which(name)
    program = Path(there) if there else home / "usr" / "bin" / name
    if not program.exists():
        if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
            raise NotRunError("it is not on the PATH, and only Debian has a package that can be fetched")
        home.mkdir(parents=True, exist_ok=True)
        _run("apt-get", "download", name, folder=home)
        _run("dpkg", "-x", *home.glob(f"{name}_*.deb"), home)
    return program, _run(program, "-version").rpartition(" ")[2]


def _run(*command: object, folder: Path | None = None) -> str:
    """The output of a program.

    Raises:
        NotRunError: it failed; with its last line.
    """
    done = subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise NotRunError(f"{Path(str(command[0])).name}: {said[-1]}")
    return done.stdout.strip()


# -- running ---------------------------------------------------------------------------------------


@contextmanager
def serving(peer: Peer, program: Path, folder: Path) -> Iterator[Server]:
    """It, once it answers a webhook with 200.

    Raises:
        NotRunError: it does not.
    """
    folder.mkdir(parents=True)
    port = free_port()
    command = [*map(str, peer.command(program, folder, port))]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "TERM": "xterm-256color"}
    with ExitStack() as stack:
        if peer.at_terminal:
            master, slave = pty.openpty()
            process = subprocess.Popen(
                command, cwd=folder, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
            )
            os.close(slave)
            see = stack.enter_context(closing(Terminal(process, master)))
            stack.enter_context(drained(see))
        else:
            out = stack.enter_context(open(folder / "output", "wb"))
            process = subprocess.Popen(
                command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        stack.callback(_end, process)
        _await_200(port, process)
        yield Server((port,), (), (psutil.Process(process.pid),))


def _await_200(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_S
    said = "it does not listen"
    while time.monotonic() < deadline and process.poll() is None:
        try:
            reply = exchange(port, a_request(a_body()), within_s=5.0)
        except (ConnectionError, TimeoutError):
            time.sleep(0.05)
            continue
        if reply is not None and reply.status == 200:
            return
        said = f"it answers {reply.status}" if reply else "it closes the connection"
        time.sleep(0.05)
    raise NotRunError(said if process.poll() is None else f"it ended with exit code {process.returncode}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
