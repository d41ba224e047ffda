"""Which captures a list shows: order, cursor, following, marks, growth at either end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.state.listing import MOST_MARKS, IdList, IdRange, Listing, missing

IDS = st.sets(st.integers(1, 400), max_size=60).map(sorted)


@given(IDS, IDS, st.integers(0, 420))
def test_found_is_a_sorted_list(older: list[int], newer: list[int], number: int) -> None:
    """However it grew, it has the places of one sorted list."""
    older = [id for id in older if id < 200]
    newer = [id for id in newer if id >= 200]
    found = IdList()
    half = len(older) // 2
    found.add_older(list(reversed(older[half:])))
    found.add_newer(newer)
    found.add_older(list(reversed(older[:half])))
    everything = older + newer
    assert [found[at] for at in range(len(found))] == everything
    assert found.index(number) == sum(id < number for id in everything)


@given(IDS, IDS, st.integers(0, 420), IDS)
def test_found_replaces_its_end(older: list[int], newer: list[int], number: int, others: list[int]) -> None:
    """What is above an id gives way to others, wherever that id lies."""
    older = [id for id in older if id < 200]
    newer = [id for id in newer if id >= 200]
    others = [id for id in others if id > number]
    found = IdList(newer)
    found.add_older(list(reversed(older)))
    found.replace_above(number, others)
    assert [found[at] for at in range(len(found))] == [id for id in older + newer if id <= number] + others


@given(st.integers(1, 50), st.integers(0, 50), st.integers(0, 120))
def test_dense_has_the_places_of_its_ids(first: int, length: int, number: int) -> None:
    """Without gaps a place is a difference."""
    id_range = IdRange(first, first + length - 1)
    ids = list(range(first, first + length))
    assert [id_range[at] for at in range(len(id_range))] == ids
    assert id_range.index(number) == sum(id < number for id in ids)


def test_follows_the_newest() -> None:
    """The cursor goes with each new capture, and stands once it is moved."""
    listing = Listing()
    listing.show(IdRange(1, 3))
    listing.add_newer([4])
    assert (listing.cursor, listing.following, listing.unseen) == (4, True, 0)
    listing.move_to(1)
    listing.add_newer([5, 6])
    assert (listing.cursor, listing.following, listing.unseen) == (2, False, 2)
    listing.follow()
    assert (listing.cursor, listing.unseen) == (6, 0)


def test_what_was_on_screen_is_not_new() -> None:
    """Only captures below those that were drawn count as unseen."""
    listing = Listing()
    listing.show(IdRange(1, 3))
    listing.stop_following()
    listing.add_newer([4, 5, 6])
    listing.mark_seen(5)
    assert listing.unseen == 1


def test_gaps_among_new_ones() -> None:
    """Ids that leave some out make the list one with gaps, in which all stays where it was."""
    listing = Listing()
    listing.show(IdRange(1, 3))
    listing.add_newer([5, 8])
    assert [listing.id_at(y) for y in range(len(listing))] == [1, 2, 3, 5, 8]


def test_first_captures_of_an_empty_log() -> None:
    """A log may begin at any id."""
    listing = Listing()
    listing.show(IdRange(1, 0))
    assert (len(listing), listing.cursor, listing.newest) == (0, None, 0)
    listing.add_newer([7, 8])
    assert [listing.id_at(y) for y in range(len(listing))] == [7, 8]


def test_newest_first() -> None:
    """Turned round, the newest is at the top, and the cursor stays on its capture."""
    listing = Listing()
    listing.show(IdRange(1, 5))
    listing.move_to(1)
    listing.turn()
    assert [listing.id_at(y) for y in range(5)] == [5, 4, 3, 2, 1]
    assert (listing.cursor, listing.cursor_y) == (2, 3)


def test_a_search_finds_the_cursor_again() -> None:
    """While a search goes back, the cursor waits at its end until its capture is found."""
    listing = Listing()
    listing.show(IdRange(1, 100))
    listing.move_to(39)
    listing.show(IdList())
    assert listing.chosen() == []
    listing.add_older([90, 80])
    assert listing.chosen() == [80]
    listing.add_older([60, 40, 20])
    assert listing.chosen() == [40]
    listing.add_older([10])
    assert listing.chosen() == [40]


def test_cursor_beside_a_capture_that_went() -> None:
    """Where the cursor's capture is no longer listed, the next newer one takes its place."""
    listing = Listing()
    listing.show(IdRange(1, 9))
    listing.move_to(4)
    listing.show(IdList([1, 2, 7, 9]))
    assert listing.cursor == 7


