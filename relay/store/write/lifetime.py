"""Starts the writing process, waits for its end, and kills it where that takes too long."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
from pathlib import Path
from time import monotonic

from relay.processes import own_environment, own_module

log = logging.getLogger("relay.store")

PROGRAM = "relay.store.write.process"
"""The module that the writing process runs."""

KILLED_WITHIN_S = 0.3
"""Time to wait for a killed process; one that waits for a disk ends when the disk responds."""

LOOK_EVERY_S = 0.005


def spawn(db: Path, channel: socket.socket, lock: int | None) -> subprocess.Popen[bytes]:
    """Start the writing process of a database.

    Args:
        channel: its end of the socket to the engine; it becomes its standard input.
        lock: descriptor of the engine's lock, which it holds too.
    """
    return subprocess.Popen(
        [*own_module(PROGRAM), str(db)],
        stdin=channel.fileno(),
        stdout=subprocess.DEVNULL,
        env=own_environment(),
        pass_fds=() if lock is None else (lock,),
    )


async def ended(process: subprocess.Popen[bytes], within_s: float | None) -> bool:
    """Wait for a process to end, and kill it after that time; whether it has ended at last.

    One that waits for a disk survives a kill until the disk responds.

    Args:
        within_s: None for no limit.
    """
    if await _has_ended(process, within_s):
        return True
    log.warning("the process that writes the database (pid %d) does not answer and is killed", process.pid)
    process.kill()
    if await _has_ended(process, KILLED_WITHIN_S):
        return True
    log.warning("it waits for the disk: the database is locked until process %d ends", process.pid)
    return False


async def _has_ended(process: subprocess.Popen[bytes], within_s: float | None) -> bool:
    """Whether it ends in time. Polls, because a waiting thread could not be cancelled."""
    give_up_at = None if within_s is None else monotonic() + within_s
    while process.poll() is None:
        if give_up_at is not None and monotonic() >= give_up_at:
            return False
        await asyncio.sleep(LOOK_EVERY_S)
    return True
