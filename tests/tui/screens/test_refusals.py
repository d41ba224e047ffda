"""Refusals on the screen: counted, explained, live, narrowed, copied, also with a full table."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from relay.config import Settings
from relay.engine import engine
from relay.errors import RelayError
from relay.models import Refusal, RefusalEntry, RefusalTotals
from relay.store.write.changes import REFUSALS_KEPT, add_refusals
from relay.text.safe import visible
from tests.support.factories import NOON, a_capture, new_log
from tests.support.screen import Showing, screen_on, showing, wait_for
from tui.gateway import Gateway
from tui.gateway.engine import EngineClient
from tui.presenters.status import EngineState, Status
from tui.screens import refusals
from tui.screens.refusals import RefusalsScreen

pytestmark = pytest.mark.slow

AT = round(NOON.timestamp() * 1_000_000)


def entry(number: int, reason: str = "malformed", count: int = 1, client: str = "10.0.0.7") -> RefusalEntry:
    return RefusalEntry(AT + number * 1_000_000, client, reason, f"detail {number}", count)


async def add(see: Showing, *entries: RefusalEntry) -> None:
    """As the engine writes them."""
    add_refusals(see.log, entries)


def lines_with(see: Showing, part: str) -> list[str]:
    return [line for line in see.text().splitlines() if part in line]


@pytest.mark.parametrize("size", [(80, 24), (250, 70)])
async def test_newest_first_with_what_is_behind(tmp_path: Path, size: tuple[int, int]) -> None:
    """`X` lists them, the newest first, counts reasons, and says what to do about the one at the cursor."""
    async with showing(tmp_path, [a_capture(1)], size=size) as see:
        await add(see, entry(1), entry(2), entry(3, "too-large", count=12))
        await see.press("X")
        text = await see.shows("14 refused", "12 too-large · 2 malformed", "x12", "10.0.0.7")
        assert text.index("detail 3") < text.index("detail 2") < text.index("detail 1")
        await see.shows("#3 too-large: its body is too large", "first of 12 alike", "413", "--max-body")
        await see.press("j")
        await see.shows("#2 malformed: it is not valid HTTP", "Scanners do that")
        await see.press("escape")
        await see.shows("1 capture, 1 event")


async def test_new_ones_come_in(tmp_path: Path) -> None:
    """The cursor goes with the newest until it is moved; then it stays, and `f` goes to the newest again."""
    async with showing(tmp_path, size=(80, 24)) as see:
        await see.press("X")
        await see.shows("No refusals yet.", "are listed here")
        await add(see, entry(1))
        await see.shows("1 refused", "#1 malformed")
        await add(see, entry(2, "cross-site"))
        await see.shows("2 refused", "#2 cross-site: a web page sent it")
        await see.press("j")
        await see.shows("#1 malformed")
        await add(see, *(entry(number) for number in range(3, 40)))
        await see.shows("39 refused", "#1 malformed")
        await see.press("f")
        await see.shows("#39 malformed")


async def test_one_reason_at_a_time(tmp_path: Path) -> None:
    """`]` leaves all but one reason out, of what comes too; after the last one all are there again."""
    async with showing(tmp_path, size=(80, 24)) as see:
        await add(see, entry(1), entry(2), entry(3, "too-large"))
        await see.press("X")
        await see.shows("3 refused")
        await see.press("right_square_bracket")
        await see.shows("Only malformed; ] shows the next reason", "#2 malformed")
        assert not lines_with(see, "detail 3")
        await add(see, entry(4, "too-large"))
        await see.shows("4 refused")
        assert not lines_with(see, "detail 4")
        await see.press("right_square_bracket")
        await see.shows("Only too-large", "detail 4", "detail 3")
        await see.press("right_square_bracket")
        await see.shows_no("Only ")
        assert len(lines_with(see, "10.0.0.7  ")) == 4
        await see.press("left_square_bracket", "o")
        await see.shows("Only too-large", "time ▼")


async def test_with_the_table_full(tmp_path: Path) -> None:
    """Ten thousand are listed at once, each can be reached, and how many made room is said."""
    log = new_log(tmp_path / "relay.db")
    add_refusals(log, [entry(number) for number in range(REFUSALS_KEPT + 250)])
    async with screen_on(Settings(db=tmp_path / "relay.db"), size=(80, 24)) as see:
        await see.press("X")
        await see.shows("10,000 refused", "250 older lines were deleted to make room for newer ones.")
        await see.press("G")
        await see.shows("#251 malformed")
        add_refusals(log, [entry(number) for number in range(20_000, 20_040)])
        await see.shows("290 older lines", "#291 malformed")
        await see.press("g")
        await see.shows("#10290 malformed")
    log.close()


async def test_a_slow_read_comes_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes longer than the next is due is not begun again and again; nor is an error the end."""
    tries, read = 0, Gateway.refusals

    async def slowly(gateway: Gateway, after: int) -> tuple[list[Refusal], RefusalTotals]:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0.1)
        if tries == 1:
            raise RelayError("it is locked")
        return await read(gateway, after)

    monkeypatch.setattr(refusals, "NEWS_S", 0.01)
    monkeypatch.setattr(Gateway, "refusals", slowly)
    async with showing(tmp_path) as see:
        await add(see, entry(1))
        await see.press("X")
        await see.shows("1 refused", "#1 malformed")
        assert tries == 2


async def test_a_line_is_copied(tmp_path: Path) -> None:
    """`y` copies the line as the command prints it, made safe."""
    async with showing(tmp_path) as see:
        await add(see, RefusalEntry(AT, "10.0.0.7", "malformed", "bad \x1b[31m", 3))
        await see.press("X")
        await see.shows("#1 malformed")
        await see.press("y")
        await wait_for(see.pilot, lambda: "malformed x3  bad ␛[31m" in see.pilot.app.clipboard, "the line")
        assert visible(see.pilot.app.clipboard) == see.pilot.app.clipboard


async def test_from_the_palette_and_the_status_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A click on the count opens it, one beside it copies the URL; the palette has it too."""
    status = Status(engine=EngineState.RUNNING, url="http://127.0.0.1:5326", refusals={"malformed": 7})

    async def asked(self: EngineClient) -> Status:
        return status

    monkeypatch.setattr(EngineClient, "status", asked)
    async with showing(tmp_path) as see:
        text = await see.shows("⊘ 7 refused")
        await see.pilot.click(offset=(text.splitlines()[0].index("⊘") + 3, 0))
        await wait_for(see.pilot, lambda: isinstance(see.pilot.app.screen, RefusalsScreen), "the screen")
        await see.press("escape")
        await see.shows("⊘ 7 refused")
        await see.pilot.click(offset=(4, 0))
        await wait_for(see.pilot, lambda: see.pilot.app.clipboard == status.url, "the URL")
        await see.press("ctrl+p", *"refused requests")
        await see.shows("Refused requests, the reasons", " X ")
        await see.press("enter")
        await wait_for(see.pilot, lambda: isinstance(see.pilot.app.screen, RefusalsScreen), "the screen")


async def test_of_a_real_engine(tmp_path: Path) -> None:
    """What an engine turns away is on the screen within a moment."""
    wanted = Settings(db=tmp_path / "relay.db", port=0)
    async with engine.running(wanted, receive=True) as running, screen_on(wanted, size=(80, 24)) as see:
        await see.press("X")
        await see.shows("No refusals yet.")
        host, port = str(running.url).removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"\x16\x03\x01 no HTTP at all\r\n\r\n")
        assert (await reader.read(20)).startswith(b"HTTP/1.")
        writer.close()
        await see.shows("1 refused", "malformed", "127.0.0.1")
