"""The columns of the list: whole in any width, safe, plain without colours, and chosen."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from relay.models import CaptureRow, Delivery, Origin, Shape, Signature
from relay.text.safe import visible
from tests.support.factories import a_delivery
from tui.presenters import columns

AT = datetime(2026, 11, 20, 8, 15, 30, 123000, UTC)
LOCAL = AT.astimezone()
USUAL = columns.usual(team=False)


def a_row(**changes: object) -> CaptureRow:
    values: dict[str, object] = {
        "id": 12,
        "received_at": AT,
        "method": "POST",
        "target": "/webhooks/lean",
        "event_type": "payment.updated",
        "signature": Signature.VALID,
        "shape": Shape.DOCUMENTED,
        "repeat_of": None,
        "origin": Origin.RECEIVED,
        "answer": 200,
        "on_purpose": False,
        "size_bytes": 412,
        "starred": False,
        "note": None,
        "deliveries": (),
    }
    return CaptureRow(**(values | changes))  # type: ignore[arg-type]


def written(listed: CaptureRow, width: int = 120, names: tuple[str, ...] = ()) -> str:
    layout = columns.layout(width, 4, names)
    return "".join(text for text, _ in columns.row(listed, layout, LOCAL.date(), marked=False))


@given(
    st.integers(40, 260),
    st.integers(1, 9),
    st.text(max_size=60),
    st.integers(0, 2**40),
    st.sampled_from(Signature),
    st.sampled_from([None, *Shape]),
    st.booleans(),
    st.sets(st.sampled_from([column.name for column in columns.COLUMNS])),
)
def test_any_row_fills_its_width(
    width: int,
    digits: int,
    text: str,
    size: int,
    signature: Signature,
    shape: Shape | None,
    busy: bool,
    names: set[str],
) -> None:
    """Whatever it says, a row is as wide as all others, and safe to show."""
    deliveries = (a_delivery(1, status=599, verdict="retry", outcome=text or "timeout"), a_delivery(2))
    listed = a_row(
        event_type=text or None,
        size_bytes=size,
        signature=signature,
        shape=shape,
        id=10**digits - 1,
        repeat_of=10**digits - 2 if busy else None,
        note=text if busy else None,
        on_purpose=busy,
        starred=busy,
        deliveries=deliveries if busy else (),
        client=text,
        signed_by=text or None,
        event_id=text or None,
        customer_id=text or None,
        event_at=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) if busy else None,
    )
    layout = columns.layout(width, digits, columns.chosen(names))
    pieces = list(columns.row(listed, layout, LOCAL.date(), marked=busy))
    line = "".join(piece for piece, _ in pieces)
    full = any(column.name == "event" for column, _ in layout.shown)
    assert cell_len(line) == width if full else cell_len(line) <= width
    assert visible(line) == line
    assert cell_len(columns.header(layout, newest_first=False)) == cell_len(line)


def test_roomy_row() -> None:
    """With room, words: signature, backend's answer with verdict, repeat, sample."""
    listed = a_row(repeat_of=9, origin=Origin.SAMPLE, deliveries=(a_delivery(1),))
    line = written(listed, 140)
    assert f"{LOCAL:%H:%M:%S}.123" in line
    for part in (
        "  12",
        "payment.updated",
        "✓ valid",
        "412 B",
        "✓ 200  ",
        " 42 ms",
        "↻ repeat of 9",
        "◇ sample",
    ):
        assert part in line


def test_narrow_row() -> None:
    """In 80 columns the size goes; the id, the summary and every word stay."""
    failed = a_delivery(1, status=500, verdict="retry")
    line = written(a_row(repeat_of=9, shape=Shape.DRIFT, deliveries=(failed,), summary=("FAILED",)), 78)
    for part in ("12 ", f"{LOCAL:%H:%M:%S} payment.updated", "FAILED", " ✓ ", "✗ 500", " repeat "):
        assert part in line
    for word in ("drift", "unknown", "not JSON", "sample", "invalid", "unchecked"):
        changes: dict[str, object] = {"repeat_of": None}
        if word in ("drift", "unknown"):
            changes["shape"] = Shape(word)
        elif word == "not JSON":
            changes["shape"] = Shape.NOT_JSON
        elif word == "sample":
            changes["origin"] = Origin.SAMPLE
        else:
            changes["signature"] = Signature(word)
        assert f" {word} " in f"{written(a_row(**changes), 78)} ", word


def test_a_request_without_event() -> None:
    """Method and target stand where there is no event."""
    assert "POST /webhooks/lean" in written(a_row(event_type=None), 140)


def test_of_several_targets_the_one_that_failed() -> None:
    """One failure among several targets is what the row tells."""
    failed: Delivery = a_delivery(2, status=500, verdict="retry")
    assert columns.outcome(a_row(deliveries=(a_delivery(1), failed, a_delivery(3))))[0] == "✗ 500 +2"


