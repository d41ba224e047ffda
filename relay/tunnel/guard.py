"""The guard of a tunnel: a process that runs its program, reads the output, and ends it with the engine.

The engine holds the other end of its socket, which closes however the engine ends, even by kill -9. Program
and guard are one process group, so that whatever the program started ends too. Only
`relay.tunnel.supervisor` starts it; the messages are those of `relay.tunnel.messages`.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from time import monotonic

import msgspec

from relay.tunnel import output
from relay.tunnel.messages import News, Start

LINES_KEPT = 20
"""The last lines, for the reason of a failure."""

SILENT_S = 20.0
"""After this time without a URL the engine gets the last lines."""

MATCH_WITHIN_S = 0.1
"""A pattern of the settings that takes longer for one line is given up: it runs away."""

MOST_NEWS, COUNTED_FOR_S = 200, 3600.0
"""A program that prints new URLs again and again costs the engine at most this many messages in this time."""

ENDS_WITHIN_S = 1.0
"""After SIGTERM; then it is killed."""

READING_NICE = 10
"""A flood of lines takes no processor time from the engine; the program itself keeps its own priority."""

READ_BYTES = 65_536
READS_AT_END = 16
LOOK_EVERY_S = 0.02

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_PR_SET_PDEATHSIG = 1


class TooSlow(Exception):
    """A pattern took too long for a line."""


class Guard:
    """One program and its output."""

    def __init__(self, lifeline: socket.socket, start: Start) -> None:
        self._lifeline = lifeline
        self._start = start
        self._read = output.reader(start.kind, start.pattern)
        # Our own patterns cannot run away, and a clock for each line costs more than they do.
        self._limit: Callable[[], AbstractContextManager[None]] = (
            nullcontext if start.pattern is None else partial(_at_most, MATCH_WITHIN_S)
        )
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._last: output.Sign | None = None
        self._sent = 0
        self._counted_until = 0.0
        self._silent_at: float | None = monotonic() + SILENT_S
        self._encode = msgspec.json.Encoder().encode

    def run(self) -> None:
        """Run the program until it ends, or the engine does."""
        try:
            program = subprocess.Popen(
                self._start.argv,
                env=dict(self._start.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                preexec_fn=_ends_with_parent(),  # this process has one thread
            )
        except OSError as error:
            self._send(News(event="failed", text=error.strerror or str(error)))
            return
        os.nice(READING_NICE)
        try:
            self._watch(program)
        finally:
            _end_group(program)

    def _watch(self, program: subprocess.Popen[bytes]) -> None:
        assert program.stdout is not None
        assert program.stderr is not None
        with selectors.DefaultSelector() as selector, _signals() as signalled:
            selector.register(self._lifeline, selectors.EVENT_READ)
            selector.register(signalled, selectors.EVENT_READ)
            streams = {program.stdout.fileno(): output.Lines(), program.stderr.fileno(): output.Lines()}
            for descriptor in streams:
                os.set_blocking(descriptor, False)
                selector.register(descriptor, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select(self._patience())}
                if self._lifeline.fileno() in ready:  # It says nothing more, so this is its end.
                    return
                if signalled.fileno() in ready and set(signalled.recv(100)) & set(ENDING):
                    return
                for descriptor in ready & streams.keys():
                    if self._take(descriptor, streams[descriptor]) is False:
                        selector.unregister(descriptor)
                        del streams[descriptor]
                if (code := program.poll()) is not None:
                    for descriptor, lines in streams.items():
                        self._take_rest(descriptor, lines)
                    self._send(News(event="ended", code=code, lines=list(self._lines)))
                    return
                self._report_silence()

    def _patience(self) -> float | None:
        return None if self._silent_at is None else max(self._silent_at - monotonic(), 0.0)

    def _report_silence(self) -> None:
        if self._silent_at is not None and monotonic() >= self._silent_at:
            self._silent_at = None
            self._send(News(event="silent", lines=list(self._lines)))

    def _take(self, descriptor: int, lines: output.Lines) -> bool | None:
        """Read once from a stream; False at its end, None where it has nothing at the moment."""
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return None
        for line in (*lines.feed(data), *(() if data else lines.rest())):
            self._on_line(line)
        return bool(data)

    def _take_rest(self, descriptor: int, lines: output.Lines) -> None:
        """Read what an ended program has left; something that it started may still be writing."""
        for _ in range(READS_AT_END):
            if not self._take(descriptor, lines):
                break
        for line in lines.rest():
            self._on_line(line)

    def _on_line(self, line: str) -> None:
        if not output.is_noise(self._start.kind, line):
            self._lines.append(line)
        try:
            with self._limit():
                sign = self._read(line)
        except TooSlow:
            self._read = _nothing
            self._send(News(event="silent", text="the pattern of [tunnel] url takes too long for a line"))
            return
        if sign is None or sign == self._last or not self._may_send():
            return
        self._last = sign
        if sign.connected is False:
            self._send(News(event="lost", text=sign.reason))
            return
        if sign.connected:
            self._silent_at = None
        self._send(News(event="found", url=sign.url, connected=bool(sign.connected)))

    def _may_send(self) -> bool:
        """Count one more message, if there is room for it."""
        now = monotonic()
        if now >= self._counted_until:
            self._sent, self._counted_until = 0, now + COUNTED_FOR_S
        self._sent += 1
        return self._sent <= MOST_NEWS

    def _send(self, news: News) -> None:
        with suppress(OSError):  # The engine has ended or does not read; the first is seen next.
            self._lifeline.sendall(self._encode(news) + b"\n")


def _nothing(_line: str) -> None:
    return None


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Interrupt the block after a time: `re` looks for signals while it matches.

    Raises:
        TooSlow: it took longer.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_slow(*_: object) -> None:
    raise TooSlow


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """A socket that yields the numbers of signals as bytes."""
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        there.setblocking(False)
        before = signal.set_wakeup_fd(there.fileno(), warn_on_full_buffer=False)
        try:
            yield here
        finally:
            signal.set_wakeup_fd(before)


def _ends_with_parent() -> Callable[[], None] | None:
    """A call before the program starts, so that it ends even if this process is killed; only on Linux."""
    if sys.platform != "linux":
        return None
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_group(program: subprocess.Popen[bytes]) -> None:
    """End the program and all that it started: the process group, with this process."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    give_up_at = monotonic() + ENDS_WITHIN_S
    while program.poll() is None and monotonic() < give_up_at:
        with suppress(subprocess.TimeoutExpired):
            program.wait(LOOK_EVERY_S)
    os.killpg(0, signal.SIGKILL)


def _first_line(lifeline: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"\n"):
        data = lifeline.recv(READ_BYTES)
        if not data:
            break
        received += data
    return received


def main(descriptor: int) -> None:
    """Read what to run from the socket, and run it."""
    # Handlers, because a program inherits what is ignored.
    for number in (*ENDING, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGALRM, _too_slow)
    with socket.socket(fileno=descriptor) as lifeline:
        line = _first_line(lifeline)
        if line:
            Guard(lifeline, msgspec.json.Decoder(Start).decode(line)).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
