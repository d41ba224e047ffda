"""Untrusted text made safe to show on a terminal.

Owns the one scheme by which hostile characters become visible, and the masking of secret
headers. Everything that came from outside passes here before it is printed; nothing here
is ever undone, stored or sent on. Pure.

The scheme: a character below U+0020 and U+007F become their control picture (`␛`, `␀`, `␡`),
each other character that a terminal acts on, hides or cannot draw becomes its number in angle
brackets (`<U+009B>`, `<U+202E>`). Letters of every script, combining marks and emoji stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from unicodedata import category

from relay.models import Attempt, Capture, Headers

SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "lean-app-token"})
"""Masked wherever headers are shown, in lower case."""

NEVER_MASKED = frozenset({"lean-signature"})
"""A digest of the body, needed to look into a wrong one, and no secret."""

# Drawn by fonts although Unicode files them under format characters: Arabic and Syriac signs
# that stand in front of digits or round them (the property Prepended_Concatenation_Mark).
_DRAWN = frozenset(
    map(chr, (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)),
)

# Letters and marks that draw nothing, so that two different texts would look alike: Unicode's
# Default_Ignorable_Code_Point outside the format characters. U+FE0E and U+FE0F are not among
# them: they only choose between the text and the emoji form of what stands before.
_BLANK = tuple(
    map(
        chr,
        (
            *(0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0),
            *range(0xFE00, 0xFE0E),
        ),
    )
)
_BLANK_BEYOND = re.compile("[\U000e0100-\U000e01ef]")


def visible(text: str) -> str:
    """`text` as one safe line: no control, direction, zero-width, unassigned or private character is left.

    Line feeds and tabs become `␊` and `␉`. Safe text comes back as it is, so cleaning twice is
    the same as cleaning once. Which code points are unassigned follows the running Python.
    """
    return _cleaned(text, keep=frozenset())


def visible_start(text: str, most: int) -> str:
    """The first `most` characters of `text` as one safe line, and the number of all where there are more."""
    return visible(text) if len(text) <= most else f"{visible(text[:most])}… ({len(text):,} characters)"


def visible_block(text: str) -> str:
    """As `visible`, but line feeds and tabs stay what they are."""
    return _cleaned(text, keep=frozenset("\n\t"))


def quoted(value: object) -> str:
    """A wrong value for an error message, cut where it is long; not made safe."""
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:56]}..."


def latin1_shown(text: str) -> str:
    """A stored header name, value or request target as one safe line.

    They are stored as latin-1 so that each byte survives; here bytes that are valid UTF-8 are
    read as that, others as latin-1.
    """
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    return visible(text)


def mask_headers(headers: Headers, names: Iterable[str] = ()) -> Headers:
    """The same headers, with the values of secret ones replaced by a mask that tells only their length.

    Args:
        names: further header names to mask, in any case; `lean-signature` is shown even if named.
    """
    secret = (SECRET_HEADERS | {name.strip().lower() for name in names}) - NEVER_MASKED
    return tuple((name, _mask(value) if name.lower() in secret else value) for name, value in headers)


def mask_capture(capture: Capture, names: Iterable[str]) -> Capture:
    """The capture with the values of secret headers masked; `names` as in `mask_headers`."""
    return replace(capture, headers=mask_headers(capture.headers, names))


def mask_attempt(attempt: Attempt, names: Iterable[str]) -> Attempt:
    """The same for what was sent to a target, and for its response."""
    sent, received = (
        None if headers is None else mask_headers(headers, names)
        for headers in (attempt.sent_headers, attempt.headers)
    )
    return replace(attempt, sent_headers=sent, headers=received)


def _mask(value: str) -> str:
    return f"<masked, {len(value)} bytes>"


def _cleaned(text: str, keep: frozenset[str]) -> str:
    # Clean text ends at isprintable, one pass in C: 10 MiB of ASCII take 25 ms, with line feeds 45.
    rest = text
    for character in keep:
        rest = rest.replace(character, "")
    if rest.isprintable() and not _has_blank(rest):
        return text
    # Only what occurs goes into the table: a body of a million odd characters leaves no memory behind.
    suspects = map(chr, (*range(0x20), 0x7F)) if text.isascii() else set(text)
    return text.translate({ord(c): _shown(c) for c in suspects if c not in keep and _is_hostile(c)})


def _has_blank(text: str) -> bool:
    # Twenty-five searches of C's kind are 9 ms for 10 MiB of Arabic, one search for a set of them 1400.
    if text.isascii():
        return False
    return any(character in text for character in _BLANK) or bool(_BLANK_BEYOND.search(text))


def _is_hostile(character: str) -> bool:
    if character.isprintable():
        return _has_blank(character)
    # Separators other than the blank are unprintable to Python, but of them only U+2028 and U+2029 act.
    return category(character) != "Zs" and character not in _DRAWN


def _shown(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"
