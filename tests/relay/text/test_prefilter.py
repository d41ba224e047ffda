"""What the bytes of a capture tell of the texts in it."""

from __future__ import annotations

import sys
from itertools import product

import pytest

from relay.text.prefilter import FOLDING, LARGE_BYTES, LONGEST_PIECE, beginnings, in_json, in_text, is_plain


def is_kept(letter: str) -> bool:
    return letter.isascii() or "\u0600" <= letter <= "\u06ff"


def test_no_other_letter_folds_into_what_is_looked_for() -> None:
    """Of all there are, only those named become ASCII or Arabic letters that they are not, beside A to Z."""
    into = [
        letter
        for letter in map(chr, range(sys.maxunicode + 1))
        if letter.casefold() != letter and any(map(is_kept, letter.casefold()))
    ]
    assert set(into) == {*FOLDING, *map(chr, range(ord("A"), ord("Z") + 1))}


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        (b'{"a":"b\\n\\/"}', True),
        ('{"a":"\u0645\xe9"}'.encode(), True),
        (b"", True),
        (b'{"a":"\\u0061"}', False),
        (b"a\0", False),
        (b"a\xff", False),
        ("\u212a".encode(), False),
        (b"x" * LARGE_BYTES, False),
    ],
)
def test_which_bodies_are_plain(body: bytes, plain: bool) -> None:
    """Those whose text stands in their bytes, whatever else JSON escapes."""
    assert is_plain("/", "[]", body) is plain
    assert not is_plain("/\xe9", "[]", body)
    assert not is_plain("/", '[["a","\\u0061"]]', body)
    assert not is_plain("/", '[["a","\xe9"]]', body)


def test_pieces_of_a_text() -> None:
    """What stands as it is, in order; long ones are cut."""
    assert in_text(("caf\xe9 x", "", "y\u0645")) == ("caf", " x", "y\u0645")
    assert in_json(('a"b\\c/d\n', "\u212ak")) == ("a", "b", "c", "d", "k")
    assert in_text(("z" * 99,)) == ("z" * LONGEST_PIECE,)
    assert in_json(("\xe9",)) == ()


def test_each_way_to_begin_is_given() -> None:
    """Each text that folds to the one looked for begins in one of the ways."""
    letters = ["f", "F", "\ufb00", "k", "K", "\u212a", "0"]
    for wanted in ("ff0", "k", "f", "0f0fk"):
        ways = tuple(beginnings(wanted))
        assert all(ways)
        for length in range(1, 6):
            for text in map("".join, product(letters, repeat=length)):
                assert text.casefold() != wanted or text.startswith(ways)
