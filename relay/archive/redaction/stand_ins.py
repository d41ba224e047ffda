"""Stand-ins for personal values: others of the same form, always the same one for the same value.

A stand-in depends on the value and on a seed that one export has for itself and that is kept nowhere, so
equal values stay equal, and no stand-in leads back to its value. Owns the forms: UUID, IBAN, e-mail address,
URL, digits (phone, card, identity numbers), else letter by letter. Pure.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from hashlib import shake_256
from string import ascii_lowercase, ascii_uppercase

from relay.archive.redaction.numbers import digits_like, is_iban, with_check_digits

MOST_REMEMBERED = 200_000
LONGEST_REMEMBERED = 64
"""Values up to this length are remembered, so that no two of them get the same stand-in."""

ATTEMPTS = 50
"""How often another stand-in is tried where one is taken: of a single letter there are 26."""

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_LOCAL = r"[^\s@<>\"',;:()\[\]/]"
_EMAIL = rf"(?<!{_LOCAL}){_LOCAL}{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{0,4}}\.[^\W\d_]{{2,24}}"
_IBAN = r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}+(?![A-Za-z0-9])"
"""All of these are bounded, or begin where none of their characters precedes: no text makes them slow."""

_IS_UUID = re.compile(_UUID)
_IS_HEX = re.compile(r"(?=[0-9]*[a-f])[0-9a-f]{16,}|(?=[0-9]*[A-F])[0-9A-F]{16,}")
_IS_EMAIL = re.compile(_EMAIL)
_IS_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/?#\s]*)(.*)", re.DOTALL)
_IS_DIGITS = re.compile(r"[+(]?[0-9](?:[0-9 ().\-/]*[0-9])?\)?")
_IS_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(.*)", re.DOTALL)
_EXPONENT = re.compile(r"([^eE]*)([eE]?)(.*)")
_PARTS = re.compile(rf"({_UUID}|{_EMAIL}|{_IBAN}|[0-9]{{5,}})")
"""Inside a longer text, these get their own stand-ins: a reference may hold an id that is elsewhere too."""

_ARABIC = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
_TLD = ".example"
"""Reserved (RFC 2606): no stand-in is anybody's address."""

Stream = Iterator[int]


