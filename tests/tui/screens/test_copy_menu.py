"""Copying: the exact bytes, into the clipboard or into a file that nobody else can read."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from relay.models import Event
from relay.text.safe import visible
from tests.support.factories import BODY, EVENT_ID, NOON, a_capture
from tests.support.screen import Showing, showing, wait_for
from tui.presenters.copies import CLIPBOARD_UP_TO, of_one, of_several
from tui.widgets.body_text import BodyText

pytestmark = pytest.mark.slow


async def copied(see: Showing, *keys: str) -> str:
    """What lies in the clipboard once these are pressed."""
    see.pilot.app._clipboard = ""
    await see.press(*keys)
    await wait_for(see.pilot, lambda: see.pilot.app.clipboard != "", "something in the clipboard")
    return see.pilot.app.clipboard


async def test_each_letter_copies(tmp_path: Path) -> None:
    """`y` and a letter: body, id, event_id, a curl line, the request."""
    async with showing(tmp_path, [a_capture(7)], port=5399, size=(80, 24)) as see:
        await see.shows("#7 ")
        await see.press("y")
        await see.shows("Copy from capture 7", "byte for byte", "event_id", "content-type: application/json")
        await see.press("escape")
        assert await copied(see, "y", "b") == BODY.decode()
        await see.shows("Copied: body")
        assert await copied(see, "y", "i") == "7"
        assert await copied(see, "y", "e") == EVENT_ID
        curl = await copied(see, "y", "c")
        assert curl.startswith("curl ")
        assert "http://127.0.0.1:5399/webhooks/lean" in curl
        assert (await copied(see, "y", "h")).startswith("POST /webhooks/lean HTTP/1.1\r\nHost: ")


async def test_a_header_from_the_list(tmp_path: Path) -> None:
    """Each header stands in the menu, the secret ones masked; Enter copies it."""
    headers = (("Host", "x"), ("authorization", "Bearer 1234"))
    async with showing(tmp_path, [a_capture(1, headers=headers)]) as see:
        await see.shows("#1 ")
        await see.press("y")
        await see.shows("Host: x", "authorization: <masked")
        assert await copied(see, "end", "up", "enter") == "Host: x"


async def test_the_value_under_the_cursor(tmp_path: Path) -> None:
    """In the body `v` copies the value that the cursor is on with its own digits, `p` its path."""
    async with showing(tmp_path, [a_capture(1)]) as see:
        await see.press("2", "enter", "j", "j", "j", "j", "j")
        await wait_for(see.pilot, lambda: see.pilot.app.screen.query_one(BodyText).line == 5, "the amount")
        await see.press("y")
        await see.shows("value of payload.amount")
        await see.press("escape")
        assert await copied(see, "y", "v") == "100.50"
        assert await copied(see, "y", "p") == "payload.amount"


async def test_ids_of_marks(tmp_path: Path) -> None:
    """Of marked captures ids and event_ids are copied, as commands take them."""
    captures = [
        a_capture(number, event=Event(type="a", event_id=f"event-{number}", at=NOON)) for number in (1, 2, 3)
    ]
    async with showing(tmp_path, captures) as see:
        await see.press("g", "space", "space")
        await see.shows("2 marked")
        assert await copied(see, "y", "i") == "1 2"
        assert await copied(see, "y", "e") == "event-1\nevent-2"


@pytest.mark.parametrize("body", [b"\xff\x00 no text", b"x" * (CLIPBOARD_UP_TO + 1)])
async def test_what_no_clipboard_takes_goes_into_a_file(tmp_path: Path, body: bytes) -> None:
    """Bytes that are no text, or too many, are written to a private file, and it is said where."""
    async with showing(tmp_path, [a_capture(1, body=body)], size=(200, 40)) as see:
        await see.shows("#1 ")
        await see.press("y", "b")
        text = await see.shows("Too large for the clipboard, or not text. Saved to /")
        assert written(text).read_bytes() == body


async def test_into_a_file_on_request(tmp_path: Path) -> None:
    """`f` turns to a file, 0600 in a folder 0700; the next one does not replace it."""
    async with showing(tmp_path, [a_capture(1)], size=(200, 40)) as see:
        await see.shows("#1 ")
        await see.press("y", "f")
        await see.shows("[x] to a file instead")
        await see.press("b")
        path = written(await see.shows("Saved to /", "capture-1.json"))
        assert path.read_bytes() == BODY
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        await see.press("y", "f", "b")
        await see.shows("capture-1-2.json")
        assert path.read_bytes() == BODY


def written(text: str) -> Path:
    found = re.search(r"Saved to (/\S+)", text)
    assert found is not None
    return Path(found[1])


def test_names_and_previews_are_short() -> None:
    """A key or an event_id of any length makes no menu of that width; it is copied whole."""
    long = "k" * 10_000
    event = Event(type="a", event_id=long, at=NOON)
    items = [*of_one(a_capture(1, event=event), "curl", (long, "1")), *of_several([1, 2], [long, long])]
    assert max(len(item.name) for item in items) < 100
    assert max(len(item.preview) for item in items) < 100
    assert [len(item.data) for item in items if item.key == "p"] == [10_000]


def test_one_line_texts_are_safe_and_bodies_exact() -> None:
    """What is pasted into a shell holds nothing that acts there; a body is what it is."""
    bad = "id\nrm -rf /\x1b[2J\u202e"
    event = Event(type="a", event_id=bad, at=NOON)
    capture = a_capture(1, event=event, body=b"\x1b[2J\n", headers=((bad, bad),))
    for item in of_one(capture, "curl", (bad, '"x"')):
        assert visible(item.preview) == item.preview
        assert visible(item.name) == item.name
        if item.name in ("event_id", "header", "path of that value"):
            assert "\n" not in item.data.decode()
            assert "\x1b" not in item.data.decode()
        if item.key == "b":
            assert item.data == capture.body
    for item in of_several([1], [bad]):
        assert "\x1b" not in item.data.decode()
