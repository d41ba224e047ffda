"""Sending again from the screen: to real backends, followed to its end, cancelled, edited, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, TextArea

from relay.control import client
from relay.control.messages import ReplayRequest
from relay.delivery.replay_options import OptionError
from relay.delivery.replay_plan import rounds
from relay.lean.signature import HEADER, sign
from tests.support.factories import BODY, a_capture
from tests.support.replay_screen import SECRET, replaying
from tests.support.screen import Showing
from tui.presenters.replay import ReplayForm, expectation, replay_request
from tui.widgets.toggle import Toggle


async def test_as_it_came(tmp_path: Path) -> None:
    """`r` sends what is under the cursor to the usual target, byte for byte, and tells the verdict."""
    async with replaying(tmp_path, [a_capture(7)]) as (see, got):
        got.status = 500
        await see.press("r")
        await see.shows("Sent again: capture 7", "answered 500", "Lean would retry", "✗ 500")
        [(method, path, _, body)] = got
        assert (method, path, body) == ("POST", "/hook", BODY)


async def test_marks(tmp_path: Path) -> None:
    """What is marked is sent, oldest first, counted at the end, and no longer marked."""
    captures = [a_capture(number, body=b"%d" % number) for number in range(1, 6)]
    async with replaying(tmp_path, captures) as (see, got):
        await see.press("g", "space", "j", "space")
        await see.shows("2 marked")
        await see.press("r")
        await see.shows("Sent again: 2 captures", "2 deliveries in", "2 delivered")
        await see.shows_no("marked")
        assert [body for *_, body in got] == [b"1", b"3"]


@pytest.mark.slow
async def test_those_that_failed_stay_marked_and_are_a_key_away(tmp_path: Path) -> None:
    """Marks stay on what was not delivered; Enter shows just that; what is delivered then loses its mark."""
    captures = [a_capture(number, body=b"%d" % number) for number in range(1, 7)]
    async with replaying(tmp_path, captures) as (see, got):
        got.failing = frozenset({b"2", b"3", b"5"})
        await see.press("a", "r")
        await see.shows("Sent again: 6 captures", "3 delivered, 3 not", "Enter shows the 3", "3 marked")
        await see.press("j", "k", "enter")
        text = await see.shows("capture:2..3,5", "3 match", "3 marked")
        assert "Sent again" not in text
        got.failing = frozenset({b"5"})
        await see.press("r")
        await see.shows("Sent again: 3 captures", "Enter shows it", "1 marked")
        got.failing = frozenset()
        await see.press("r")
        await see.shows("Sent again: capture 5")
        await see.shows_no("marked")


@pytest.mark.slow
async def test_bulk_asks_first_and_is_cancelled(tmp_path: Path) -> None:
    """Many are asked about; how far they are is on screen, and Esc ends them."""
    captures = [a_capture(number) for number in range(1, 21)]
    async with replaying(tmp_path, captures, size=(80, 24)) as (see, got):
        got.gate.clear()
        await see.press("g", *["space"] * 20)
        await see.shows("20 marked")
        await see.press("r")
        await see.shows("Send them again?", "20 captures will be sent to http://127.0.0.1")
        await see.press("n")
        await see.shows_no("Send them again?")
        await see.press("r")
        await see.shows("Send them again?")
        await see.press("y")
        await see.shows("↻ ▐░░░░░░░░░░░░░░▌ 0 of 20", "Esc cancels", "to 127.0.0.1")
        await see.press("r")
        await see.shows("A replay is running; Esc cancels it.")
        await see.press("escape")
        await see.shows("Sent again: 20 captures", "left", "Cancelled.")
        assert len(got) < 20


async def of_another(see: Showing, port: int, **how: Any) -> None:
    """A run of everything that another program begins."""
    gateway = see.pilot.app.screen.gateway  # type: ignore[attr-defined]
    order = ReplayRequest(ranges=((1, 50),), to=(f"127.0.0.1:{port}/x",), **how)
    await client.request(gateway.db, order)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (250, 70)])
async def test_begun_elsewhere_it_is_shown_and_ended_after_asking(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    """A command's run stands in the line; Esc takes the marks first, and then asks, since it is not ours."""
    async with replaying(tmp_path, [a_capture(number) for number in range(1, 21)], size=size) as (see, got):
        got.gate.clear()
        await of_another(see, got.port)
        await see.shows("↻ Replay 1, from a command ▐░░░░░░░░░░░░░░▌ 0 of 20", "Esc stops it · to 1")
        await see.press("space")
        await see.shows("1 marked")
        await see.press("escape")
        await see.shows_no("marked")
        await see.press("escape")
        await see.shows("End replay 1?", "started by a command", "20 of its 20 deliveries")
        await see.press("n")
        await see.shows_no("End replay 1?")
        await see.shows("↻ Replay 1")
        await see.press("escape")
        await see.shows("End replay 1?")
        await see.press("y")
        await see.shows("Replay 1 ended")
        await see.shows_no("↻ Replay 1")
        assert len(got) < 20


