"""The state of a backend, as its developer's probe shows it: a command or a URL, read before and after.

The probe's output is a text that only changes when an event has an effect: totals of a table, for example.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from http.client import HTTPException

from relay.errors import RelayError
from relay.text.safe import visible
from relay.tls.verifying import verifying

READ_WITHIN_S = 30.0
GONE_WITHIN_S = 1.0
"""How long the output of a command that has ended, or was killed, is awaited."""

MOST_BYTES = 1024 * 1024
READ_BYTES = 64 * 1024

SETTLES_WITHIN_S = 10.0
"""A backend may respond first and work afterwards, as it should; it is given this time to finish."""

LOOK_EVERY_S = 0.2
STAYS = 3
"""Reads in a row with the same state, after which it has settled."""

SHOWN = 5
"""Numbers of a state in a message."""

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

Change = str | tuple[Decimal, ...]
"""The effect of a round: the state itself after a reset, else by how much each number grew."""


def instead(effect: Change, expected: Change) -> str:
    """`: 16, 0 instead of 8, 0`, where both are numbers, by how much each grew; empty for texts."""
    if isinstance(effect, str) or isinstance(expected, str):
        return ""
    shown = (", ".join(str(number) for number in numbers[:SHOWN]) for numbers in (effect, expected))
    return f": {' instead of '.join(shown)}"


@dataclass(frozen=True, slots=True)
class State:
    """The output of a probe."""

    text: str

    def change_since(self, before: State) -> tuple[Decimal, ...] | None:
        """By how much each number differs; None where the text around them differs too."""
        if _NUMBER.sub("0", self.text) != _NUMBER.sub("0", before.text):
            return None
        numbers = zip(_NUMBER.findall(before.text), _NUMBER.findall(self.text), strict=True)
        return tuple(Decimal(after) - Decimal(was) for was, after in numbers)


class Probe:
    """Reads the state of the backend."""

    def __init__(self, source: str, *, is_quiet: bool = False) -> None:
        """
        Args:
            source: a URL (http or https), or a command for the shell.
            is_quiet: as for `run`.
        """
        self._source = source
        self._is_quiet = is_quiet
        self._is_url = source.startswith(("http://", "https://"))

    async def read(self) -> State:
        """The state now.

        Raises:
            RelayError: `probe-failed`.
        """
        if self._is_url:
            return State(await asyncio.to_thread(self._fetch))
        code, output = await run(self._source, is_quiet=self._is_quiet)
        if code:
            raise _failed(f"the command {visible(self._source)} ended with {code}")
        return State(output)

    async def holds(self) -> bool:
        """Whether the probe says for a while that all is well: a command by exit 0, a URL by a 2xx."""
        for number in range(STAYS):
            if number:
                await asyncio.sleep(LOOK_EVERY_S)
            if not await self._holds():
                return False
        return True

    async def _holds(self) -> bool:
        if not self._is_url:
            return (await run(self._source, is_quiet=self._is_quiet))[0] == 0
        try:
            await asyncio.to_thread(self._fetch)
        except RelayError:
            return False
        return True

    async def settled(self) -> State:
        """The state once it has stopped changing, or after `SETTLES_WITHIN_S`.

        Raises:
            RelayError: as `read`.
        """
        state = await self.read()
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLES_WITHIN_S):
                same = 1
                while same < STAYS:
                    await asyncio.sleep(LOOK_EVERY_S)
                    before, state = state, await self.read()
                    same = same + 1 if state == before else 1
        return state

    def _fetch(self) -> str:
        tls = verifying() if self._source.lower().startswith("https:") else None
        try:
            with urllib.request.urlopen(  # noqa: S310 - http(s)
                self._source, timeout=READ_WITHIN_S, context=tls
            ) as response:
                data: bytes = response.read(MOST_BYTES)
                return data.decode("utf-8", "replace")
        except (OSError, HTTPException, ValueError) as error:
            raise _failed(f"{visible(self._source)}: {visible(str(error))}") from error


async def run(command: str, within_s: float = READ_WITHIN_S, *, is_quiet: bool = False) -> tuple[int, str]:
    """Run a command of the user's in the shell; return its exit code and its output, up to `MOST_BYTES`.

    It is killed where it takes too long, or this task is cancelled.

    Args:
        is_quiet: whether its stderr is dropped, as a screen is drawn on the terminal; else the user sees it.

    Raises:
        RelayError: `probe-failed`, it took too long, or left a program running that holds its output.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_shell(
            command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL if is_quiet else None,
            start_new_session=True,
        )
    )
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _end(await starting)  # It may have started others already.
        raise
    try:
        async with asyncio.timeout(within_s):
            output = await _output(process, command)
            await process.wait()
    except TimeoutError:
        raise _failed(f"the command {visible(command)} took longer than {within_s:g} s") from None
    finally:
        if process.returncode is None:
            await _end(process)
    assert process.returncode is not None
    return process.returncode, output.decode("utf-8", "replace")


async def _output(process: asyncio.subprocess.Process, command: str) -> bytes:
    """The output of a command, to its end."""
    assert process.stdout is not None
    reading = asyncio.ensure_future(_first_bytes(process.stdout))
    try:
        while process.returncode is None and not reading.done():
            await asyncio.wait({reading}, timeout=LOOK_EVERY_S)
        await asyncio.wait({reading}, timeout=None if process.returncode is None else GONE_WITHIN_S)
        if not reading.done():
            # Left without a reader, that program would stop at some later line of its own.
            raise _failed(
                f"the command {visible(command)} has ended, but a program that it started still has its "
                "output; redirect that, as in `./server > server.log 2>&1 &`"
            )
        return reading.result()
    finally:
        reading.cancel()
        await asyncio.wait({reading})


async def _first_bytes(stream: asyncio.StreamReader) -> bytes:
    """Read a stream to its end; return what came first, up to `MOST_BYTES`."""
    kept = bytearray()
    while data := await stream.read(READ_BYTES):
        kept += data[: MOST_BYTES - len(kept)]
    return bytes(kept)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the shell and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # To the end of its output, which a program that has left the group may keep open.
    with suppress(TimeoutError):
        async with asyncio.timeout(GONE_WITHIN_S):
            await process.communicate()


def _failed(reason: str) -> RelayError:
    return RelayError(f"{reason}; check --probe, --reset and --restart by hand", word="probe-failed")
