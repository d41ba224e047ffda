"""A real sshd for a test: on loopback, in a folder of its own, with keys of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support.backends import free_port
from tests.support.program import connect
from tests.support.waiting import wait_until

SEPARATION = Path("/run/sshd")
"""The folder that sshd wants where it runs as root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sshd:
    """A running sshd."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    client: Path
    """A folder with an `ssh` for PATH, which uses the keys of this server alone."""

    def sessions(self) -> list[psutil.Process]:
        """The processes that serve connections."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def kill_sessions(self, number: int = signal.SIGKILL) -> None:
        """Signal the processes of all connections."""
        for each in self.sessions():
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def missing() -> str | None:
    """Why no sshd can be started here; None where it can."""
    for name in ("sshd", "ssh", "ssh-keygen"):
        if _which(name) is None:
            return f"{name} is not here (Debian: openssh-server and openssh-client)"
    if os.geteuid() == 0 and not SEPARATION.is_dir():
        try:
            SEPARATION.mkdir(mode=0o755)
        except OSError as error:
            return f"sshd needs {SEPARATION}: {error.strerror}"
    return None


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextmanager
def sshd(folder: Path, *, known: bool = True) -> Iterator[Sshd]:
    """Run one while the context lasts; skips the test where there is none.

    Args:
        known: whether the client knows the server's host key.
    """
    if (reason := missing()) is not None:
        pytest.skip(reason)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    program, port = _which("sshd"), free_port()
    assert program is not None
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/authorized\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel VERBOSE\n"
    )
    host_key = (folder / "host.pub").read_text()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {host_key}" if known else "")
    client = folder / "bin"
    client.mkdir()
    script = client / "ssh"
    script.write_text(
        f'#!/bin/sh\nexec "{_which("ssh")}" -F none -p {port} -i "{folder}/user" -o IdentitiesOnly=yes '
        f'-o IdentityAgent=none -o UserKnownHostsFile="{folder}/known" -o GlobalKnownHostsFile=/dev/null '
        '-o StrictHostKeyChecking=yes "$@"\n'
    )
    script.chmod(0o700)
    process = subprocess.Popen([program, "-D", "-f", folder / "sshd_config", "-E", folder / "log"])
    running = Sshd(process=process, port=port, folder=folder, client=client)

    def listens() -> bool:
        with suppress(OSError), connect(port):
            return True
        assert process.poll() is None, running.log
        return False

    try:
        wait_until(listens, "sshd")
        yield running
    finally:
        sessions = running.sessions()
        running.kill_sessions()
        process.kill()
        process.wait()
        psutil.wait_procs(sessions, 10)


def server() -> str:
    """The destination: this user, on this machine."""
    return f"{getpass.getuser()}@127.0.0.1"
