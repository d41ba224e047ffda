"""The screen in a real browser, where there is one: what it draws, and keys, mouse, clipboard and filter."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest
from yarl import URL

from relay.models import Capture, Event
from tests.relay.cli.test_web import line, web
from tests.support.chromium import Tab, browser, chromium
from tests.support.factories import a_capture, insert_all, new_log

PROGRAM = chromium()

pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="not run: no browser; install chromium, or name one with CHROMIUM"
)


def a_body(number: int) -> bytes:
    payload = {"id": f"payment-{number}", "amount": 100 + number, "link": "https://example.com/"}
    return json.dumps({"type": a_type(number), "payload": payload, "event_id": str(number)}).encode()


def a_type(number: int) -> str:
    return "entity.created" if number % 5 == 0 else "payment.created"


def a_webhook(number: int) -> Capture:
    event = Event(type=a_type(number), event_id=str(number))
    return a_capture(number, body=a_body(number), event=event)


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Tab]:
    """The screen with 60 webhooks, its first frame drawn."""
    assert PROGRAM is not None
    db = tmp_path / "relay.db"
    log = new_log(db)
    insert_all(log, map(a_webhook, range(1, 61)))
    log.close()
    with web(tmp_path, "--no-open", "--json", "--db", str(db)) as process:
        address = json.loads(line(process))["url"]
        async with browser(tmp_path, PROGRAM) as found:
            began = monotonic()
            # As from the file that `web` opens the browser with: the way in begins at another site.
            page = tmp_path / "page.html"
            page.write_text(f'<meta http-equiv="refresh" content="0; url={address}">')
            await found.go(page.as_uri())
            await found.shows("payment-60")
            print(f"\nnavigate to first frame: {monotonic() - began:.2f} s")
            yield found
        process.terminate()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err


async def test_first_frame_and_way_in(tab: Tab, tmp_path: Path) -> None:
    """The token is in neither address bar nor history, and nothing is asked of anywhere else."""
    url = URL(await tab.value("location.href"))
    assert "token" not in str(url)
    assert await tab.value("document.cookie") == ""
    history = await tab.call("Page.getNavigationHistory")
    assert not [entry["url"] for entry in history["entries"] if "token" in entry["url"]]
    asked = {URL(each).host for each in tab.requested if not each.startswith(("file:", "data:"))}
    assert asked == {"127.0.0.1"}
    assert tab.said == []
    assert await tab.value("document.fonts.check('15px \"Roboto Mono\"')")
    assert await tab.value("document.querySelectorAll('canvas').length") > 0
    if folder := os.environ.get("PICTURES"):
        await asyncio.sleep(1)
        await tab.picture(Path(folder) / "web.png")


async def test_a_key_works_without_a_click(tab: Tab) -> None:
    """The keyboard is on the screen from the first; help opens and closes, the cursor moves."""
    await tab.press("?")
    await tab.shows("Tab next page")
    await tab.press("Escape")
    await tab.shows("60 captures")
    took = []
    for _ in range(40):
        before, began = len(tab.drawn), monotonic()
        await tab.press("ArrowUp")
        await tab.draws(before)
        took.append((monotonic() - began) * 1000)
    took.sort()
    print(f"\na key to its frame: p50 {took[20]:.0f} ms, p90 {took[36]:.0f}, max {took[-1]:.0f}")


async def test_mouse_wheel_and_size(tab: Tab) -> None:
    """A click selects the row under it, the wheel scrolls the list, and a larger window shows more."""
    lines = (await tab.text()).splitlines()
    height = 900 / len(lines)
    (at,) = [number for number, line in enumerate(lines) if re.match(r"\W+57 ", line)]
    await tab.click(200, (at + 0.5) * height)
    await tab.shows("#57 payment.created")
    for _ in range(40):
        await tab.wheel(200, (at + 0.5) * height, -200)
    await tab.shows(" 1  20 Nov")
    await tab.size(1800, 1100)
    await tab.until(f"window.watched.rows > {len(lines)}")
    await tab.shows("#57 payment.created")


async def test_a_copy_is_in_the_clipboard(tab: Tab) -> None:
    """`y` and Enter: the body as it came, and the browser lets the page write it."""
    await tab.value(
        "{const write = navigator.clipboard.writeText.bind(navigator.clipboard); window.copied = [];"
        "navigator.clipboard.writeText = async (text) => { await write(text); window.copied.push(text); }; 0}"
    )
    await tab.press("y")
    await tab.shows("Copy")
    await tab.press("Enter")
    await tab.until("window.copied.length")
    assert await tab.value("window.copied") == [a_body(60).decode()]


async def test_a_filter_is_typed(tab: Tab) -> None:
    """Letters arrive whole and in order, and the list has what matches."""
    await tab.press("/")
    await tab.type("type:entity")
    await tab.press("Enter")
    await tab.shows("12 match")


async def test_a_link_in_a_body_leads_nowhere(tab: Tab) -> None:
    """A click on it is a click on the screen, and no other page is opened."""
    lines = (await tab.shows("https://example.com/")).splitlines()
    (row, line) = next((number, line) for number, line in enumerate(lines) if "https://" in line)
    width = 1400 / await tab.value("window.watched.cols")
    x, y = (line.index("https://") + 5.5) * width, (row + 0.5) * 900 / len(lines)
    await tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=x - 30, y=y)
    await tab.until("document.querySelector('.xterm-cursor-pointer')")
    await tab.click(x, y)
    await tab.press("?")
    await tab.shows("Tab next page")
    targets = await tab.call("Target.getTargets")
    assert all("example.com" not in each["url"] for each in targets["targetInfos"])
    assert all("example.com" not in url for url in tab.requested)


async def test_the_page_says_that_the_screen_was_closed(tab: Tab) -> None:
    """`q` ends it, and the page offers another."""
    await tab.press("q")
    await tab.until("!document.querySelector('#again').hidden")
    assert await tab.value("document.querySelector('#why').textContent") == "The screen was closed."
    await tab.press("Enter")
    await tab.shows("payment-60")
