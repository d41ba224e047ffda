"""Options of a replay, as the command and the screen read them."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.control.messages import Edits, FreshIds, id_ranges
from relay.delivery.expectations import Change, Expectation, ExpectationCheck, Result
from relay.delivery.replay_options import OptionError, ReplayOptions
from relay.models import Baseline
from tests.support.factories import NOON, an_attempt
from tui.presenters.replay import ReplayForm, options, replay_request


@pytest.mark.parametrize(
    ("option", "text", "reason"),
    [
        ("to", "localhost", "is not a valid target; use"),
        ("set", "payload.amount", "PATH=VALUE"),
        ("header", "Host:x", "written by the relay itself"),
        ("times", "0", "is not a valid number; use 1 to 100000"),
        ("times", "100001", "is not a valid number; use 1 to 100000"),
        ("concurrency", "101", "is not a valid number; use 1 to 100"),
        ("rate", "100001", "is not a valid rate; use deliveries per second, up to 100000"),
        ("rate", "inf", "is not a valid rate"),
        ("rate", "nan", "is not a valid rate"),
        ("shuffle", "x", "is not a valid seed; use a whole number"),
        ("expect", "ok", "200, 2xx, delivered, refused or recorded"),
    ],
)
def test_command_and_screen_refuse_the_same(option: str, text: str, reason: str) -> None:
    """Both name the option, with the same reason."""
    several = option in ("to", "set", "header")
    values: dict[str, Any] = {option: [text] if several else text}
    written: dict[str, Any] = {option: text}
    with pytest.raises(OptionError, match=reason) as by_command:
        ReplayOptions.read(**values)
    with pytest.raises(OptionError, match=reason) as by_screen:
        options(ReplayForm(**written))
    assert by_command.value.option == by_screen.value.option == option


@pytest.mark.parametrize(
    ("values", "option"),
    [
        ({"shuffle": "1", "rate": "original"}, "shuffle"),
        ({"until_delivered": True, "expect": "200"}, "expect"),
        ({"pin": True, "expect": "recorded"}, "pin"),
    ],
)
def test_options_that_exclude_each_other(values: dict[str, Any], option: str) -> None:
    """One of the two is named."""
    with pytest.raises(OptionError, match="exclude each other") as raised:
        ReplayOptions.read(**values)
    assert raised.value.option == option


@pytest.mark.parametrize(
    ("option", "text", "reason"),
    [
        ("method", "PO ST", "'PO ST' is not a valid method"),
        ("path", "hook", "'hook' is not a valid path; use one such as /webhooks"),
        ("path", "/a b", "'/a b' is not a valid path"),
        ("path", "http://x/", "is not a valid path"),
    ],
)
def test_method_and_path(option: str, text: str, reason: str) -> None:
    """Either is read as it will be sent; what cannot be sent is refused."""
    with pytest.raises(OptionError, match=reason):
        ReplayOptions.read(**{option: text})  # type: ignore[arg-type]
    edits = ReplayOptions.read(method="PUT", path="/h\xe9?a=1").edits
    assert (edits.method, edits.target) == ("PUT", "/h\xc3\xa9?a=1")
    assert ReplayOptions.read().edits == Edits()


def test_fresh_ids() -> None:
    """Times move by whole seconds until the newest event is now; payload ids include the event's own."""
    now = NOON + timedelta(seconds=3.7)
    assert ReplayOptions.read().fresh(NOON, now, "s") is None
    assert ReplayOptions.read(fresh_ids=True).fresh(NOON, now, "s") == FreshIds(seed="s", shift_us=3_000_000)
    options = ReplayOptions.read(fresh_payload_ids=True)
    assert options.fresh(None, now, "s") == FreshIds(seed="s", shift_us=0, payload=True)
    assert options.fresh(now, NOON, "s") == FreshIds(seed="s", shift_us=-4_000_000, payload=True)


