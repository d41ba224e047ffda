"""Power cuts on a file system of our own: what had not reached the disk is gone.

An ext4 in a file, shut down by ioctl without writing its log back (as `FS_IOC_SHUTDOWN` allows), then
mounted again. Needs root and Linux.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.program import RELAY, is_sound, running
from tests.support.waiting import wait_until
from tests.torture.posting import lost, posting

FS_IOC_SHUTDOWN = 0x8004587D
"""`_IOR('X', 125, __u32)` of linux/fs.h."""

NO_LOG_FLUSH = 2

NOT_SYNCED = ("-m", "tests.torture.with_store", "tests.torture.not_synced_store")
"""The control: the program with `synchronous = NORMAL`, under which a commit is not on the disk."""


def why_not() -> str | None:
    """Why power cannot be cut here; None where it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux, to mount a file system"
    return None if shutil.which("mkfs.ext4") else "mkfs.ext4 is not installed here"


@dataclass(slots=True)
class Tally:
    """Results of the cuts."""

    cuts: int = 0
    acked: int = 0
    lost: int = 0
    unsound: int = 0


@contextlib.contextmanager
def mounted(image: Path, at: Path) -> Iterator[None]:
    """The image's file system, for as long as the context lasts."""
    subprocess.run(["mount", "-o", "loop", str(image), str(at)], check=True, capture_output=True)
    try:
        yield
    finally:
        # A process that its engine did not outlive, such as the one that checks shapes, may be ending still.
        wait_until(lambda: _is_unmounted(at), f"{at} to be free", within_s=30)


def _is_unmounted(at: Path) -> bool:
    return subprocess.run(["umount", str(at)], check=False, capture_output=True).returncode == 0


def cut(at: Path) -> None:
    """The power is gone: no write reaches the disk any more, nothing pending is written back."""
    descriptor = os.open(at, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, FS_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    finally:
        os.close(descriptor)


def power_cuts(folder: Path, cuts: int, *arguments: str, launcher: Sequence[str] = RELAY) -> Tally:
    """Post, cut, mount, start again, compare; each time on the database that the last cut left.

    Args:
        arguments: of `listen`.
    """
    tally = Tally()
    acked: dict[str, str] = {}
    image, at = folder / "disk.img", folder / "disk"
    at.mkdir()
    with open(image, "wb") as file:
        file.truncate(192 * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True)
    for number in range(cuts):
        with (
            mounted(image, at),
            running(folder / "run", *arguments, db=at / "relay.db", launcher=launcher) as program,
            posting(program.port, seed=number) as posters,
        ):
            posters.stopping.wait(0.3 + 0.1 * (number % 4))
            cut(at)
            posters.stopping.wait(0.1)
            program.kill()
            acked |= posters.acked
        tally.cuts += 1
    with mounted(image, at), running(folder / "run", *arguments, db=at / "relay.db") as program:
        tally.acked, tally.lost = len(acked), len(lost(program.db, acked))
        tally.unsound = not is_sound(program.db)
        assert program.stop() == 0, program.said
    return tally
