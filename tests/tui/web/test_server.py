"""The page of the screen by plain requests: who gets in, what is served, and what becomes of its screens."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from aiohttp import (
    ClientSession,
    ClientWebSocketResponse,
    DummyCookieJar,
    WSMsgType,
    WSServerHandshakeError,
    web,
)
from textual_serve.server import Server as BareServer
from yarl import URL

from tests.support.waiting import until
from tui.web import tab
from tui.web.door import COOKIE
from tui.web.server import MOST_TABS, PAGE_FILES, serving

SCREEN = """
import os, sys, time
out, come = sys.stdout.buffer, sys.stdin.buffer
def draw(data):
    out.write(b"D" + len(data).to_bytes(4, "big") + data)
    out.flush()
out.write(b"__GANGLION__\\n")
draw(f"pid {os.getpid()} size {os.environ['COLUMNS']}x{os.environ['ROWS']}".encode())
while head := come.read(5):
    data = come.read(int.from_bytes(head[1:], "big"))
    if data == b"q":
        break
    if data == b"hang":
        time.sleep(600)
    if data == b"fail":
        sys.exit("lean-relay: [some-word] it has failed")
    draw(head[:1] + data)
"""
"""A screen that draws its size, and then each packet that it is sent."""


@dataclass
class Page:
    """The server, and a client of it that does as it is told."""

    address: str
    client: ClientSession
    entered: list[bool] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    cookie: str = ""
    path: str = ""

    @property
    def origin(self) -> str:
        return str(URL(self.address).origin())

    async def status(self, url: str, method: str = "GET", **headers: str) -> int:
        """The status of a request; every response, whatever it is, has the headers that shut the page off."""
        async with self.client.request(
            method, URL(url, encoded=True), headers=_named(headers), allow_redirects=False
        ) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["Referrer-Policy"] == "no-referrer"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            self.text = await response.text(errors="replace")
            return response.status

    async def enter(self) -> None:
        """Spend the token."""
        async with self.client.get(self.address) as response:
            assert response.status == 200
            cookie = response.headers["Set-Cookie"]
            found = re.search("url=(/[^/]+/)", await response.text())
        assert found is not None
        self.path = found[1]
        assert set(cookie.split("; ")[1:]) == {"HttpOnly", "SameSite=Strict", f"Path={self.path}"}
        self.cookie = cookie.split(";")[0]

    @property
    def url(self) -> str:
        """Of the page."""
        return f"{self.origin}{self.path}"

    @asynccontextmanager
    async def open(self, query: str = "", **headers: str) -> AsyncIterator[ClientWebSocketResponse]:
        """A socket as the page opens it."""
        said = _named({"Cookie": self.cookie, "Origin": self.origin, **headers})
        url = f"{self.url}socket{query}"
        async with self.client.ws_connect(
            url, headers={name: text for name, text in said.items() if text}
        ) as it:
            yield it

    async def refusal(self, **headers: str) -> int:
        """The status with which a socket is refused."""
        with pytest.raises(WSServerHandshakeError) as refused:
            async with self.open(**headers):
                pass
        return refused.value.status


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): text for name, text in headers.items()}


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    found = Page("", ClientSession(cookie_jar=DummyCookieJar()))
    command = [sys.executable, "-SE", "-c", SCREEN]
    async with (
        found.client,
        serving(
            command, dict(os.environ), entered=lambda: found.entered.append(True), report=found.said.append
        ) as server,
    ):
        found.address = server.address
        yield found


async def drawn(socket: ClientWebSocketResponse) -> str:
    """The next that the screen draws."""
    return (await socket.receive_bytes(timeout=30)).decode()


async def screen_of(socket: ClientWebSocketResponse) -> psutil.Process:
    """The process that draws on a new socket."""
    return psutil.Process(_pid_in(await drawn(socket)))


def _pid_in(drawing: str) -> int:
    found = re.search(r"pid (\d+)", drawing)
    assert found is not None
    return int(found[1])


async def test_nothing_is_there_without_the_token(page: Page) -> None:
    """Neither page, file nor socket, by any name; and a wrong token is no token."""
    for path in (
        "/",
        "/?token=",
        "/?token=%FFabc",
        "/ws",
        "/static/",
        "/download/1",
        "/favicon.ico",
        "//",
        "/a/../b",
    ):
        assert await page.status(f"{page.origin}{path}") == 403, path
    assert not page.entered
    await page.enter()
    for name in (*PAGE_FILES, "socket"):
        assert await page.status(f"{page.url}{name}") == 403
        assert await page.status(f"{page.url}{name}", Cookie=f"{COOKIE}=guessed") == 403
    assert await page.refusal(Cookie="") == 403


async def test_the_token_works_once(page: Page) -> None:
    """It is exchanged for a cookie that scripts and other ports do not see, and is spent by nothing less."""
    assert await page.status(page.address, "HEAD") == 405
    assert await page.status(page.address, "POST") == 405
    assert await page.status(page.address, Sec_Purpose="prefetch;prerender") == 403
    assert await page.status(page.address, Sec_Fetch_Mode="no-cors") == 403
    assert not page.entered
    await page.enter()
    assert page.entered == [True]
    assert await page.status(page.address) == 403
    assert "was used already" in page.text
    assert await page.status(page.url, Cookie=page.cookie) == 200
    assert page.cookie not in page.text


async def test_each_file_of_the_page_is_served_and_no_other(page: Page) -> None:
    """What the page names is there, with its type; there is no listing, no download, and no way up."""
    await page.enter()
    for name, (_, _, kind) in PAGE_FILES.items():
        async with page.client.get(f"{page.url}{name}", headers={"Cookie": page.cookie}) as response:
            assert (response.status, response.headers["Content-Type"]) == (200, kind)
    assert await page.status(page.url, Cookie=page.cookie) == 200
    named = re.findall(r'(?:href|src)="([^":]+)"', page.text)
    assert set(named) <= set(PAGE_FILES)
    for name in (
        "static/",
        "download/1",
        "../tui",
        "%2e%2e/tab.py",
        "tab.py",
        "page.html",
        "../../etc/passwd",
    ):
        assert await page.status(f"{page.url}{name}", Cookie=page.cookie) in (403, 404), name


async def test_the_front_end_is_as_the_page_expects_it(page: Page) -> None:
    """The script of textual-serve takes its socket from the page, and marks what its styles look at."""
    await page.enter()
    async with page.client.get(f"{page.url}textual.js", headers={"Cookie": page.cookie}) as response:
        script = await response.text()
    for part in (
        "dataset.sessionWebsocketUrl",
        "dataset.fontSize",
        '".textual-terminal"',
        '"-first-byte"',
        '"-closed"',
    ):
        assert part in script
    assert not re.search(r"https?://(?!www\.w3\.org)[a-z]", script)


async def test_a_foreign_name_is_refused(page: Page) -> None:
    """A name that leads to this machine is no reason: only 127.0.0.1 and localhost with the port."""
    await page.enter()
    port = URL(page.address).port
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "127.0.0.1",
        f"127.0.0.1:{port}.evil.example",
        f"0.0.0.0:{port}",
    ):
        assert await page.status(page.url, Cookie=page.cookie, Host=host) == 421, host
        assert await page.status(page.address, Host=host) == 421, host
        assert await page.refusal(Host=host, Origin=f"http://{host}") == 421, host
    assert f"ssh -L {port}:127.0.0.1:{port}" in page.text
    assert await page.status(page.url, Cookie=page.cookie, Host=f"localhost:{port}") == 200


async def test_another_page_is_refused(page: Page) -> None:
    """By its origin, or by what the browser says of where a request comes from, cookie or not."""
    await page.enter()
    for origin in (
        "https://evil.example",
        "null",
        page.origin.replace("http", "https"),
        "http://127.0.0.1:1",
    ):
        assert await page.status(page.url, Cookie=page.cookie, Origin=origin) == 403, origin
        assert await page.refusal(Origin=origin) == 403, origin
    assert await page.refusal(Origin="") == 403
    for site in ("cross-site", "same-site"):
        assert await page.status(page.url, Cookie=page.cookie, Sec_Fetch_Site=site) == 403
        assert await page.refusal(Sec_Fetch_Site=site) == 403
    assert await page.status(page.url, Cookie=page.cookie, Sec_Fetch_Site="same-origin") == 200


async def test_bare_textual_serve_lets_another_page_in() -> None:
    """The control: the same screen without the door draws for whoever asks."""
    bare = BareServer(shlex.join([sys.executable, "-SE", "-c", SCREEN]))
    bare.console.quiet = True
    runner = web.AppRunner(await bare._make_app())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/ws"
        headers = {"Origin": "https://evil.example", "Host": "evil.example"}
        async with ClientSession() as client, client.ws_connect(url, headers=headers) as socket:
            drawing = await drawn(socket)
            assert "size 80x24" in drawing
            # It asks a screen to end in words of its own, and would wait for this one for good.
            await socket.send_json(["stdin", "q"])
            await until(lambda: not psutil.pid_exists(_pid_in(drawing)), "the end of the screen")
    finally:
        await runner.cleanup()


async def test_keys_size_and_focus_reach_the_screen(page: Page) -> None:
    """In the driver's packets; sizes within bounds; and what is none of them ends the socket."""
    await page.enter()
    async with page.open("?width=123&height=45") as socket:
        assert "size 123x45" in await drawn(socket)
        await socket.send_json(["stdin", "kä"])
        assert await drawn(socket) == "Dkä"
        await socket.send_json(["resize", {"width": 10**9, "height": -1}])
        assert json.loads((await drawn(socket))[1:]) == {"type": "resize", "width": 1000, "height": 2}
        await socket.send_json(["ping", "1"])
        await socket.send_json(["focus"])
        assert json.loads((await drawn(socket))[1:]) == {"type": "focus"}
        await socket.send_json(["stdin", 1])
        assert (await socket.receive(timeout=30)).type is WSMsgType.CLOSE
        assert socket.close_code == 1008
    async with page.open("?width=1e9&height=") as socket:
        assert "size 80x24" in await drawn(socket)


