"""Other processes, as far as the system names them, and how our own are started.

psutil takes 41 ms to import, so only the functions that need it do; each is on an error path.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


@dataclass(frozen=True, slots=True)
class Process:
    """A running program."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"pid {self.pid}, {self.name}"


def holders(path: Path) -> list[Process]:
    """Other programs of this user that have the file open.

    The parent of this process belongs to the same program: an engine and the process that writes for it.
    """
    import psutil

    wanted, parent = str(path.resolve()), os.getppid()
    found = []
    for process in _others():
        with suppress(psutil.Error):
            if process.pid != parent and any(file.path == wanted for file in process.open_files()):
                found.append(Process(process.pid, process.name()))
    return found


def port_owner(port: int) -> Process | None:
    """The process that listens on a TCP port of this machine; None if the system does not name it."""
    for each, pid in _listeners():
        if each == port and pid is not None and pid != os.getpid():
            return _process(pid)
    return None


def lock_holder(path: Path, byte: int) -> Process | None:
    """Another program with a write lock on a byte of the file; None if the system does not name it.

    Read from /proc/locks (proc(5)), which only Linux has; psutil does not read locks.
    """
    try:
        lines = Path("/proc/locks").read_text().splitlines()
        file = path.stat()
    except OSError:
        return None
    wanted = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    for line in lines:
        fields = line.split()
        if len(fields) == 8 and fields[1] == "POSIX" and fields[3] == "WRITE" and fields[5] == wanted:
            first, last = int(fields[6]), fields[7]
            if first <= byte and (last == "EOF" or byte <= int(last)) and int(fields[4]) != os.getpid():
                return _process(int(fields[4]))
    return None


def is_alive(pid: int) -> bool:
    """Whether a process with this id is running. Commands ask this at each start, so without psutil."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # The number may come from a file.
        return False
    except PermissionError:
        return True
    return True


def _process(pid: int) -> Process | None:
    import psutil

    with suppress(psutil.Error):
        return Process(pid, psutil.Process(pid).name())
    return None


def _others() -> Iterator[psutil.Process]:
    import psutil

    return (process for process in psutil.process_iter() if process.pid != os.getpid())


def _listeners() -> Iterator[tuple[int, int | None]]:
    """The TCP ports that are listened on, each with the id of its process where the system tells."""
    import psutil

    try:
        for each in psutil.net_connections("tcp"):
            if each.status == psutil.CONN_LISTEN and each.laddr:
                yield each.laddr.port, each.pid
    except psutil.AccessDenied:  # macOS shows a user only the sockets of the user's own processes.
        for process in _others():
            with suppress(psutil.Error):
                for mine in process.net_connections("tcp"):
                    if mine.status == psutil.CONN_LISTEN and mine.laddr:
                        yield mine.laddr.port, process.pid


def own_module(name: str) -> list[str]:
    """The first words of a command that runs a module of this program; give it `own_environment()`.

    -P keeps modules in the working folder out of it.
    """
    return [sys.executable, "-P", "-m", name]


def own_environment(*, secrets: bool = False) -> dict[str, str]:
    """The environment for a process of this program, so that it imports the same modules.

    Args:
        secrets: whether to pass on the variables with Lean's secrets.
    """
    passed_on = {name: value for name, value in os.environ.items() if secrets or not name.startswith("LEAN_")}
    return passed_on | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def how_it_ended(code: int) -> str:
    """`exit code 3` or `killed by SIGSEGV`, from what `subprocess` calls a return code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def install_command(extra: str) -> str:
    """The command that installs an extra of pyproject.toml for this interpreter."""
    from importlib import metadata  # 20 ms that only a missing library needs

    found = (each.partition(";") for each in metadata.requires("lean-relay") or ())
    needed = [wanted.strip() for wanted, _, when in found if f'extra == "{extra}"' in when.replace("'", '"')]
    return shlex.join([sys.executable, "-m", "pip", "install", *needed])
