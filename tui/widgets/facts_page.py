"""A tab of blocks, as wrapped lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

from textual.binding import BindingType

from tui.keyboard import keymap, keys
from tui.keyboard.keymap import Keymap
from tui.presenters.blocks import Block, CaptureDetail, Fact, Heading, Hint, Lines, Note
from tui.presenters.format import Tone, wrapped, wrapped_pieces
from tui.widgets.lines import Line, LinesView

NAME_WIDTH = 14
"""Cells of a fact's name; a longer one moves its value to the right or below."""

DIM: Tone = "dim"


class FactsPage(LinesView):
    """Shows the blocks that a function makes of a capture."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.PAGE)]

    def __init__(self, facts: Callable[[CaptureDetail], Iterator[Block]]) -> None:
        super().__init__()
        self._facts = facts
        self._blocks: tuple[Block, ...] = ()
        self._shown: int | None = None

    def show(self, detail: CaptureDetail) -> None:
        """Show a capture; scroll to the top unless it is the same one."""
        self._blocks = tuple(self._facts(detail))
        other = detail.capture.id != self._shown
        self._shown = detail.capture.id
        self.lines_changed(to_top=other)

    def lines_for(self, width: int) -> list[Line]:
        lines: list[Line] = []
        for block in self._blocks:
            lines += block_lines(block, width, first=not lines, in_force=keymap.of(self.app))
        return lines


def block_lines(block: Block, width: int, *, first: bool, in_force: Keymap) -> list[Line]:
    """A block as lines; a heading has an empty line before it unless it is the first."""
    match block:
        case Heading(text, tone):
            lines: list[Line] = [] if first else [[]]
            return lines + [[(line, tone)] for line in wrapped(text, width)]
        case Note(text, tone):
            return [[(line, tone)] for line in wrapped(text, width)]
        case Hint(key, text):
            return [[(line, DIM)] for line in wrapped(f"{in_force.written(key)} {text}", width)]
        case Lines(shown):
            return [[("  ", DIM), *part] for line in shown for part in wrapped_pieces(line, width - 2)]
        case Fact(name, value, tone):
            return _fact(name, value, tone, width)


def _fact(name: str, value: str, tone: Tone, width: int) -> list[Line]:
    indent = min(max(NAME_WIDTH, len(name) + 2), width // 2)
    if len(name) + 2 > indent:
        below: list[Line] = [[("    ", DIM), (line, tone)] for line in wrapped(value, width - 4)]
        return [*([(line, DIM)] for line in wrapped(name, width)), *below]
    return [
        [((name if at == 0 else "").ljust(indent), DIM), (line, tone)]
        for at, line in enumerate(wrapped(value, width - indent))
    ]
