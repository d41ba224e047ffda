"""Captures from hell on every tab: no byte that a terminal acts on is drawn, and no markup is ever read."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.segment import Segment
from textual.app import App
from textual.widgets import Input

from relay.control.messages import (
    Preview,
    PreviewRequest,
    PreviewResult,
    ReplayStatus,
    TargetStatus,
    TunnelStatus,
)
from relay.errors import RelayError
from relay.models import Answer, Attempt, Capture, Event, Headers, RefusalEntry, Signature
from relay.store.write.changes import add_refusals
from relay.text import safe
from tests.support.factories import NOON, a_capture, a_delivery, insert_attempt
from tests.support.screen import Showing, showing, wait_for
from tui.bodies import safe_text
from tui.gateway.engine import EngineClient
from tui.main.screen import MainScreen
from tui.presenters.status import EngineState, Status
from tui.screens.refusals import RefusalsScreen
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


CLEANED = safe._cleaned
"""As it is, whatever a test makes of it."""


def hostile_in(shown: str) -> set[str]:
    return {character for character in set(shown) if CLEANED(character, keep=frozenset()) != character}


def hostile_captures() -> list[Capture]:
    """Hostile in each field; in keys and values of JSON, plain and escaped; in a body that is no JSON."""
    inside = json.dumps(
        {
            "type": "payment.updated",
            "payload": {"id": CUSTOMER, "customer_id": CUSTOMER, "status": HOSTILE, HOSTILE: [HOSTILE]},
            "message": HOSTILE,
        },
        ensure_ascii=False,
    ).encode()
    escaped = json.dumps(json.loads(inside) | {"message": "x"}).encode()
    event = Event(type="payment.updated", event_id="1", at=NOON, customer_id=CUSTOMER)
    same: dict[str, Any] = {"event": event, "note": HOSTILE, "target": latin("/" + HOSTILE)}
    return [
        a_hostile_capture(),
        a_capture(2, body=inside, **same),
        a_capture(
            3,
            body=escaped,
            headers=(("content-type", "application/json"), (latin(HOSTILE), latin(HOSTILE))),
            **same,
        ),
        # One that can be edited here: without a byte that the form could not keep.
        a_capture(4, body=(SEQUENCES + MARKUP + "\u202e\u200b").encode(), **same | {"target": "/"}),
    ]


CUSTOMER = "c0ffee00-0000-4000-8000-000000000001"

STATUS = Status(
    engine=EngineState.RUNNING,
    url=HOSTILE,
    public_url=HOSTILE,
    answers=HOSTILE,
    store_detail=HOSTILE,
    tunnel=TunnelStatus(name=HOSTILE, state=HOSTILE, url=HOSTILE, previous_url=HOSTILE, reason=HOSTILE),
    targets=(TargetStatus(target=HOSTILE, state="down", reason=HOSTILE, waiting=1, parked=1),),
    replays=(
        ReplayStatus(
            run=1,
            by=HOSTILE,
            started_at=HOSTILE,
            waits=HOSTILE,
            targets=(HOSTILE,),
            total=1,
            done=1,
            delivered=1,
            failed=1,
            left=1,
        ),
    ),
)

BANNERS = "status line and banners"

TOUR: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("list", ()),
    ("wide list", ("z",)),
    ("exchange", ("z", "1", "enter", "z")),
    ("body", ("2",)),
    ("body, next view", ("v",)),
    ("body, the view after", ("v",)),
    ("body, last view", ("v",)),
    ("headers", ("3",)),
    ("deliveries", ("4",)),
    ("shape", ("5",)),
    ("signature", ("6",)),
    ("client", ("7",)),
    ("about", ("8",)),
    ("compared", ("escape", "escape", "d")),
    ("compared, all", ("a",)),
    ("copies", ("escape", "y")),
    ("journey", ("escape", "J")),
    ("refusals", ("escape", "X")),
    ("refusals, one reason", ("right_square_bracket", "y")),
    ("sending", ("escape", "R")),
    ("dry run", ("ctrl+n",)),
    ("edited", ("escape", "escape", "e")),
    ("note", ("escape", "escape", "semicolon")),
    ("trigger", ("escape", "t")),
    ("delete", ("escape", "D")),
    ("filter", ("escape", "slash")),
    (BANNERS, ("escape",)),
)
"""Places of the screen, and the keys that lead there from the one before."""

ALL = frozenset(place for place, _ in TOUR)

SCREENS = {
    "compared": "CompareScreen",
    "compared, all": "CompareScreen",
    "copies": "CopyMenu",
    "journey": "JourneyScreen",
    "refusals": "RefusalsScreen",
    "refusals, one reason": "RefusalsScreen",
    "sending": "ReplayDialog",
    "dry run": "PreviewScreen",
    "edited": "EditScreen",
    "note": "NoteDialog",
    "trigger": "TriggerDialog",
    "delete": "Confirm",
}
"""The screens of those places that are not on the main one."""

WELL = Status(
    engine=EngineState.RUNNING,
    url="http://127.0.0.1:5326",
    targets=(TargetStatus(target="http://localhost:1", state="up", reason=None, waiting=0, parked=0),),
)


WAITING = frozenset({"dialog", "status", "refusals"})
"""Groups of work that waits for us, or looks for news again and again."""


def is_at(see: Showing, place: str) -> bool:
    """Whether the keys have led there, and all that is read for it has come; a dialog's work waits for us."""
    app = see.pilot.app
    reads = any(not worker.is_finished for worker in app.workers if worker.group not in WAITING)
    is_empty = isinstance(app.screen, RefusalsScreen) and app.screen._tally is None
    return type(app.screen).__name__ == SCREENS.get(place, "MainScreen") and not reads and not is_empty


