"""The body view with its keys and the mouse, in an app that holds nothing else."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown
from textual.widgets import Input, TabbedContent, TabPane

from relay.text.safe import visible
from tests.support.quick import Quick
from tui.widgets.body_text import BodyText
from tui.widgets.body_view import BodyView

BODY = (
    b'{"type":"payment.updated","payload":{"amount":100.00,"items":[{"id":"a"},{"id":"b"}],'
    b'"note":"' + b"word " * 40 + b'"},"message":"Payment"}'
)
LARGE = json.dumps([{"id": number, "text": "word"} for number in range(9_000)]).encode()


class Holder(App[None]):
    """One body view; `outer` counts the keys that it left to others."""

    BINDINGS = [("escape", "outer"), ("n", "outer"), ("space", "outer")]  # noqa: RUF012
    outer = 0

    def compose(self) -> ComposeResult:
        yield BodyView()

    def action_outer(self) -> None:
        self.outer += 1


class Screen:
    """What a test does with the view and sees of it."""

    def __init__(self, pilot: Quick, view: BodyView) -> None:
        self.pilot = pilot
        self.view = view
        self.text = view.query_one(BodyText)

    async def show(self, body: bytes, content_type: str = "application/json", encoding: str = "") -> None:
        self.view.show(body, content_type, encoding)
        self.view.focus()
        await self.ready()

    async def ready(self) -> None:
        await self.wait_for(lambda: self.view.is_ready, "the body")

    async def wait_for(self, holds: Callable[[], bool], what: str) -> None:
        deadline = monotonic() + 60
        await self.pilot.idle()
        while not holds():
            assert monotonic() < deadline, f"still waiting for {what}"
            await self.pilot.pause(0.01)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.ready()

    @property
    def rows(self) -> list[str]:
        """What stands in the rows of the text, without blanks at their ends."""
        return [self.text.render_line(row).text.rstrip() for row in range(self.text.size.height)]

    @property
    def at_cursor(self) -> str:
        """The row that the cursor is on."""
        assert self.text.rows is not None
        row = self.text.rows.row(*self.text.cursor) - self.text.scroll_offset.y
        return self.rows[row].strip()

    @property
    def foot(self) -> str:
        """What the frame says of the cursor."""
        return " ".join(word for word in (self.view.place, self.view.position) if word)

    @property
    def reasons(self) -> str:
        return str(self.view.query_one(".body--reasons").render())

    @property
    def head(self) -> str:
        """What the frame says of the body."""
        return " ".join((*self.view.views, self.view.facts))


@asynccontextmanager
async def opened(width: int = 80, height: int = 24) -> AsyncIterator[Screen]:
    """A view on a screen of this size."""
    app = Holder()
    async with app.run_test(size=(width, height)):
        yield Screen(Quick(app), app.query_one(BodyView))


async def test_pretty_is_first_and_v_goes_through_the_views() -> None:
    """JSON opens laid out; `v` and `V` change the view, which is kept for the next body."""
    async with opened() as screen:
        await screen.show(BODY)
        assert screen.view.views == ("pretty", "tree", "raw", "hex")
        assert screen.rows[:5] == [
            "   {",
            '     "type": "payment.updated",',
            '     "payload": {',
            '       "amount": 100.00,',
            '       "items": [',
        ]
        assert screen.head.endswith(f"{len(BODY)} B")
        seen = []
        for key in ("v", "v", "v", "v", "V"):
            await screen.press(key)
            seen.append(screen.view.view)
        assert seen == ["tree", "raw", "hex", "pretty", "hex"]
        await screen.show(b"[1]")
        assert screen.view.view == "hex"
        screen.view.clear()
        cleared: tuple[object, ...] = (screen.view.view, screen.view.views, screen.view.path_at_cursor())
        assert cleared == ("", (), None)


async def test_keys_move_the_cursor() -> None:
    """Arrows, `j k g G`, page keys, home and end; the text scrolls with the cursor."""
    async with opened(height=14) as screen:
        await screen.show(json.dumps(list(range(200))).encode())
        await screen.press("j", "down", "j", "k")
        assert screen.text.line == 2
        await screen.press("G")
        assert (screen.text.line, screen.at_cursor) == (201, "]")
        await screen.press("up")
        assert screen.at_cursor == "199"
        await screen.press("home", "pagedown")
        assert screen.text.line == screen.text.size.height - 1
        await screen.press("end", "pageup", "g")
        assert (screen.text.line, screen.text.scroll_offset.y) == (0, 0)
        await screen.pilot._post_mouse_events([MouseScrollDown], BodyText)  # it has no public wheel
        await screen.wait_for(lambda: screen.text.scroll_offset.y > 0, "the wheel")


async def test_path_and_value_at_the_cursor() -> None:
    """The path stands below the text; path and value can be had for copying, the value as it is written."""
    async with opened() as screen:
        await screen.show(BODY)
        await screen.press("j", "j", "j")
        assert screen.foot.startswith("payload.amount")
        assert screen.view.path_at_cursor() == "payload.amount"
        assert screen.view.value_at_cursor() == "100.00"
        await screen.press("j", "j")
        assert screen.view.path_at_cursor() == "payload.items[0]"
        assert screen.view.value_at_cursor() == '{\n  "id": "a"\n}'
        screen.view.show_view("raw")
        assert screen.view.value_at_cursor() is None


async def test_a_tree_folds() -> None:
    """Enter, space, left, right, minus and plus fold and unfold; a fold says how much it hides."""
    async with opened() as screen:
        await screen.show(BODY)
        screen.view.show_view("tree")
        await screen.press("j", "j", "j", "j", "space")
        assert screen.at_cursor == '▸ "items": [ 2 ]'
        total = screen.text.virtual_size.height
        await screen.press("enter")
        assert screen.at_cursor == '▾ "items": ['
        assert screen.text.virtual_size.height > total
        await screen.press("left")
        assert screen.text.virtual_size.height == total
        await screen.press("left")
        assert screen.view.path_at_cursor() == "payload"
        await screen.press("minus")
        assert screen.rows[:5] == [
            " ▾ {",
            '     "type": "payment.updated",',
            '   ▸ "payload": { 3 }',
            '     "message": "Payment"',
            "   }",
        ]
        await screen.press("right")
        assert '     ▸ "items": [ 2 ]' in screen.rows
        await screen.press("plus")
        assert "         ▾ {"[2:] in screen.rows
        assert isinstance(screen.pilot.app, Holder)
        assert screen.pilot.app.outer == 0
        screen.view.show_view("raw")
        await screen.press("space")
        assert screen.pilot.app.outer == 1


async def test_the_mouse_folds() -> None:
    """A click on the sign folds, elsewhere it moves the cursor."""
    async with opened() as screen:
        await screen.show(BODY)
        await screen.press("v")
        await screen.pilot.click(BodyText, offset=(3, 2))
        await screen.ready()
        assert screen.rows[2] == '   ▸ "payload": { 3 }'
        await screen.pilot.click(BodyText, offset=(20, 1))
        assert screen.text.line == 1
        assert screen.rows[2] == '   ▸ "payload": { 3 }'


async def test_find() -> None:
    """Ctrl-F searches while one types; `n` and `N` go round, into folded lines too; escape ends it."""
    async with opened() as screen:
        await screen.show(BODY)
        await screen.press("v", "minus", "ctrl+f", *"PAYMENT")
        assert "1 of 2" in screen.foot
        assert screen.view.path_at_cursor() == "type"
        await screen.press("enter", "n")
        assert "2 of 2" in screen.foot
        assert screen.view.path_at_cursor() == "message"
        await screen.press("n")
        assert "1 of 2" in screen.foot
        await screen.press("N")
        assert "2 of 2" in screen.foot
        screen.view.find('"b"')
        await screen.ready()
        assert screen.view.path_at_cursor() == "payload.items[1].id"
        assert screen.at_cursor == '"id": "b"'
        screen.view.find("nowhere")
        assert "not found" in screen.foot
        await screen.press("escape")
        assert "not found" not in screen.foot
        assert not screen.view.query_one(Input).has_class("-open")
        await screen.press("escape", "n")
        assert isinstance(screen.pilot.app, Holder)
        assert screen.pilot.app.outer == 2


async def test_the_next_body_is_searched_for_the_same_text() -> None:
    """The search line still has it, and Enter looks for it."""
    async with opened() as screen:
        await screen.show(BODY)
        await screen.press("ctrl+f", *"payment", "enter")
        assert "1 of 2" in screen.foot
        await screen.show(b'["payment"]')
        await screen.press("ctrl+f")
        assert " of " not in screen.foot
        await screen.press("enter")
        assert "1 of 1" in screen.foot


@pytest.mark.parametrize("view", ["pretty", "tree", "raw", "hex"])
async def test_find_in_each_view(view: str) -> None:
    """What is looked for is shown on the cursor's row, in each view."""
    async with opened() as screen:
        await screen.show(BODY)
        screen.view.show_view(view)
        screen.view.find("message")
        await screen.ready()
        assert "1 of 1" in screen.foot
        # In raw a row ends in the middle of it.
        assert ("6d 65" if view == "hex" else '"mes') in screen.at_cursor
        if view == "hex":
            screen.view.find("6d 65 73")
            await screen.ready()
            assert "1 of 1" in screen.foot