class StandIns:
    """The stand-ins of one export."""

    def __init__(self, seed: bytes, avoid: frozenset[str] = frozenset()) -> None:
        """
        Args:
            seed: random.
            avoid: texts that no stand-in may be, as they have a meaning.
        """
        self._seed = seed
        self._avoid = avoid
        self._known: dict[str, str] = {}
        self._taken: set[str] = set()

    def text(self, value: str) -> str:
        """The stand-in of a text; without letters and digits it stays."""
        known = self._known.get(value)
        if known is not None:
            return known
        made = self._made(value, "")
        if len(value) > LONGEST_REMEMBERED or len(self._known) >= MOST_REMEMBERED:
            return made
        for attempt in range(1, ATTEMPTS):
            if made not in self._taken and made != value and made not in self._avoid:
                break
            made = self._made(value, str(attempt))
        self._known[value] = made
        self._taken.add(made)
        return made

    def number(self, written: str) -> str:
        """The stand-in of a JSON number; whole numbers get that of the same digits in a text.

        In others zeros stay zeros and other digits do not become any: `1.5e1` stays whole, `12.50` does not
        become it.
        """
        if written.lstrip("-").isdecimal():
            return written[: -len(written.lstrip("-"))] + self.text(written.lstrip("-"))
        mantissa, e, exponent = _EXPONENT.fullmatch(written).groups("")  # type: ignore[union-attr]
        made = mantissa
        for attempt in range(ATTEMPTS):
            stream = self._stream("number", mantissa, str(attempt))
            made = "".join(str(1 + next(stream) % 9) if each in "123456789" else each for each in mantissa)
            if made != mantissa:
                break
        return f"{made}{e}{exponent}"

    def data(self, value: bytes) -> bytes:
        """As many other bytes, which are not UTF-8."""
        key = hmac.digest(self._seed, b"data\0" + value, "sha256")
        return b"\xff" + shake_256(key).digest(len(value))[1:] if value else b""

    def _made(self, value: str, attempt: str) -> str:
        if _IS_UUID.fullmatch(value):
            return _in_case(value, iter(self._uuid(value)))
        if is_iban(iban := _compact(value)):
            return self._iban(value, iban, attempt)
        if date := _IS_DATE.fullmatch(value):
            return self._date(value, date[4], attempt)
        if _IS_DIGITS.fullmatch(value):
            return self._digits(value, attempt)
        if _IS_EMAIL.fullmatch(value):
            return self._email(value, attempt)
        if url := _IS_URL.fullmatch(value):
            return self._url(url[1], url[2], url[3], attempt)
        if _IS_HEX.fullmatch(value):
            return self._hex(value, attempt)
        parts = _PARTS.split(value)
        if len(parts) == 1:
            return self._letters(value, self._stream("text", value, attempt))
        stream = self._stream("text", value, attempt)
        return "".join(
            self.text(part) if place % 2 and _has_form(part) else self._letters(part, stream)
            for place, part in enumerate(parts)
        )

    # -- forms ---------------------------------------------------------------------------------

    def _uuid(self, value: str) -> str:
        """The 32 digits of a UUID of the same version and variant."""
        plain = value.lower().replace("-", "")
        made = hmac.digest(self._seed, f"uuid\0{plain}".encode(), "sha256").hex()
        return made[:12] + plain[12] + made[13:16] + plain[16] + made[17:32]

    def _hex(self, value: str, attempt: str) -> str:
        plain = value.lower()
        if len(plain) == 32:  # A UUID without dashes is the same one.
            return _in_case(value, iter(self._uuid(plain)))
        stream = self._stream("hex", plain, attempt)
        return _in_case(value, (f"{next(stream) % 16:x}" for _ in plain))

    def _iban(self, value: str, iban: str, attempt: str) -> str:
        """An IBAN of the same country and layout, with right check digits."""
        stream = self._stream("iban", iban, attempt)
        account = "".join(
            str(next(stream) % 10) if letter.isdigit() else ascii_uppercase[next(stream) % 26]
            for letter in iban[4:]
        )
        return _in_case(value, iter(with_check_digits(iban[:2], account)))

    def _date(self, value: str, rest: str, attempt: str) -> str:
        """Another day; most dates that are replaced are those of a birth."""
        stream = self._stream("date", value, attempt)
        year, month, day = 1950 + next(stream) % 56, 1 + next(stream) % 12, 1 + next(stream) % 28
        return f"{year}-{month:02}-{day:02}{rest}"

    def _digits(self, value: str, attempt: str) -> str:
        plain = "".join(filter(str.isdigit, value))
        made = iter(digits_like(plain, self._stream("digits", plain, attempt)))
        return "".join(next(made) if letter.isdigit() else letter for letter in value)

    def _email(self, value: str, attempt: str) -> str:
        local, _, domain = value.rpartition("@")
        host, _, _ = domain.rpartition(".")
        return (
            self._letters(local, self._stream("text", value.lower(), attempt))
            + "@"
            + self._letters(host, self._stream("host", domain.lower(), attempt))
            + _TLD
        )

    def _url(self, scheme: str, host: str, path: str, attempt: str) -> str:
        name = self._letters("host", self._stream("host", host.lower(), attempt))
        return f"{scheme}{name}{_TLD}" + (self._made(path, attempt) if path else "")

    def _letters(self, text: str, stream: Stream) -> str:
        """Each letter and digit by another of its kind; all other characters stay."""
        return "".join(letter if _stays(letter) else _other(letter, next(stream)) for letter in text)

    def _stream(self, form: str, value: str, attempt: str) -> Stream:
        key = hmac.digest(
            self._seed, f"{form}\0{attempt}\0{value}".encode("utf-8", "surrogatepass"), "sha256"
        )
        size = 64
        at = 0
        while True:
            data = shake_256(key).digest(size)
            yield from data[at:]
            at, size = size, size * 4


def _stays(letter: str) -> bool:
    return not letter.isalnum()


def _other(letter: str, number: int) -> str:
    if letter.isascii():
        if letter.isdigit():
            return str(number % 10)
        return (ascii_uppercase if letter.isupper() else ascii_lowercase)[number % 26]
    if letter.isdecimal():
        return chr(ord(letter) - int(letter) + number % 10)
    if "\u0600" <= letter <= "\u06ff":
        return _ARABIC[number % len(_ARABIC)]
    return (ascii_uppercase if letter.isupper() else ascii_lowercase)[number % 26]


def _in_case(value: str, made: Iterator[str]) -> str:
    """The characters made, with the layout and the case of the value."""
    text = "".join(letter if letter in " -" else next(made) for letter in value)
    return text.upper() if value.isupper() else text.lower()


def _compact(value: str) -> str:
    return value.replace(" ", "").upper() if len(value) <= LONGEST_REMEMBERED else ""


def _has_form(part: str) -> bool:
    return part.isdecimal() or "@" in part or _IS_UUID.fullmatch(part) is not None or is_iban(_compact(part))
