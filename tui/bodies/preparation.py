"""Prepare a view for drawing: document, rows, folds and marks, in steps that can be stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tui.bodies.document import Document
from tui.bodies.hexdump import HexDocument
from tui.bodies.jsontext import FOLDED_FROM, JsonDocument
from tui.bodies.rows import Rows
from tui.bodies.viewers import OpenedBody, open_body

LIGHT = 96 * 1024
"""Largest body in bytes that is prepared within some 20 ms."""

MOST_MARKS = 500
LEAST_WIDTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRequest:
    """A request to prepare a view."""

    body: bytes = b""
    content_type: str = ""
    encoding: str = ""
    opened: OpenedBody | None = None
    """The same body, if it is already open."""
    view: str = ""
    """The name of a view; empty for the best one."""
    document: Document | None = None
    """That view's document, if it already exists."""
    width: int
    """Cells of a row."""
    wrapped: bool
    folds: Mapping[int, int] | None = None
    """Folds to keep; None for those that a tree opens with."""
    folds_all: bool = False
    """Fold every bracket instead."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Path -> note on the value there."""

    @property
    def is_light(self) -> bool:
        """Whether it can be prepared while the screen waits."""
        if self.document is not None and len(self.document.data) > LIGHT:
            return False
        size = len(self.body) if self.opened is None else max(self.opened.size, self.opened.received)
        # A small compressed body can decode to 8 MiB.
        return size <= LIGHT and (
            self.opened is not None or (not self.encoding and self.body[:2] != b"\x1f\x8b")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedView:
    """A view that is ready to draw."""

    opened: OpenedBody
    view: str
    document: Document
    rows: Rows
    marks: Mapping[int, str]
    """Line -> note, in order of lines; not made safe."""


def prepare(request: ViewRequest) -> Iterator[PreparedView | None]:
    """Yield None after each step, and at last the view. Never raises, for any body."""
    opened = request.opened or open_body(request.body, request.content_type, request.encoding)
    yield None
    view = request.view if request.view in opened.names else opened.names[0]
    document = request.document or opened.document(view)
    if isinstance(document, HexDocument):
        document = document.fitting(request.width)
    yield None
    width = max(request.width, LEAST_WIDTH) if request.wrapped and document.wraps else None
    rows = Rows(document.lines, width, hangs=document.hangs)
    for _ in rows.measure():
        yield None
    marks: dict[int, list[str]] = {}
    if isinstance(document, JsonDocument):
        for at, (path, note) in enumerate(request.paths.items()):
            if at == MOST_MARKS:
                break
            line, found = document.find_path(path)
            marks.setdefault(line, []).append(note if found else f"{path}: {note}")
            yield None
        if document.is_tree:
            folds = []
            if request.folds is not None:
                folds = list(request.folds.items())
            elif request.folds_all or document.lines.count >= FOLDED_FROM:
                for fold in document.folds(deep=request.folds_all):
                    folds.append(fold)
                    if len(folds) % 1000 == 0:
                        yield None
            rows.set_folds(folds)
    notes = {line: "; ".join(marks[line]) for line in sorted(marks)}
    yield PreparedView(opened=opened, view=view, document=document, rows=rows, marks=notes)


def prepared(request: ViewRequest) -> PreparedView:
    """Prepare a view at once."""
    found = deque(prepare(request), maxlen=1).pop()
    assert found is not None
    return found
