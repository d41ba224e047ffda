"""Untrusted text made safe to show."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.models import Headers
from relay.text.safe import latin1_shown, mask_attempt, mask_capture, mask_headers, visible, visible_block
from tests.support.factories import a_capture, an_attempt

# Stated again here, by hand, so that a hole in the module's own tables is seen.
DIRECTION = {0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
ZERO_WIDTH = {0xAD, 0x34F, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x3164, 0xFE00, 0xE0100, 0xE0041}
BLANK = {
    *(0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0xFFA0),
    *range(0xFE00, 0xFE0E),
    *range(0xE0100, 0xE01F0),
}
DRAWN_FORMATS = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}

hostile_heavy = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"]),
        st.sampled_from([chr(code) for code in sorted(DIRECTION | ZERO_WIDTH)]),
        st.sampled_from("abc é ش\u0651 日本 😀\u00a0"),
    )
)


def is_hostile(character: str) -> bool:
    code = ord(character)
    if code in DIRECTION | ZERO_WIDTH:
        return True
    if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return False
    return code not in DRAWN_FORMATS


@pytest.mark.slow
def test_every_code_point_is_shown_safely() -> None:
    """Of all code points there are, none that is hostile survives, and every other one is left alone."""
    every = set(map(chr, range(0x110000)))
    hostile = set(filter(is_hostile, every))
    assert hostile.isdisjoint(visible("".join(hostile)))
    harmless = "".join(every - hostile - set(map(chr, BLANK)))
    assert visible(harmless) == harmless
    assert not set(map(chr, BLANK)) & set(visible("".join(map(chr, BLANK))))


@settings(deadline=None)
@given(hostile_heavy)
def test_no_hostile_character_survives_and_twice_is_once(text: str) -> None:
    """Whatever the text, the line shown is one line, has nothing hostile, and cleans to itself."""
    shown = visible(text)
    assert not any(map(is_hostile, shown))
    assert len(shown.splitlines()) <= 1
    assert visible(shown) == shown
    shown.encode("utf-8")


@settings(deadline=None)
@given(hostile_heavy)
def test_a_block_is_its_lines_cleaned(text: str) -> None:
    """A block keeps line feeds and tabs and is otherwise what its pieces are as lines."""
    shown = visible_block(text)
    assert shown.split("\n") == ["\t".join(map(visible, line.split("\t"))) for line in text.split("\n")]
    assert visible_block(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", "␛]0;owned␇"),
        ("\x1b]52;c;ZXZpbA==\x1b\\", "␛]52;c;ZXZpbA==␛\\"),
        ("\x9b31mred", "<U+009B>31mred"),
        ("a\r\nb\tc\x00\x7f", "a␍␊b␉c␀␡"),
        ("abc\u202egnp.exe", "abc<U+202E>gnp.exe"),
        ("pay\u200bpal", "pay<U+200B>pal"),
        ("one\u2028two\u2029three\x85four", "one<U+2028>two<U+2029>three<U+0085>four"),
        ("\udc80 \ud800", "<U+DC80> <U+D800>"),
        ("\ue000\U0010ffff", "<U+E000><U+10FFFF>"),
        ("tag\U000e0041 \U000e0100", "tag<U+E0041> <U+E0100>"),
    ],
)
def test_the_scheme(text: str, shown: str) -> None:
    """Controls below the blank become pictures, everything else its number in angle brackets."""
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "plain text, with \\backslashes and [brackets]",
        "تم تحديث حالة الدفع ١٢٣٫٤٥ د.إ",
        "مُحَمَّد الشَّامِسِيّ",
        "\u0601١٢٣ \u06dd",
        "e\u0301 naïve Ĳ 日本語 한국어 हिन्दी",
        "😀 ❤\ufe0f",
        "1\u00a0000\u202f000",
        "",
    ],
)
def test_scripts_marks_and_emoji_stay(text: str) -> None:
    """Arabic with its vowel marks, combining accents, other scripts, emoji and odd blanks stay."""
    assert visible(text) == text


def test_latin1_is_shown_as_utf8_where_it_is_that() -> None:
    """A stored header value is read as UTF-8 where its bytes are that, else as latin-1, and always safe."""
    assert latin1_shown("محفظة".encode().decode("latin-1")) == "محفظة"
    assert latin1_shown("caf\xe9") == "café"
    assert latin1_shown("\xe2\x80\xaeevil") == "<U+202E>evil"
    assert latin1_shown("\x9bX") == "<U+009B>X"
    assert latin1_shown("beyond latin-1: ش") == "beyond latin-1: ش"


@settings(deadline=None)
@given(st.binary())
def test_any_header_bytes_can_be_shown(raw: bytes) -> None:
    """There are no bytes that make a header value unsafe or fail to show."""
    assert not any(map(is_hostile, latin1_shown(raw.decode("latin-1"))))


def test_secret_headers_are_masked_and_the_signature_is_not() -> None:
    """Secret and named headers, in any case, tell their length only; lean-signature is shown."""
    headers: Headers = (
        ("Host", "x"),
        ("AUTHORIZATION", "Bearer abc"),
        ("cookie", "a=1"),
        ("Cookie", "b=22"),
        ("Lean-App-Token", ""),
        ("lean-signature", "sha512=00"),
        ("X-Api-Key", "k" * 20),
    )
    masked = mask_headers(headers, ["x-api-KEY ", "Lean-Signature"])
    assert masked == (
        ("Host", "x"),
        ("AUTHORIZATION", "<masked, 10 bytes>"),
        ("cookie", "<masked, 3 bytes>"),
        ("Cookie", "<masked, 4 bytes>"),
        ("Lean-App-Token", "<masked, 0 bytes>"),
        ("lean-signature", "sha512=00"),
        ("X-Api-Key", "<masked, 20 bytes>"),
    )
    assert mask_headers(headers)[-1] == headers[-1]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["Set-Cookie", "proxy-authorization"]), st.text(min_size=9))))
def test_nothing_of_a_secret_value_is_shown(pairs: list[tuple[str, str]]) -> None:
    """A mask depends on the length of the value alone."""
    assert mask_headers(tuple(pairs)) == tuple((n, f"<masked, {len(v)} bytes>") for n, v in pairs)


def test_a_capture_and_its_attempts_are_masked_alike() -> None:
    """What came, what was sent and what was responded: each loses its secrets, and None stays None."""
    secret, masked = (
        (("Cookie", "abc"), ("X-Key", "12")),
        (("Cookie", "<masked, 3 bytes>"), ("X-Key", "<masked, 2 bytes>")),
    )
    names = ("x-key",)
    assert mask_capture(a_capture(headers=secret), names).headers == masked
    shown = mask_attempt(an_attempt(sent_headers=secret, headers=secret), names)
    assert (shown.sent_headers, shown.headers) == (masked, masked)
    unsent = mask_attempt(an_attempt(sent_headers=None, headers=None), names)
    assert (unsent.sent_headers, unsent.headers) == (None, None)
