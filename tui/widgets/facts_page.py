"""A tab of blocks, as wrapped lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import ClassVar

from rich.cells import cell_len
from textual.binding import BindingType

from tui.keyboard import keymap, keys
from tui.keyboard.keymap import Keymap
from tui.presenters.blocks import Block, CaptureDetail, Fact, Heading, Hint, Lines, Note
from tui.presenters.format import Tone, fit, led, wrapped, wrapped_pieces
from tui.widgets.frame import Label
from tui.widgets.lines import Line, LinesView

NAME_WIDTH = 14
"""Least cells of a fact's name."""

MOST_NAME = 32
"""Cells of the longest name that has its value next to it; that of a longer one is below it."""

DIM: Tone = "dim"
PLAIN: Tone = "plain"


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

    def edge(self) -> list[Label]:
        """Nothing: the frame has only its tabs."""
        return []

    def lines_for(self, width: int) -> list[Line]:
        lines: list[Line] = []
        in_force = keymap.of(self.app)
        for are_facts, run in groupby(self._blocks, lambda block: isinstance(block, Fact)):
            blocks = list(run)
            names = name_width(blocks, width) if are_facts else NAME_WIDTH
            for block in blocks:
                lines += block_lines(block, width, first=not lines, in_force=in_force, names=names)
        return lines


def name_width(facts: Iterable[Block], width: int) -> int:
    """Cells of the names of facts that follow each other, so that their values have one column."""
    lengths = (cell_len(fact.name) + 2 for fact in facts if isinstance(fact, Fact))
    most = min(MOST_NAME, width // 2)
    return min(max(NAME_WIDTH, *(length for length in lengths if length <= most), 0), width // 2)


def block_lines(
    block: Block, width: int, *, first: bool, in_force: Keymap, names: int = NAME_WIDTH
) -> list[Line]:
    """A block as lines; a heading has an empty line before it unless it is the first.

    Args:
        names: cells of a fact's name.
    """
    match block:
        case Heading(text, tone):
            lines: list[Line] = [] if first else [[]]
            return lines + [[(line, tone)] for line in wrapped(text, width)]
        case Note(text, tone):
            start, *others = wrapped(text, width)
            rest = PLAIN if tone == "bad" else tone
            return [led(start, tone), *([(line, rest)] for line in others)]
        case Hint(key, text):
            return [[(line, DIM)] for line in wrapped(f"{in_force.written(key)} {text}", width)]
        case Lines(shown):
            return [[("  ", DIM), *part] for line in shown for part in wrapped_pieces(line, width - 2)]
        case Fact(name, value, tone):
            return _fact(name, value, tone, width, names)


def _fact(name: str, value: str, tone: Tone, width: int, names: int) -> list[Line]:
    if cell_len(name) + 2 > names:
        below: list[Line] = [[("    ", DIM), (line, tone)] for line in wrapped(value, width - 4)]
        return [*([(line, DIM)] for line in wrapped(name, width)), *below]
    rest = PLAIN if tone == "bad" else tone
    first, *others = wrapped(value, width - names)
    indent = " " * names
    return [[(fit(name, names), DIM), *led(first, tone)], *([(indent, DIM), (line, rest)] for line in others)]