@pytest.mark.slow
async def test_of_several_elsewhere_and_ones_own(tmp_path: Path) -> None:
    """One's own run comes first and is no other's; of others the first is named and the rest counted."""
    async with replaying(tmp_path, [a_capture(number) for number in range(1, 4)]) as (see, got):
        got.gate.clear()
        await of_another(see, got.port)
        await of_another(see, got.port, by="screen")
        await see.shows("↻ Replay 1, from a command", "and 1 more")
        await see.press("r")
        await see.shows("↻ ▐", "Esc cancels")
        await see.press("escape")
        await see.shows("Sent again: capture", "↻ Replay 1, from a command")
        await see.pilot.click("#replay")
        await see.shows("End replay 1?")
        await see.press("y")
        await see.shows("↻ Replay 2, from a screen")
        got.gate.set()
        await see.shows_no("↻ Replay")


@pytest.mark.slow
async def test_otherwise(tmp_path: Path) -> None:
    """`R` asks where to and how: another target, a value set, a header, twice, signed again."""
    async with replaying(tmp_path, [a_capture(1)], size=(80, 24)) as (see, got):
        await see.press("R")
        await see.shows("Send capture 1 again", "as usual: http://127.0.0.1", "Per second", "Send")
        screen = see.pilot.app.screen
        screen.query_one("#field-to", Input).value = f"127.0.0.1:{got.port}/other"
        screen.query_one("#field-set", Input).value = "payload.amount=7.00 payload.status=FAILED"
        screen.query_one("#field-header", Input).value = "'X-Try: a b' 'content-type:'"
        screen.query_one("#field-times", Input).value = "2"
        await see.pilot.click("#resign")
        await see.shows("[x] sign again")
        await see.press("ctrl+s")
        await see.shows("2 delivered")
        assert len(got) == 2
        for _, path, headers, body in got:
            assert path == "/other"
            assert body == BODY.replace(b"100.50", b"7.00").replace(b'"PENDING_WITH_BANK"', b'"FAILED"')
            assert headers["X-Try"] == "a b"
            assert "content-type" not in {name.lower() for name in headers}
            assert headers[HEADER] == sign(body, SECRET)
        await see.press("R")
        await see.shows("127.0.0.1", "/other", "[x] sign again")


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("to", "localhost", "is not a valid target"),
        ("set", "payload.amount", "payload.amount"),
        ("header", "Host:x", "written by the relay itself"),
        ("times", "0", "use 1 to 100000"),
        ("rate", "fast", "or original"),
        ("shuffle", "x", "use a whole number"),
    ],
)
def test_what_is_written_wrong(field: str, text: str, said: str) -> None:
    """Each field says what is wrong with it, and which it is."""
    values: dict[str, Any] = {field: text}
    with pytest.raises(OptionError, match=said) as raised:
        replay_request([1], ReplayForm(**values))
    assert raised.value.option == field


def test_what_excludes_each_other() -> None:
    """What the command refuses together is refused here too, at the field that is to change."""
    with pytest.raises(OptionError, match="exclude each other") as raised:
        replay_request([1], ReplayForm(shuffle="1", rate="original"))
    assert raised.value.option == "shuffle"
    with pytest.raises(OptionError, match="exclude each other") as raised:
        replay_request([1], ReplayForm(until_delivered=True, expect="200"))
    assert raised.value.option == "expect"
    with pytest.raises(OptionError, match="is not a valid expectation"):
        expectation(ReplayForm(expect="ok"))
    assert replay_request([1], ReplayForm(shuffle="-7")).shuffle == -7


def fill(see: Showing, **values: str) -> None:
    """Write into the dialog's lines."""
    for name, text in values.items():
        see.pilot.app.screen.query_one(f"#field-{name}", Input).value = text


@pytest.mark.slow
async def test_held_against_what_is_expected(tmp_path: Path) -> None:
    """At the end it is told how many answers were as expected, and whose were not."""
    captures = [a_capture(number) for number in range(1, 4)]
    async with replaying(tmp_path, captures, size=(80, 24)) as (see, got):
        await see.press("g", *["space"] * 3, "R")
        await see.shows("Send 3 captures again", "Expect")
        fill(see, expect="2xx")
        await see.press("enter")
        await see.shows("3 delivered", "All 3 responses", "as expected (2xx).")
        got.status = 500
        await see.press("g", *["space"] * 3, "R")
        await see.shows("Send 3 captures again", "2xx")
        fill(see, expect="recorded")
        await see.press("enter")
        await see.shows("3 of 3", "are not as expected (recorded")


