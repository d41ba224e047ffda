"""What the screen looks like, one picture for each place and state, held against files beside this one.

`python -m pytest tests/tui/test_snapshots.py --update` writes the files anew, and an SVG of each to look at
before it is accepted: `build/snapshots/NAME.svg`. A file has the text of each line, and its colours where
they mean something.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.program import ROOT
from tests.support.screen import Showing
from tests.support.still import LISTENING, still
from tests.support.svg import standalone
from tui.presenters.status import EngineState, Status

pytestmark = pytest.mark.slow

FILES = Path(__file__).parent / "snapshots"
PICTURES = ROOT / "build/snapshots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One place and state of the screen."""

    name: str
    keys: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    size: tuple[int, int] = (120, 40)
    status: Status = LISTENING
    empty: bool = False
    coloured: tuple[str, ...] = ()
    """Texts whose colours are written down."""


IN_LIST = ("✓ valid", "✗ invalid", "drift", "✗ 500")

SMALL, WIDE = (80, 24), (250, 70)

PICTURES_TAKEN = (
    Picture(name="list", waits_for=("following",), coloured=(*IN_LIST, "Exchange", "/.env")),
    Picture(name="list-small", size=SMALL, waits_for=("following",), coloured=("✗ timeout",)),
    Picture(name="list-wide", size=WIDE, keys=("k", "k"), waits_for=("#13 ",), coloured=IN_LIST),
    Picture(name="list-light", keys=("ctrl+t",), coloured=(*IN_LIST, "Exchange", "/.env")),
    Picture(name="list-marked", keys=("o", "space", "j", "space", "z"), waits_for=("2 marked",)),
    Picture(name="tab-exchange", keys=(*["k"] * 9,), waits_for=("#6 ", "no such payment")),
    Picture(name="tab-about", keys=(*["k"] * 9, "8", "enter", "z"), waits_for=("#6 ", "About this type")),
    Picture(name="tab-body", keys=(*["k"] * 4, "2"), waits_for=("#11 ", '"250.00"')),
    Picture(name="tab-headers", keys=("k", "3"), waits_for=("#14 ", "lean-signature")),
    Picture(name="tab-deliveries", keys=(*["k"] * 9, "4"), waits_for=("#6 ", "no such payment")),
    Picture(name="tab-shape", keys=(*["k"] * 4, "5"), waits_for=("#11 ", "payload.amount")),
    Picture(name="tab-signature", keys=(*["k"] * 3, "6"), waits_for=("#12 ", "invalid")),
    Picture(name="tab-client", keys=("7",), waits_for=("127.0.0.1:50312",)),
    Picture(name="help", keys=("question_mark",), waits_for=("Keys in the list",)),
    Picture(name="filter", keys=("slash", *"ver", "tab"), waits_for=("verdict:retry",)),
    Picture(
        name="filter-found",
        keys=("slash", *"verdict", "colon", *"retry", "enter"),
        waits_for=("3 match", "all scanned"),
    ),
    Picture(
        name="filter-fault",
        keys=("slash", *"typ", "colon", "x"),
        waits_for=("^ there is no key",),
        coloured=("^ there",),
    ),
    Picture(name="empty", empty=True, waits_for=("posts a sample",)),
    Picture(name="empty-small", empty=True, size=SMALL, waits_for=("posts a sample",)),
    Picture(
        name="engine-gone",
        status=Status(engine=EngineState.GONE),
        waits_for=("No engine runs",),
        coloured=("No engine",),
    ),
    Picture(
        name="refusals",
        keys=("X", "j", "j"),
        waits_for=("22 refused", "#4 too-large"),
        coloured=("store-full                no room", "tls-no-certificate x3"),
    ),
    Picture(
        name="refusals-small", size=SMALL, keys=("X", "right_square_bracket"), waits_for=("Only malformed",)
    ),
    Picture(name="refusals-wide", size=WIDE, keys=("X",), waits_for=("#6 tls-no-certificate",)),
    Picture(name="refusals-none", empty=True, size=SMALL, keys=("X",), waits_for=("No refusals yet",)),
    Picture(name="delete", keys=("k", "D"), waits_for=("Delete for good?",)),
    Picture(name="replay-small", size=SMALL, keys=("R",), waits_for=("Send capture 15 again",)),
    Picture(name="columns", keys=("c", *["j"] * 9), waits_for=("Columns of the list",)),
    Picture(
        name="columns-small",
        size=SMALL,
        keys=("c", "j", "j", "j", "space"),
        waits_for=("Columns of the list", "[x] day and time"),
        coloured=("no room",),
    ),
    Picture(name="compare", keys=(*["k"] * 4, "d"), waits_for=("payload.amount",)),
    Picture(name="journey", keys=(*["k"] * 9, "J"), waits_for=("go there",)),
    Picture(
        name="edit",
        keys=(*["k"] * 9, "e", *["down"] * 8, "end", *["left"] * 5, *"99", "down", "left", "Z"),
        waits_for=("2 values changed", "$EDITOR"),
        coloured=('"currency"', "378992.65", "was 3782.65", "~", "JSON ✓", "2 values"),
    ),
    Picture(
        name="edit-small",
        size=SMALL,
        keys=(*["k"] * 9, "e", *["down"] * 8, "end", "comma"),
        waits_for=("JSON ✗",),
        coloured=("✗", "JSON ✗"),
    ),
    Picture(name="edit-bytes", keys=(*["k"] * 9, "e", "f2"), waits_for=("lean-signature", "$EDITOR")),
    Picture(name="copy", keys=("k", "y"), waits_for=("event_id",)),
    Picture(name="note", keys=("k", "semicolon"), waits_for=("Note",)),
    Picture(name="trigger", keys=("t",), waits_for=("Post a sample",)),
)


