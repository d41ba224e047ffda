"""Search for a text in a body, in any case, also where JSON writes it with escapes.

Works on the bytes, block by block, so that a long search can be stopped in between.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator
from string import ascii_letters, digits

from tui.bodies.document import Hit

BLOCK = 256 * 1024
MOST_HITS = 100_000
MOST_SOUGHT = 200
"""Characters of the text to search for."""

NEVER_ESCAPED = frozenset(f"{ascii_letters}{digits} .,:;-_")
"""Characters that no JSON encoder escapes; each other one takes a choice of forms, which is slower."""


class Hits:
    """The hits found so far, in order."""

    def __init__(self) -> None:
        self.starts = array("Q")
        self.stops = array("Q")
        self.is_cut = False
        """There are more than MOST_HITS."""

    def __len__(self) -> int:
        return len(self.starts)

    def touching(self, start: int, stop: int, current: int) -> list[Hit]:
        """Hits that overlap these bytes; `current` is the number of the one at the cursor, or -1."""
        low = bisect_right(self.stops, start)
        high = bisect_left(self.starts, stop)
        return [Hit(self.starts[at], self.stops[at], at == current) for at in range(low, high)]

    def after(self, offset: int) -> int:
        """Number of the first hit at or after `offset`; wraps around."""
        at = bisect_left(self.starts, offset)
        return at if at < len(self) else 0

    def before(self, offset: int) -> int:
        """Number of the last hit before `offset`; wraps around."""
        return (bisect_left(self.starts, offset) or len(self)) - 1


def search(data: bytes, text: str, *, as_hex: bool = False) -> Iterator[Hits]:
    """Search for `text`; yield the hits so far after each block, and at last all.

    Args:
        as_hex: also read pairs of hexadecimal digits (`1f 8b`) as bytes.
    """
    hits = Hits()
    pattern = _pattern(text[:MOST_SOUGHT], as_hex=as_hex)
    # An escaped character takes twelve bytes at most.
    reach = 12 * MOST_SOUGHT
    done = 0
    for low in range(0, len(data) if pattern else 0, BLOCK):
        high = low + BLOCK
        assert pattern is not None
        for match in pattern.finditer(data, max(low, done), min(high + reach, len(data))):
            if match.start() >= high:
                break
            if len(hits) == MOST_HITS:
                hits.is_cut = True
                yield hits
                return
            hits.starts.append(match.start())
            hits.stops.append(match.end())
            done = match.end()
        yield hits
    yield hits


def found(data: bytes, text: str, *, as_hex: bool = False) -> Hits:
    """All hits of `search`, at once."""
    return deque(search(data, text, as_hex=as_hex), maxlen=1).pop()


def _pattern(text: str, *, as_hex: bool) -> re.Pattern[bytes] | None:
    if not text:
        return None
    choices = [b"".join(map(_letter, text))]
    pairs = "".join(text.split())
    if as_hex and len(pairs) % 2 == 0 and re.fullmatch(r"[0-9a-fA-F]+", pairs):
        choices.append(b"".join(b"\\x%02x" % byte for byte in bytes.fromhex(pairs)))
    return re.compile(b"|".join(choices), re.IGNORECASE | re.DOTALL)


def _letter(letter: str) -> bytes:
    if letter in NEVER_ESCAPED:
        return re.escape(letter.encode())
    # Bytes have no case beyond ASCII, so each form of the letter is a choice of its own.
    forms = {letter, letter.lower(), letter.upper(), letter.swapcase()}
    choices = [re.escape(f"\\{letter}".encode())] if letter in '"\\/' else []
    for form in sorted(forms):
        choices.append(re.escape(form.encode("utf-8", "surrogatepass")))
        units = form.encode("utf-16-be", "surrogatepass").hex()
        choices.append(b"".join(b"\\\\u" + units[at : at + 4].encode() for at in range(0, len(units), 4)))
    return b"(?:" + b"|".join(choices) + b")"
