"""The text of a body on the screen: a cursor, a scrollbar, and the drawing of each row.

Draws views that `tui.bodies` has prepared, and only the rows on screen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from relay.text.safe import visible
from tui.bodies import Document, Hits, JsonDocument, Rows, Span
from tui.bodies.preparation import PreparedView
from tui.keyboard import keys
from tui.widgets.json_colours import JSON_CLASSES, JSON_CSS

GUTTER = 3
"""Cells before the text: for the sign of a mark, and the fold sign of the root."""

MOST_DRAWN = 4_000
"""Bytes drawn of a line that is not wrapped."""

_CUT = " ... {:,} bytes more, w wraps"


class BodyText(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows of a prepared body. Keys move the cursor and fold."""

    DEFAULT_CSS = f"""
    BodyText {{
        height: 1fr;
        scrollbar-gutter: stable;
        scrollbar-size-horizontal: 1;
        {JSON_CSS}
        & > .body--comment {{ color: $foreground-darken-3; text-style: italic; }}
        & > .body--offset {{ color: $foreground-darken-3; }}
        & > .body--fold {{ color: $text-accent; text-style: bold; }}
        & > .body--mark {{ color: $text-warning; text-style: bold; }}
        & > .body--note {{ color: $text-warning; text-style: italic; }}
        & > .body--hit {{ background: $warning-muted; color: $foreground; text-style: underline; }}
        & > .body--current {{ background: $warning; color: black; text-style: bold; }}
        & > .body--cursor {{ background: $surface-lighten-1; }}
        &:focus > .body--cursor {{ background: $primary-muted; }}
    }}
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.BODY_TEXT)]

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *JSON_CLASSES,
        *(f"body--{name}" for name in ("text", "comment", "offset", "fold", "mark", "note")),
        *(f"body--{name}" for name in ("hit", "current", "cursor")),
    }

    class CursorMoved(Message):
        """The cursor is on another row, or its row has changed."""

        def __init__(self, body_text: BodyText) -> None:
            super().__init__()
            self.body_text = body_text

        @property
        def control(self) -> BodyText:
            return self.body_text

    class RoomChanged(Message):
        """The room for text has changed."""

    def __init__(self) -> None:
        super().__init__()
        self.document: Document | None = None
        self.rows: Rows | None = None
        self.marks: Mapping[int, str] = {}
        self.hits = Hits()
        self.hit = -1
        """Number of the hit at the cursor, -1 for none."""
        self.cursor = (0, 0)
        """The line, and the number of its row."""
        self._drawn_cursor_row = 0
        """The row that was last drawn as that of the cursor."""

    # -- content ----------------------------------------------------------------------------------

    def show(self, prepared: PreparedView | None, *, at: int = 0) -> None:
        """Draw a view, with the cursor on the byte at `at`; None draws nothing."""
        if prepared is None:
            self.document, self.rows, self.marks = None, None, {}
        else:
            self.document, self.rows, self.marks = prepared.document, prepared.rows, prepared.marks
        self._resize()
        self.scroll_to(x=0, y=0 if prepared is None else None, animate=False, immediate=True, force=True)
        if self.rows is not None and self.document is not None:
            line = self.document.lines.at(min(at, len(self.document.data)))
            # Folds stay; the cursor goes to the line that a hidden one is folded into.
            self.move_to_row(self.rows.row(line, self.rows.part(line, at)))
        self.refresh()

    def _resize(self) -> None:
        if self.rows is None or self.document is None:
            self.virtual_size = Size(0, 0)
            return
        width = 0
        if self.rows.width is None:
            width = self.document.lines.widest + GUTTER + 1
            if self.document.lines.widest > MOST_DRAWN:
                width = MOST_DRAWN + GUTTER + len(_CUT.format(self.document.lines.widest))
        self.virtual_size = Size(width, self.rows.total)

    @property
    def room(self) -> int:
        """Cells of a row for text."""
        return max(self.scrollable_content_region.width - GUTTER, 1)

    @property
    def has_room(self) -> bool:
        """Whether it has a size yet."""
        return self.scrollable_content_region.width > GUTTER

    def on_resize(self) -> None:
        self.post_message(self.RoomChanged())

    # -- the cursor -------------------------------------------------------------------------------

    @property
    def line(self) -> int:
        return self.cursor[0]

    @property
    def offset_at_cursor(self) -> int:
        """Offset of the cursor's row."""
        if self.rows is None:
            return 0
        return self.rows.piece(*self.cursor)[0]

    @property
    def place_to_keep(self) -> int:
        """Offset to show again after a change: of the hit at the cursor, or of the cursor's row."""
        if self.rows is not None and self.document is not None and self.hit >= 0:
            start = self.hits.starts[self.hit]
            if self.document.lines.at(start) == self.line:
                return start
        return self.offset_at_cursor

    def move_to_row(self, row: int) -> None:
        """Put the cursor on the nearest row, and show it."""
        if self.rows is None:
            return
        self.cursor = self.rows.place(row)
        self._cursor_moved()

    def move_by(self, count: int) -> None:
        if self.rows is not None:
            self.move_to_row(self.rows.row(*self.cursor) + count)

    def move_to_line(self, line: int, part: int = 0, *, center: bool = False) -> None:
        """Put the cursor on a line, and unfold it if it is hidden."""
        if self.rows is None:
            return
        line = max(0, min(line, self.rows.lines.count - 1))
        if self.rows.reveal(line):
            self._resize()
            self.refresh()
        self.cursor = (line, part)
        self._cursor_moved(center=center)

    def move_to_offset(self, offset: int, *, center: bool = False) -> None:
        """Put the cursor on the row with a byte."""
        if self.rows is None or self.document is None:
            return
        line = self.document.lines.at(min(offset, len(self.document.data)))
        self.move_to_line(line, self.rows.part(line, offset), center=center)

    def _cursor_moved(self, *, center: bool = False) -> None:
        assert self.rows is not None
        row = self.rows.row(*self.cursor)
        top, height = self.scroll_offset.y, max(self.scrollable_content_region.height, 1)
        if not top <= row < top + height:
            nearest = row if row < top else row - height + 1
            # Forced: the scrollbar may appear only with the next layout.
            target = max(row - height // 2 if center else nearest, 0)
            self.scroll_to(y=target, animate=False, immediate=True, force=True)
        self.refresh_line(self._drawn_cursor_row)
        self.refresh_line(row)
        self.post_message(self.CursorMoved(self))

    def is_in_view(self, line: int) -> bool:
        """Whether the first row of a line is on screen."""
        if self.rows is None:
            return False
        top = self.scroll_offset.y
        return top <= self.rows.row(line, 0) < top + self.scrollable_content_region.height

    def show_hit(self, number: int) -> bool:
        """Put the cursor on a hit; False where it is in the part of a long line that is not drawn."""
        if self.document is None or self.rows is None:
            return True
        self.hit = number
        self.refresh()
        start = self.hits.starts[number]
        self.move_to_offset(start, center=True)
        if self.rows.width is not None or (not self.document.wraps and not self.document.is_tree):
            return True
        begin, _ = self.document.lines.bounds(self.line)
        if start - begin >= MOST_DRAWN:
            return False
        spans = self.document.spans(self.line, begin, start)
        cell = GUTTER + sum(cell_len(span.text) for span in spans)
        if not self.scroll_offset.x <= cell < self.scroll_offset.x + self.room:
            self.scroll_to(x=max(cell - self.room // 2, 0), animate=False, immediate=True, force=True)
        return True

    # -- folding ----------------------------------------------------------------------------------

    @property
    def foldable(self) -> JsonDocument | None:
        """The document, if it folds."""
        return self.document if isinstance(self.document, JsonDocument) and self.document.is_tree else None

    def is_folded(self, line: int) -> bool:
        return self.rows is not None and self.rows.is_folded(line)

    def fold(self, line: int) -> None:
        """Fold the bracket that opens on a line."""
        tree, rows = self.foldable, self.rows
        if tree is not None and rows is not None and tree.opens(line):
            rows.fold(line, tree.end(line))
            self._folds_changed(line)

    def unfold(self, line: int) -> None:
        """Unfold a line."""
        if self.rows is not None:
            self.rows.unfold(line)
            self._folds_changed(line)

    def toggle(self, line: int) -> None:
        if self.is_folded(line):
            self.unfold(line)
        else:
            self.fold(line)

    def _folds_changed(self, line: int) -> None:
        self._resize()
        self.cursor = (line, 0)
        self._cursor_moved()
        self.refresh()

    # -- keys -------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Pass keys without an effect on to the parent."""
        return self.foldable is not None if action == "toggle_fold" else True

    def action_move(self, count: int) -> None:
        self.move_by(count)

    def action_page(self, count: int) -> None:
        self.move_by(count * max(self.size.height - 1, 1))

    def action_first(self) -> None:
        self.move_to_row(0)

    def action_last(self) -> None:
        if self.rows is not None:
            self.move_to_row(self.rows.total - 1)

    def action_left(self) -> None:
        """Fold the bracket that opens here, or go to the one around it; without a tree, scroll."""
        tree, line = self.foldable, self.line
        if tree is None:
            self.scroll_relative(x=-8, animate=False)
        elif tree.opens(line) and not self.is_folded(line):
            self.fold(line)
        elif (parent := tree.parent(line)) is not None:
            self.move_to_line(parent)

    def action_right(self) -> None:
        """Unfold the line, or scroll."""
        if self.is_folded(self.line):
            self.unfold(self.line)
        else:
            self.scroll_relative(x=8, animate=False)

    def action_toggle_fold(self) -> None:
        self.toggle(self.line)

    # -- the mouse --------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; fold on a click on a fold sign, or a double click."""
        if self.rows is None:
            return
        offset = event.get_content_offset(self)
        row = 0 if offset is None else offset.y + self.scroll_offset.y
        if offset is None or row >= self.rows.total:
            return
        self.move_to_row(row)
        line, part = self.cursor
        tree = self.foldable
        if tree is not None and part == 0 and tree.opens(line):
            cell = offset.x + self.scroll_offset.x - GUTTER
            start, stop = tree.lines.bounds(line)
            text = tree.data[start:stop]
            blanks = len(text) - len(text.lstrip(b" "))
            if blanks - 2 <= cell < blanks or event.chain == 2:
                self.toggle(line)

    # -- drawing ----------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        x, top = self.scroll_offset
        width = self.scrollable_content_region.width
        base = self.rich_style
        rows, row = self.rows, y + top
        if rows is None or self.document is None or row >= rows.total:
            return Strip.blank(width, base)
        line, part = rows.place(row)
        start, stop, hang = rows.piece(line, part)
        cut = 0
        if rows.width is None and self.document.lines.widest > MOST_DRAWN and stop - start > MOST_DRAWN:
            cut = stop - start - MOST_DRAWN
            stop = start + MOST_DRAWN
        hits = self.hits.touching(start, stop, self.hit) if len(self.hits) else ()
        spans = self.document.spans(line, start, stop, hits)
        if hang:
            spans.insert(0, Span(" " * hang, "text"))
        last = rows.width is None or rows.part(line, rows.lines.bounds(line)[1]) == part
        segments = self._segments(line, part, spans, is_last=last, cut=cut)
        if (line, part) == self.cursor:
            self._drawn_cursor_row = row
            cursor = self._style("cursor")
            # Hits keep their own background.
            segments = [
                Segment(text, cursor + style if style and style.bgcolor else (style or Style()) + cursor)
                for text, style, _ in segments
            ]
            base += cursor
        strip = Strip(segments).crop(x, x + width).extend_cell_length(width, base)
        return strip.apply_style(base) if (line, part) != self.cursor else strip.apply_style(self.rich_style)

    def _segments(self, line: int, part: int, spans: list[Span], *, is_last: bool, cut: int) -> list[Segment]:
        note = self.marks.get(line)
        found = [Segment("! " if note is not None and part == 0 else "  ", self._style("mark"))]
        folded = self.is_folded(line)
        tree = self.foldable
        if part == 0 and tree is not None and tree.opens(line):
            # The sign is in the two cells before the text: in the indentation, or in the gutter.
            sign = "▸ " if folded else "▾ "
            blanks = spans[0].text if spans and spans[0].text.isspace() else ""
            if blanks:
                spans = spans[1:]
                found.append(Segment(" " + blanks[2:]))
                found.append(Segment(sign, self._style("fold")))
            else:
                found = [Segment(found[0].text[:1], self._style("mark")), Segment(sign, self._style("fold"))]
        else:
            found.append(Segment(" "))
        for text, style, hit in spans:
            look = self._style(style)
            found.append(Segment(text, look + self._style(hit) if hit else look))
        if folded and tree is not None:
            closing = "}" if spans and spans[-1].text.endswith("{") else "]"
            found.append(Segment(f" {tree.summary(line)} ", self._style("comment")))
            found.append(Segment(closing, self._style("punctuation")))
        if cut:
            found.append(Segment(_CUT.format(cut), self._style("comment")))
        if note is not None and is_last:
            found.append(Segment(f"  ! {visible(note)}", self._style("note")))
        return found

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"body--{name}", partial=True)
