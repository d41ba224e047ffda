"""A terminal for the real program: a pseudo-terminal of a size, what was written to it, and keys."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.support.program import RELAY, environment, working_folder

_MODE = re.compile(rb"\x1b\[\?([\d;]+)([hl])")

AS_BEFORE = {b"25": b"h", b"7": b"h"}
"""Of DEC's private modes those that are on in a new terminal: the cursor is shown, long lines wrap."""

_SEQUENCE = re.compile(
    rb"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[PX^_].*?\x1b\\|[@-Z\\-_])", re.DOTALL
)


def plain(written: bytes) -> str:
    """What was written, without escape sequences."""
    return _SEQUENCE.sub(b"", written).decode("utf-8", "replace")


class Terminal:
    """A program at a pseudo-terminal."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self.written = b""
        """Every byte the terminal was sent."""
        self._found = 0

    def read(self, within_s: float = 0.05) -> bool:
        """Take what is there; False where the program's end of the terminal is closed."""
        ready, _, _ = select.select([self._master], [], [], within_s)
        if ready:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return False
            self.written += data
            return bool(data)
        return True

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self._master, keys.encode())

    def wait_for(self, text: str, within_s: float = 60.0) -> None:
        """Read until a text was written since the last call that found one.

        Raises:
            AssertionError: it was not, in time.
        """
        deadline = time.monotonic() + within_s
        while text not in self.plain()[self._found :]:
            said = f"no {text!r} in {self.plain()[self._found :]!r}"
            assert time.monotonic() < deadline, said
            assert self.read(), said
        self._found += self.plain()[self._found :].index(text)

    def plain(self) -> str:
        """What was written, without escape sequences."""
        return plain(self.written)

    def left_on(self) -> set[str]:
        """The settings of the terminal that are not as before: its modes, and that it prints what is typed.

        Alternate screen, mouse, bracketed paste, reports of focus and the like: whatever was switched.
        """
        last: dict[bytes, bytes] = {}
        for modes, switch in _MODE.findall(self.written):
            last |= dict.fromkeys(modes.split(b";"), switch)
        left = {mode.decode() for mode, switch in last.items() if switch != AS_BEFORE.get(mode, b"l")}
        local = termios.tcgetattr(self._master)[3]
        return left | {name for name in ("ECHO", "ICANON", "ISIG") if not local & getattr(termios, name)}

    def resize(self, columns: int, lines: int) -> None:
        """Give it another size, as a window that is drawn larger does."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    def hang_up(self, *, signalled: bool = True) -> None:
        """Close it, as a window is closed.

        Args:
            signalled: with the signal that the system sends then, where the terminal is the program's own.
        """
        os.close(self._master)
        self._master = -1
        if signalled:
            self.process.send_signal(signal.SIGHUP)

    def close(self) -> None:
        """End the program if it is still there, and close the terminal."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        if self._master >= 0:
            os.close(self._master)

    def end(self, within_s: float = 60.0) -> int:
        """Wait for the program's own end; gives its exit code."""
        deadline = time.monotonic() + within_s
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it goes on: {self.plain()[-500:]!r}"
            self.read()
        while select.select([self._master], [], [], 0)[0] and self.read():
            pass
        return self.process.wait()


@contextlib.contextmanager
def at_a_terminal(
    folder: Path,
    *arguments: str,
    size: tuple[int, int] = (100, 30),
    env: Mapping[str, str] | None = None,
    launcher: Sequence[str] = RELAY,
) -> Iterator[Terminal]:
    """The real program at a terminal of its own, killed at the end if it is still there.

    Args:
        folder: where its home lies; made if missing.
        size: columns and lines.
        launcher: what the interpreter runs in place of `-m relay`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    try:
        process = subprocess.Popen(
            [sys.executable, *launcher, *arguments],
            cwd=working_folder(folder),
            env=environment(folder) | {"TERM": "xterm-256color"} | dict(env or {}),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
    finally:
        os.close(slave)
    with contextlib.closing(Terminal(process, master)) as terminal:
        yield terminal