def test_command_and_screen_ask_for_the_same() -> None:
    """The same texts are the same message to the engine, but for who sends it."""
    texts: dict[str, Any] = {"times": "3", "concurrency": "2", "rate": "1.5", "shuffle": "-7"}
    read = ReplayOptions.read(
        to=[":3000", ":4000/x"], set=["payload.amount=7.00"], header=["X-Try: a b"], **texts
    )
    form = ReplayForm(to=":3000 :4000/x", set="payload.amount=7.00", header="'X-Try: a b'", **texts)
    assert replay_request([3, 1, 2], form) == read.request([1, 2, 3], by="screen")
    assert (read.rate, read.shuffle, read.to) == (1.5, -7, (":3000", ":4000/x"))


@given(st.sets(st.integers(1, 60)))
def test_ranges_hold_exactly_the_ids(ids: set[int]) -> None:
    """Ranges are ascending, do not touch, and cover each id and no other."""
    ranges = id_ranges(ids)
    assert [number for first, last in ranges for number in range(first, last + 1)] == sorted(ids)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(ranges))


@pytest.mark.parametrize(
    ("status", "is_refused"), [(400, True), (499, True), (399, False), (500, False), (None, False)]
)
def test_a_refusal_is_400_to_499(status: int | None, is_refused: bool) -> None:
    """Nothing else is one: no failure, and no missing response."""
    result = Expectation.read("refused").compared(an_attempt(status=status), lambda capture, target: None)
    assert result.is_met == is_refused
    assert (result.words is None) == is_refused


def test_responses_are_compared_one_by_one() -> None:
    """The check counts, names at most ten captures, and says nothing where all is as expected."""
    check = ExpectationCheck(Expectation.read("2xx"), lambda capture, target: None)
    assert check.add(an_attempt(status=204)) == Result(True)
    assert (check.met, check.mismatches) == (1, "")
    for number in range(1, 13):
        assert check.add(an_attempt(capture_id=number, status=500)) == Result(False, "expected 2xx")
    assert (
        check.mismatches == "12 of 13 responses are not as expected (2xx): 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ..."
    )


def a_baseline(**changes: Any) -> Baseline:
    values: dict[str, Any] = {"attempt_id": 7, "target": "http://localhost:3000", "status": 200}
    values |= {"is_delivered": True, "is_pinned": False}
    return Baseline(**(values | changes))


@pytest.mark.parametrize(
    ("before", "now", "change", "words"),
    [
        ({}, {}, Change.UNCHANGED, "unchanged: 200 before"),
        ({}, {"status": 500, "verdict": "retry"}, Change.REGRESSED, "regressed: 200 before"),
        ({}, {"status": None, "verdict": "retry"}, Change.REGRESSED, "regressed: 200 before"),
        ({"status": 500, "is_delivered": False}, {}, Change.FIXED, "fixed: 500 before"),
        (
            {"status": 500, "is_delivered": False, "is_pinned": True},
            {"status": 404, "verdict": "retry"},
            Change.STILL_FAILING,
            "still failing: 500 before, pinned",
        ),
        (
            {"target": "http://a\x1b"},
            {},
            Change.UNCHANGED,
            "unchanged: 200 before, from http://a␛, as this target has no live response",
        ),
        ({}, {"status": None, "verdict": None}, None, "no response to compare with 200 before"),
        ({}, {"status": 200, "verdict": None}, Change.UNCHANGED, "unchanged: 200 before"),
    ],
)
def test_a_response_and_its_baseline(
    before: dict[str, Any], now: dict[str, Any], change: Change | None, words: str
) -> None:
    """Delivered or not, before and now; only a regression is not as expected, and nothing to compare."""
    check = ExpectationCheck(Expectation.read("recorded"), lambda capture, target: a_baseline(**before))
    result = check.add(an_attempt(**now))
    assert (result.change, result.words) == (change, words)
    assert result.is_met == (change not in (Change.REGRESSED, None)) == bool(check.met)
    assert sum(check.changes.values()) == (change is not None)


def test_no_baseline_is_not_as_expected() -> None:
    """It is counted and said, with the option that makes one."""
    check = ExpectationCheck(Expectation.read("recorded"), lambda capture, target: None)
    words = check.add(an_attempt()).words
    assert words is not None
    assert "no baseline" in words
    assert "--pin" in words
    assert (check.changes_in_words, check.unmet) == ("1 without a baseline", [1])
