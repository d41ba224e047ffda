"""Keys of the settings: what they may be, what is said of wrong ones, and that the screen names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.errors import UsageError
from tests.factories import a_capture
from tests.tui.showing import showing
from tui import keys
from tui.keymap import PLACES, Keymap, name


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"capture.strar": "S"}, 'keys.capture.strar: there is no such action; did you mean "capture.star"?'),
        ({"quit": "ctl+x"}, 'keys.quit: "ctl+x" is no key; did you mean "ctrl+x"? Else write a character'),
        ({"quit": "ab"}, 'keys.quit: "ab" is no key;'),
        ({"quit": ""}, 'keys.quit: has no key; write one, such as quit = "q"'),
        ({"quit": "x,ctrl+p"}, 'keys.quit: "ctrl+p" is for the palette; take another key'),
        ({"capture.star": "q"}, 'keys: "q" would be capture.star and quit; give one another key'),
        ({"capture.star": "j"}, 'keys: "j" would be list.down and capture.star;'),
        ({"capture.star": "?"}, 'keys: "?" would be capture.star and help;'),
        ({"capture.star": "7"}, 'keys: "7" would be capture.star and look.tab_7;'),
        ({"capture.star": "w"}, 'keys: "w" would be body.wrap and capture.star;'),
        ({"compare.turn": "a"}, 'keys: "a" would be compare.every and compare.turn;'),
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
        await see.shows("only it can do this")
        await see.press("exclamation_mark")
        text = await see.shows("Keys in the list", "F2 ^l", "  n  ")
        assert "j ↓" not in text
        await see.press("escape", "ctrl+p")
        await see.press(*"follow")
        await see.shows("Follow  F2 ^l")


async def test_empty_names_them(tmp_path: Path) -> None:
    """The first steps name the keys in force."""
    async with showing(tmp_path, keys={"relay.trigger": "T", "relay.copy_url": "U"}) as see:
        await see.shows("T posts a sample", "U copies the URL")
