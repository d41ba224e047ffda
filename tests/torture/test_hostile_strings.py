"""Some seven hundred hostile texts in nine fields, through every view at a real terminal: `make torture`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.cli.listen.follower import LINES_AT_ONCE
from tests.support.program import RELAY, Running, running
from tests.support.terminal import Terminal, at_a_terminal
from tests.torture.hostile_strings import hostile_bytes, hostile_strings, post, sequences
from tests.torture.totals import Part, rounds

NO_CLEANER = ("-m", "tests.torture.no_cleaner")

SIZES = ((80, 24), (120, 40), (200, 60))

TABS = "12345678"


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """All of them."""
    return list(hostile_strings())


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, texts: Sequence[str]) -> Iterator[Running]:
    """A relay that has a webhook for each text; it prints a line for each."""
    with running(tmp_path_factory.mktemp("full")) as program:
        for number, text in enumerate(texts):
            post(program, text, f"text {number} ")
        yield program


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A relay with ordinary webhooks: what a screen writes by itself."""
    with running(tmp_path_factory.mktemp("plain")) as program:
        for number in range(40):
            post(program, "", f"text {number} ")
        yield program


@contextmanager
def a_look(folder: Path, program: Running, size: tuple[int, int]) -> Iterator[Terminal]:
    """The screen on a relay's database, after its tabs, places and the rows of the newest texts were seen."""
    with at_a_terminal(folder, "tui", "--db", str(program.db), size=size) as see:
        see.wait_for("payment.created")
        for tab in TABS:
            see.press(tab)
            drain(see)
        see.press("1g")
        for _ in range(rounds(60 if size == SIZES[1] else 20)):
            see.press("jjjj")
            drain(see)
        for key in "JdX?yRe":
            see.press(key)
            drain(see, 0.5)
            see.press("\x1b")
            drain(see, 1.0)  # A key that follows Escape at once would make another key of both.
        yield see


def drain(see: Terminal, for_s: float = 0.1) -> None:
    """Read until nothing comes for a moment."""
    before = -1
    while before != len(see.written):
        before = len(see.written)
        see.read(for_s)


def printed(folder: Path, program: Running, *command: str, launcher: Sequence[str] = RELAY) -> bytes:
    """The bytes that a command writes to a terminal."""
    with at_a_terminal(folder, *command, "--db", str(program.db), size=(160, 50), launcher=launcher) as see:
        see.end(300)
        return see.written.replace(b"\r\n", b"\n")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_screen(
    tmp_path: Path, full: Running, plain: Running, texts: Sequence[str], size: tuple[int, int], part: Part
) -> None:
    """It writes no escape sequence that it does not write for ordinary webhooks, and no control byte."""
    with a_look(tmp_path / "plain", plain, size) as see:
        usual = sequences(see.written)
    with a_look(tmp_path / "full", full, size) as see:
        part.count(len(texts), hostile_bytes(see.written, at_a_terminal=True))
        assert sequences(see.written) <= usual
        assert part.failed == 0


@pytest.mark.parametrize(
    "command", [("list", "--all"), ("show", "1.."), ("shapes",), ("refusals",)], ids=" ".join
)
def test_commands(
    tmp_path: Path, full: Running, texts: Sequence[str], command: tuple[str, ...], part: Part
) -> None:
    """They write only colours of their own."""
    written = printed(tmp_path, full, *command)
    assert len(written) > 100 or command[0] == "refusals"
    part.count(len(texts), hostile_bytes(written, at_a_terminal=True))
    assert part.failed == 0
    assert {found[0] for found in sequences(written)} <= {b"m"}


def test_listener(tmp_path: Path, full: Running, texts: Sequence[str], part: Part) -> None:
    """The line for each webhook that `listen` prints is clean, too; of a burst it prints some."""
    said = (full.folder / "stderr").read_bytes()
    assert said.count(b"\n") >= 2 * LINES_AT_ONCE
    part.count(len(texts), hostile_bytes(said), hostile=len(texts))
    assert part.failed == 0
    control = printed(tmp_path, full, "show", "1..", launcher=NO_CLEANER)
    part.control("which cleans nothing", len(texts), hostile_bytes(control, at_a_terminal=True))
    assert hostile_bytes(control, at_a_terminal=True) > 100
    assert {found[0] for found in sequences(control)} > {b"m"}
