"""The keys at the foot of a screen: what can be done there now, in one row or in two with fixed columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from tui.keyboard import foot, keymap
from tui.keyboard.foot import Foot

TWO_ROWS = 100
"""From this many cells on, the groups have a row each."""

LOW = 20
"""With fewer rows than this, the foot takes one."""

EDGE_IDS = ("help", "quit", "close", "leave")
"""Last parts of the ids of keys that are at the right edge."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key in the foot."""

    id: str
    key: str
    """As Textual names it; pressed by a click."""
    written: str
    label: str

    @property
    def cells(self) -> int:
        return len(self.written) + 1 + len(self.label)


class KeysFoot(Widget):
    """One widget for all keys. Textual's footer has one for each, 20 ms whenever the focus moves."""

    DEFAULT_CSS = """
    KeysFoot {
        dock: bottom;
        height: 1;
        text-wrap: nowrap;
        color: $foreground;
        background: $panel;
    }
    """

    def __init__(self, shown: Callable[[], object] = lambda: None) -> None:
        """
        Args:
            shown: called when it has looked which keys can be used.
        """
        super().__init__()
        self._shown = shown
        self._entries: dict[str, Entry] = {}
        """What can be done now, by id."""
        self._foot: Foot | None = None
        self._is_due = False
        self._places: dict[tuple[int, int], str] = {}
        """Row and cell -> the key that a click there presses."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def on_resize(self) -> None:
        self._fit()

    def _bindings_changed(self, screen: Screen[Any]) -> None:
        if self.is_attached and screen is self.screen and not self._is_due:
            self._is_due = True
            self.call_after_refresh(self._show_keys)

    def _show_keys(self) -> None:
        self._is_due = False
        if not self.is_attached:
            return
        place: Foot | None = getattr(self.screen, "foot", None)
        shown = dict(self._now(place))
        self._shown()
        if (shown, place) != (self._entries, self._foot):
            self._entries, self._foot = shown, place
            self._fit()
            self.refresh()

    def _now(self, place: Foot | None) -> Iterator[tuple[str, Entry]]:
        """The keys that work now and belong to a place; without one, those that the table shows."""
        in_force = keymap.of(self.app)
        wanted = None if place is None else {*place.ids, *foot.EDGE}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            id = binding.id
            if enabled and id is not None and (binding.show if wanted is None else id in wanted):
                label = place.leave if place is not None and id == "quit" else binding.description
                written = (binding.key_display or "") if place is foot.FILTER else in_force.written(id)
                yield id, Entry(id, binding.key, written, label)

    # -- drawing -------------------------------------------------------------------------------

    def _fit(self) -> None:
        rows = 2 if self._has_two_rows else 1
        if self.size.height != rows:  # An assignment lays out the screen.
            self.styles.height = rows

    @property
    def _has_two_rows(self) -> bool:
        size = self.app.size
        return self._foot is not None and size.width >= TWO_ROWS and size.height >= LOW

    def render(self) -> RenderResult:
        self._places.clear()
        edge = [entry for id, entry in self._entries.items() if id.rpartition(".")[2] in EDGE_IDS]
        room = self.size.width - sum(entry.cells + 2 for entry in edge) - 1
        if self._foot is not None and self._foot.groups and self._has_two_rows:
            lines = self._rows(self._foot, room)
        else:
            lines = [self._row(self._in_one_row(edge), room)]
        last = len(lines) - 1
        at = self.size.width - sum(entry.cells + 2 for entry in edge) + 1
        line = lines[last]
        line = line.pad_right(max(at - line.cell_length, 0))
        for entry in edge:
            line = self._add(line, entry, last)
            line = line.pad_right(2 if entry is not edge[-1] else 1)
        lines[last] = line
        if self._has_two_rows and len(lines) == 1:
            lines.append(Content(""))  # The list would jump if the foot had one row less.
        return Content("\n").join(lines)

    def _in_one_row(self, edge: Sequence[Entry]) -> list[Entry]:
        ids = self._entries if self._foot is None else self._foot.narrow
        return [self._entries[id] for id in ids if id in self._entries and self._entries[id] not in edge]

    def _row(self, entries: Sequence[Entry], room: int) -> Content:
        line = Content(" ")
        for entry in entries:
            if line.cell_length + entry.cells > room:
                break
            line = self._add(line, entry, 0).pad_right(2)
        return line

    def _rows(self, place: Foot, room: int) -> list[Content]:
        """The groups in fixed columns; an entry that cannot be done now leaves its cells empty."""
        names = max(len(group.name) for group in place.groups) + 3
        lines = []
        for group in place.groups:
            shown = any(id in self._entries for id in group.ids)
            lines.append(Content.styled(f" {group.name if shown else ''}".ljust(names), "$dim"))
        for column in range(max(len(group.ids) for group in place.groups)):
            ids = [group.ids[column] if column < len(group.ids) else "" for group in place.groups]
            cells = max(self._cells(id) for id in ids)
            if lines[0].cell_length + cells > room:
                break
            for row, id in enumerate(ids):
                before = lines[row].cell_length
                if id in self._entries:
                    lines[row] = self._add(lines[row], self._entries[id], row)
                lines[row] = lines[row].pad_right(before + cells + 2 - lines[row].cell_length)
        return lines

    def _cells(self, id: str) -> int:
        if not id:
            return 0
        return len(keymap.of(self.app).written(id)) + 1 + len(foot.by_id(id).label)

    def _add(self, line: Content, entry: Entry, row: int) -> Content:
        start = line.cell_length
        self._places |= {(row, cell): entry.key for cell in range(start, start + entry.cells)}
        return line + Content.assemble((entry.written, "$footer-key-foreground bold"), " ", (entry.label, ""))

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        key = self._places.get((event.y, event.x))
        if key is not None:
            self.app.simulate_key(key)
