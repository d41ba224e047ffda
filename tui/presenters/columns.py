"""The columns of the list, their cells, and the columns that fit a width. Pure.

Owns the table of columns and how they share a row. Text from outside is made safe here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from rich.cells import cell_len

from relay.models import CaptureRow, Delivery, Origin, Signature
from relay.text.captures import event_or_request, last_replay, live, shape_remarks, worst
from relay.text.local_time import local
from relay.text.safe import latin1_shown, visible
from relay.text.units import format_ms
from tui.presenters.format import SHAPES, SIGNATURES, Piece, clock, fit, fit_pieces, of_delivery, short_size

EDGE = 3
"""Cells in front of the columns, for mark and star."""

ROOMY = 117
"""From this many cells on, columns have their wider form and are two cells apart."""

Cell = Callable[[CaptureRow, int, date], list[Piece]]
"""Makes the text of a column for a capture: exactly `width` cells, given today's date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column."""

    name: str
    """Stable: saved states contain it."""
    head: str
    """The name above the rows."""
    about: str
    """A description, in a line."""
    narrow: int
    """Cells in a row that is not roomy."""
    roomy: int
    """Cells in a roomy row."""
    rank: int
    """Where not all fit, those with the lowest stay."""
    cell: Cell
    usual: bool = False
    only_roomy: bool = False
    """Whether it is usual in roomy rows only."""
    to_right: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a row, each with its cells."""

    gap: int
    """Cells between two columns."""
    shown: tuple[tuple[Column, int], ...]
    left_out: tuple[str, ...]
    """Names of the chosen columns that do not fit."""
    team: bool
    """Whether there are captures of a team."""


def usual(*, team: bool) -> tuple[str, ...]:
    """The defaults: with the position where there are captures of a team."""
    return tuple(column.name for column in COLUMNS if column.usual or (team and column.name == "position"))


def chosen(names: Iterable[str], *, team: bool = False) -> tuple[str, ...]:
    """Normalise a choice: each name once, in the order of the columns, without unknown ones.

    The defaults are an empty choice: the width decides which of them are shown.
    """
    wanted = frozenset(names)
    known = tuple(column.name for column in COLUMNS if column.name in wanted)
    return () if known == usual(team=team) else known


@lru_cache(maxsize=128)
def layout(
    width: int,
    id_digits: int,
    names: tuple[str, ...] = (),
    hidden: frozenset[str] = frozenset(),
    *,
    team: bool = False,
) -> Layout:
    """The columns that fit a width.

    Args:
        width: cells of a row.
        id_digits: digits of the largest id.
        names: a choice; empty for the defaults.
        hidden: columns to leave out of any choice; where it has no others, the defaults are shown.
        team: whether there are captures of a team, whose positions the defaults show.
    """
    roomy = width >= ROOMY
    gap = 2 if roomy else 1
    choice = tuple(name for name in chosen(names, team=team) if name not in hidden)
    shown = choice or usual(team=team)
    wanted = [column for column in COLUMNS if column.name in shown and column.name not in hidden]
    tried = [column for column in wanted if choice or roomy or not column.only_roomy]
    cells: dict[str, int] = {}
    left = width - EDGE + gap
    for column in sorted(tried, key=lambda column: column.rank):
        least = column.roomy if roomy else column.narrow
        if column.name == "id":
            least = max(least, id_digits)
        if least + gap <= left or not cells:
            cells[column.name] = least
            left -= least + gap
    for name, most in (*GROWING, ("summary", width), ("event", width)):
        if name in cells:
            more = max(min(most - cells[name], left), 0)
            cells[name] += more
            left -= more
    return Layout(
        gap,
        tuple((column, cells[column.name]) for column in wanted if column.name in cells),
        tuple(column.name for column in wanted if column.name not in cells),
        team,
    )


def header(columns: Layout, *, newest_first: bool) -> str:
    """The names of the columns, over the rows; an arrow shows the order."""
    arrow = "▲" if newest_first else "▼"
    ordered = _ordered(columns)
    cells: list[str] = []
    for column, width in columns.shown:
        head = column.head.rjust(width) if column.to_right else column.head
        if column.name == ordered:
            head = f"{column.head} {arrow}" if len(column.head) + 2 <= width else f"{column.head}{arrow}"
            head = head.strip().rjust(width) if column.to_right else head.strip()
        cells.append(fit(head, width))
    return " " * EDGE + (" " * columns.gap).join(cells)


def ordered_cells(columns: Layout) -> range:
    """The cells of the header that name the column with the arrow."""
    start = EDGE
    for column, width in columns.shown:
        if column.name == _ordered(columns):
            return range(start, start + width)
        start += width + columns.gap
    return range(0)


def _ordered(columns: Layout) -> str:
    names = [column.name for column, _ in columns.shown]
    return next((name for name in ("time", "date", "id") if name in names), names[0])


def row(listed: CaptureRow, columns: Layout, today: date, *, marked: bool) -> Iterator[Piece]:
    """A capture as pieces of text, together as wide as the layout."""
    yield ("●" if marked else " "), "accent"
    yield ("★ " if listed.starred else "  "), "warn"
    for place, (column, width) in enumerate(columns.shown):
        if place:
            yield " " * columns.gap, "plain"
        yield from column.cell(listed, width, today)


def no_row(number: int, columns: Layout) -> Iterator[Piece]:
    """The row of a capture that cannot be read."""
    width = sum(width + columns.gap for _, width in columns.shown) - columns.gap
    yield " " * EDGE + fit(f"{number} …", width), "dim"


# -- cells -----------------------------------------------------------------------------------------


def routed(listed: CaptureRow) -> tuple[Delivery, ...]:
    """The live deliveries of a capture; where it has none, its replays."""
    return live(listed.deliveries) or listed.deliveries


def outcome(listed: CaptureRow) -> Piece:
    """`✗ 500 +1`: the delivery that most needs attention, and the number of others."""
    delivery = worst(routed(listed))
    if delivery is None:
        return "", "dim"
    text, tone = of_delivery(delivery)
    others = len(routed(listed)) - 1
    return f"{text} +{others}" if others else text, tone


def _id(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    return [(fit(str(listed.id).rjust(width), width), "dim")]


def _position(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    text = "" if listed.position is None else str(listed.position)
    return [(fit(text.rjust(width), width), "dim")]


def _time(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    return [(fit(clock(listed.received_at, today, width), width), "plain")]


def _date(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    at = local(listed.received_at)
    return [(fit(f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"[:width], width), "plain")]


def _event(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    name = event_or_request(listed.event_type, listed.method, listed.target)
    return [(fit(name, width), "strong" if listed.event_type else "plain")]


def _request(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    return [(fit(f"{visible(listed.method)} {latin1_shown(listed.target)}", width), "plain")]


def _signature(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    signature: Signature = listed.signature
    glyph, tone = SIGNATURES[signature]
    if width > 9:
        return [(fit(f"{glyph} {signature}", width), tone)]
    return [(fit(glyph if signature is Signature.VALID else str(signature), width), tone)]


def _secret(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    return _outside(listed.signed_by, width)


def _size(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    return [(fit(short_size(listed.size_bytes).rjust(width), width), "dim")]


def _backend(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    text, tone = outcome(listed)
    took = _elapsed(listed)
    if took and cell_len(text) + 1 + len(took) <= width:
        return [(fit(text, width - len(took)), tone), (took, "dim")]
    return [(fit(text, width), tone)]


def _took(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    return [(fit(_elapsed(listed).rjust(width), width), "dim")]


def _elapsed(listed: CaptureRow) -> str:
    delivery = worst(routed(listed))
    return "" if delivery is None or delivery.elapsed_ms is None else format_ms(delivery.elapsed_ms)


def _summary(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    return [(fit(visible("  ".join(listed.summary)), width), "plain")]


def _tries(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    delivery = worst(routed(listed))
    return [(fit("" if delivery is None else f"{delivery.attempts:,}".rjust(width), width), "dim")]


def _target(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    delivery = worst(routed(listed))
    return _outside(None if delivery is None else delivery.target.removeprefix("http://"), width)


def _client(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    return _outside(listed.client.rpartition(":")[0].strip("[]"), width)


def _customer(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    return _outside(listed.customer_id, width)


def _event_id(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    return _outside(listed.event_id, width)


def _happened(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    at = listed.event_at
    return [(fit("" if at is None else clock(at, today, width), width), "dim")]


def _outside(text: str | None, width: int) -> list[Piece]:
    return [(fit(visible(text or ""), width), "plain")]


def _marks(listed: CaptureRow, width: int, today: date) -> list[Piece]:
    """Whole words only; how many more there are where not all fit."""
    short = list(_signs(listed, roomy=False))
    forms = [list(_signs(listed, roomy=True)), short]
    forms += [[*short[:count], (f"+{len(short) - count}", "dim")] for count in range(len(short) - 1, 0, -1)]
    whole = (form for form in forms if sum(cell_len(text) + 1 for text, _ in form) - 1 <= width)
    return fit_pieces(next(whole, short), width)


def _signs(listed: CaptureRow, *, roomy: bool) -> Iterator[Piece]:
    """Words, the most telling first; with a sign before each where there is room."""

    def sign(glyph: str, words: str) -> str:
        return f"{glyph} {words}" if roomy else words

    if listed.on_purpose:
        yield f"answered {listed.answer}" if roomy else f"by us {listed.answer}", "warn"
    if listed.repeat_of is not None:
        yield sign("↻", f"repeat of {listed.repeat_of}" if roomy else "repeat"), "accent"
    if listed.shape is not None and SHAPES[listed.shape][0]:
        glyph, word, tone = SHAPES[listed.shape]
        yield sign(glyph, word), tone
    if live(listed.deliveries) and (replay := last_replay(listed.deliveries)) is not None:
        text, tone = of_delivery(replay)
        glyph, _, words = text.partition(" ")
        yield f"replay {words if roomy else glyph}", tone
    if "undocumented" in shape_remarks(listed.shape, listed.undocumented):
        yield sign("≈", "undocumented"), "warn"
    if listed.origin != Origin.RECEIVED:
        yield sign("◇", str(listed.origin)), "dim"
    if listed.note is not None:
        yield sign("✎", visible(listed.note)) if roomy else "note", "accent"


# -- the table -------------------------------------------------------------------------------------

COLUMNS: tuple[Column, ...] = (
    Column(name="id", head="id", about="The id of the capture, for commands.", narrow=4, roomy=4, rank=2,
           cell=_id, usual=True, to_right=True),
    Column(name="position", head="pos", about="The position in the team's log, the same for everybody.",
           narrow=5, roomy=6, rank=6, cell=_position, to_right=True),
    Column(name="time", head="time", about="Time received; the date if not today.", narrow=8, roomy=12,
           rank=1, cell=_time, usual=True),
    Column(name="date", head="day and time", about="Date and time received.", narrow=19, roomy=23, rank=11,
           cell=_date),
    Column(name="event", head="event", about="The event type; without one, method and path.", narrow=16,
           roomy=18, rank=0, cell=_event, usual=True),
    Column(name="summary", head="summary", about="The fields that tell events of this type apart.",
           narrow=12, roomy=28, rank=70, cell=_summary, usual=True),
    Column(name="request", head="request", about="Method and path.", narrow=18, roomy=20,
           rank=12, cell=_request),
    Column(name="signature", head="signature", about="Whether it is valid for one of your secrets.", narrow=9,
           roomy=11, rank=5, cell=_signature, usual=True),
    Column(name="secret", head="secret", about="The name of the secret that signed it.", narrow=9, roomy=12,
           rank=13, cell=_secret),
    Column(name="size", head="size", about="Size of the body.", narrow=8, roomy=8, rank=90,
           cell=_size, usual=True, only_roomy=True, to_right=True),
    Column(name="backend", head="backend", about="The backend's response as Lean sees it, and its time.",
           narrow=9, roomy=12, rank=3, cell=_backend, usual=True),
    Column(name="took", head="took", about="How long the backend took.", narrow=7, roomy=7, rank=14,
           cell=_took, to_right=True),
    Column(name="tries", head="tries", about="Number of attempts.", narrow=5, roomy=5, rank=15,
           cell=_tries, to_right=True),
    Column(name="target", head="sent to", about="The target that sent the response.", narrow=16, roomy=20,
           rank=16, cell=_target),
    Column(name="client", head="client", about="The address of the sender.", narrow=15, roomy=15,
           rank=17, cell=_client),
    Column(name="customer", head="customer", about="The event's customer_id.", narrow=9, roomy=9, rank=18,
           cell=_customer),
    Column(name="event_id", head="event id", about="The event_id, which repeats share.", narrow=9,
           roomy=9, rank=19, cell=_event_id),
    Column(name="happened", head="Lean's time", about="The timestamp in the event.", narrow=12,
           roomy=12, rank=20, cell=_happened),
    Column(name="marks", head="marks", about="Repeat, shape, last replay, origin, own response, note.",
           narrow=9, roomy=14, rank=4, cell=_marks, usual=True),
)  # fmt: skip
"""From left to right."""

GROWING: tuple[tuple[str, int], ...] = (
    ("event", 18),
    ("summary", 31),
    ("backend", 15),
    ("marks", 22),
    ("event", 26),
    ("summary", 36),
    ("request", 34),
    ("target", 34),
    ("customer", 36),
    ("event_id", 36),
    ("client", 21),
    ("event", 38),
    ("marks", 40),
)
"""Columns that share the rest of a row, in this order, each up to this many cells; then the summary."""
