"""Other processes: those that have a file or a port open, as far as this system tells, and our own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"
"""State column of /proc/net/tcp for a listening socket (proc(5))."""


@dataclass(frozen=True, slots=True)
class Process:
    """A running program."""

    pid: int
    name: str

    def __str__(self) -> str:
        return f"pid {self.pid}, {self.name}"


def holders(path: Path) -> list[Process]:
    """Other programs that have the file open; empty where the system does not tell (Linux does).

    What started this process belongs to the same program: an engine and the process that writes for it.
    """
    wanted = str(path.resolve())
    started_by = os.getppid()
    return [
        process for process in _others() if process.pid != started_by and wanted in _open_files(process.pid)
    ]


def locker(path: Path, byte: int) -> Process | None:
    """Another program whose lock for writing covers a byte of the file; None where the system does not tell.

    Linux lists the locks of all processes in /proc/locks (proc(5)).
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


def own_module(name: str) -> list[str]:
    """The first words of a command that runs a module of this program, with `own_path` in its environment.

    With -P: what lies in the working folder is no part of it.
    """
    return [sys.executable, "-P", "-m", name]


def own_path(*, secrets: bool = False) -> dict[str, str]:
    """The environment of a process of ours: it finds our modules where we do.

    Args:
        secrets: whether it may have the variables that hold Lean's.
    """
    known = {name: value for name, value in os.environ.items() if secrets or not name.startswith("LEAN_")}
    return known | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def how_it_ended(code: int) -> str:
    """`exit code 3` or `killed by SIGSEGV`, from what `subprocess` calls a return code."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def port_owner(port: int) -> Process | None:
    """The process that listens on a TCP port of this machine; None where the system does not tell."""
    inodes = {
        f"socket:[{fields[9]}]"
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for fields in _table(Path(table))
        if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port
    }
    if not inodes:
        return None
    return next((process for process in _others() if inodes & _open_files(process.pid)), None)


def _table(path: Path) -> Iterator[list[str]]:
    try:
        lines = path.read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if len(fields) > 9:
            yield fields


def _others() -> Iterator[Process]:
    try:
        names = os.listdir("/proc")
    except OSError:
        return
    for name in names:
        if name.isdecimal() and int(name) != os.getpid() and (process := _process(int(name))) is not None:
            yield process


def _process(pid: int) -> Process | None:
    try:
        return Process(pid, Path("/proc", str(pid), "comm").read_text(errors="replace").strip())
    except OSError:
        return None


def _open_files(pid: int) -> set[str]:
    folder = f"/proc/{pid}/fd"
    found = set()
    try:
        for name in os.listdir(folder):
            found.add(os.readlink(f"{folder}/{name}"))
    except OSError:
        return found
    return found