def drawn(see: Showing, picture: Picture) -> str:
    """A picture as text: its size, its lines, and its colours where they matter."""
    width, height = picture.size
    colours = "".join(f"{text!r}: {style_of(see, text)}\n" for text in picture.coloured)
    return f"{width}x{height}\n{see.text()}\n-- colours\n{colours}"


def style_of(see: Showing, wanted: str) -> str:
    """The colours of the first place where a text stands."""
    for strip in see.pilot.app.screen._compositor.render_strips():
        at = strip.text.find(wanted)
        if at >= 0:
            for segment in strip:
                if at < len(segment.text):
                    return str(segment.style)
                at -= len(segment.text)
    raise AssertionError(f"no {wanted!r} in\n{see.text()}")


@pytest.fixture
def updating(request: pytest.FixtureRequest) -> bool:
    """Whether the files are written anew."""
    return bool(request.config.getoption("--update"))


@pytest.mark.parametrize("picture", PICTURES_TAKEN, ids=lambda picture: picture.name)
async def test_picture(
    picture: Picture, updating: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The screen looks as it did when somebody looked at it and found it good."""
    async with still(
        tmp_path, monkeypatch, size=picture.size, status=picture.status, empty=picture.empty
    ) as see:
        await see.press(*picture.keys)
        await see.shows(*picture.waits_for)
        await settled(see, lambda: see.text())
        now = drawn(see, picture)
        if updating:
            PICTURES.mkdir(parents=True, exist_ok=True)
            (PICTURES / f"{picture.name}.svg").write_text(standalone(see.pilot.app.export_screenshot()))
    file = FILES / f"{picture.name}.txt"
    if updating:
        FILES.mkdir(exist_ok=True)
        file.write_text(now)
    before = file.read_text()
    difference = difflib.unified_diff(before.splitlines(), now.splitlines(), "accepted", "now", lineterm="")
    assert now == before, "\n".join(difference)


async def settled(see: Showing, look: Callable[[], str]) -> None:
    """Wait until the capture has been read, and the screen has been the same for some looks."""
    same, last = 0, ""
    while same < 8 or see.works_at("detail"):
        await see.pilot.pause(0.03)
        now = look()
        same, last = (same + 1, now) if now == last else (0, now)
