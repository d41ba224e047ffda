"""Rows and lines: wrapping and folding held against the plain way to do it."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.drawing import measured
from tui.bodies.lines import BLOCK, Lines
from tui.bodies.rows import LONG

operations = st.lists(
    st.tuples(st.sampled_from(("fold", "unfold", "reveal")), st.integers(0, 11)), max_size=12
)


def nested(seed: list[int]) -> dict[int, int]:
    """Brackets over twelve lines that are nested properly: where each ends."""
    ends: dict[int, int] = {}
    for at, length in enumerate(seed):
        end = min(at + length, 11)
        if all(not (low < at <= high < end) and not (at < low <= end < high) for low, high in ends.items()):
            ends[at] = end
    return ends


@given(st.lists(st.integers(0, 6), min_size=11, max_size=11), operations, st.sampled_from((None, 5)))
def test_folding(seed: list[int], steps: list[tuple[str, int]], width: int | None) -> None:
    """After any folding and unfolding the visible rows are those of the lines that no fold hides."""
    lines = Lines(b"\n".join(b"x" * (line * 2) for line in range(12)))
    rows = measured(lines, width)
    ends = nested(seed)
    folded: set[int] = set()
    for step, line in steps:
        if step == "fold" and ends.get(line, line) > line:
            rows.fold(line, ends[line])
            folded.add(line)
        elif step == "unfold":
            rows.unfold(line)
            folded.discard(line)
        elif step == "reveal":
            rows.reveal(line)
            folded -= {fold for fold in folded if fold < line <= ends[fold]}
        hidden = {inner for fold in folded for inner in range(fold + 1, ends[fold] + 1)}
        visible = [
            (line, part)
            for line in range(12)
            if line not in hidden
            for part in range(1 if width is None else max(-(-line * 2 // width), 1))
        ]
        assert rows.total == len(visible)
        assert [rows.place(row) for row in range(rows.total)] == visible
        assert [rows.row(*place) for place in visible] == list(range(rows.total))
        assert rows.folds == {fold: ends[fold] for fold in folded}
        again = measured(lines, width)
        again.set_folds(rows.folds.items())
        assert [again.place(row) for row in range(again.total)] == visible


def test_long_lines_are_filled_to_their_end() -> None:
    """A line of any length of ASCII takes as many rows as it has to, each found by its number."""
    data = b"ab\n" + bytes(0x61 + at % 26 for at in range(LONG * 5 + 3)) + b"\nz"
    rows = measured(Lines(data), 70)
    long_rows = -(-(LONG * 5 + 3) // 70)
    assert rows.total == 1 + long_rows + 1
    pieces = [data[slice(*rows.piece(1, part)[:2])] for part in range(long_rows)]
    assert {len(piece) for piece in pieces[:-1]} == {70}
    assert b"".join(pieces) == data[3:-2]
    assert rows.part(1, 3 + 70 * 500 + 69) == 500
    assert rows.place(rows.total - 1) == (2, 0)


def test_long_lines_of_wide_characters() -> None:
    """No row of a long line is cut inside a character, and none is lost."""
    data = ("é\U0001f600م" * 4_000).encode() + b"\xff" * 9_000
    rows = measured(Lines(data), 33)
    pieces = [data[slice(*rows.piece(*rows.place(row))[:2])] for row in range(rows.total)]
    assert b"".join(pieces) == data
    assert not [piece for piece in pieces if piece[0] & 0xC0 == 0x80]
    for row in range(0, rows.total, 7):
        start = rows.piece(0, row)[0]
        assert rows.part(0, start) == row


@given(st.lists(st.sampled_from((0, 1, 100, BLOCK - 1, BLOCK, BLOCK + 1)), max_size=6))
def test_lines_across_blocks(lengths: list[int]) -> None:
    """Lines are those of a plain split, wherever blocks end."""
    data = b"\n".join(b"x" * length for length in lengths)
    lines = Lines(data)
    assert lines.count == data.count(b"\n") + 1
    assert [data[slice(*lines.bounds(line))] for line in range(lines.count)] == data.split(b"\n")
    assert lines.widest == max(map(len, data.split(b"\n")))
    for line in range(lines.count):
        start, stop = lines.bounds(line)
        assert lines.at(start) == lines.at(stop) == line
