"""`kill -9` at each system call of a capture's way to the disk and to the backend, in turn.

strace stops the program at its Nth call of a kind and kills it there; N rises until the program gets
through alive, and then every such call has been the last one once. Linux, with strace and the right to trace.
"""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path

import psutil

from tests.support.lean_requests import a_body, a_request
from tests.support.program import Running, exchange, nothing_waits, running, writing_processes
from tests.support.sink import sink
from tests.support.waiting import wait_until
from tests.torture.step_kills import Tally, again, count_up
from tests.torture.strace import attached

DISK = "pwrite64,fdatasync,fsync"
NETWORK = "socket,connect,write,writev,sendto,sendmsg,close"

MOST = 200
STUCK_S = 3.0


def call_kills(folder: Path, calls: str) -> Tally:
    """One capture for each call: kill there, start again, compare.

    Args:
        calls: the system calls that are counted, as strace has them.
    """
    tally = Tally()
    repeats = 0
    with sink() as there:
        for number in range(1, MOST):
            with running(folder, "--forward-to", f":{there.port}/hook") as program:
                wait_until(partial(nothing_waits, program.db), "the queue to drain", within_s=30)
                before, repeats = repeats, again(there)
                tally.most_repeats = max(tally.most_repeats, repeats - before)
                if survives(program, calls, number):
                    break
                tally.kills += 1
        else:
            raise AssertionError(f"no end after {MOST} calls")
        count_up(tally, folder / "relay.db", there)
    return tally


def survives(program: Running, calls: str, number: int) -> bool:
    """Whether a program that is killed at its Nth call lives through a capture and its delivery."""
    process = who_calls(program, calls)
    options = ("-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={number}")
    with attached([process.pid], program.folder / "strace", *options):
        with contextlib.suppress(OSError):
            reply = exchange(program.port, a_request(a_body()), within_s=STUCK_S)
            if reply is not None and reply.status == 200:  # With 503 its writing process has died or will.
                with contextlib.suppress(AssertionError):
                    wait_until(lambda: is_dead(process) or nothing_waits(program.db), "an end", STUCK_S)
                    if not is_dead(process):
                        return True
        # Where the writing process died, the engine does so as well. Now and then strace holds a thread at
        # the call for ever; then that is where it dies.
        program.kill()
    return False


def who_calls(program: Running, calls: str) -> psutil.Process:
    """The engine; of what concerns the disk, its writing process."""
    engine = psutil.Process(program.pid)
    if calls != DISK:
        return engine
    (writing,) = writing_processes(program.pid)
    return writing


def is_dead(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):  # It may go between the two questions.
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True