def test_a_replay_does_not_hide_the_live_response() -> None:
    """The backend column keeps the live response and its time; the last replay is a word among the marks."""
    replayed = a_delivery(2, kind="replay", status=None, outcome="refused", verdict="retry", elapsed_ms=1.0)
    line = written(a_row(deliveries=(a_delivery(1), replayed)), 117)
    assert "✓ 200  42 ms" in line
    assert " replay refused" in line
    assert " replay ✗ " in written(a_row(deliveries=(a_delivery(1), replayed)), 78) + " "
    assert "✗ refused" in written(a_row(deliveries=(replayed,)), 120)
    delivered = a_delivery(2, kind="replay")
    line = written(a_row(deliveries=(a_delivery(1, status=500, verdict="retry"), delivered)), 117)
    assert "✗ 500  42 ms" in line
    assert " replay 200 " in line + " "


def test_the_summary_is_safe_and_can_be_hidden() -> None:
    """Values from a body are shown as text; hidden, the column gives its room to others."""
    listed = a_row(summary=("SETTLED\x1b[2J", '"12.50" AED'))
    assert 'SETTLED␛[2J  "12.50" AED' in written(listed, 140)
    layout = columns.layout(140, 2, hidden=frozenset({"summary"}))
    assert "summary" not in [column.name for column, _ in layout.shown]
    assert "summary" not in layout.left_out


def test_only_what_is_hidden_was_chosen() -> None:
    """Without another column in the choice the usual ones are shown, but not the hidden one."""
    hidden = frozenset({"summary"})
    layout = columns.layout(140, 2, ("summary",), hidden)
    assert layout == columns.layout(140, 2, hidden=hidden)
    assert "▲" in columns.header(layout, newest_first=True)


def test_the_usual_columns() -> None:
    """Without a choice all are in a roomy row, and in 80 cells all but the size."""
    assert USUAL == ("id", "time", "event", "summary", "signature", "size", "backend", "marks")
    assert not columns.layout(138, 9).left_out
    assert columns.layout(78, 3).left_out == ("size",)
    assert columns.chosen(USUAL) == ()


def test_positions_of_a_team() -> None:
    """They are usual where there are any, and stay in 80 cells."""
    names = [column.name for column, _ in columns.layout(78, 3, team=True).shown]
    assert names[:3] == ["id", "position", "time"]
    assert "4711" in "".join(
        text
        for text, _ in columns.row(
            a_row(position=4711), columns.layout(78, 3, team=True), LOCAL.date(), marked=False
        )
    )
    assert "position" in [column.name for column, _ in columns.layout(78, 3, ("position", "event")).shown]
    assert columns.chosen(columns.usual(team=True), team=True) == ()
    without = columns.chosen(USUAL, team=True)
    assert "position" not in [column.name for column, _ in columns.layout(78, 3, without, team=True).shown]


def test_a_choice_knows_no_others() -> None:
    """Names are taken in the order of the columns, each once; those of another version are left out."""
    assert columns.chosen(["client", "of-2031", "time", "client"]) == ("time", "client")
    assert columns.layout(120, 4, ("of-2031",)) == columns.layout(120, 4)


def test_columns_that_were_asked_for() -> None:
    """Each says what it is named for, of several deliveries the one that most needs a look."""
    listed = a_row(
        client="[2001:db8::7]:50312",
        signed_by="sandbox",
        event_id="2f1c",
        event_at=AT,
        customer_id="c-77",
        deliveries=(
            a_delivery(1),
            a_delivery(2, status=500, verdict="retry", attempts=3, target="http://localhost:4000/hook"),
        ),
    )
    for name, said in {
        "client": "2001:db8::7 ",
        "secret": "sandbox",
        "event_id": "2f1c",
        "customer": "c-77",
        "tries": "    3",
        "took": "  42 ms",
        "target": "localhost:4000/hook",
        "request": "POST /webhooks/lean",
        "date": f"{LOCAL:%Y-%m-%d %H:%M:%S}.123",
        "happened": f"{LOCAL:%H:%M:%S}.123",
    }.items():
        line = written(listed, 160, columns.chosen((*USUAL, name)))
        assert said in line, name
        assert said not in written(listed, 160) or name in ("happened", "took")


def test_what_was_asked_for_goes_first() -> None:
    """In 80 cells a column that was asked for is there, in place of the summary and the size."""
    layout = columns.layout(79, 4, columns.chosen((*USUAL, "client")))
    assert layout.left_out == ("summary", "size")
    assert "client" in columns.header(layout, newest_first=False)


@given(
    st.integers(10, 400), st.sets(st.sampled_from([column.name for column in columns.COLUMNS]), min_size=1)
)
def test_one_column_at_least(width: int, names: set[str]) -> None:
    """However narrow, something is shown, and what is wanted is either shown or named as left out."""
    layout = columns.layout(width, 3, columns.chosen(names))
    shown = {column.name for column, _ in layout.shown}
    assert shown
    assert shown | set(layout.left_out) == set(columns.chosen(names) or USUAL)
    assert not shown & set(layout.left_out)


def test_the_arrow_finds_a_place() -> None:
    """The order is told over the time, or where that is left out over another column."""
    for names in (("time", "event"), ("id", "event"), ("date",), ("size", "event"), ("marks",)):
        head = columns.header(columns.layout(79, 2, names), newest_first=True)
        assert "▲" in head, names
