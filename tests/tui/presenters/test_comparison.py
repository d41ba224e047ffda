"""Two captures field by field: what is put beside each other, and how it is shown at any width."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

import pytest
from rich.cells import cell_len

from relay.analysis.diff import compared, differences
from relay.config import Settings
from relay.models import Capture
from relay.text.safe import visible
from tests.support.factories import BODY, a_capture
from tui.gateway.comparison_task import comparison
from tui.presenters.comparison import ALL, Comparison, Fold, Laid, head, laid_out

OTHER = BODY.replace(b"100.50", b"100.5").replace(b"PENDING_WITH_BANK", b"ACCEPTED_BY_BANK")
OTHER = OTHER.replace(b"b0a1c2d3", b"b0a1c2d4").replace(b"11:59:59", b"11:59:58")

KEYS = {Fold.INCIDENTAL: "i", Fold.HEADERS: "h", Fold.SAME: "s"}


def of(b: Capture, a: Capture | None = None) -> Comparison:
    return comparison(
        Settings(db=Path("relay.db")), b, a or a_capture(1), "the one before of the same payment"
    )


def laid(found: Comparison, width: int, open: Set[Fold] = ALL) -> Laid:
    return laid_out(found, width, open, KEYS)


def written(found: Comparison, width: int, open: Set[Fold] = ALL) -> list[str]:
    return ["".join(text for text, _ in line) for line in laid(found, width, open).lines]


def names(found: Comparison) -> list[str]:
    """The names of fields that differ and are not folded."""
    return [line[2:].split("  ")[0] for line in written(found, 120, frozenset()) if line.startswith("~")]


def test_every_field_is_there_once() -> None:
    """What differs comes first, exactly as `differences` has it, then all the rest."""
    a, b = a_capture(1), a_capture(2, body=OTHER, method="PUT")
    fields = list(compared(a, b))
    different = list(differences(a, b))
    assert fields[: len(different)] == different
    assert not any(each.differs for each in fields[len(different) :])
    assert len({each.field for each in fields}) == len(fields)
    assert {"header host", "body payload.currency", "body payload.amount", "method"} <= {
        each.field for each in fields
    }
    found = of(b)
    assert found.differing + found.same == tuple(fields)


def test_the_payload_comes_first() -> None:
    """Then the envelope and the request line; ids, times, headers and equal fields are folded."""
    headers = (("Host", "localhost:5326"), ("content-type", "text/plain"))
    found = of(a_capture(2, body=OTHER.replace(b"updated.", b"changed."), method="PUT", headers=headers))
    assert names(found) == ["payload.amount", "payload.status", "message", "request method"]
    assert "▸ 2 ids and times differ i   ▸ 1 header differs h   ▸ 7 the same s" in written(
        found, 120, frozenset()
    )
    text = "\n".join(written(found, 120, {Fold.HEADERS}))
    assert "▾ 1 header differs h" in text
    assert "~ content-type" in text
    assert "~ event_id" not in text


def test_what_it_is_compared_with() -> None:
    """The head names both and what they share, whichever side they are on."""
    found = of(a_capture(2, body=OTHER))
    whole = "#2 POST /webhooks/lean compared with #1, the one before of the same payment"
    for each in (found, found.turned()):
        assert "".join(text for text, _ in head(each, 100)) == whole
    short = "".join(text for text, _ in head(found, 60))
    assert short == "#2 compared with #1, the one before of the same payment"
    assert cell_len("".join(text for text, _ in head(found, 20))) == 20
    sides = next(line for line in written(found.turned(), 120) if "│" in line)
    assert sides.index("#2 ") < sides.index("#1 ")


@pytest.mark.parametrize("width", [40, 60, 78, 118, 250])
@pytest.mark.parametrize("open", [ALL, frozenset()], ids=["open", "closed"])
def test_fits_with_digits_kept(width: int, open: Set[Fold]) -> None:
    """At any width no line is wider, and numbers are shown as they were written."""
    found = written(of(a_capture(2, body=OTHER)), width, open)
    assert all(cell_len(line) <= width for line in found)
    if width >= 60:
        text = "\n".join(found)
        assert "~ payload.amount" in text
        assert "100.50" in text
        assert any("100.5" in line.split("│")[-1] and "100.50" not in line.split("│")[-1] for line in found)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_rule_goes_through(width: int) -> None:
    """From the heads to the last field there is the rule between the sides, at one place."""
    lines = written(of(a_capture(2, body=OTHER)), width)
    start = next(at for at, line in enumerate(lines) if "│" in line)
    assert {line.find("│") for line in lines[start:] if "┼" not in line} == {lines[start].find("│")}


def test_kinds_are_told_where_they_differ() -> None:
    """A number and a string with the same digits are told apart in words."""
    body = BODY.replace(b"100.50", b'"100.50"').replace(b'"AED"', b"null")
    lines = written(of(a_capture(2, body=body)), 120)
    amount = next(line for line in lines if "payload.amount" in line)
    assert amount.split("│")[0].rstrip().endswith("100.50  number")
    assert amount.split("│")[1].strip() == '"100.50"  string, number is documented'
    currency = next(line for line in lines if "payload.currency" in line)
    assert currency.split("│")[1].strip().startswith("null  null")
    same_kind = written(of(a_capture(2, body=OTHER)), 120)
    assert not any("number" in line or "string" in line for line in same_kind)


def test_what_departs_from_the_documentation_is_named() -> None:
    """Next to a value stands how it differs from what Lean documents, after its kind."""
    body = BODY.replace(b"100.50", b'"100.50"').replace(b"PENDING_WITH_BANK", b"PAID")
    lines = written(of(a_capture(2, body=body)), 120)
    amount = next(line for line in lines if "payload.amount" in line).split("│")
    assert amount[0].rstrip().endswith("100.50  number")
    assert amount[1].rstrip().endswith('"100.50"  string, number is documented')
    status = next(line for line in lines if "payload.status" in line).split("│")
    assert status[1].rstrip().endswith('"PAID"  not a known value')
    assert status[0].rstrip().endswith('"PENDING_WITH_BANK"')


def test_same_and_absent() -> None:
    """Captures that sent the same say so; a field that one lacks is absent there."""
    assert "The same method, target, headers and body." in written(of(a_capture(2)), 80)
    text = "\n".join(written(of(a_capture(2, headers=())), 118))
    assert "absent" in text


@pytest.mark.parametrize(
    ("changes", "words", "open"),
    [
        ({"body": BODY.replace(b"b0a1c2d3", b"b0a1c2d4")}, "Only ids and times differ.", {Fold.INCIDENTAL}),
        ({"headers": ()}, "Only headers differ.", {Fold.HEADERS}),
        (
            {"headers": (), "body": BODY.replace(b"b0a1c2d3", b"b0a1c2d4")},
            "Only ids, times and headers differ.",
            {Fold.INCIDENTAL, Fold.HEADERS},
        ),
        ({"body": OTHER}, "", set()),
        ({}, "The same method", set()),
    ],
)
def test_open_where_nothing_else_differs(changes: dict[str, object], words: str, open: Set[Fold]) -> None:
    """Folds with all differences are open at first, and a sentence says that it is all."""
    found = of(a_capture(2, **changes))
    assert found.first_open == open
    assert words in "\n".join(written(found, 80))


def test_only_short_differences_are_highlighted() -> None:
    """A word that differs has a colour; two long values that have little in common have none."""
    long = (("lean-signature", "sha512=" + digit * 128) for digit in "12")
    a, b = (
        a_capture(at, headers=(header,), body=body)
        for at, header, body in zip((1, 2), long, (BODY, OTHER), strict=True)
    )
    lines = laid(of(b, a), 120, {Fold.HEADERS}).lines
    coloured = [text for line in lines for text, tone in line if tone in ("bad", "good")]
    assert coloured[:2] == ["0", "PENDING_WITH"]
    assert not any("1111" in text or "2222" in text for text in coloured)


def test_secrets_of_one_length_differ() -> None:
    """Secret values are masked, and two that differ are still told as different."""
    a, b = (a_capture(number, headers=(("authorization", f"Bearer {number}"),)) for number in (1, 2))
    found = of(b, a)
    assert [row.header for row in found.folds[Fold.HEADERS]] == ["authorization"]
    assert "Bearer" not in "\n".join(written(found, 120))


def test_folds_are_clicked() -> None:
    """A fold is where its words are, on one line with others and on a line of its own."""
    found = of(a_capture(2, body=OTHER))
    for open in (frozenset[Fold](), frozenset({Fold.SAME})):
        lines, clicked = written(found, 80, open), laid(found, 80, open)
        for words, fold in (("2 ids", Fold.INCIDENTAL), ("the same s", Fold.SAME)):
            at = next(number for number, line in enumerate(lines) if words in line)
            assert clicked.fold_at(at, lines[at].index(words)) is fold
        assert clicked.fold_at(0, 3) is None


def test_values_break_at_blanks() -> None:
    """A sentence is broken between its words."""
    body = BODY.replace(b"A payment object has been updated.", b"A payment object has been changed.")
    lines = written(of(a_capture(2, body=body)), 80, frozenset())
    at = next(number for number, line in enumerate(lines) if line.startswith("~ message"))
    assert [[side.strip() for side in line[20:].split("│")] for line in lines[at : at + 2]] == [
        ['"A payment object has been', '"A payment object has been'],
        ['updated."', 'changed."'],
    ]


def test_hostile_values_are_made_safe() -> None:
    """Whatever is in a header, a path or a body, nothing of it acts."""
    bad = "\x1b]0;x\x07\u202e".encode().decode("latin-1")
    body = b'{"a\\u001b[2J": "\\u202e", "\xe2\x80\xae": "\xc2\x9b"}'
    for line in written(of(a_capture(2, headers=((bad, bad),), target=bad, method=bad, body=body)), 118):
        assert visible(line) == line
