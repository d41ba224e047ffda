"""The filter bar: what it finds, what is wrong with it, and the ways out of it."""

from __future__ import annotations

from pathlib import Path

from relay.models import Capture, Event, Signature
from tests.factories import NOON, a_capture, a_delivery, insert
from tests.tui.showing import Showing, showing


def captures() -> list[Capture]:
    """One hundred, of which ten are invalid."""
    return [
        a_capture(
            number,
            signature=Signature.INVALID if number % 10 == 0 else Signature.VALID,
            event=Event(type=f"payment.kind{number}", event_id=str(number), at=NOON),
            body=b'{"number": %d}' % number,
        )
        for number in range(1, 101)
    ]


async def write(see: Showing, text: str) -> None:
    """Open the bar and write."""
    await see.press("slash")
    await write_on(see, text)


async def write_on(see: Showing, text: str) -> None:
    """Write where the cursor is."""
    for character in text:
        await see.press(
            {" ": "space", ":": "colon", ".": "full_stop", "-": "minus"}.get(character, character)
        )


async def test_finds_and_counts(tmp_path: Path) -> None:
    """What matches stands in the list, with number and share, and how far the search has come."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:invalid")
        text = await see.shows("10 match (10.0%) of 100 · all scanned", "payment.kind100")
        assert "payment.kind99" not in text


async def test_fault_stands_under_its_character(tmp_path: Path) -> None:
    """A wrong filter is told under the place of the fault, and the last good one stays."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:invalid")
        await see.shows("10 match")
        await write_on(see, " si:x")
        text = await see.shows('there is no key "si:"', "10 match")
        lines = text.splitlines()
        at = next(at for at, line in enumerate(lines) if "/ sig:invalid si:x" in line)
        assert lines[at].index("si:x") == lines[at + 1].index("^")


async def test_escape_clears_it(tmp_path: Path) -> None:
    """Esc empties the bar, and all captures are there again."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:invalid")
        await see.shows("10 match")
        await see.press("escape")
        text = await see.shows("100 captures")
        assert "sig:invalid" not in text


async def test_switched_off_and_on(tmp_path: Path) -> None:
    """One key shows everything and, again, what matches; the text stays."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:invalid")
        await see.press("enter", "F")
        await see.shows("100 captures", "sig:invalid")
        await see.press("F")
        await see.shows("10 match")
        await see.press("escape")
        await see.shows("100 captures")


async def test_what_comes_is_filtered_too(tmp_path: Path) -> None:
    """A new capture appears where it matches, and only there."""
    async with showing(tmp_path, captures()) as see:
        await write(see, "sig:invalid")
        await see.shows("10 match", "all scanned")
        await see.press("enter")
        insert(see.log, a_capture(101, signature=Signature.VALID))
        insert(see.log, a_capture(102, signature=Signature.INVALID, event=None, target="/late"))
        await see.shows("11 match", "POST /late")


async def test_a_verdict_that_comes_later(tmp_path: Path) -> None:
    """A filter on verdicts takes up a capture once its try has ended so."""
    waits = a_delivery(7, state="queued", attempts=0, verdict=None, status=None)
    async with showing(tmp_path, [a_capture(1), a_capture(2, deliveries=(waits,))]) as see:
        await write(see, "verdict:retry")
        await see.shows("0 match", "all scanned")
        see.log.execute(
            "INSERT INTO attempts(delivery_id, number, started_at, elapsed_us, outcome, status, verdict)"
            " VALUES (7, 1, 0, 5000, 'answered', 500, 'retry')"
        )
        see.log.execute("UPDATE deliveries SET state = 'ended' WHERE id = 7")
        await see.shows("1 match", "✗ 500 retry")


async def test_the_cursor_stays_on_a_capture_that_matches(tmp_path: Path) -> None:
    """Narrowing the list keeps the capture that one is looking at."""
    async with showing(tmp_path, captures()) as see:
        await see.press("k", *["k"] * 9)
        await see.shows("#90 ")
        await write(see, "sig:invalid")
        await see.shows("10 match", "#90 ")
