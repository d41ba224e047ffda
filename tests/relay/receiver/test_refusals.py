"""Refusals: counted, joined, told calmly."""

from __future__ import annotations

import logging

import pytest

from relay.receiver import refusals as module
from relay.receiver.refusals import Refusals


def test_alike_refusals_are_one_entry_with_a_count() -> None:
    """The same client and reason join; the first detail stays."""
    refusals = Refusals()
    for number in range(5):
        refusals.note("10.0.0.1", "malformed", f"line {number}")
    refusals.note("10.0.0.2", "malformed", "other")
    entries = refusals.take()
    assert [(entry.client, entry.count, entry.detail) for entry in entries] == [
        ("10.0.0.1", 5, "line 0"),
        ("10.0.0.2", 1, "other"),
    ]
    assert refusals.take() == []
    assert refusals.counts == {"malformed": 6}


def test_entries_put_back_join_with_newer_ones() -> None:
    """What could not be written is not lost and not doubled."""
    refusals = Refusals()
    refusals.note("a", "x", "old")
    taken = refusals.take()
    refusals.note("a", "x", "new")
    refusals.put_back(taken)
    assert [(entry.detail, entry.count) for entry in refusals.take()] == [("old", 2)]


def test_many_clients_do_not_fill_the_memory() -> None:
    """Past the bound, refusals are counted under no client, and none is lost from the counts."""
    refusals = Refusals()
    for number in range(module.KINDS_AT_ONCE * 3):
        refusals.note(f"client {number}", "malformed", "")
    assert refusals.unwritten == module.KINDS_AT_ONCE * 3
    assert len(refusals.take()) == module.KINDS_AT_ONCE + 1


def test_a_flood_is_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """A thousand refusals of one reason in a moment give one line."""
    refusals = Refusals()
    with caplog.at_level(logging.WARNING, "relay.refusals"):
        for _ in range(1000):
            refusals.note("10.0.0.1", "malformed", "x")
        refusals.note("10.0.0.1", "too-large", "y")
    assert [record.getMessage() for record in caplog.records] == [
        "refused 10.0.0.1: malformed, x",
        "refused 10.0.0.1: too-large, y",
    ]