@pytest.mark.slow
async def test_in_an_order_of_chance(tmp_path: Path) -> None:
    """A seed gives the command's order, and the dry run has it too; what is no seed stays in the dialog."""
    captures = [a_capture(number, body=b"%d" % number) for number in range(1, 8)]
    async with replaying(tmp_path, captures) as (see, got):
        await see.press("g", *["space"] * 7, "R")
        await see.shows("Send 7 captures again")
        fill(see, shuffle="nine")
        await see.press("enter")
        await see.shows("'nine' is not a valid seed")
        fill(see, shuffle="9")
        await see.press("ctrl+n")
        text = await see.shows("Dry run: nothing is sent")
        expected = list(rounds(range(1, 8), 1, 9))
        assert f"Capture {expected[0]} to" in text
        await see.press("escape", "enter")
        await see.shows("7 delivered")
        assert [int(body) for *_, body in got] == expected


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (250, 70)])
async def test_a_dry_run_shows_and_sends_nothing(tmp_path: Path, size: tuple[int, int]) -> None:
    """Method, path, headers without secrets and body as they would go out; then the dialog is there again."""
    headers = (("Authorization", "Bearer 1234"), (HEADER, sign(BODY, SECRET)))
    async with replaying(tmp_path, [a_capture(1, headers=headers)], size=size) as (see, got):
        await see.press("R")
        await see.shows("Send capture 1 again", "Dry run (^n)")
        fill(see, set="payload.amount=7.00")
        await see.pilot.click("#dry-run")
        text = await see.shows(
            "nothing is sent", "POST /hook HTTP/1.1", "<masked, 11 bytes>", "will not verify"
        )
        assert "1234" not in text
        assert "next ten" not in text
        await see.press("G")
        await see.shows('"amount": 7.00')
        await see.press("q")
        await see.shows("Send capture 1 again", "payload.amount=7.00")
        fill(see, to="127.0.0.1:1", set="payload.nowhere=1")
        await see.press("ctrl+n")
        await see.shows("payload.nowhere")
        await see.press("escape", "escape")
        await see.shows("1 capture, 1 event")
        await see.press("e")
        await see.shows("Send capture 1 again, edited")
        area = see.pilot.app.screen.query_one(TextArea)
        area.load_text(area.text.replace("100.50", "9.90"))
        await see.press("ctrl+n")
        await see.shows("nothing is sent", "POST /hook")
        await see.press("escape", "escape", "y")
        await see.shows("1 capture, 1 event")
        assert not got


@pytest.mark.slow
async def test_a_dry_run_of_many_comes_in_pages(tmp_path: Path) -> None:
    """Ten captures at a time, and round."""
    captures = [a_capture(number, body=b"{}") for number in range(1, 26)]
    async with replaying(tmp_path, captures) as (see, got):
        await see.press("g", *["space"] * 25, "R")
        await see.shows("Send 25 captures again")
        await see.press("ctrl+n")
        await see.shows("Captures 1 to 10 of 25; ] shows more.", "Capture 1 to", "next ten")
        await see.press("right_square_bracket", "right_square_bracket")
        await see.shows("Captures 21 to 25 of 25", "Capture 21 to")
        await see.press("right_square_bracket")
        await see.shows("Captures 1 to 10 of 25")
        assert not got


@pytest.mark.slow
async def test_faults_stay_in_the_dialog(tmp_path: Path) -> None:
    """What is wrong is told under the form, which stays; Esc sends nothing."""
    async with replaying(tmp_path, [a_capture(1)], size=(80, 24)) as (see, got):
        await see.press("R")
        await see.shows("Send capture 1 again")
        see.pilot.app.screen.query_one("#field-to", Input).value = "localhost"
        await see.press("ctrl+s")
        await see.shows("'localhost' is not a valid target")
        await see.press("escape")
        await see.shows("1 capture, ")
        assert not got


@pytest.mark.slow
async def test_no_usual_target(tmp_path: Path) -> None:
    """Without a target `r` says what to do; `R` sends all the same."""
    async with replaying(tmp_path, [a_capture(1)], usual=False) as (see, got):
        await see.press("r")
        await see.shows("No target is configured; press R to choose one.")
        await see.press("R")
        await see.shows("Send capture 1 again")
        see.pilot.app.screen.query_one("#field-to", Input).value = f"127.0.0.1:{got.port}/x"
        await see.press("enter")
        await see.shows("Sent again: capture 1", "Lean would count")
        assert [path for _, path, *_ in got] == ["/x"]


@pytest.mark.slow
async def test_with_new_ids(tmp_path: Path) -> None:
    """A backend takes it for another event; what no id is stays."""
    async with replaying(tmp_path, [a_capture(1)]) as (see, got):
        await see.press("R")
        await see.shows("[ ] new ids and times")
        see.pilot.app.screen.query_one("#fresh_ids", Toggle).toggle()
        see.pilot.app.screen.query_one("#field-to", Input).focus()
        await see.press("enter")
        await see.shows("Sent again: capture 1")
        ((_, _, _, body),) = got
        before, after = json.loads(BODY), json.loads(body)
        for event in (before, after):
            for path in ("event_id", "timestamp"):
                del event[path]
            for path in ("id", "customer_id"):
                del event["payload"][path]
        assert before == after
        assert body != BODY


@pytest.mark.slow
async def test_target_that_is_gone(tmp_path: Path) -> None:
    """A backend that cannot be reached ends the run with the reason."""
    async with replaying(tmp_path, [a_capture(1), a_capture(2)], usual=False) as (see, _):
        await see.press("R")
        await see.shows("Send capture 2 again")
        see.pilot.app.screen.query_one("#field-to", Input).value = "127.0.0.1:1"
        await see.press("enter")
        await see.shows("Could not reach")
