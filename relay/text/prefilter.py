r"""What the bytes of a capture must hold for a text to be found in it, as far as they alone can tell.

Owns for which captures that may be asked (`is_plain`), and what (`in_text`, `in_json`): pieces of a text that
stand there letter by letter, but for the case of ASCII letters. SQL asks it without calling Python; what has
the pieces is then read as `relay.filters.matching` does, and so is all that is not plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LARGE_BYTES = 64 * 1024
"""From here on a body is not plain: SQL compares at each place anew, so one made for that takes long."""

MOST_PIECES, LONGEST_PIECE = 8, 40
"""More of a text tells little more; 40 characters hold a UUID."""

FOLDING = (
    *"\xdf\u0130\u0149\u017f\u01f0\u1e96\u1e97\u1e98\u1e99\u1e9a\u1e9e\u212a",
    *"\ufb00\ufb01\ufb02\ufb03\ufb04\ufb05\ufb06",
)
"""What is beyond ASCII, and is or has an ASCII letter once case is folded: sharp s, Kelvin's sign."""

_FOLDED = tuple((letter, letter.casefold()) for letter in FOLDING)

BEGINNING = 4
"""Letters by which a text is looked up in an index that minds case; few random ids begin alike."""

# Arabic has no case, and nothing else is folded into it: its letters stand as they are too.
_KEPT = re.compile("[\x01-\x7f\u0600-\u06ff]+")

# JSON may write these as \" \\ \/ or \n; none of the others can be escaped without a \u.
_KEPT_IN_JSON = re.compile("[ !#-.0-\\[\\]-\x7f\u0600-\u06ff]+")


def is_plain(target: str, headers: str, body: bytes) -> bool:
    r"""Whether pieces stand in the bytes of a capture wherever a text that has them is found in it.

    Not where they may be written as `\u0061`, or by letters that only folding makes ASCII; not beside a NUL,
    at which SQL stops reading. Takes 0.2 us for ASCII.

    Args:
        headers: their JSON text.
    """
    if not (target.isascii() and headers.isascii() and len(body) < LARGE_BYTES):
        return False
    # One character is found in a fraction of the time that two take.
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
    """The pieces, in their order, of casefolded texts that occur in a text one behind the other."""
    return _pieces(_KEPT, texts)


def in_json(texts: Iterable[str]) -> tuple[str, ...]:
    """The same for texts that occur in the strings of a JSON text."""
    return _pieces(_KEPT_IN_JSON, texts)


def beginnings(text: str, letters: int = BEGINNING) -> list[str]:
    """All ways in which a text may begin that is this one once its case is folded.

    Args:
        text: casefolded, ASCII.
        letters: of so many letters of it; where fewer are given, the whole text.
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
