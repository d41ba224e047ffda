"""strace on a running program: to see its system calls, or to have them fail. Linux."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.waiting import wait_until


@cache
def why_not() -> str | None:
    """Why it cannot be used here; None where it can."""
    strace = shutil.which("strace")
    if strace is None:
        return "strace is not installed here"
    # Where Yama restricts ptrace, only root may attach to a process that strace did not start.
    with subprocess.Popen(["sleep", "60"]) as other:
        command = [strace, "-o", os.devnull, "-p", str(other.pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            said = tracer.stderr.readline()
            tracer.kill()
        other.kill()
    return None if "attached" in said else "strace may not attach to a process here"


@contextlib.contextmanager
def attached(pids: list[int], words: Path, *options: str, calls: Path = Path(os.devnull)) -> Iterator[None]:
    """Trace processes with all their threads for as long as the context lasts.

    Args:
        words: gets what strace says itself.
        calls: gets the calls, one a line.
    """
    command = ["strace", "-f", "-o", str(calls), *options]
    for pid in pids:
        command += ["-p", str(pid)]
    with open(words, "wb") as file:
        tracer = subprocess.Popen(command, stderr=file)
    try:
        wait_until(lambda: words.read_bytes().count(b"attached") >= len(pids), "strace")
        yield
    finally:
        tracer.terminate()
        try:
            tracer.wait(2)
        except subprocess.TimeoutExpired:  # Now and then it holds a thread at a call for ever.
            tracer.kill()
            tracer.wait(10)
