"""The report of a rehearsal, as it grows: a row for each thing that was tried, and all about one below."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Static

from relay.rehearsal.report import ReportLine
from relay.text.safe import visible
from tui.keyboard import keymap, keys
from tui.keyboard.keys import Key
from tui.presenters import rehearsal
from tui.screens.help import HelpScreen
from tui.state.listing import IdList, Listing
from tui.state.rehearsal_run import RehearsalRun
from tui.widgets.frame import Frame, labels
from tui.widgets.keys_foot import KeysFoot
from tui.widgets.lines import Line, LinesView
from tui.widgets.rows_list import RowsList
from tui.widgets.text import content

LOOK_S = 0.1


class RehearsalScreen(Screen[tuple[int, ...] | None]):
    """Shows a run; closing it does not end the run. The result is the captures of a line, to look at."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.REHEARSAL)]
    KEYS: ClassVar[tuple[Key, ...]] = (*keys.ROWS, *keys.REHEARSAL)

    def __init__(self, run: RehearsalRun, end: Callable[[], None]) -> None:
        """
        Args:
            end: ends the run.
        """
        super().__init__()
        self._run, self._end = run, end
        self._seen: tuple[object, ...] = ()
        self._listing = Listing()
        self._listing.show(IdList([]))
        self._frame = Frame(id="rehearsal-pane")
        self._head = Static(id="rehearsal-head", markup=False)
        self._list = RowsList(self._listing, self._row, id="rehearsal")
        self._detail = LineDetail()
        self._detail_frame = Frame(id="rehearsal-line")

    def compose(self) -> ComposeResult:
        with self._frame:
            yield self._head
            yield self._list
        with self._detail_frame:
            yield self._detail
        yield KeysFoot()

    def on_mount(self) -> None:
        self._list.focus()
        self._look()
        self.set_interval(LOOK_S, self._look)

    def _look(self) -> None:
        run = self._run
        now = (len(run.lines), run.progress, run.report, run.error)
        if now == self._seen:
            return
        came = len(run.lines) - len(self._listing)
        self._seen = now
        self._frame.show_upper(labels(rehearsal.title(run)))
        self._head.update(content(rehearsal.head(run, keymap.of(self.app).written("rehearsal.end"))))
        if came:
            self._list.add_newer(list(range(len(self._listing) + 1, len(run.lines) + 1)))
        self.refresh_bindings()

    def _row(self, number: int, width: int) -> Line:
        return rehearsal.row(self._run.lines[number - 1], width)

    @property
    def _under(self) -> ReportLine | None:
        cursor = self._listing.cursor
        return None if cursor is None else self._run.lines[cursor - 1]

    def on_cursor_list_moved(self) -> None:
        line = self._under
        self._detail.show(line)
        title = [] if line is None else [(f"{line.check}: {line.result}", rehearsal.TONES[line.result])]
        self._detail_frame.show_upper(labels(title))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "end":
            return True if self._run.is_running else None
        return True

    def action_open(self) -> None:
        if self._under is not None and self._under.captures:
            self.dismiss(self._under.captures)

    def action_copy(self) -> None:
        if self._under is not None and self._under.command is not None:
            self.app.copy_to_clipboard(self._under.command)
            self.notify(visible(self._under.command), title="Copied", markup=False)

    def action_end(self) -> None:
        self._end()

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen("Keys on this screen", self.KEYS))

    def action_close(self) -> None:
        self.dismiss(None)


class LineDetail(LinesView):
    """One line of the report, with everything about it."""

    _line: ReportLine | None = None

    def show(self, line: ReportLine | None) -> None:
        """Show one, from the top unless it is the same."""
        other = line is not self._line
        self._line = line
        self.lines_changed(to_top=other)

    def lines_for(self, width: int) -> list[Line]:
        return [] if self._line is None else rehearsal.details(self._line, width)
