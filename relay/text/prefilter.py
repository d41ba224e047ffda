r"""A prefilter in SQL for text searches: bytes that a capture must contain if it matches.

Owns which captures can be prefiltered (`is_plain`), and the pieces that must occur in their bytes, apart from
the case of ASCII letters (`in_text`, `in_json`). `relay.filters.matching` then reads the captures that have
the pieces, and all that are not plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LARGE_BYTES = 64 * 1024
"""From this size a body is not plain: SQL compares at each position, and a hostile body makes that slow."""

MOST_PIECES, LONGEST_PIECE = 8, 40
"""More of a text narrows the search little; 40 characters hold a UUID."""

FOLDING = (
    *"\xdf\u0130\u0149\u017f\u01f0\u1e96\u1e97\u1e98\u1e99\u1e9a\u1e9e\u212a",
    *"\ufb00\ufb01\ufb02\ufb03\ufb04\ufb05\ufb06",
)
"""Non-ASCII characters whose case folding has ASCII letters: sharp s, the Kelvin sign."""

_FOLDED = tuple((letter, letter.casefold()) for letter in FOLDING)

BEGINNING = 4
"""Letters for a lookup in a case-sensitive index; few random ids begin alike."""

# Arabic has no case, and no other letter folds into it, so its letters occur as they are.
_KEPT = re.compile("[\x01-\x7f\u0600-\u06ff]+")

# JSON may write these as \" \\ \/ or \n; all others can only be escaped with \u.
_KEPT_IN_JSON = re.compile("[ !#-.0-\\[\\]-\x7f\u0600-\u06ff]+")


def is_plain(target: str, headers: str, body: bytes) -> bool:
    r"""Whether a capture that contains a text always has the text's pieces in its bytes.

    False if it has escapes such as `\u0061`, letters that only folding makes ASCII, or a NUL, at which SQL
    stops reading. Takes 0.2 us for ASCII.

    Args:
        headers: their JSON text.
    """
    if not (target.isascii() and headers.isascii() and len(body) < LARGE_BYTES):
        return False
    # Searching one character takes a fraction of the time of two.
    if 0 in body or (92 in body and b"\\u" in body) or ("\\" in headers and "\\u" in headers):
        return False
    if body.isascii():
        return True
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not any(letter in text for letter in FOLDING)


def in_text(texts: Iterable[str]) -> tuple[str, ...]:
    """Pieces, in order, of casefolded texts that must occur in a text in this order."""
    return _pieces(_KEPT, texts)


def in_json(texts: Iterable[str]) -> tuple[str, ...]:
    """As `in_text`, for texts in the strings of JSON."""
    return _pieces(_KEPT_IN_JSON, texts)


def beginnings(text: str, letters: int = BEGINNING) -> list[str]:
    """All spellings of the start of a text, in upper and lower case.

    Args:
        text: casefolded, ASCII.
        letters: length of the start; a shorter text is used whole.
    """
    if not text or letters <= 0:
        return [""]
    first = [(each, text[0]) for each in {text[0], text[0].upper()}]
    first += [(each, folded) for each, folded in _FOLDED if text.startswith(folded)]
    return [
        way + more for way, folded in first for more in beginnings(text[len(folded) :], letters - len(folded))
    ]


def _pieces(kept: re.Pattern[str], texts: Iterable[str]) -> tuple[str, ...]:
    found = (piece[:LONGEST_PIECE] for text in texts for piece in kept.findall(text))
    return tuple(found)[:MOST_PIECES]
