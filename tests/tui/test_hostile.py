"""Captures from hell on every tab: no byte that a terminal acts on is drawn, and no markup is ever read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.segment import Segment
from textual.app import App

from relay import text
from relay.errors import RelayError
from relay.models import Answer, Attempt, Capture, Event, Headers, Signature
from tests.factories import NOON, a_capture, a_delivery, insert_attempt
from tests.tui.showing import Showing, showing, wait_for
from tui.screens.main import MainScreen
from tui.widgets.pages import PAGES

C0 = "".join(map(chr, (*range(0x20), 0x7F)))
C1 = "".join(map(chr, range(0x80, 0xA0)))
BIDI = "\u202a\u202e\u2066\u2069\u200b\u200e\u200f\u061c\u2028\u2029\ufeff"
SEQUENCES = "\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\x1bP1$r\x1b\\\x1b[2J\x9b31m"
MARKUP = "[@click=app.exit]x[/][bold red]y[/bold red][/][link=http://x]z[/link][$error]"
HOSTILE = SEQUENCES + MARKUP + BIDI + C1 + C0


def latin(hostile: str) -> str:
    """As a header, a target or a method can carry it: bytes."""
    return hostile.encode("utf-8").decode("latin-1")


def a_hostile_capture() -> Capture:
    bad = HOSTILE
    headers: Headers = (("lean-signature", latin(bad)), (latin(bad), "x"), ("X-" + latin(MARKUP), latin(bad)))
    delivery = a_delivery(1, target=bad, reason=bad, state="ended", attempts=0, verdict=None, status=None)
    return a_capture(
        1,
        method=latin(bad),
        target=latin(bad),
        http_version=bad,
        headers=headers,
        body=bad.encode(),
        client=bad,
        tls={bad: bad, "list": [bad]},
        answer=Answer(status=500, on_purpose=bad),
        event=Event(type=bad, event_id=bad, at=NOON, customer_id=bad),
        signature=Signature.VALID,
        signed_by=bad,
        note=bad,
        body_sha256=bad,
        shape_version=bad,
        deliveries=(delivery,),
    )


def a_hostile_attempt() -> Attempt:
    bad = HOSTILE
    return Attempt(
        id=9,
        delivery_id=1,
        capture_id=1,
        target="",
        kind="live",
        number=1,
        started_at=NOON,
        elapsed_ms=1.0,
        outcome=bad,
        status=500,
        verdict="retry",
        verdict_reason=bad,
        error=bad,
        sent_headers=(("X-Sent", latin(bad)),),
        sent_body=bad.encode(),
        headers=((latin(bad), latin(bad)),),
        body=bad.encode(),
        body_size=len(bad.encode()),
    )


def drawn(see: Showing) -> str:
    """Every character that the screen would send to the terminal as text."""
    screen = see.pilot.app.screen
    strips = screen._compositor.render_strips()
    return "".join(segment.text for strip in strips for segment in strip)


def hostile_in(shown: str) -> set[str]:
    return {character for character in shown if text.visible(character) != character}


async def seen_everywhere(folder: Path) -> set[str]:
    """Hostile characters on any tab, in any size, in list and help and dialogs."""
    found: set[str] = set()
    for size in ((80, 24), (250, 70)):
        log = folder / str(size[0])
        log.mkdir()
        async with showing(log, [a_hostile_capture()], size=size) as see:
            insert_attempt(see.log, a_hostile_attempt())
            await see.shows("#1 ")
            for place in range(len(PAGES)):
                await see.press(str(place + 1))
                await see.pilot.pause(0.1)
                found |= hostile_in(drawn(see))
            await see.press("o", "space", "slash")
            await see.pilot.pause(0.1)
            found |= hostile_in(drawn(see))
    return found


async def test_nothing_hostile_is_drawn(tmp_path: Path) -> None:
    """All C0, C1, escape sequences and direction signs in every field become visible forms."""
    assert await seen_everywhere(tmp_path) == set()


async def test_the_test_sees_what_is_hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the cleaner off, hostile characters arrive: the test above can fail."""
    for module in ("tui.facts.client", "tui.facts.event", "tui.format", "relay.phrases"):
        monkeypatch.setattr(f"{module}.visible", lambda given: given)
    assert hostile_in(C1 + BIDI) & await seen_everywhere(tmp_path)


def meta(segment: Segment) -> dict[str, Any]:
    """What Textual has hung on a piece of text: actions, above all."""
    return segment.style.meta if segment.style else {}


async def test_no_markup_acts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No piece of text carries an action, and a click on it does nothing that the text says."""
    ran: list[str] = []
    monkeypatch.setattr(App, "action_simulate_key", lambda self, key: ran.append(key))
    markup = "[@click=app.simulate_key('x')]" + "click" * 8 + "[/]"
    capture = a_capture(
        1,
        event=Event(type=markup, event_id=markup, customer_id=markup),
        target=markup,
        headers=((markup, markup),),
        body=markup.encode(),
        note=markup,
    )
    async with showing(tmp_path, [capture], size=(100, 30)) as see:
        await see.shows("[@click=app.simulate_key")
        for place in range(len(PAGES)):
            await see.press(str(place + 1))
            await see.pilot.pause(0.1)
            strips = see.pilot.app.screen._compositor.render_strips()
            acting = [segment for strip in strips for segment in strip if "@click" in meta(segment)]
            assert acting == []
        await see.pilot.click("#list", offset=(30, 0))
        await see.pilot.click("#detail", offset=(20, 5))
        assert ran == []


async def test_words_of_a_notification(tmp_path: Path) -> None:
    """What an engine or a listener says is shown as it is written, and made safe."""
    async with showing(tmp_path) as see:
        screen = see.pilot.app.screen
        assert isinstance(screen, MainScreen)
        screen.failed(RelayError(f"[b]said[/b] {SEQUENCES}", word="x"))
        await wait_for(see.pilot, lambda: "[b]said[/b]" in see.text(), "the notification")
        assert hostile_in(drawn(see)) == set()
