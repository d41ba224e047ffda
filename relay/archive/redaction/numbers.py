"""Numbers with a form: check digits of accounts, cards and identity numbers. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")

MOBILE = ("971", "966")
"""Country codes of the UAE and Saudi Arabia, which a phone number keeps."""

EMIRATES_ID = "784"
"""Its first digits: 784-1987-1234567-1."""


def is_iban(text: str) -> bool:
    """Whether it is an IBAN with the right check digits (ISO 13616); no spaces, upper case."""
    return _IBAN.fullmatch(text) is not None and _remainder(text) == 1


def with_check_digits(country: str, account: str) -> str:
    """The IBAN of an account, with its check digits."""
    return f"{country}{98 - _remainder(f'{country}00{account}'):02}{account}"


def _remainder(iban: str) -> int:
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(letter, 36)) for letter in moved)) % 97


def is_luhn(digits: str) -> bool:
    """Whether the last digit is right by Luhn (ISO/IEC 7812), as in cards, Emirates ids and Saudi ids."""
    return _luhn_sum(digits) % 10 == 0


def with_luhn(digits: str) -> str:
    """The digits with the last one replaced by the right one."""
    return digits[:-1] + str((10 - _luhn_sum(digits[:-1] + "0") % 10) % 10)


def _luhn_sum(digits: str) -> int:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total


def digits_like(digits: str, stream: Iterator[int]) -> str:
    """Other digits of the same form: an identity number, a card, a phone number, or of the same length.

    Args:
        digits: at least one.
        stream: bytes that depend on the digits.
    """
    kept, finish = _form(digits)
    made = [digits[:kept]]
    made += (str(next(stream) % 10) for _ in digits[kept:])
    text = "".join(made)
    if kept < len(text) and digits[kept] != "0" and text[kept] == "0":
        text = f"{text[:kept]}{1 + next(stream) % 9}{text[kept + 1 :]}"
    return finish(text)


def _form(digits: str) -> tuple[int, Callable[[str], str]]:
    """The number of first digits that stay, and a function that sets the last one right."""
    size = len(digits)
    right: Callable[[str], str] = with_luhn if size > 1 and is_luhn(digits) else str
    if size == 15 and digits.startswith(EMIRATES_ID):
        return 3, lambda made: right(f"{made[:3]}{1950 + int(made[3:7]) % 56}{made[7:]}")
    if size == 10 and digits[0] in "12" and right is with_luhn:
        return 1, right
    if 13 <= size <= 19 and right is with_luhn:
        return 0, right
    without = digits[2:] if digits.startswith("00") else digits
    if without.startswith(MOBILE) and 11 <= len(without) <= 12:
        return size - len(without) + 3, str
    return size - len(digits.lstrip("0")), str
