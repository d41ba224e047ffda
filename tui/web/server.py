"""The page of the screen, its files and its sockets, on a loopback port of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from aiohttp import WSMsgType, web
from aiohttp.typedefs import Handler

from tui.web.door import Door
from tui.web.tab import FAILED, LEAVING, MOST_REASON, TOO_MANY, cells, opened

HOST = "127.0.0.1"

MOST_TABS = 4
"""Each is a process of some 70 MB."""

HEARTBEAT_S = 15.0
"""A page that does not respond for half of this has gone, and its screen ends."""

CLOSES_WITHIN_S = 2.0
"""How long a page may take to close its socket."""

ENDS_WITHIN_S = 6.0
"""How long all screens together may take to end; longer than one is waited for."""

MOST_MESSAGE = 1024 * 1024
"""Bytes of one message of a page, such as a pasted text."""

PAGE_FILES: Mapping[str, tuple[str, str, str]] = {
    "": ("tui.web", "page.html", "text/html; charset=utf-8"),
    "page.js": ("tui.web", "page.js", "text/javascript; charset=utf-8"),
    "page.css": ("tui.web", "page.css", "text/css; charset=utf-8"),
    "textual.js": ("textual_serve", "static/js/textual.js", "text/javascript; charset=utf-8"),
    "xterm.css": ("textual_serve", "static/css/xterm.css", "text/css; charset=utf-8"),
    "regular.ttf": ("textual_serve", "static/fonts/RobotoMono-VariableFont_wght.ttf", "font/ttf"),
    "italic.ttf": ("textual_serve", "static/fonts/RobotoMono-Italic-VariableFont_wght.ttf", "font/ttf"),
}
"""Name in the page's folder -> package, path in it, type; no other file is served, and none by its path."""

Report = Callable[[str], None]


class Server:
    """The page as browsers see it; made by `serving`."""

    def __init__(
        self,
        port: int,
        command: Sequence[str],
        environment: Mapping[str, str],
        entered: Callable[[], None],
        report: Report,
    ) -> None:
        self._door = Door(port)
        self.address = self._door.address
        """The URL that lets one browser in, once."""
        self._command, self._environment = command, environment
        self._entered, self._report = entered, report
        self._sockets: set[web.WebSocketResponse] = set()

    def app(self) -> web.Application:
        """The routes, each behind the door."""
        app = web.Application(middlewares=[self._checked])
        app.on_response_prepare.append(self._add_headers)
        app.router.add_get("/", self._enter, allow_head=False)
        for name in PAGE_FILES:
            app.router.add_get(f"{self._door.path}{name}", self._file, allow_head=False)
        app.router.add_get(f"{self._door.path}socket", self._socket, allow_head=False)
        return app

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path != "/":
            self._door.check(request)
        return await handler(request)

    async def _add_headers(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self._door.headers)

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        response = self._door.enter(request)
        self._entered()
        return response

    async def _file(self, request: web.Request) -> web.StreamResponse:
        package, path, kind = PAGE_FILES[request.path.removeprefix(self._door.path)]
        return web.FileResponse(Path(str(files(package).joinpath(path))), headers={"Content-Type": kind})

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        """Run a screen for as long as its page is open."""
        self._door.check_page(request)
        page = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, max_msg_size=MOST_MESSAGE, timeout=CLOSES_WITHIN_S, compress=False
        )
        await page.prepare(request)
        if len(self._sockets) == MOST_TABS:
            await page.close(
                code=TOO_MANY,
                message=f"{MOST_TABS} tabs show the screen already. Close one of them first.".encode(),
            )
            return page
        self._sockets.add(page)
        try:
            size = _cells_of(request, "width", 80), _cells_of(request, "height", 24)
            async with opened(self._command, self._environment, size, page) as tab:
                async for message in page:
                    if message.type is WSMsgType.TEXT:
                        await tab.take(message.data)
                # The page may be loaded again at once, before its old screen has ended.
                self._sockets.discard(page)
            if tab.words:
                self._report(tab.words)
        except OSError as error:
            why = f"The screen could not be started: {error.strerror or error}."
            await page.close(code=FAILED, message=why.encode()[:MOST_REASON])
        finally:
            self._sockets.discard(page)
        return page

    async def close(self) -> None:
        """End every screen, with the reason for its page."""
        message = b"lean-relay web has ended."
        await asyncio.gather(*(page.close(code=LEAVING, message=message) for page in self._sockets))


def _cells_of(request: web.Request, name: str, usual: int) -> int:
    text = request.query.get(name, "")
    return cells(int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else usual


@asynccontextmanager
async def serving(
    command: Sequence[str], environment: Mapping[str, str], *, entered: Callable[[], None], report: Report
) -> AsyncIterator[Server]:
    """The page, for as long as the context lasts; no screen is left at its end.

    Args:
        command: of a screen; no shell reads it.
        environment: of each screen.
        entered: called when a browser was let in.
        report: called with the words of a screen on stderr before it ended.

    Raises:
        OSError: there is no port for it.
    """
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        server = Server(listening.getsockname()[1], command, environment, entered, report)
        runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=ENDS_WITHIN_S)
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            yield server
        finally:
            await server.close()
            await runner.cleanup()
