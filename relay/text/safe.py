"""Makes untrusted text safe to show on a terminal.

Owns the scheme that makes hostile characters visible, and the masking of secret headers. All
untrusted text passes through here before it is printed. The result cannot be reversed, and is
never stored or forwarded. Pure.

The scheme: characters below U+0020 and U+007F become their control picture (`␛`, `␀`, `␡`);
any other character that a terminal acts on, hides or cannot draw becomes its number in angle
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
"""Headers masked everywhere, in lower case."""

NEVER_MASKED = frozenset({"lean-signature"})
"""A digest of the body, needed to diagnose a wrong one, is not a secret."""

# Visible although Unicode classifies them as format characters: Arabic and Syriac signs before
# or around digits (the property Prepended_Concatenation_Mark).
_DRAWN = frozenset(
    map(chr, (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)),
)

# Invisible letters and marks, with which two different texts would look alike: Unicode's
# Default_Ignorable_Code_Point except the format characters. U+FE0E and U+FE0F are allowed: they
# only choose between the text and the emoji form of the character before.
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
    """`text` as one safe line: without control, direction, zero-width, unassigned and private characters.

    Line feeds and tabs become `␊` and `␉`. Safe text is returned unchanged, so cleaning twice equals
    cleaning once. The running Python decides which code points are unassigned.
    """
    return _cleaned(text, keep=frozenset())


def visible_start(text: str, most: int) -> str:
    """The first `most` characters of `text` as one safe line; if it is longer, with its length."""
    return visible(text) if len(text) <= most else f"{visible(text[:most])}… ({len(text):,} characters)"


def visible_block(text: str) -> str:
    """As `visible`, but keeps line feeds and tabs."""
    return _cleaned(text, keep=frozenset("\n\t"))


def quoted(value: object) -> str:
    """A wrong value for an error message, cut if it is long; not made safe."""
    text = f'"{value}"' if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:56]}..."


def latin1_shown(text: str) -> str:
    """A stored header name, value or request target as one safe line.

    They are stored as latin-1 to keep every byte; here valid UTF-8 is read as UTF-8, the rest as
    latin-1.
    """
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    return visible(text)


def mask_headers(headers: Headers, names: Iterable[str] = ()) -> Headers:
    """The headers, with the values of secret ones replaced by a mask with their length.

    Args:
        names: further header names to mask, in any case; `lean-signature` is shown even if named.
    """
    secret = (SECRET_HEADERS | {name.strip().lower() for name in names}) - NEVER_MASKED
    return tuple((name, _mask(value) if name.lower() in secret else value) for name, value in headers)


def mask_capture(capture: Capture, names: Iterable[str]) -> Capture:
    """The capture with the values of secret headers masked; `names` as in `mask_headers`."""
    return replace(capture, headers=mask_headers(capture.headers, names))


def mask_attempt(attempt: Attempt, names: Iterable[str]) -> Attempt:
    """The attempt with the values of secret headers masked, in request and response."""
    sent, received = (
        None if headers is None else mask_headers(headers, names)
        for headers in (attempt.sent_headers, attempt.headers)
    )
    return replace(attempt, sent_headers=sent, headers=received)


def _mask(value: str) -> str:
    return f"<masked, {len(value)} bytes>"


def _cleaned(text: str, keep: frozenset[str]) -> str:
    # Clean text needs only isprintable, one pass in C: 10 MiB of ASCII take 25 ms, with line feeds 45.
    rest = text
    for character in keep:
        rest = rest.replace(character, "")
    if rest.isprintable() and not _has_blank(rest):
        return text
    # The table holds only characters that occur, so a million odd characters leak no memory.
    suspects = map(chr, (*range(0x20), 0x7F)) if text.isascii() else set(text)
    return text.translate({ord(c): _shown(c) for c in suspects if c not in keep and _is_hostile(c)})


def _has_blank(text: str) -> bool:
    # 25 searches in C take 9 ms for 10 MiB of Arabic, one regex search for a set of them 1400.
    if text.isascii():
        return False
    return any(character in text for character in _BLANK) or bool(_BLANK_BEYOND.search(text))


def _is_hostile(character: str) -> bool:
    if character.isprintable():
        return _has_blank(character)
    # Python calls all separators but the space unprintable; terminals act only on U+2028 and U+2029.
    return category(character) != "Zs" and character not in _DRAWN


def _shown(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"
