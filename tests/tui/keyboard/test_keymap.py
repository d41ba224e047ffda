"""Keys of the settings: what they may be, what is said of wrong ones, and that the screen names them."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.control.messages import PreviewRequest, PreviewResult, ReplayStatus, TargetStatus
from relay.errors import UsageError
from relay.models import Capture, RefusalEntry
from relay.store.write.changes import add_refusals
from tests.support.factories import a_capture
from tests.support.payment_journey import CUSTOMER, INTENT, PAYMENT, an_event
from tests.support.screen import showing
from tui.gateway.engine import EngineClient
from tui.keyboard import keys
from tui.keyboard.keymap import PLACES, Keymap, name
from tui.presenters.status import EngineState, Status


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"capture.strar": "S"}, 'keys.capture.strar: no such action; did you mean "capture.star"?'),
        (
            {"quit": "ctl+x"},
            'keys.quit: "ctl+x" is not a valid key; did you mean "ctrl+x"? Otherwise use a character',
        ),
        ({"quit": "ab"}, 'keys.quit: "ab" is not a valid key;'),
        ({"quit": ""}, 'keys.quit: no key given; use for example quit = "q"'),
        ({"quit": "x,ctrl+p"}, 'keys.quit: "ctrl+p" is reserved for the palette; use another key'),
        ({"capture.star": "q"}, 'keys: "q" is bound to capture.star and quit; change one of them'),
        ({"capture.star": "j"}, 'keys: "j" is bound to list.down and capture.star;'),
        ({"capture.star": "?"}, 'keys: "?" is bound to capture.star and help;'),
        ({"capture.star": "7"}, 'keys: "7" is bound to capture.star and look.tab_7;'),
        ({"capture.star": "w"}, 'keys: "w" is bound to body.wrap and capture.star;'),
        ({"compare.turn": "a"}, 'keys: "a" is bound to compare.every and compare.turn;'),
    ],
)
def test_wrong_keys_are_told(wanted: dict[str, str], message: str) -> None:
    """An id or a key that is not known and a key for two things are told, with what to write instead."""
    with pytest.raises(UsageError) as raised:
        Keymap(wanted)
    assert message in str(raised.value)


def test_every_fault_is_told_at_once() -> None:
    """Two wrong entries make two lines."""
    with pytest.raises(UsageError, match="2 keys are wrong") as raised:
        Keymap({"nothing": "x", "quit": "f99"}, "lean-relay.toml: keys")
    assert str(raised.value).count("lean-relay.toml: keys.") == 2


def test_keys_may_change_places() -> None:
    """A key that its action gives up is free for another."""
    keymap = Keymap({"capture.star": "q", "quit": "s"})
    pressed = keymap.of_key("q")
    assert pressed is not None
    assert pressed.id == "capture.star"


@pytest.mark.parametrize(
    ("key", "written"),
    [("ctrl+k", "^k"), ("f2", "F2"), ("question_mark", "?"), ("pagedown", "PgDn"), ("shift+left", "Shift+←"),
     ("space", "Space"), ("f", "f"), ("semicolon", ";"), ("left_square_bracket", "["), ("ctrl+t", "^t")],
)  # fmt: skip
def test_names_of_keys(key: str, written: str) -> None:
    """Keys are written as they stand on a keyboard."""
    assert name(key) == written


def test_usual_keys_do_not_clash_and_have_one_id_each() -> None:
    """The table itself is one that settings could ask for, and no id stands for two actions."""
    for place in PLACES.values():
        ids = [key.id for key in place]
        assert len(ids) == len(set(ids))
    known = {key.id: key.keys for place in PLACES.values() for key in place}
    assert {key.id for key in keys.all_keys()} <= known.keys()
    Keymap(known)


@pytest.mark.slow
async def test_the_screen_obeys_and_names_them(tmp_path: Path) -> None:
    """Footer, help and palette have the new keys; the old ones do nothing."""
    wanted = {"list.follow": "f2,ctrl+l", "help": "!", "look.zoom": "Z", "list.down": "n", "relay.pause": "P"}
    async with showing(tmp_path, map(a_capture, range(1, 31)), keys=wanted) as see:
        text = await see.shows("F2 follow", "! help", "#30 ")
        assert "/ filter" in text
        await see.press("k", "k")
        await see.shows("#28 ")
        await see.press("j", "f")
        await see.press("n")
        await see.shows("#29 ")
        await see.press("ctrl+l")
        await see.shows("#30 ", "following")
        await see.press("P")  # It cannot be done now, and the new key says why.
        await see.shows("needs a running engine")
        await see.press("exclamation_mark")
        text = await see.shows("Keys in the list", "F2 ^l")
        await see.press("G")
        text += await see.shows("  n  ", "One row down.")
        assert "j ↓" not in text
        await see.press("escape", "ctrl+p")
        await see.press(*"follow")
        await see.shows("Follow ", " F2 ^l")


@pytest.mark.slow
async def test_empty_names_them(tmp_path: Path) -> None:
    """The first steps name the keys in force."""
    async with showing(tmp_path, keys={"relay.trigger": "P", "relay.copy_url": "U"}) as see:
        await see.shows("P posts a sample", "U copies the URL")


OTHERS = [
    *"αβγδεζηθικλμ",  # first, for the list: an editor takes a character as text
    *(f"alt+{character}" for character in string.ascii_letters + string.digits),
    *(f"f{number}" for number in range(2, 25)),
    *(f"alt+f{number}" for number in range(1, 13)),
    *(f"shift+f{number}" for number in range(2, 13)),
]
"""Keys that nothing has by itself."""

REMAPPED = dict(zip(dict.fromkeys(key.id for key in keys.all_keys()), OTHERS, strict=False))
"""Each action of the table with another key than its own."""

NAMED = re.compile(
    r"\b(?:Esc|Enter|Space|Home|PgUp|PgDn|Del)\b"
    r"|(?<!\w)(?:Ctrl-|\^)\w"
    r"|(?:^|(?<=[ ;:,·(]))[b-zA-Z\]\[?/;] (?!is\b|has\b|was\b)[a-z]+s\b",
    re.MULTILINE,
)
"""Where a text names a usual key: a special one anywhere, and a character before what it does (`r sends`)."""

FIXED = re.compile("Enter sends|Esc closes")
"""A line of a form ends with Enter, and help with Esc, whatever the settings say."""


def test_all_are_remapped() -> None:
    """There are enough other keys, and none clashes."""
    assert len(REMAPPED) == len({key.id for key in keys.all_keys()})
    Keymap(REMAPPED)


@pytest.mark.parametrize(
    "text", ["… Esc stops", "· Esc cancels", "1, ] shows the next", "x goes to the next", "Enter sends", "^n"]
)
def test_the_search_for_names_finds_them(text: str) -> None:
    """The pattern sees the ways in which a hint names a key."""
    assert NAMED.search(text)


STANDS = Status(
    engine=EngineState.RUNNING,
    url="http://127.0.0.1:5326",
    targets=(TargetStatus(target="http://localhost:3000", state="paused", reason=None, waiting=1, parked=0),),
    replays=(
        ReplayStatus(
            run=1,
            by="command",
            started_at="",
            waits=None,
            targets=("http://localhost:3000",),
            total=1,
            done=1,
            delivered=1,
            failed=1,
            left=1,
        ),
    ),
)


async def asked(self: EngineClient) -> Status:
    return STANDS


async def acted(self: EngineClient, request: PreviewRequest) -> PreviewResult:
    """A dry run in which nothing would go anywhere."""
    return PreviewResult(targets=[], requests=[])


def something_of_each() -> Iterator[Capture]:
    """A payment that was there before, one that drifts and has three ids, one that no form here can hold."""
    payload = {"id": PAYMENT, "intent_id": INTENT, "customer_id": CUSTOMER, "amount": "1"}
    yield an_event(1, "payment.updated", payload | {"amount": 1})
    yield an_event(2, "payment.updated", payload)
    yield a_capture(3, event=None, body=b"x" * 100_000)


TOUR: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("#2 ", ("list.up",)),
    ("↻ Replay 1", ()),
    ("Forwarding is paused", ()),
    ("goes to the next one", ("5",)),
    ("goes to the next one", ("list.open",)),
    ("Keys in the detail", ("help",)),
    ("differ", ("escape", "look.back", "capture.compare")),
    ("▸ payment", ("compare.close", "capture.journey")),
    ("Only malformed", ("journey.close", "relay.refusals", "refusals.next_reason")),
    ("Send capture 2 again", ("refusals.close", "capture.replay_to")),
    ("nothing is sent", ("sending.dry_run",)),
    ("again, edited", ("preview.close", "sending.cancel", "capture.edit")),
    ("Nothing was changed", ("edit.send",)),
    ("This request is too large", ("edit.leave", "list.down", "capture.edit")),
    ("3 captures", ("edit.leave",)),
    ("1 marked", ("list.mark",)),
    ("Only one capture can be edited at a time", ("list.up", "list.mark", "capture.edit")),
    ("turns it on", ("filter.edit", "x", "enter", "filter.switch")),
)
"""What is to be seen, and the actions or keys that lead there from the place before."""


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (250, 70)])
async def test_no_hint_names_a_key_that_is_another_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    """With every action on another key, no place of the screen names one of the usual keys."""
    monkeypatch.setattr(EngineClient, "status", asked)
    monkeypatch.setattr(EngineClient, "request", acted)
    found: dict[str, list[str]] = {}
    async with showing(tmp_path, something_of_each(), size=size, keys=REMAPPED) as see:
        add_refusals(see.log, [RefusalEntry(1, "10.0.0.1", "malformed", "no", 1)])
        await see.shows("#3 ")
        for seen, steps in TOUR:
            await see.press(*(REMAPPED.get(step, step) for step in steps))
            text = FIXED.sub("", await see.shows(seen))
            named = [each.group() for each in NAMED.finditer(text)]
            if named:
                found[seen] = [*named, text]
    assert found == {}
