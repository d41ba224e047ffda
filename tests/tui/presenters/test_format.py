"""Signs and words: each state has its own, sizes and times fit, wrapping loses nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.support.factories import a_delivery
from tui.presenters import format

AT = datetime(2026, 11, 20, 8, 15, 30, 123000, UTC)
LOCAL = AT.astimezone()


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"state": "queued", "attempts": 0}, "… queued"),
        ({"state": "sending", "attempts": 0}, "→ sending"),
        ({"state": "parked", "attempts": 0}, "‖ parked"),
        ({"status": 200}, "✓ 200"),
        ({"status": 201, "verdict": "retry"}, "✗ 201"),
        ({"status": None, "verdict": "retry", "outcome": "timeout"}, "✗ timeout"),
        ({"status": None, "verdict": None, "outcome": "loop"}, "– loop"),
        ({"state": "queued", "status": 500, "verdict": "retry"}, "✗ 500"),
    ],
)
def test_how_a_delivery_stands(changes: dict[str, object], shown: str) -> None:
    """Each state has a sign and a word of its own."""
    assert format.of_delivery(a_delivery(1, **changes))[0] == shown


@pytest.mark.parametrize(
    ("count", "written"),
    [(412, "412 B"), (10_650, "10.4 KiB"), (1023 * 1024, "1023 KiB"), (3_250_000, "3.1 MiB")],
)
def test_sizes_fit(count: int, written: str) -> None:
    """At most eight cells."""
    assert format.short_size(count) == written


def test_other_days() -> None:
    """A time of another day is that day."""
    today = LOCAL.date()
    assert format.clock(AT, today, 8) == f"{LOCAL:%H:%M:%S}"
    assert format.clock(AT, today + timedelta(days=1), 8) == f"{LOCAL:%d %b}"
    assert format.clock(AT, date(2027, 3, 1), 12) == f"{LOCAL:%Y-%m-%d}"


@given(st.text(alphabet="ab 漢é-", max_size=80), st.integers(2, 20))
def test_wrapping_loses_nothing_but_blanks(text: str, width: int) -> None:
    """Each line fits, and all that is no blank is there, in order."""
    lines = format.wrapped(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_sparkline() -> None:
    """The highest bar is full, a low one is seen, and none is a dot."""
    assert "".join(text for text, _ in format.sparkline([0, 1, 50, 100])) == "·▁▅█"


def test_names_break_at_dots() -> None:
    """Never in the middle of a word, unless a word is longer than the line; later lines are indented."""
    assert format.wrapped_name("payload.payment_source.bank_identifier", 24) == [
        "payload.payment_source.",
        "  bank_identifier",
    ]
    assert format.wrapped_name("payload.items[0].id", 40) == ["payload.items[0].id"]
    assert format.wrapped_name("payload.items[0].amount", 14) == ["payload.items", "  [0].amount"]
    assert format.wrapped_name("payload.bank_transaction_reference", 18) == [
        "payload.bank_",
        "  transaction_",
        "  reference",
    ]
    assert all(cell_len(line) <= 10 for line in format.wrapped_name("x" * 50 + ".\u4e2d" * 9, 10))
    assert "".join(line.strip() for line in format.wrapped_name("a.b[1].c" * 9, 11)) == "a.b[1].c" * 9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("✗ 500 in 3 ms: Lean would retry", "✗ 500"),
        ("Why: the body was changed.", "Why"),
        ("✗ as received, invalid: no", "✗ as received"),
        ("✗ http://x did not respond (timeout): Lean would retry.", "✗ http://x did not respond (timeout)"),
        ("✗ Its token is not the configured one.", "✗ Its"),
        ("down", "down"),
    ],
)
def test_only_words_are_in_the_tone_of_what_is_bad(text: str, words: str) -> None:
    """A sentence begins with them and goes on plainly; another tone holds for all of it."""
    assert format.led(text, "bad") == [(words, "bad"), (text[len(words) :], "plain")]
    assert format.led(text, "warn") == [(text, "warn")]
