"""A headless Chromium over its debugging protocol: a page, keys, the mouse, pictures.

Looked for as $CHROMIUM, chromium, chromium-browser or google-chrome; never fetched.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

from tests.support.waiting import until

NAMES = ("chromium", "chromium-browser", "google-chrome")

WITHIN_S = 60.0

WATCH = """
Object.defineProperty(Object.prototype, "terminal", {
  configurable: true,
  set(value) {
    window.watched = value;
    Object.defineProperty(this, "terminal", { value, writable: true, enumerable: true, configurable: true });
  },
});
"""
"""Keeps the page's terminal where a test can read it: the front end sets a field of this name."""

TEXT = """
(() => {
  const buffer = window.watched?.buffer.active;
  const lines = [...Array(buffer?.length ?? 0).keys()];
  return lines.map((at) => buffer.getLine(at).translateToString(true)).join("\\n");
})()
"""
"""Everything on the screen."""

KEYS = {"Enter": ("\r", 13), "Escape": ("", 27), "ArrowDown": ("", 40), "ArrowUp": ("", 38)}
"""Key -> the text that it types, and its code."""


def chromium() -> str | None:
    """The path of a Chromium; None where there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """A page in the browser, and what its sockets were sent."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = count(1)
        self._session: str | None = None
        self._came = asyncio.Event()
        self.drawn = b""
        """What the page's screen drew."""
        self.requested: list[str] = []
        """Every URL that the page asked for."""
        self.said: list[str] = []
        """Errors and warnings in the browser's console."""

    async def _read(self) -> None:
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
                continue
            match said["method"], said["params"]:
                case "Network.webSocketFrameReceived", {"response": {"opcode": 2, "payloadData": data}}:
                    self.drawn += base64.b64decode(data)
                    self._came.set()
                case "Network.requestWillBeSent", {"request": {"url": url}}:
                    self.requested.append(url)
                case "Network.webSocketCreated", {"url": url}:
                    self.requested.append(url)
                case "Log.entryAdded", {"entry": {"level": "error" | "warning", "text": text}}:
                    self.said.append(text)
                case "Runtime.exceptionThrown", {"exceptionDetails": details}:
                    self.said.append(str(details))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        about = {} if self._session is None else {"sessionId": self._session}
        await self._socket.send_json({"id": number, "method": method, "params": params, **about})
        said = await asyncio.wait_for(answer, WITHIN_S)
        assert "error" not in said, f"{method}: {said['error']}"
        result: dict[str, Any] = said["result"]
        return result

    async def begin(self) -> None:
        """Make a page and follow what it does."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Emulation.setFocusEmulationEnabled", enabled=True)
        await self.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)

    async def size(self, width: int, height: int) -> None:
        """Set the size of the window, in pixels."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def go(self, url: str) -> None:
        await self.call("Page.navigate", url=url)

    async def value(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        await self.value(
            "new Promise((done) => { const look = () => "
            f"({expression}) ? done() : setTimeout(look, 20); look(); }})"
        )

    async def text(self) -> str:
        """Everything on the screen, as a person reads it."""
        return str(await self.value(TEXT))

    async def shows(self, text: str) -> str:
        """Wait until a text is on the screen; gives all of it.

        Raises:
            AssertionError: it is not, in time.
        """
        try:
            async with asyncio.timeout(WITHIN_S):
                while text not in (there := await self._text_of_the_page()):
                    self._came.clear()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._came.wait(), 0.05)
                return there
        except TimeoutError:
            raise AssertionError(f"no {text!r} in\n{await self.text()}") from None

    async def _text_of_the_page(self) -> str:
        try:
            return await self.text()
        except AssertionError:  # It is being loaded.
            return ""

    async def draws(self, after: int) -> None:
        """Wait until the screen drew anything."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.drawn) <= after:
                self._came.clear()
                await self._came.wait()

    async def press(self, key: str, *, ctrl: bool = False) -> None:
        """Press a key: a character, or one of `KEYS`."""
        text, code = KEYS.get(key, (key, ord(key.upper()[0])))
        about = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 2 if ctrl else 0}
        if text and not ctrl:
            about["text"] = text
        await self.call("Input.dispatchKeyEvent", type="keyDown", **about)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    async def type(self, text: str) -> None:
        for key in text:
            await self.press(key)

    async def click(self, x: float, y: float) -> None:
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def wheel(self, x: float, y: float, down: float) -> None:
        await self.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=down)

    async def picture(self, path: Path) -> None:
        """Save what is seen, as PNG."""
        found = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(found["data"]))


@asynccontextmanager
async def browser(folder: Path, program: str, size: tuple[int, int] = (1400, 900)) -> AsyncIterator[Tab]:
    """A browser with a new profile and one page, ended with the context."""
    log = folder / "chromium.log"  # Not a pipe, which somebody would have to read to the end.
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                program,
                "--headless=new",
                "--no-sandbox",
                "--disable-3d-apis",  # Drawn by the processor otherwise, at the cost of both cores.
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--remote-debugging-port=0",
                f"--user-data-dir={folder / 'profile'}",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=out,
            env={**os.environ, "HOME": str(folder)},
        )

    def listening() -> re.Match[str] | None:
        return re.search(r"listening on (ws://\S+)\n", log.read_text(errors="replace"))

    try:
        await until(lambda: listening() or process.poll() is not None, "the browser", WITHIN_S)
        found = listening()
        assert found is not None, "the browser did not start"
        async with ClientSession() as client, client.ws_connect(found[1], max_msg_size=0) as socket:
            tab = Tab(socket)
            reading = asyncio.ensure_future(tab._read())
            try:
                await tab.begin()
                await tab.size(*size)
                yield tab
            finally:
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading
    finally:
        process.kill()
        process.wait(10)