async def test_a_screen_that_ends_says_why(page: Page) -> None:
    """Closed by its user, or with its last line, which the command prints whole."""
    await page.enter()
    for keys, code, reason in (
        ("q", 1000, "The screen was closed."),
        ("fail", 1011, "[some-word] it has failed"),
    ):
        async with page.open() as socket:
            await screen_of(socket)
            await socket.send_json(["stdin", keys])
            last = await socket.receive(timeout=30)
            assert (last.type, last.data, last.extra) == (WSMsgType.CLOSE, code, reason)
    await until(lambda: page.said == ["lean-relay: [some-word] it has failed"], "what it said")


async def test_four_tabs(page: Page) -> None:
    """The fifth is told so; when one is closed, or loaded again, there is room."""
    await page.enter()
    tabs = [page.open() for _ in range(MOST_TABS)]
    sockets = [await each.__aenter__() for each in tabs]
    screens = [await screen_of(socket) for socket in sockets]
    async with page.open() as fifth:
        last = await fifth.receive(timeout=30)
        assert (last.type, last.data) == (WSMsgType.CLOSE, 1013)
        assert "Close one of them first" in str(last.extra)
    await sockets[0].close()
    async with page.open() as again:
        screens.append(await screen_of(again))
    for each in tabs[1:]:
        await each.__aexit__(None, None, None)
    await until(lambda: not any(screen.is_running() for screen in screens), "the end of every screen")