def stands(screen: MainScreen) -> bool:
    """Whether the screen knows that the engine stands badly."""
    return screen.engine_status is STATUS


async def previewed(self: EngineClient, request: PreviewRequest) -> PreviewResult:
    """An engine whose dry run is hostile in each field."""
    preview = Preview(
        capture_id=1,
        to=HOSTILE,
        method=latin(HOSTILE),
        target=latin(HOSTILE),
        headers=((latin(HOSTILE), latin(HOSTILE)),),
        body=HOSTILE.encode(),
        signature_is_stale=True,
    )
    return PreviewResult(targets=[HOSTILE], requests=[preview])


SIZES = {0: (250, 70), 1: (80, 24), 2: (80, 24), 3: (250, 70)}
"""The size of the screen for each of the captures, which are counted from the newest."""


async def toured(
    folder: Path, monkeypatch: pytest.MonkeyPatch, back: int, places: Collection[str] = ALL
) -> dict[str, set[str]]:
    """Hostile characters by place, with the capture so many before the newest."""
    status = WELL

    async def asked(self: EngineClient) -> Status:
        return status

    monkeypatch.setattr(EngineClient, "status", asked)
    monkeypatch.setattr(EngineClient, "request", previewed)
    found: dict[str, set[str]] = {}
    async with showing(folder, hostile_captures(), size=SIZES[back]) as see:
        insert_attempt(see.log, a_hostile_attempt())
        add_refusals(see.log, [RefusalEntry(1, HOSTILE, HOSTILE, HOSTILE, 2)])
        await wait_for(see.pilot, lambda: "payment.updated" in see.text(), "the list")
        await see.press(*["k"] * back)
        for place, keys in TOUR:
            if place in places:
                await see.press(*keys)
                await wait_for(see.pilot, partial(is_at, see, place), place)
                found[place] = hostile_in(drawn(see))
        if "filter" in places:
            await see.press("slash")
            see.pilot.app.screen.query_one(Input).insert_text_at_cursor(HOSTILE)
            await see.shows("match (", "all scanned")
            found["filter"] |= hostile_in(drawn(see))
            await see.press("escape", "escape")
        if BANNERS in places:
            status = STATUS
            screen = see.pilot.app.screen
            assert isinstance(screen, MainScreen)
            await wait_for(see.pilot, partial(stands, screen), "the banners")
            await see.pilot.idle()
            found[BANNERS] |= hostile_in(drawn(see))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("back", SIZES)
async def test_nothing_hostile_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: int) -> None:
    """All C0, C1, escape sequences and direction signs in every field, at each place, become visible."""
    found = await toured(tmp_path, monkeypatch, back)
    assert found.keys() == ALL
    assert {place: hostile for place, hostile in found.items() if hostile} == {}


RELATED = frozenset({"compared", "compared, all", "journey"})

SEEN = {3: ALL - RELATED - {"edited"}, 2: RELATED, 0: {"edited"}}
"""With which capture a place shows it: the worst one has nothing in common with others, and cannot be edited
here."""


def test_each_place_has_its_control() -> None:
    """The test below leaves no place out."""
    assert set().union(*SEEN.values()) == ALL


@pytest.mark.slow
@pytest.mark.parametrize("back", SEEN)
async def test_the_test_sees_what_is_hostile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back: int
) -> None:
    """With the cleaner off hostile characters arrive at every place: the test above can fail at each."""
    monkeypatch.setattr(safe, "_cleaned", lambda given, keep: given)
    safe_text._character.cache_clear()
    safe_text._measure.cache_clear()
    try:
        found = await toured(tmp_path, monkeypatch, back, SEEN[back])
    finally:  # What was not cleaned here must not be shown to another test.
        safe_text._character.cache_clear()
        safe_text._measure.cache_clear()
    assert found.keys() == SEEN[back]
    assert [place for place, hostile in found.items() if not hostile] == []


def meta(segment: Segment) -> dict[str, Any]:
    """What Textual has hung on a piece of text: actions, above all."""
    return segment.style.meta if segment.style else {}


@pytest.mark.slow
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
            await wait_for(see.pilot, partial(is_at, see, "exchange"), "all that is read")
            strips = see.pilot.app.screen._compositor.render_strips()
            acting = [segment for strip in strips for segment in strip if "@click" in meta(segment)]
            assert acting == []
        await see.pilot.click("#list", offset=(30, 0))
        await see.pilot.click("#detail", offset=(20, 5))
        assert ran == []


@pytest.mark.slow
async def test_words_of_a_notification(tmp_path: Path) -> None:
    """What an engine or a listener says is shown as it is written, and made safe."""
    async with showing(tmp_path) as see:
        screen = see.pilot.app.screen
        assert isinstance(screen, MainScreen)
        screen.ui.failed(RelayError(f"[b]said[/b] {SEQUENCES}", word="x"))
        await wait_for(see.pilot, lambda: "[b]said[/b]" in see.text(), "the notification")
        assert hostile_in(drawn(see)) == set()
