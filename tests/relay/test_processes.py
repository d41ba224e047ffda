"""Which other program holds a file, a port or a lock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from relay.processes import holders, is_alive, lock_holder, port_owner

HOLD = """
import socket, sys
file = open(sys.argv[1])
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_a_port_where_only_own_processes_show_their_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The listener is found by its own sockets where the system does not list those of all processes."""

    def refused(_kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refused)
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, os.devnull], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    try:
        owner = port_owner(int(other.stdout.readline()))
        assert owner is not None
        assert owner.pid == other.pid
    finally:
        other.communicate()


def test_who_is_alive() -> None:
    """A number that no process can have, as a file may hold it, is that of none."""
    assert is_alive(os.getpid())
    assert not is_alive(2**31 - 1)
    assert not is_alive(10**30)


def test_the_other_program_is_named(tmp_path: Path) -> None:
    """A file's holder and a port's listener are found by pid and name; our own process is not one."""
    path = tmp_path / "held"
    path.write_text("")
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    try:
        port = int(other.stdout.readline())
        with path.open():
            assert [process.pid for process in holders(path)] == [other.pid]
        owner = port_owner(port)
        assert owner is not None
        assert str(owner).startswith(f"pid {other.pid}, python")
    finally:
        other.communicate()
    assert holders(path) == []
    assert port_owner(port) is None


LOCK = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
fcntl.lockf(file, fcntl.LOCK_EX, 1, 120)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="only Linux lists locks")
def test_who_has_a_byte_locked_is_named(tmp_path: Path) -> None:
    """The process that holds the lock on a byte is named; other bytes of the file are free."""
    path = tmp_path / "locked"
    path.write_bytes(bytes(200))
    other = subprocess.Popen(
        [sys.executable, "-c", LOCK, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == "locked\n"
        found = lock_holder(path, 120)
        assert found is not None
        assert found.pid == other.pid
        assert lock_holder(path, 119) is None
        assert lock_holder(path, 121) is None
    finally:
        other.communicate()
    assert lock_holder(path, 120) is None