async def test_a_view_change_keeps_the_search() -> None:
    """Between pretty and tree the hit stays; in another view the text is looked for again."""
    async with opened() as screen:
        await screen.show(BODY)
        await screen.press("ctrl+f", *"word", "enter", "n", "n")
        assert "3 of 40" in screen.foot
        await screen.press("v")
        assert "3 of 40" in screen.foot
        await screen.press("v")
        assert (screen.view.view, "1 of 40" in screen.foot) == ("raw", True)


async def test_wrapping() -> None:
    """`w` cuts long lines and wraps them again; a hit beyond the cut is wrapped for."""
    async with opened() as screen:
        await screen.show(BODY)
        rows = screen.text.virtual_size.height
        await screen.press("w")
        assert screen.text.virtual_size.height < rows
        assert screen.text.virtual_size.width > 200
        await screen.press("right", "right")
        assert screen.text.scroll_offset.x == 16
        await screen.press("w")
        assert screen.text.virtual_size.height == rows
        await screen.show(b'["' + b"a" * 20_000 + b'needle"]')
        await screen.press("w")
        screen.text.scroll_to(x=9_999, animate=False)
        await screen.wait_for(lambda: screen.rows[1].endswith("... 16,010 bytes more, w wraps"), "the cut")
        assert not [row for row in screen.rows if "needle" in row]
        screen.view.find("needle")
        await screen.ready()
        assert "needle" in screen.at_cursor


