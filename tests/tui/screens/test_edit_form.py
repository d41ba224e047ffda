"""The edit form, with the keyboard and the mouse: what is changed in it is sent, and nothing else."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from textual.app import App
from textual.geometry import Offset
from textual.widgets import Input, TextArea

from relay.config import Settings
from relay.control.messages import Edits
from relay.lean.signature import HEADER, sign
from relay.models import Signature
from relay.text.safe import visible
from tests.support.factories import BODY, a_capture
from tests.support.replay_screen import SECRET, replaying
from tests.support.screen import Showing
from tui.gateway.edit_form import form
from tui.main.screen import MainScreen
from tui.presenters.replay import doubts_about
from tui.screens.dialogs import Confirm
from tui.screens.edit_form import EditScreen
from tui.widgets.edit_line import EditLine
from tui.widgets.json_area import JsonArea
from tui.widgets.safe_inputs import FormArea
from tui.widgets.toggle import Toggle

SIGNED = ((HEADER, sign(BODY, SECRET)), ("content-type", "application/json"))


def values(see: Showing) -> JsonArea:
    """The editor of values."""
    return see.pilot.app.screen.query_one(JsonArea)


def change(area: TextArea, old: str, new: str) -> None:
    """Replace a text in an editor, as a person selects and types over it."""
    row = next(row for row, line in enumerate(area.document.lines) if old in line)
    column = area.document[row].index(old)
    area.replace(new, (row, column), (row, column + len(old)))


async def opened(see: Showing) -> None:
    """Open the form of the capture under the cursor."""
    await see.press("e")
    await see.shows("Send capture 1 again, edited")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_a_value_is_changed_with_keys(tmp_path: Path, size: tuple[int, int]) -> None:
    """A value typed over is marked with what it was and signed again by itself; all else stays."""
    captured = a_capture(1, headers=SIGNED, signature=Signature.VALID, signed_by="default")
    async with replaying(tmp_path, [captured], size=size) as (see, got):
        await opened(see)
        await see.shows(
            "POST /webhooks/lean", "2 headers (F2)", "JSON ✓  unchanged", "[ ] sign again with default"
        )
        await see.press(*["down"] * 5, "end", "left", *["backspace"] * 6, *"9.90")
        await see.shows(
            "~     ", '"amount": 9.90,', "was 100.50", "JSON ✓  1 value changed", "[x] sign again"
        )
        await see.press("down", "down", "end", *["left"], *["backspace"] * 4, *"WELL")
        await see.shows('was "PENDING_WITH_BANK"', "2 values changed", "shape:")
        await see.press("ctrl+s")
        await see.shows("answered 200")
        [(method, path, headers, body)] = got
        assert (method, path) == ("POST", "/hook")
        assert body == BODY.replace(b"100.50", b"9.90").replace(b"WITH_BANK", b"WITH_WELL")
        assert headers[HEADER] == sign(body, SECRET)


@pytest.mark.slow
async def test_with_the_mouse(tmp_path: Path) -> None:
    """A click puts the cursor into a value, another one switches signing on."""
    async with replaying(tmp_path, [a_capture(1)]) as (see, got):
        await opened(see)
        area = values(see)
        row = next(row for row, line in enumerate(area.document.lines) if "100.50" in line)
        column = area.gutter_width + area.document[row].index(".50")
        await see.pilot.click(JsonArea, offset=Offset(column, row))
        assert area.cursor_location == (row, column - area.gutter_width)
        await see.press("0")
        await see.shows('"amount": 1000.50', "1 value changed", "[ ] sign again")
        await see.pilot.click("#resign")
        await see.shows("[x] sign again")
        await see.press("ctrl+s")
        await see.shows("answered 200")
        [(*_, headers, body)] = got
        assert body == BODY.replace(b"100.50", b"1000.50")
        assert headers[HEADER] == sign(body, SECRET)


@pytest.mark.slow
async def test_signing_switches_itself_until_it_is_touched(tmp_path: Path) -> None:
    """It follows the body of a validly signed capture until it is set by hand; then a question comes."""
    captured = a_capture(1, headers=SIGNED, signature=Signature.VALID, signed_by="default")
    async with replaying(tmp_path, [captured]) as (see, got):
        await opened(see)
        toggle = see.pilot.app.screen.query_one(Toggle)
        line = see.pilot.app.screen.query_one(EditLine)
        change(values(see), "100.50", "9.90")
        await see.shows("[x] sign again")
        await see.press("ctrl+z")
        await see.shows("unchanged", "[ ] sign again")
        change(values(see), "100.50", "9.90")
        await see.shows("[x] sign again")
        await see.press("tab", "space")
        await see.shows("[ ] sign again")
        change(values(see), "9.90", "9.80")
        await see.shows("was 100.50")
        assert line.signs is toggle.value is False
        await see.press("ctrl+s")
        await see.shows("Send it anyway?", "The body was changed and will not be signed again")
        await see.press("y")
        await see.shows("answered 200", "changed and not signed again")
        assert [body for *_, body in got] == [BODY.replace(b"100.50", b"9.80")]


@pytest.mark.slow
async def test_request_line_and_bytes(tmp_path: Path) -> None:
    """The request line has a field, headers are among the bytes, and each view has the other's changes."""
    async with replaying(tmp_path, [a_capture(1, signature=Signature.MISSING)], size=(100, 30)) as (see, got):
        await opened(see)
        change(values(see), "100.50", "9.90")
        see.pilot.app.screen.query_one("#field-request", Input).value = "PUT /elsewhere"
        await see.shows("request line changed, 1 value changed")
        await see.press("f2")
        await see.shows("PUT /elsewhere", '"amount":9.90,', "request line changed, 1 value changed")
        area = see.pilot.app.screen.query_one("#bytes", FormArea)
        change(area, "content-type: application/json", "content-type: text/plain")
        change(area, '"AED"', '"SAR"')
        await see.shows("request line changed, headers changed, 2 values changed")
        await see.press("ctrl+r")
        await see.shows('"amount": 9.90', "was 100.50", 'was "AED"', "1 header (F2)")
        await see.press("ctrl+s")
        await see.shows("answered 200")
        [(method, path, headers, body)] = got
        assert (method, path) == ("PUT", "/elsewhere")
        assert {name.lower(): value for name, value in headers.items()}["content-type"] == "text/plain"
        assert body == BODY.replace(b"100.50", b"9.90").replace(b"AED", b"SAR")


