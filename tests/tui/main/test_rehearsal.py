"""Rehearsals on the screen: asked for, watched, ended, and from a line to its captures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from relay.config import Route, SecretSource, Settings
from relay.engine import engine
from relay.lean.signature import HEADER, sign
from relay.rehearsal.report import CheckName, Report, ReportLine, Result
from relay.text.safe import visible
from tests.support.backends import backend as a_backend
from tests.support.backends import replies
from tests.support.factories import BODY, a_capture, insert_all, new_log
from tests.support.handlers import Served, Strict, Unsigned, serving
from tests.support.lean_requests import SECRET
from tests.support.screen import Showing, screen_on
from tui.presenters import rehearsal
from tui.presenters.rehearsal import RehearsalForm, choices
from tui.state.rehearsal_run import RehearsalRun

LINE = ReportLine(
    check=CheckName.ORDER,
    case="the last event first",
    result=Result.WARNING,
    sent="3 events",
    received="200 only after 409",
    why="Lean guarantees no order.",
    captures=(4, 7),
    command="lean-relay show 4 --attempts",
)


@asynccontextmanager
async def rehearsing(
    folder: Path, url: str, *, count: int = 3, size: tuple[int, int] = (100, 30)
) -> AsyncIterator[Showing]:
    """The screen with an engine whose target is a backend, and a few signed captures."""
    secret_file = folder / "secret"
    secret_file.write_text(SECRET)
    secret_file.chmod(0o600)
    signature = sign(BODY, SECRET.encode())
    log = new_log(folder / "relay.db")
    insert_all(log, [a_capture(number, headers=((HEADER, signature),)) for number in range(1, count + 1)])
    log.close()
    settings = Settings(
        db=folder / "relay.db",
        port=0,
        forward=(Route(to=url, where="test"),),
        secrets=(SecretSource(name="default", file=secret_file, where="test"),),
    )
    async with engine.running(settings, receive=True), screen_on(settings, size=size) as see:
        yield see


async def begin(see: Showing, served: Served, *checks: CheckName) -> None:
    """Fill the dialog, and confirm."""
    await see.press("a", "T")
    await see.shows("Rehearse with 3 captures", "duplicates: the same event")
    app = see.pilot.app
    for name in rehearsal.ABOUT:
        if name not in checks:
            app.screen.query_one(f"#check-{name}").value = False  # type: ignore[attr-defined]
    app.screen.query_one("#field-probe", Input).value = served.probe
    app.screen.query_one("#field-time_scale", Input).value = "0.0005"
    app.screen.query_one("#field-to").focus()
    await see.press("enter")
    await see.shows("Begin the rehearsal?", "signed with", "3 webhooks, with new")
    await see.press("y")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_a_report_grows_and_leads_to_its_captures(tmp_path: Path, size: tuple[int, int]) -> None:
    """Each line as it is known; all about one below; Enter shows its captures in the list."""
    with serving(Unsigned()) as served:
        async with rehearsing(tmp_path, served.url, size=size) as see:
            await begin(see, served, CheckName.SIGNATURES)
            await see.shows("Rehearsal at http://127.0.0.1", "1 passed, 3 notes, 5 failed; 27 requests in")
            await see.press("g", "j")
            await see.shows("signatures: failed", "without a signature", "3 x 200: accepted")
            await see.shows("Anybody who learns the URL", "lean-relay show 1 --attempts")
            await see.press("enter")
            await see.shows("capture:1..3", "27 requests in")


@pytest.mark.slow
async def test_it_continues_while_the_list_is_looked_at_and_can_be_ended(tmp_path: Path) -> None:
    """The same key shows it again; its end sends nothing more, and says what was done."""
    with a_backend(replies("503")) as there, serving(Strict()) as served:
        async with rehearsing(tmp_path, there.url) as see:
            await begin(see, served, CheckName.SIGNATURES, CheckName.RETRIES)
            await see.shows("running", "requests sent; x ends it")
            await see.press("escape")
            await see.shows("3 captures")
            await see.press("T")
            await see.shows("running")
            await see.press("x")
            await see.shows("ended", "not all was done: interrupted")
            count = len(there.requests)
            await see.press("escape")
            await see.shows("no check came to its end")
            assert len(there.requests) == count


async def test_what_cannot_be_begun_is_said(tmp_path: Path) -> None:
    """In the dialog where it is a field's; else on the message line."""
    async with rehearsing(tmp_path, "http://127.0.0.1:1") as see:
        await see.press("T")
        await see.shows("Rehearse with the newest webhooks", "as usual: http://127.0.0.1:1")
        field = see.pilot.app.screen.query_one("#field-time_scale", Input)
        field.value = "fast"
        field.focus()
        await see.press("enter")
        await see.shows("'fast' is not a valid time scale; use a number such as 0.01")
        field.value = "0.01"
        await see.press("enter")
        await see.shows("could not reach http://127.0.0.1:1: Connection refused")


def test_the_form_as_choices() -> None:
    """An empty target is the one that is configured; a restart belongs to outage."""
    form = RehearsalForm(checks=(CheckName.ORDER,), probe=" cat x ", restart="true")
    read = choices(form, ["http://127.0.0.1:3000"])
    assert (read.to, read.probe, read.reset, read.restart) == ("http://127.0.0.1:3000", "cat x", None, None)
    with pytest.raises(ValueError, match="choose at least one check"):
        choices(RehearsalForm(checks=()), ["http://a"])
    with pytest.raises(ValueError, match="name one target"):
        choices(RehearsalForm(), [])
    with pytest.raises(ValueError, match="is not a valid target"):
        choices(RehearsalForm(to="nowhere"), [])


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_report_as_text(width: int) -> None:
    """A row fits its width; the details have everything, wrapped."""
    assert sum(len(text) for text, _ in rehearsal.row(LINE, width)) == width
    details = ["".join(text for text, _ in line) for line in rehearsal.details(LINE, width)]
    assert all(len(line) <= width for line in details)
    for part in ("3 events", "200 only after 409", "guarantees", "4, 7", "show 4"):
        assert part in " ".join(details)


def test_hostile_words_are_made_safe() -> None:
    """A line may name what an event or a backend says: in its row as in its details."""
    bad = "\x1b[2J\u202e"
    line = replace(LINE, case=bad, sent=bad, received=bad, why=bad, command=bad)
    for text, _ in [
        *rehearsal.row(line, 80),
        *(part for each in rehearsal.details(line, 80) for part in each),
    ]:
        assert visible(text) == text


def test_the_head_says_how_it_stands() -> None:
    """While it runs the progress and the key that ends it; then the counts, or why it failed."""
    run = RehearsalRun(target="http://a", plan="", progress="9 requests sent")
    assert rehearsal.head(run, "x") == [("9 requests sent; x ends it", "accent")]
    run.report = Report(
        target="http://a",
        seed=7,
        captures=3,
        samples=False,
        lines=(LINE,),
        requests=9,
        elapsed_s=1.5,
        not_done="interrupted",
    )
    text = "".join(part for part, _ in rehearsal.head(run, "x"))
    assert text == "1 warning; 9 requests in 1.5 s; seed 7; not all was done: interrupted"
    run.error = "no"
    assert rehearsal.head(run, "x") == [("no", "bad")]