def test_marks_are_what_an_action_is_about() -> None:
    """Without marks it is the capture under the cursor, with some it is those."""
    listing = Listing()
    assert listing.chosen() == []
    listing.show(IdRange(1, 9))
    listing.move_to(4)
    assert listing.chosen() == [5]
    listing.mark()
    listing.move_to(2)
    listing.mark()
    assert listing.chosen() == [3, 5]
    listing.mark()
    assert listing.chosen() == [5]


def test_no_such_row() -> None:
    """A row outside of the list is an error, never another row."""
    listing = Listing()
    listing.show(IdRange(1, 3))
    for y in (-1, 3):
        with pytest.raises(IndexError):
            listing.id_at(y)


@given(IDS, IDS, IDS)
def test_found_without_some(older: list[int], newer: list[int], gone: list[int]) -> None:
    """What is taken out is gone, wherever it lay, and the rest is as it was."""
    older = [id for id in older if id < 200]
    newer = [id for id in newer if id >= 200]
    found = IdList(newer)
    found.add_older(list(reversed(older)))
    left = [id for id in older + newer if id not in gone]
    assert list(found.without(set(gone)).all()) == left
    cut = IdList(newer)
    cut.add_older(list(reversed(older)))
    cut.begin_at(len(gone) * 7)
    assert list(cut.all()) == [id for id in older + newer if id >= len(gone) * 7]


@given(st.integers(1, 50), st.integers(0, 50), IDS)
def test_dense_without_some(first: int, length: int, gone: list[int]) -> None:
    """Without its first ids it is still a range, without others it has gaps."""
    ids = range(first, first + length)
    without = IdRange(first, first + length - 1).without(set(gone))
    assert list(without.all()) == [id for id in ids if id not in gone]
    assert isinstance(IdRange(1, 9).without({1, 2, 30}), IdRange)


def test_removed_under_the_cursor() -> None:
    """The next newer capture takes the cursor, marks of what went are gone, and nothing pulls it back."""
    listing = Listing()
    listing.show(IdRange(1, 9))
    listing.move_to(4)
    listing.marks = {2, 5, 8}
    listing.remove([2, 5, 6])
    assert (listing.cursor, listing.marks, len(listing)) == (7, {8}, 6)
    listing.move_to(5)
    listing.remove([9])
    assert listing.cursor == 8
    listing.add_newer([10])
    assert listing.cursor == 8


def test_the_oldest_removed() -> None:
    """A log that begins later loses rows and marks in front; the cursor stays, or goes to the new first."""
    listing = Listing()
    listing.show(IdRange(1, 9))
    listing.move_to(6)
    listing.marks = {2, 8}
    listing.begin_at(5)
    assert (listing.cursor, listing.marks, listing.id_at(0)) == (7, {8}, 5)
    listing.begin_at(8)
    assert (listing.cursor, len(listing)) == (8, 2)
    listing.begin_at(10)
    assert (listing.cursor, len(listing)) == (None, 0)


def test_recounted() -> None:
    """What a count has found replaces the list up to where it looked; what came since stays."""
    listing = Listing()
    listing.show(IdRange(1, 9))
    listing.add_newer([10, 11])
    listing.move_to(3)
    listing.marks = {3, 4, 11}
    listing.recount(IdList([2, 3, 8]), 9)
    assert list(listing.ids.all()) == [2, 3, 8, 10, 11]
    assert (listing.cursor, listing.marks) == (8, {3, 11})
    listing.recount(IdRange(5, 4), 9)
    assert list(listing.ids.all()) == [10, 11]


def test_what_is_missing() -> None:
    """Those of some ids that are not among others, whichever kind those are."""
    assert list(missing([1, 4, 9, 12], IdList([4, 12]))) == [1, 9]
    assert list(missing([1, 4, 9], IdRange(3, 8))) == [1, 9]
    assert list(missing([1], IdRange(1, 0))) == [1]


def test_a_range_is_marked_from_the_cursor() -> None:
    """Shift and an arrow mark both rows that they touch; at an edge the cursor stays."""
    listing = Listing()
    listing.show(IdRange(1, 5))
    listing.move_to(1)
    listing.mark_to(1)
    listing.mark_to(1)
    assert (listing.cursor, listing.marks) == (4, {2, 3, 4})
    listing.move_to(4)
    listing.mark_to(1)
    assert (listing.cursor, listing.marks) == (5, {2, 3, 4, 5})


def test_all_are_marked_unless_there_are_too_many() -> None:
    """All rows of the list, with gaps or without; far too many are refused, and no mark is lost."""
    listing = Listing()
    listing.show(IdList([2, 5, 9]))
    listing.mark_all()
    assert listing.marks == {2, 5, 9}
    listing.ids = IdRange(1, MOST_MARKS + 1)
    with pytest.raises(ValueError, match="100,001 captures are too many to mark; use a filter"):
        listing.mark_all()
    assert listing.marks == {2, 5, 9}
