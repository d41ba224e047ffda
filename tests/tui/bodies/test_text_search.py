"""Finding texts in bodies of any size."""

from hypothesis import given
from hypothesis import strategies as st

from tui.bodies import found
from tui.bodies.text_search import BLOCK, MOST_HITS


@given(st.text("abAB.* \n", max_size=60), st.text("abAB.*", min_size=1, max_size=3))
def test_ascii_is_found_in_any_case(text: str, sought: str) -> None:
    """The same places as a plain search through both in lower case, left to right without overlap."""
    expected = []
    at = text.lower().find(sought.lower())
    while at >= 0:
        expected.append(at)
        at = text.lower().find(sought.lower(), at + len(sought))
    assert list(found(text.encode(), sought).starts) == expected


def test_letters_beyond_ascii() -> None:
    """Other scripts are found in any case, and where JSON writes them with escapes."""
    data = '{"a":"É é مر","b":"'.encode() + b'\\u00c9 \\u0645\\u0631 \\ud83d\\ude00"}'
    assert len(found(data, "é")) == 3
    assert len(found(data, "مر")) == 2
    assert len(found(data, "\U0001f600")) == 1
    assert len(found(b"\xff\xfe", "\udcff")) == 0


def test_characters_that_some_encoders_escape() -> None:
    """Quotes, slashes and signs of HTML are found with and without their escapes."""
    for data in (
        b'{"a":"\\"x\\/y\\" \\u0026 \\u003Cb\\\\c"}',
        b'"x/y" & <b\\c',
        b"\\u0022x/y\\u0022 & <b\\u005cc",
    ):
        assert len(found(data, '"x/y" & <B\\c')) == 1
    assert list(found(b"a\\/b", "/").starts) == [1]


def test_across_blocks() -> None:
    """What lies across the border of two blocks is found once."""
    for start in range(BLOCK - 4, BLOCK + 1):
        data = b"." * start + b"needle" + b"." * 100
        assert list(found(data, "NEEDLE").starts) == [start]
    assert len(found(b"a" * BLOCK * 2, "a" * 16)) == BLOCK // 8


def test_many_are_counted_up_to_a_bound() -> None:
    """More hits than are counted are said to be more."""
    hits = found(b"a" * (MOST_HITS + 1), "a")
    assert (len(hits), hits.is_cut) == (MOST_HITS, True)
    assert not found(b"a" * MOST_HITS, "a").is_cut


def test_bytes_by_their_digits() -> None:
    """In a hex view pairs of digits stand for bytes."""
    assert list(found(b"\x00\x1f\x8b1f8b", "1f 8b", as_hex=True).starts) == [1]
    assert list(found(b"\x00\x1f\x8b1f8b", "1f8b", as_hex=True).starts) == [1, 3]
    assert list(found(b"\x00\x1f\x8b1f8b", "1f8b").starts) == [3]


def test_steps_go_round() -> None:
    """After the last hit comes the first, and before the first the last."""
    hits = found(b"a..a..a", "a")
    assert [hits.after(at) for at in (0, 1, 3, 4, 7)] == [0, 1, 1, 2, 0]
    assert [hits.before(at) for at in (0, 1, 3, 4, 7)] == [2, 0, 0, 1, 2]
    assert [(hit.start, hit.current) for hit in hits.touching(2, 7, 1)] == [(3, True), (6, False)]
    assert hits.touching(1, 3, 0) == []