@pytest.mark.slow
async def test_a_view_that_was_not_changed_keeps_its_history(tmp_path: Path) -> None:
    """A look at the bytes costs neither cursor nor undo."""
    async with replaying(tmp_path, [a_capture(1)]) as (see, _):
        await opened(see)
        change(values(see), "100.50", "9.90")
        await see.press("f2")
        await see.shows('"amount":9.90,')
        await see.press("f2")
        await see.shows("was 100.50")
        await see.press("ctrl+z")
        await see.shows("unchanged")


@pytest.mark.slow
async def test_new_lines_and_clicks(tmp_path: Path) -> None:
    """A new line is indented; a click on the error goes to its line, one on the headers shows them."""
    async with replaying(tmp_path, [a_capture(1)], size=(80, 24)) as (see, _):
        await opened(see)
        await see.press(*["down"] * 6, "end", "enter", *"wrong", "ctrl+home")
        await see.shows('\u2502      "currency": "AED",', "\u2502\u2717     wrong", "JSON \u2717 line 8")
        assert values(see).cursor_location == (0, 0)
        await see.pilot.click("#edit-status")
        assert values(see).cursor_location == (7, 0)
        await see.press("ctrl+z")
        await see.pilot.click("#headers")
        await see.shows("content-type: application/json")


