"""Stand-ins have the form of what they replace, and nothing of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.archive.redaction.numbers import is_iban, is_luhn, with_check_digits, with_luhn
from relay.archive.redaction.policy import constants
from relay.archive.redaction.stand_ins import StandIns
from relay.text.json_values import is_whole

SEED = b"a seed of 32 bytes, used in tests"

FORMS = [
    (
        "b0a1c2d3-e4f5-4061-8273-94a5b6c7d8e9",
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}",
    ),
    (
        "B0A1C2D3-E4F5-1061-A273-94A5B6C7D8E9",
        r"[0-9A-F]{8}-[0-9A-F]{4}-1[0-9A-F]{3}-A[0-9A-F]{3}-[0-9A-F]{12}",
    ),
    ("mohammed.ali@bank.ae", r"[a-z]{8}\.[a-z]{3}@[a-z]{4}\.example"),
    ("+971 50 123 4567", r"\+971 [0-9]{2} [0-9]{3} [0-9]{4}"),
    ("00966501234567", r"00966[0-9]{9}"),
    ("0501234567", r"0[0-9]{9}"),
    ("784-1987-1234567-1", r"784-(19|20)[0-9]{2}-[0-9]{7}-[0-9]"),
    ("Mohammed Al-Ali", r"[A-Z][a-z]{7} [A-Z][a-z]-[A-Z][a-z]{2}"),
    ("محمد علي", r"[\u0600-\u06ff]{4} [\u0600-\u06ff]{3}"),
    ("Zoë", r"[A-Z][a-z]{2}"),
    ("https://cdn.bank.ae/a.png?x=1", r"https://[a-z]{4}\.example/[a-z]\.[a-z]{3}\?[a-z]=[0-9]"),
    ("1987-05-06", r"(19|20)[0-9]{2}-[01][0-9]-[0-2][0-9]"),
    ("ABC_UAE", r"[A-Z]{3}_[A-Z]{3}"),
    ("٠٥٠١٢٣", r"[٠-٩]{6}"),
    ("a\ud800b", "[a-z]\ud800[a-z]"),
]


@pytest.mark.parametrize(("value", "form"), FORMS, ids=range(len(FORMS)))
def test_forms(value: str, form: str) -> None:
    """Each kind of value gets another of its kind, the same each time, and another with another seed."""
    made = StandIns(SEED).text(value)
    assert re.fullmatch(form, made)
    assert made != value
    assert StandIns(SEED).text(value) == made != StandIns(b"another").text(value)


@pytest.mark.parametrize(
    "value", ["AE070331234567890123456", "SA03 8000 0000 6080 1016 7519", "gb82west12345698765432"]
)
def test_accounts(value: str) -> None:
    """An IBAN stays one of its country and layout, with right check digits, however it is written."""
    stand_ins = StandIns(SEED)
    made = stand_ins.text(value)
    assert is_iban(made.replace(" ", "").upper())
    assert made[:2] == value[:2]
    assert [at for at, letter in enumerate(made) if letter == " "] == [
        at for at, letter in enumerate(value) if letter == " "
    ]
    plain = value.replace(" ", "").upper()
    assert stand_ins.text(plain) == made.replace(" ", "").upper() != plain


def test_check_digits() -> None:
    """As ISO 13616 and ISO/IEC 7812 define them."""
    assert with_check_digits("GB", "WEST12345698765432") == "GB82WEST12345698765432"
    assert not is_iban("GB83WEST12345698765432")
    assert with_luhn("79927398710") == "79927398713"
    assert is_luhn("4111111111111111")
    for value in ("4111111111111111", "1012345672", "784198712345676"):
        if is_luhn(value):
            assert is_luhn(StandIns(SEED).text(value))


def test_equal_values_stay_equal() -> None:
    """A number and its text, an id with and without dashes or inside a reference are still one thing."""
    stand_ins = StandIns(SEED)
    uuid = "b0a1c2d3-e4f5-4061-8273-94a5b6c7d8e9"
    assert stand_ins.number("1012345672") == stand_ins.text("1012345672")
    assert stand_ins.number("-123456") == "-" + stand_ins.text("123456")
    assert stand_ins.text("971501234567") == stand_ins.text("+971 50 123 4567").replace(" ", "")[1:]
    assert stand_ins.text(uuid.replace("-", "")) == stand_ins.text(uuid).replace("-", "")
    assert stand_ins.text(uuid.upper()) == stand_ins.text(uuid).upper()
    assert stand_ins.text(f"payment-{uuid}").endswith(stand_ins.text(uuid))
    assert stand_ins.text("to me@bank.ae!").endswith(f" {stand_ins.text('me@bank.ae')}!")


def test_different_values_stay_different() -> None:
    """Short values too, as far as there are any left; and none becomes a word of Lean's."""
    stand_ins = StandIns(SEED, constants())
    letters = [chr(ord("A") + number) for number in range(13)]
    assert len({stand_ins.text(letter) for letter in letters}) == len(letters)
    digits = [f"{number:03}" for number in range(100, 400)]
    assert len({stand_ins.text(each) for each in digits}) == len(digits)
    assert not {stand_ins.text(f"{a}{b}") for a in "NPX" for b in "KLM"} & constants()


SLOW = [
    "a" * 1_000_000,
    "a" * 1_000_000 + "@",
    "a@" * 500_000,
    "a@a." * 250_000,
    "AE07" + "A1 " * 300_000,
    ("AE07" + "A" * 31 + " ") * 30_000,
    "1" * 1_000_000,
    "+(" * 500_000,
    "1 " * 500_000 + "x",
    "a://" * 250_000,
    "abcdef" * 200_000 + "g",
    "12345678-" * 100_000,
]


@pytest.mark.slow
@pytest.mark.parametrize("value", SLOW, ids=range(len(SLOW)))
def test_no_text_is_slow(value: str) -> None:
    """A megabyte that is nearly an address, an account or a number takes no more than any other."""
    made = StandIns(SEED).text(value)
    assert made != value or not any(map(str.isalnum, value))


@given(st.text(max_size=200))
def test_any_text(value: str) -> None:
    """No text is refused; letters and digits change, all else stays where it was in most forms."""
    made = StandIns(SEED).text(value)
    if not any(map(str.isalnum, value)):
        assert made == value
    elif len(value) > 3 and sum(map(str.isalnum, value)) > 3 and value.strip("0") == value:
        assert made != value


numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@pytest.mark.slow
@given(numbers)
def test_numbers_keep_their_type(written: str) -> None:
    """A whole number stays whole and a fraction one; length, sign, point and exponent stay."""
    made = StandIns(SEED).number(written)
    assert is_whole(made) == is_whole(written)
    assert len(made) == len(written)
    assert re.sub("[0-9]", "", made) == re.sub("[0-9]", "", written)
    assert not re.fullmatch(r"-?0[0-9].*", made)
