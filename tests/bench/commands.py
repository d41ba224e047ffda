"""A command run to its end: how long it took, its processor time, and its most memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

EACH_S = 0.02


@dataclass(frozen=True, slots=True)
class Took:
    wall_s: float
    cpu_s: float
    """Of the process and the children that it waited for."""
    peak_mib: float = float("nan")
    """Of the process alone."""


def ended(process: subprocess.Popen[bytes], begun: float, *, memory: bool = False) -> Took:
    """Wait for its end.

    Args:
        begun: `perf_counter()` when it was started.
        memory: look at its memory as well; on Linux every EACH_S.
    """
    over = threading.Event()
    peaks = [0.0]

    def watch() -> None:
        while not over.wait(EACH_S):
            peaks.append(peak_mib(process.pid))

    # The system's own figure includes the process that forked it, which is larger than some commands.
    watcher = threading.Thread(target=watch) if memory and sys.platform != "darwin" else None
    if watcher is not None:
        watcher.start()
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if watcher is not None:
        over.set()
        watcher.join()
    peak = max(peaks) if watcher is not None else used.ru_maxrss / 2**20
    return Took(wall_s, used.ru_utime + used.ru_stime, peak)


def peak_mib(pid: int) -> float:
    """The most memory that a process has had; 0 where it has gone, or where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(found[0]) / 1024 if found else 0.0