@pytest.mark.slow
async def test_added_fields_are_told(tmp_path: Path) -> None:
    """What was added is marked and counted, and goes out as compact as the original."""
    async with replaying(tmp_path, [a_capture(1, signature=Signature.MISSING)]) as (see, got):
        await opened(see)
        change(values(see), '"currency": "AED",', '"currency": "AED",\n    "fee": {"amount": 1},')
        await see.shows("+     ", "added", "1 added", "Added values are written")
        await see.press("ctrl+s")
        await see.shows("answered 200")
        assert got[0][3] == BODY.replace(b'"AED",', b'"AED","fee":{"amount":1},')


@pytest.mark.slow
async def test_what_lean_documents_is_told_while_typing(tmp_path: Path) -> None:
    """A value of another type than documented has its note at the line."""
    async with replaying(tmp_path, [a_capture(1)]) as (see, _):
        await opened(see)
        change(values(see), "100.50", '"100.50"')
        await see.shows("was 100.50 · number is documented", "shape: drift, 1 warning")


@pytest.mark.slow
async def test_broken_json_is_asked_about(tmp_path: Path) -> None:
    """A body that is not JSON any more is sent only after a question; No leads back to the form as it was."""
    async with replaying(tmp_path, [a_capture(1, signature=Signature.MISSING)]) as (see, got):
        await opened(see)
        area = values(see)
        change(area, "100.50", "100.50.")
        spoilt = area.text
        await see.shows("✗     ", "JSON ✗ line 6: a comma or a bracket is missing", "1 value changed")
        await see.press("ctrl+s")
        text = await see.shows("Send it anyway?", "The body was JSON and no longer is")
        assert "signature will not verify" not in text
        await see.press("n")
        await see.shows_no("Send it anyway?")
        assert area.text == spoilt
        assert area.cursor_location == (5, 0)
        assert not got
        await see.press("ctrl+s")
        await see.shows("Send it anyway?")
        await see.press("y")
        await see.shows("answered 200")
        assert [body for *_, body in got] == [BODY.replace(b"100.50", b"100.50.")]


@pytest.mark.slow
async def test_only_another_target_is_a_change(tmp_path: Path) -> None:
    """The form sends a request as it came to another target, and asks nothing."""
    async with replaying(tmp_path, [a_capture(1)], usual=False) as (see, got):
        await opened(see)
        see.pilot.app.screen.query_one("#field-to", Input).value = f"127.0.0.1:{got.port}/x"
        await see.press("ctrl+s")
        await see.shows("answered 200")
        assert [(path, body) for _, path, _, body in got] == [("/x", BODY)]


@pytest.mark.parametrize(
    ("body", "came", "resign", "asked"),
    [
        (b'{"a":1}', Signature.VALID, True, ()),
        (b'{"a":1}', Signature.MISSING, False, ()),
        (b'{"a":1}', Signature.INVALID, False, ("signature",)),
        (b'{"a":', Signature.VALID, False, ("JSON", "signature")),
        (b'{"a":', Signature.MISSING, True, ("JSON",)),
        (b"", Signature.MISSING, False, ("JSON",)),
    ],
)
def test_what_is_asked_before_an_edited_capture_is_sent(
    body: bytes, came: Signature, resign: bool, asked: tuple[str, ...]
) -> None:
    """Broken JSON and a change under an old signature are named; a body that never was JSON is not."""
    capture = a_capture(1, signature=came)
    said = list(doubts_about(capture, Edits(body=body), resign=resign))
    assert len(said) == len(asked)
    assert all(word in sentence for word, sentence in zip(asked, said, strict=True))
    assert not list(doubts_about(capture, Edits(target="/x"), resign=False))
    text = replace(capture, body=b"plain", signature=Signature.MISSING)
    assert not list(doubts_about(text, Edits(body=b"other"), resign=False))


