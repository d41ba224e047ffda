"""Keeps a tunnel program running: starts its guard, follows what that reports, and starts it again.

Runs in the engine's loop and does little there: the guard reads the program's output. The receiver never
waits for it, and a failure of any kind is a state with its reason.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from time import monotonic, time

import msgspec

from relay.config import Settings
from relay.processes import own_environment, own_module
from relay.tunnel import failures
from relay.tunnel.kinds import program, why_missing, why_not
from relay.tunnel.messages import News, Start
from relay.tunnel.state import Phase, TunnelState

PROGRAM = "relay.tunnel.guard"
"""The module that the guard runs."""

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
STEADY_S = 60.0
"""A tunnel that was up for this long begins with the first pause again."""

ENDS_WITHIN_S = 1.5
"""Longer than the guard takes to end the program."""

GONE_WITHIN_S = 0.5
"""How long a killed guard may take to be gone."""

LOOK_EVERY_S = 0.01
LONGEST_NEWS = 1024 * 1024

_decode = msgspec.json.Decoder(News).decode


def environment(environ: Mapping[bytes, bytes], secrets: Iterable[str]) -> dict[bytes, bytes]:
    """The environment of a tunnel program: the user's, without anything of Lean's and without secrets.

    Args:
        secrets: variables that settings name as sources of secrets.
    """
    left_out = frozenset(map(os.fsencode, secrets))
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(b"LEAN_") and name not in left_out
    }


def why_not_started(settings: Settings) -> str | None:
    """Why the tunnel of the settings cannot be started; None where it can, or there is none."""
    choice = settings.tunnel
    if choice is None:
        return None
    reason = why_not(choice, public_url=settings.public_url, client_auth=settings.client_auth)
    if reason is None and shutil.which(program(choice)) is None:
        reason = why_missing(choice)
    return reason


class Tunnel:
    """A tunnel with its state; `run` keeps it up."""

    def __init__(
        self,
        start: Start,
        changed: Callable[[], None],
        *,
        public_url: Callable[[], str | None],
    ) -> None:
        """
        Args:
            changed: called after each change of `state`.
            public_url: returns the URL of a tunnel whose program names none; None where it has to.
        """
        self.state = TunnelState(since=time())
        self._start = start
        self._changed = changed
        self._public_url = public_url
        self._url: str | None = None
        """As the program named it."""
        self._up_at: float | None = None
        """Since when it has been up, monotonic; None while it is not."""
        self._was_steady = False
        """Whether it was up for `STEADY_S` since its program was started."""

    async def run(self) -> None:
        """Start the program, and start it again after a pause whenever it ends."""
        pause = FIRST_PAUSE_S
        while True:
            self._forget()
            self._set(phase=Phase.STARTING, reason=self.state.reason)
            try:
                reason, lines = await self._attempt()
            except OSError as error:
                reason, lines = f"its guard could not be started: {error.strerror or error}", ()
            except Exception as error:  # Whatever it is, the engine goes on without a tunnel.
                reason, lines = f"internal error, please report it: {error!r}", ()
            self._end_up()
            if self._was_steady:
                pause = FIRST_PAUSE_S
            self._set(phase=Phase.DOWN, reason=reason, lines=lines, next_at=time() + pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _forget(self) -> None:
        self._url = self._up_at = None
        self._was_steady = False

    def _end_up(self) -> None:
        if self._up_at is not None and monotonic() - self._up_at >= STEADY_S:
            self._was_steady = True
        self._up_at = None

    async def _attempt(self) -> tuple[str, tuple[str, ...]]:
        """Run the program once; return why it ended, and its last lines."""
        here, there = socket.socketpair()
        spawning = asyncio.ensure_future(asyncio.to_thread(_spawn, there))
        try:
            process = await asyncio.shield(spawning)
        except BaseException:
            here.close()
            with suppress(OSError):
                await _killed(
                    await spawning
                )  # A guard that the thread was still starting has no program yet.
            raise
        reader, writer = await asyncio.open_unix_connection(sock=here, limit=LONGEST_NEWS)
        try:
            writer.write(msgspec.json.encode(self._start) + b"\n")
            return await self._follow(reader)
        finally:
            with suppress(OSError, RuntimeError):
                writer.write_eof()
            await _gone(process, reader)
            writer.close()

    async def _follow(self, reader: asyncio.StreamReader) -> tuple[str, tuple[str, ...]]:
        with suppress(ConnectionError):
            while (line := await reader.readline()).endswith(b"\n"):
                news = _decode(line)
                if news.event == "ended":
                    reason = failures.reason(self._start.kind, news.code, news.lines)
                    return reason, tuple(news.lines)
                if news.event == "failed":
                    return f"it could not be started: {news.text}", ()
                self._on_news(news)
        return "the process that guards it was killed", ()

    def _on_news(self, news: News) -> None:
        if news.event == "silent":
            if self.state.phase is Phase.STARTING:
                known = news.text or failures.meaning(self._start.kind, news.lines)
                reason = known or "it has not reported a connection with a URL yet"
                self._set(phase=Phase.STARTING, reason=reason, lines=tuple(news.lines))
            return
        if news.event == "lost":
            self._end_up()
            self._set(phase=Phase.DOWN, reason=news.text)
            return
        self._url = news.url or self._url
        if not news.connected and self.state.phase is not Phase.UP:
            return  # The program has named a URL, and connects next.
        url = self._url or self._public_url()
        if url is None:
            self._set(phase=Phase.STARTING, reason="it reports a connection and names no URL")
            return
        if self._up_at is None:
            self._up_at = monotonic()
        self._set(phase=Phase.UP, url=url)

    def _set(self, **values: object) -> None:
        fresh = replace(TunnelState(since=time()), **values)  # type: ignore[arg-type]
        if replace(fresh, since=self.state.since) != self.state:
            if fresh.phase is self.state.phase:
                fresh = replace(fresh, since=self.state.since)
            self.state = fresh
            self._changed()


def _spawn(there: socket.socket) -> subprocess.Popen[bytes]:
    with there:
        return subprocess.Popen(
            [*own_module(PROGRAM), str(there.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=own_environment(),
            pass_fds=(there.fileno(),),
            # A process group of its own, which ends as a whole, and which Ctrl-C does not reach.
            start_new_session=True,
        )


async def _gone(process: subprocess.Popen[bytes], reader: asyncio.StreamReader) -> None:
    """Wait until the guard has ended, and then end what it may have left of its group."""
    try:
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(ENDS_WITHIN_S):
                await reader.read()
    finally:
        await _killed(process)


async def _killed(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of a guard's group, and wait until the guard is gone."""
    # Before it is waited for, so that the number is still this group's.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    give_up_at = monotonic() + GONE_WITHIN_S
    while process.poll() is None and monotonic() < give_up_at:  # noqa: ASYNC110  # nothing signals its end
        await asyncio.sleep(LOOK_EVERY_S)
