"""A listener for a screen: `listen` as a child process that ends with its parent.

Owns the child, its stderr, and the pipe that closes when this process ends for any reason.
"""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from relay.cli.advice import say
from relay.cli.listen.lifeline import DETACHED, GO_ON
from relay.errors import Exit, RelayError
from relay.processes import how_it_ended, own_environment, own_module

LINES_KEPT = 200
"""Number of its latest stderr lines to keep."""

ENDS_WITHIN_S = 8.0
"""Longer than the engine needs to stop."""

SAY_AFTER_S = 1.5
"""After this long a line says that the command is waiting for the listener."""

CRASH = "Fatal Python error"
"""First words of the interpreter's report of a crash (faulthandler)."""

WORD = re.compile(r"(?:\[(?P<word>[a-z-]+)\] )?(?P<message>.*)", re.DOTALL)
"""An error message, with or without its stable word."""


class Listener:
    """The child process; a context manager that ends it on exit, unless it is detached."""

    def __init__(self, arguments: Sequence[str], *, detach: bool, log: Path | None = None) -> None:
        """Start it.

        Args:
            arguments: of `listen`.
            detach: it continues after this process ends.
            log: file for its lines once it is ready, when it has no screen.
        """
        self._detached = detach
        self._unread: deque[str] = deque(maxlen=LINES_KEPT)
        self.last_words: list[str] = []
        """The interpreter's report of a crash, which is too long for a screen."""
        self._ready = threading.Event()
        self._ready_line = ""
        self._later: queue.SimpleQueue[str] = queue.SimpleQueue()
        """Lines of its stdout after the first; an empty one at its end."""
        read_end, self._lifeline = os.pipe()
        try:
            behind = (
                ("--behind", str(DETACHED if detach else read_end)) if log is None else ("--log", str(log))
            )
            self._process = subprocess.Popen(
                [*own_module("relay"), "listen", *arguments, *behind],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=own_environment(secrets=True),
                pass_fds=() if detach else (read_end,),
                # In its own session: Ctrl-C in our terminal, or closing it, does not reach the child.
                start_new_session=True,
            )
        except BaseException:
            os.close(self._lifeline)
            raise
        finally:
            os.close(read_end)
        for work in (self._read_stdout, self._read_stderr):
            threading.Thread(target=work, name=work.__name__, daemon=True).start()

    def _read_stdout(self) -> None:
        assert self._process.stdout is not None
        self._ready_line = self._process.stdout.readline().strip()
        self._ready.set()
        for line in self._process.stdout:
            self._later.put(line)
        self._later.put("")

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            words = line.rstrip("\n").removeprefix("lean-relay: ")
            if self.last_words or words.startswith(CRASH):
                self.last_words.append(words)
                del self.last_words[LINES_KEPT:]
            else:
                self._unread.append(words)

    def wait_until_ready(self) -> None:
        """Wait until it listens, and say so if that takes long; Ctrl-C ends a detached one too.

        Raises:
            RelayError: it has ended; has its message.
        """
        try:
            if not self._ready.wait(SAY_AFTER_S):
                say("waiting for the listener to start ...")
                self._ready.wait()
        except BaseException:
            self._process.terminate()
            raise
        if not self._ready_line:
            raise self._refusal()

    def _refusal(self) -> RelayError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDS_WITHIN_S)
        words = self.new_lines()
        if (code := self._process.returncode) is not None and code < 0:
            words += [*self.last_words, f"the listener ended during its start: {how_it_ended(code)}"]
        found = WORD.fullmatch("\n".join(words) or "the listener ended without an error message")
        assert found is not None
        refusal = RelayError(found["message"], word=found["word"])
        with suppress(ValueError):
            refusal.exit_code = Exit(self._process.returncode or Exit.FAILED)
        return refusal

    def ready_line(self) -> dict[str, Any]:
        """Its ready line, as JSON; only with a log file."""
        line: dict[str, Any] = json.loads(self._ready_line)
        return line

    def tunnel_line(self, within_s: float) -> dict[str, Any] | None:
        """Its first line about its tunnel, as JSON; None if there is none in time. Only with a log file."""
        with suppress(queue.Empty):
            if text := self._later.get(timeout=within_s):
                line: dict[str, Any] = json.loads(text)
                return line
        return None

    def detach(self) -> None:
        """Let it continue after this process ends."""
        with suppress(BrokenPipeError):  # It has just ended, which `ended` reports.
            os.write(self._lifeline, GO_ON)
            self._detached = True

    @property
    def is_detached(self) -> bool:
        """Whether it continues after this process ends."""
        return self._detached

    @property
    def pid(self) -> int:
        return self._process.pid

    def new_lines(self) -> list[str]:
        """Lines of its stderr since the last call."""
        lines: list[str] = []
        with suppress(IndexError):
            while True:
                lines.append(self._unread.popleft())
        return lines

    def ended(self) -> str | None:
        """How it ended, such as `killed by SIGSEGV`; None while it runs."""
        code = self._process.poll()
        return None if code is None else how_it_ended(code)

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._lifeline)
        if self._detached:
            return
        try:
            self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
