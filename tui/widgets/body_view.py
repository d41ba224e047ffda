"""A body with its views: pretty, tree, form, multipart, raw, hex; folds, wrapping and marks.

Owns the choice of the view, and prepares large ones in a thread, so that keys work while 10 MiB are laid
out. `tui.bodies` makes, folds and wraps the views.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from relay.text.units import format_bytes
from tui.bodies import HexDocument, Hits, JsonDocument
from tui.bodies.preparation import LEAST_WIDTH, PreparedView, ViewRequest, prepare, prepared
from tui.keyboard import keys
from tui.widgets.body_find import BodyFind
from tui.widgets.body_place import BodyPlace
from tui.widgets.body_text import BodyText


class BodyView(Vertical):
    """One body in its views."""

    DEFAULT_CSS = """
    BodyView {
        height: 1fr;
        & > .body--reasons { height: auto; max-height: 4; padding: 0 1; color: $text-warning; display: none; }
        & > .body--reasons.-said { display: block; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.BODY_VIEW)]

    @dataclass
    class Shown(Message):
        """A view is on the screen."""

        body_view: BodyView
        view: str

        @property
        def control(self) -> BodyView:
            return self.body_view

    class EdgeChanged(Message):
        """A text about the body or the cursor has changed."""

    @dataclass
    class _Ready(Message):
        """A thread has prepared a view."""

        number: int
        prepared: PreparedView

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._request: ViewRequest | None = None
        self._shown: PreparedView | None = None
        self._number = 0
        """Number of the last request; results of older ones are dropped."""
        self._start_at: int | None = None
        """Offset for the cursor of the next view; None for the beginning, or the place of the cursor."""
        self._is_wrapped = True
        self._preferred = ""
        self._paths: dict[str, str] = {}
        self._text = BodyText()
        self._reasons = Static(classes="body--reasons", markup=False)
        self._find = BodyFind(self._text)
        self._place = BodyPlace(self._text)
        self._facts = ""

    def compose(self) -> ComposeResult:
        yield self._reasons
        yield self._text
        yield self._find
        yield self._place

    # -- for the parent ---------------------------------------------------------------------------

    def show(self, body: bytes, content_type: str = "", encoding: str = "") -> None:
        """Show a body, in the view selected last if it has that, or in its best one.

        Args:
            content_type: the value of Content-Type, empty without one.
            encoding: the value of Content-Encoding, empty without one.
        """
        self._find.forget()
        self._paths = {}
        self._start_at = None
        self._prepare(
            ViewRequest(
                body=body,
                content_type=content_type,
                encoding=encoding,
                view=self._preferred,
                width=self._text.room,
                wrapped=self._is_wrapped,
            )
        )

    def continue_from(self, other: BodyView) -> None:
        """Show the same body as another view does, if that is ready: its view, folds, wrapping and cursor."""
        if other.is_ready:
            self._preferred, self._is_wrapped = other._preferred, other._is_wrapped
            self._start_at = other._text.place_to_keep
            self._prepare(replace(other._current_request(), paths=self._paths))

    def clear(self) -> None:
        """Show nothing."""
        self._number += 1
        self._find.forget()
        self._request = self._shown = None
        self._text.show(None)
        self._update_texts()

    @property
    def text(self) -> BodyText:
        """The text widget in it."""
        return self._text

    @property
    def view(self) -> str:
        """Name of the view on the screen; empty without one."""
        return "" if self._shown is None else self._shown.view

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the body's views, the best one first."""
        return () if self._shown is None else self._shown.opened.names

    @property
    def facts(self) -> str:
        """The size, or work in progress."""
        return self._facts

    @property
    def position(self) -> str:
        """The cursor's line and the state of a search: `6/19`, `6/19, 1 of 3`; empty without a body."""
        return ", ".join(word for word in (self._place.position, self._find.words) if word)

    @property
    def place(self) -> str:
        """The path of the value at the cursor, or the note on it; safe to show."""
        return self._place.words

    @property
    def is_ready(self) -> bool:
        """Whether the last request is on the screen."""
        return self._shown is not None and self._request is None and not self._find.is_searching

    def show_view(self, name: str) -> None:
        """Change to a view, if the body has it, and prefer it for later bodies."""
        if self._shown is None and self._request is not None:
            self._preferred = name
            self._prepare(replace(self._request, view=name))
        if self._shown is None or name not in self.views:
            return
        self._preferred = name
        if name == self.view:
            return
        # Pretty and tree have the same text, so cursor and hits stay.
        self._prepare(replace(self._current_request(), view=name, document=None, folds=None))

    def find(self, text: str) -> None:
        """Search for a text from the cursor on, in any case, and go to the first hit; empty ends it."""
        self._find.find(text)

    def path_at_cursor(self) -> str | None:
        """Path of the value under the cursor: `payload.items[0].id`, empty for the root, None without JSON.

        Not made safe to show.
        """
        document = self._text.document
        return document.path(self._text.line) if isinstance(document, JsonDocument) else None

    def value_at_cursor(self) -> str | None:
        """The value under the cursor as JSON text, digits kept; None without JSON."""
        document = self._text.document
        return document.value(self._text.line) if isinstance(document, JsonDocument) else None

    def mark(self, paths: Mapping[str, str]) -> None:
        """Put a sign and a note on values; replaces earlier ones.

        A path that is not in the body is noted, with its name, at the nearest value around it.
        `show` removes the marks.
        """
        self._paths = dict(paths)
        if self._request is not None:
            self._prepare(replace(self._request, paths=self._paths))
        elif self._shown is not None:
            self._prepare(self._current_request())

    def next_mark(self) -> bool:
        """Put the cursor on the next value with a mark, wrapping around; return whether there is one."""
        marked = list(self._text.marks)
        if not marked:
            return False
        line = next((line for line in marked if line > self._text.line), marked[0])
        self._text.move_to_line(line, center=True)
        return True

    # -- preparation ------------------------------------------------------------------------------

    def _prepare(self, request: ViewRequest) -> None:
        """Prepare a view and show it: at once, from a thread, or when the widget has a size."""
        self._number += 1
        self._request = request
        if not self._text.has_room:
            return
        request = self._request = replace(request, width=self._text.room)
        if request.is_light:
            self._take(prepared(request))
        else:
            if request.opened is None:
                self._shown = None
                self._text.show(None)
            self._update_texts()
            self._prepare_in_thread(self._number, request)

    @work(thread=True, exclusive=True, group="body-prepare")
    def _prepare_in_thread(self, number: int, request: ViewRequest) -> None:
        worker = get_current_worker()
        for done in prepare(request):
            if worker.is_cancelled:
                return
            if done is not None:
                self.post_message(self._Ready(number, done))

    @on(_Ready)
    def _take_ready(self, ready: _Ready) -> None:
        ready.stop()
        if ready.number == self._number:
            self._take(ready.prepared)

    def _take(self, ready: PreparedView) -> None:
        before = self._text.document
        stays = before is not None and before.data is ready.document.data
        at = self._text.place_to_keep if stays else 0
        if self._start_at is not None:
            at, self._start_at = self._start_at, None
        self._request = None
        self._shown = ready
        if not stays:
            self._text.hits, self._text.hit = Hits(), -1
        self._text.show(ready, at=at)
        self._update_texts()
        self.refresh_bindings()
        self.post_message(self.Shown(self, ready.view))
        if self._find.sought and not stays:
            self._find.find(self._find.sought)

    def _current_request(self) -> ViewRequest:
        """A request for the current view."""
        assert self._shown is not None
        return ViewRequest(
            opened=self._shown.opened,
            view=self._shown.view,
            document=self._shown.document,
            width=self._text.room,
            wrapped=self._is_wrapped,
            folds=self._shown.rows.folds,
            paths=self._paths,
        )

    @on(BodyText.RoomChanged)
    def _fit(self, event: BodyText.RoomChanged) -> None:
        event.stop()
        if not self._text.has_room:
            return
        if self._request is not None:
            self._prepare(self._request)
        elif self._shown is not None:
            width = self._shown.rows.width
            is_hex = isinstance(self._shown.document, HexDocument)
            if is_hex or (width is not None and width != max(self._text.room, LEAST_WIDTH)):
                self._prepare(self._current_request())
        self._update_texts()

    # -- texts ------------------------------------------------------------------------------------

    def _update_texts(self) -> None:
        """Update size, notes and the cursor's place."""
        request, shown = self._request, self._shown
        if shown is not None:
            self._facts = format_bytes(shown.opened.size)
            if shown.opened.coding:
                self._facts += f", {shown.opened.coding} from {format_bytes(shown.opened.received)}"
            if request is not None:
                self._facts = "laying out"
            reasons = (*shown.opened.notes, *shown.document.notes)
        else:
            self._facts = "" if request is None else f"laying out {format_bytes(len(request.body))} ..."
            reasons = ()
        self._reasons.set_class(bool(reasons), "-said")
        self._reasons.update("\n".join(reasons))
        self._place.update()

    @on(BodyText.CursorMoved)
    def _cursor_moved(self, event: BodyText.CursorMoved) -> None:
        event.stop()
        self._place.update()

    @on(BodyPlace.Changed)
    @on(BodyFind.Updated)
    def _place_changed(self, event: Message) -> None:
        event.stop()
        self.post_message(self.EdgeChanged())

    @on(BodyFind.Unseen)
    def _show_unseen(self, event: BodyFind.Unseen) -> None:
        event.stop()
        if not self._is_wrapped:
            self.action_wrap()

    # -- keys -------------------------------------------------------------------------------------

    def focus(self, scroll_visible: bool = True) -> Self:
        """Focus the text."""
        self._text.focus(scroll_visible)
        return self

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Pass keys without an effect on to the parent."""
        if action in ("fold_all", "unfold_all"):
            return self._text.foldable is not None
        if action == "next_hit":
            return bool(self._find.sought)
        if action == "close_find":
            return bool(self._find.sought) or self._find.is_open
        return True

    def action_fold_all(self) -> None:
        if self._shown is not None:
            self._prepare(replace(self._current_request(), folds=None, folds_all=True))

    def action_unfold_all(self) -> None:
        if self._shown is not None:
            self._prepare(replace(self._current_request(), folds={}))

    def action_wrap(self) -> None:
        """Wrap long lines, or cut them at the edge."""
        self._is_wrapped = not self._is_wrapped
        if self._request is not None:
            self._prepare(replace(self._request, wrapped=self._is_wrapped))
        elif self._shown is not None:
            self._prepare(self._current_request())

    def action_next_view(self) -> None:
        self._step_view(1)

    def action_previous_view(self) -> None:
        self._step_view(-1)

    def _step_view(self, step: int) -> None:
        if self._shown is not None:
            names = self.views
            self.show_view(names[(names.index(self.view) + step) % len(names)])

    def action_find(self) -> None:
        """Open the search line."""
        self._find.open()

    def action_close_find(self) -> None:
        """End the search; the cursor stays."""
        self._find.close()

    def action_next_hit(self, step: int) -> None:
        """Go to the next or previous hit, wrapping around."""
        self._find.step(step)