async def test_marks() -> None:
    """Marked values have a sign and a note; what is not there is noted where it would be."""
    async with opened() as screen:
        await screen.show(BODY)
        screen.view.mark({"payload.amount": "documented as text\x1b", "payload.fee": "missing"})
        assert screen.rows[3] == '!      "amount": 100.00,  ! documented as text␛'
        assert screen.rows[2] == '!    "payload": {  ! payload.fee: missing'
        assert screen.view.next_mark()
        await screen.pilot.pause()
        assert screen.foot.startswith("! payload.fee: missing")
        assert screen.view.next_mark()
        assert screen.view.path_at_cursor() == "payload.amount"
        assert screen.view.next_mark()
        assert screen.view.path_at_cursor() == "payload"
        await screen.show(b"[1]")
        assert not screen.view.next_mark()


@pytest.mark.slow
async def test_what_cannot_be_shown_is_raw_with_a_reason() -> None:
    """Decoded and cut bodies, and those that no viewer takes, say so above the text."""
    async with opened() as screen:
        await screen.show(b"[" * 100_000)
        assert screen.reasons == "shown raw: nested 100,000 deep; only 128 levels can be indented"
        assert screen.rows[0].endswith("[" * 50)
        await screen.show(gzip.compress(BODY), encoding="gzip")
        assert screen.rows[1] == '     "type": "payment.updated",'
        assert "gzip from" in screen.head
        assert not screen.view.query_one(".body--reasons").has_class("-said")
        await screen.show(BODY, encoding="br")
        assert screen.reasons == "Content-Encoding br is not supported; these are the encoded bytes"