@pytest.mark.slow
async def test_form_that_cannot_be_read_stays(tmp_path: Path) -> None:
    """A line that is no header is told with its number; unchanged it is not sent; leaving asks."""
    async with replaying(tmp_path, [a_capture(1)]) as (see, got):
        await opened(see)
        await see.press("ctrl+s")
        await see.shows("Nothing was changed")
        await see.press("f2")
        area = see.pilot.app.screen.query_one("#bytes", FormArea)
        change(area, "content-type: ", "no header")
        await see.shows("is not a valid header; use Name: value")
        await see.press("ctrl+s")
        await see.press("f2")
        await see.shows("The values cannot be shown: line")
        await see.press("escape")
        await see.shows("Close the form?")
        await see.press("y")
        await see.shows("1 capture, ")
        assert not got


@pytest.mark.slow
async def test_in_an_editor_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-O lends the terminal to $EDITOR; its file is private, and what it makes is in the form."""
    script = tmp_path / "editor"
    script.write_text(f'#!/bin/sh\nls -l "$1" > {tmp_path}/seen\nsed -i s/100.50/3.30/ "$1"\n')
    script.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(script))

    monkeypatch.setattr(App, "suspend", lambda self: nullcontext())
    async with replaying(tmp_path, [a_capture(1)]) as (see, got):
        await opened(see)
        await see.press("ctrl+o")
        await see.shows('"amount": 3.30', "was 100.50")
        assert (tmp_path / "seen").read_text().startswith("-rw-------")
        await see.press("ctrl+s")
        await see.shows("Send it anyway?")
        await see.press("y")
        await see.shows("answered 200")
        assert got[0][3] == BODY.replace(b"100.50", b"3.30")


ODD = (
    b'{"a": 1,\r\n"b": 2,\n"c": 3}',
    b'[1,\t2 , "\xe2\x80\xa8\xc2\x85", "\\ud800", 1.10e0, {"a":1, "a" :2}]\r\n',
    b"no JSON\r\nat all\n\x1b[0m\xe2\x80\xa9",
    b"",
)


@pytest.mark.slow
@pytest.mark.parametrize("body", ODD)
async def test_every_byte_stays(tmp_path: Path, body: bytes) -> None:
    """Whatever line ends and characters a body has, it goes out as it came after both views."""
    async with replaying(tmp_path, [a_capture(1, body=body, signature=Signature.MISSING)]) as (see, got):
        await opened(see)
        await see.press("f2", "f2", "ctrl+end")
        await see.pilot.click("#resign")
        await see.press("ctrl+s")
        await see.shows("answered 200")
        assert got[0][3] == body


@pytest.mark.slow
async def test_changed_bytes_keep_the_others(tmp_path: Path) -> None:
    """A body that is not JSON is edited as bytes, and line ends of every kind stay."""
    async with replaying(tmp_path, [a_capture(1, body=ODD[2], signature=Signature.MISSING)]) as (see, got):
        await opened(see)
        await see.shows("only edited as bytes: not JSON", "no JSON␍")
        change(see.pilot.app.screen.query_one("#bytes", FormArea), "at all", "here")
        await see.shows("not JSON  body changed")
        await see.press("ctrl+s")
        await see.shows("answered 200")
        assert got[0][3] == ODD[2].replace(b"at all", b"here")


@pytest.mark.slow
async def test_a_large_body_has_its_values_and_no_bytes(tmp_path: Path) -> None:
    """A large body is edited laid out only, since a long line is slow; it is reviewed once typing rests."""
    body = json.dumps({"items": list(range(50_000))}).encode()
    async with replaying(tmp_path, [a_capture(1, body=body, signature=Signature.MISSING)]) as (see, got):
        await opened(see)
        await see.shows('"items": [')
        await see.press("f2")
        await see.shows("too large to edit its bytes here; ^o opens $EDITOR")
        change(values(see), "    3,", "    4,")
        await see.shows("was 3", "1 value changed")
        await see.press("ctrl+s")
        await see.shows("answered 200")
        assert got[0][3] == body.replace(b" 3,", b" 4,", 1)


@pytest.mark.slow
async def test_too_large_to_be_edited_here(tmp_path: Path) -> None:
    """A value of hundreds of KiB needs $EDITOR, and can be sent to another target from here."""
    body = b'{"a":"' + b"x" * 300_000 + b'"}'
    async with replaying(tmp_path, [a_capture(1, body=body)]) as (see, got):
        await opened(see)
        await see.shows("^o opens $EDITOR")
        await see.pilot.click("#resign")
        await see.press("ctrl+s")
        await see.shows("answered 200")
        assert got[0][3] == body


def test_secrets_stay_masked_and_are_sent_as_they_were(tmp_path: Path) -> None:
    """The form shows no secret; a mask that is left stands for the value, another value replaces it."""
    headers = (("Host", "x"), ("authorization", "Bearer 1234"), ("X-A", "b"))
    made = form(a_capture(1, headers=headers), Settings(db=tmp_path / "relay.db"))
    assert b"1234" not in made.text
    assert made.read(made.text) == Edits()
    edits = made.read(made.text.replace(b"X-A: b", b"X-A: c"))
    assert edits.headers == (("Host", "x"), ("authorization", "Bearer 1234"), ("X-A", "c"))
    edits = made.read(made.text.replace(b"<masked, 11 bytes>", b"other"))
    assert edits.headers == (("Host", "x"), ("authorization", "other"), ("X-A", "b"))


@pytest.mark.slow
async def test_hostile_text_in_the_form(tmp_path: Path) -> None:
    """Whatever stands in a body, the terminal gets no character of it that acts, and the form keeps each."""
    bad = "\x1b]0;x\x07\u202e\x9b[@click=app.exit]"
    body = json.dumps({"a": 1}).encode() + bad.encode()
    async with replaying(tmp_path, [a_capture(1, body=body, event=None)]) as (see, got):
        await opened(see)
        await see.shows("␛")
        text = see.text()
        assert visible(text.replace("\n", "")) == text.replace("\n", "")
        assert bad in see.pilot.app.screen.query_one("#bytes", FormArea).text
        await see.pilot.click("#resign")
        await see.press("ctrl+s")
        await see.shows("answered 200")
        assert got[0][3] == body


@pytest.mark.slow
async def test_one_at_a_time_is_edited(tmp_path: Path) -> None:
    """With several marked, `e` says what to do instead."""
    async with replaying(tmp_path, [a_capture(1), a_capture(2)]) as (see, _):
        await see.press("g", "space", "space", "e")
        await see.shows("Only one capture can be edited at a time")
        assert not isinstance(see.pilot.app.screen, EditScreen)


@pytest.mark.slow
async def test_escape_twice_in_one_burst_asks_once(tmp_path: Path) -> None:
    """Two questions, one over the other, would each close a screen."""
    async with replaying(tmp_path, [a_capture(1)]) as (see, _):
        await opened(see)
        change(values(see), "100.50", "1")
        await see.press_at_once("escape", "escape")
        await see.shows("Your changes will be lost")
        assert sum(isinstance(screen, Confirm) for screen in see.pilot.app.screen_stack) == 1
        await see.press("y")
        await see.shows_no("Send capture 1 again")
        assert isinstance(see.pilot.app.screen, MainScreen)


@pytest.mark.slow
async def test_a_mark_in_the_same_burst(tmp_path: Path) -> None:
    """`e` and Space in one read, with another capture marked: the form would be for two, and stays closed."""
    async with replaying(tmp_path, [a_capture(1), a_capture(2)]) as (see, _):
        await see.press("g", "space", "j")
        await see.shows("1 marked")
        await see.press_at_once("e", "space")
        await see.shows("2 marked")
        assert isinstance(see.pilot.app.screen, MainScreen)
