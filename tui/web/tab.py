"""One tab: a process of the screen, and its packets to and from the socket of a page.

Owns the process and its end. The packets are those of Textual's web driver: a letter (D for what a terminal
sends or is sent, M for a message as JSON), the length in four bytes, big endian, and that many bytes.
"""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web

from relay.processes import how_it_ended
from tui.web import DRIVER

BEGIN = b"__GANGLION__\n"
"""The line before the first packet."""

ENDS_WITHIN_S = 3.0
"""How long a screen may take to end before it is killed."""

MOST_CELLS = 1000
"""Columns or lines of a screen, at most."""

MOST_WORDS = 64 * 1024
"""Bytes of what a screen says on stderr that are kept."""

MOST_REASON = 120
"""Bytes of the reason in the frame that closes a socket (RFC 6455, 5.5: 123)."""

ENDED, LEAVING, WRONG, FAILED, TOO_MANY = 1000, 1001, 1008, 1011, 1013
"""Codes with which a socket is closed (RFC 6455, 7.4.1)."""


class Tab:
    """A running screen and its page; made by `opened`."""

    def __init__(self, process: Process, page: web.WebSocketResponse) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process, self._page = process, page
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        self._words = b""

    @property
    def words(self) -> str:
        """Its words on stderr; a screen that works has none."""
        return self._words.decode(errors="replace").strip()

    # -- from the screen to the page -----------------------------------------------------------

    async def draw(self) -> None:
        """Send what the screen draws until it ends, then close the socket with the reason.

        Reads on where the page has gone: a process whose output is read can end.
        """
        async with asyncio.TaskGroup() as both:
            both.create_task(self._read_words())
            began = await self._read_packets()
        code = await self._process.wait()
        if began and not code:
            await self._page.close(code=ENDED, message=b"The screen was closed.")
        else:
            words = self.words or f"The screen ended: {how_it_ended(code)}"
            await self._page.close(code=FAILED, message=_reason(words))

    async def _read_packets(self) -> bool:
        """Send each packet on; return whether there was a beginning."""
        began = False
        with suppress(asyncio.IncompleteReadError):
            while not began:
                began = await self._stdout.readuntil() == BEGIN
            while True:
                head = await self._stdout.readexactly(5)
                data = await self._stdout.readexactly(int.from_bytes(head[1:], "big"))
                if head[:1] == b"D":
                    with suppress(ConnectionError):
                        await self._page.send_bytes(data)
        return began

    async def _read_words(self) -> None:
        while data := await self._stderr.read(4096):
            self._words = (self._words + data)[-MOST_WORDS:]

    # -- from the page to the screen -----------------------------------------------------------

    async def take(self, message: str) -> None:
        """Pass on keys, the size of the page and its focus; anything else closes the socket."""
        try:
            match json.loads(message):
                case ["stdin", str(keys)]:
                    await self._send(b"D", keys.encode("utf-8", "replace"))
                case ["resize", {"width": int(width), "height": int(height)}]:
                    await self._tell(type="resize", width=cells(width), height=cells(height))
                case ["focus" | "blur" as kind]:
                    await self._tell(type=kind)
                case ["ping", _]:
                    pass
                case _:
                    raise ValueError
        except (ValueError, RecursionError):
            await self._page.close(code=WRONG, message=b"This is not a message of the page.")

    async def _tell(self, **message: Any) -> None:
        await self._send(b"M", json.dumps(message).encode())

    async def _send(self, kind: bytes, data: bytes) -> None:
        with suppress(ConnectionError):  # It has ended, and `draw` is about to close its page.
            self._stdin.write(kind + len(data).to_bytes(4, "big") + data)
            await self._stdin.drain()

    # -- its end -------------------------------------------------------------------------------

    async def end(self) -> None:
        """End the screen; one that does not is killed."""
        self._stdin.close()  # Like a terminal that hangs up.
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()


@asynccontextmanager
async def opened(
    command: Sequence[str], environment: Mapping[str, str], size: tuple[int, int], page: web.WebSocketResponse
) -> AsyncIterator[Tab]:
    """A screen that draws on a page while the context lasts; it has ended after that.

    Args:
        command: of the screen; no shell reads it.
        size: columns and lines.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={
            **environment,
            "TEXTUAL_DRIVER": DRIVER,
            "TEXTUAL_COLOR_SYSTEM": "truecolor",
            "TEXTUAL_FPS": "60",
            "TERM": "xterm-256color",
            "COLUMNS": str(size[0]),
            "ROWS": str(size[1]),
        },
        start_new_session=True,  # Ctrl-C at our terminal is for this process.
    )
    tab = Tab(process, page)
    async with asyncio.TaskGroup() as group:
        group.create_task(tab.draw())
        try:
            yield tab
        finally:
            await tab.end()


def cells(count: int) -> int:
    """A number of columns or lines, within bounds."""
    return min(max(count, 2), MOST_CELLS)


def _reason(words: str) -> bytes:
    """The last line of a program's words, short enough for the frame that closes a socket."""
    last = words.splitlines()[-1].removeprefix("lean-relay: ")
    return last.encode()[:MOST_REASON].decode(errors="ignore").encode()