@pytest.mark.slow
async def test_hostile_bytes_reach_no_cell() -> None:
    """Controls, directions and markup in keys and values are drawn as text, and no action fires."""
    evil = "\x9b31m\u202e\u200b[@click=app.outer]x[/]\x07"
    body = json.dumps({evil: evil, "\ud800": "\x1b]0;x\x07"}, ensure_ascii=True).encode()
    raw = f'{{"{evil[:-1]}":"{evil[:-1]}"}}'.encode()
    clicked = 0
    async with opened() as screen:
        for data in (body, raw, raw + b"\x1b\xff", bytes(range(256))):
            await screen.show(data)
            for name in screen.view.views:
                screen.view.show_view(name)
                await screen.press("j")
                for text in (*screen.rows, screen.foot, *screen.reasons.splitlines()):
                    assert visible(text) == text
                for line, row in enumerate(screen.rows[:3]):
                    if "]x[" in row:
                        clicked += 1
                        await screen.pilot.click(BodyText, offset=(row.index("]x[") + 1, line))
        assert clicked > 5
        assert isinstance(screen.pilot.app, Holder)
        assert screen.pilot.app.outer == 0


async def test_large_bodies_come_from_a_thread() -> None:
    """A big body is laid out while keys are taken, the latest one asked for wins, and it is searched too."""
    async with opened() as screen:
        screen.view.show(b"[" + LARGE + b"]", "application/json")
        screen.view.show(LARGE, "application/json")
        assert not screen.view.is_ready
        assert "laying out" in screen.head
        await screen.ready()
        assert screen.text.document is not None
        assert screen.text.document.lines.count == 9_000 * 4 + 2
        screen.view.focus()
        await screen.press("v")
        assert screen.rows[1] == "   ▸ { 2 }"
        screen.view.find("8999,")
        await screen.ready()
        assert screen.view.path_at_cursor() == "[8999].id"
        await screen.press("G", "k")
        await screen.wait_for(lambda: screen.foot.startswith("[8999]"), "the path")


@pytest.mark.parametrize("width", [40, 80, 200])
async def test_any_width(width: int) -> None:
    """Each view fits the screen, narrow or wide, and a change of size wraps again."""
    async with opened(width) as screen:
        await screen.show(BODY)
        for name in screen.view.views:
            screen.view.show_view(name)
            await screen.ready()
            assert screen.text.virtual_size.width <= width
            assert screen.rows[0].strip()
        screen.view.show_view("pretty")
        rows = screen.text.virtual_size.height
        await screen.pilot.resize_terminal(30, 24)
        await screen.wait_for(lambda: screen.text.virtual_size.height > rows, "wrapping again")


class Tabs(App[None]):
    """A body view in a tab that is not the one on the screen."""

    def compose(self) -> ComposeResult:
        with TabbedContent(initial="other"):
            yield TabPane("Other", id="other")
            with TabPane("Body", id="body"):
                yield BodyView()


async def test_in_a_hidden_tab_it_waits_for_room() -> None:
    """A body given to a hidden view is prepared when it comes to the screen, the last one of several."""
    app = Tabs()
    async with app.run_test(size=(80, 24)):
        pilot = Quick(app)
        screen = Screen(pilot, app.query_one(BodyView))
        for number in (1, 2, 3):
            app.query_one(TabbedContent).active = "other"
            await pilot.pause()
            screen.view.show(b"[0]", "application/json")
            screen.view.show(b"[%d]" % number, "application/json")
            assert not screen.view.is_ready
            app.query_one(TabbedContent).active = "body"
            await screen.ready()
            assert screen.rows[:3] == ["   [", f"     {number}", "   ]"]