async def test_a_page_that_goes_without_a_word(page: Page) -> None:
    """As of a browser that was killed: its screen ends, and nothing is reported."""
    await page.enter()
    async with page.open() as socket:
        screen = await screen_of(socket)
        connection = socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
        await until(lambda: not screen.is_running(), "the end of the screen")
    assert page.said == []


async def test_a_screen_that_cannot_be_started(tmp_path: Path) -> None:
    """Its page says why."""
    async with (
        ClientSession(cookie_jar=DummyCookieJar()) as client,
        serving(
            [str(tmp_path / "none")], dict(os.environ), entered=lambda: None, report=lambda _: None
        ) as server,
    ):
        page = Page(server.address, client)
        await page.enter()
        async with page.open() as socket:
            last = await socket.receive(timeout=30)
    assert (last.type, last.data) == (WSMsgType.CLOSE, 1011)
    assert last.extra == "The screen could not be started: No such file or directory."


async def test_no_screen_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of the server every screen has ended, one that hangs too, and their pages know."""
    monkeypatch.setattr(tab, "ENDS_WITHIN_S", 0.3)
    command = [sys.executable, "-SE", "-c", SCREEN]
    async with ClientSession(cookie_jar=DummyCookieJar()) as client:
        async with serving(command, dict(os.environ), entered=lambda: None, report=lambda _: None) as server:
            page = Page(server.address, client)
            await page.enter()
            one, other = page.open(), page.open()
            sockets = await one.__aenter__(), await other.__aenter__()
            screens = [await screen_of(socket) for socket in sockets]
            await sockets[0].send_json(["stdin", "hang"])
            ends = asyncio.gather(*(socket.receive(timeout=30) for socket in sockets))
        assert [(end.type, end.data) for end in await ends] == [(WSMsgType.CLOSE, 1001)] * 2
        assert not any(screen.is_running() for screen in screens)
        await asyncio.gather(*(each.__aexit__(None, None, None) for each in (one, other)))
