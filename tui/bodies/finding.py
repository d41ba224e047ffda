r"""Where a text occurs in a body, in any case, also where JSON writes it with \u escapes.

Works on the bytes, block by block, so that a search through many of them can be stopped in between.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator

from tui.bodies.document import Hit

BLOCK = 256 * 1024
MOST_HITS = 100_000
MOST_SOUGHT = 200
"""Characters of a text to look for."""


class Hits:
    """What was found so far, in order."""

    def __init__(self) -> None:
        self.starts = array("Q")
        self.stops = array("Q")
        self.is_cut = False
        """There are more than were counted."""

    def __len__(self) -> int:
        return len(self.starts)

    def touching(self, start: int, stop: int, current: int) -> list[Hit]:
        """Those that reach into these bytes; `current` is the number of the one at the cursor, or -1."""
        low = bisect_right(self.stops, start)
        high = bisect_left(self.starts, stop)
        return [Hit(self.starts[at], self.stops[at], at == current) for at in range(low, high)]

    def after(self, offset: int) -> int:
        """The number of the first that begins at `offset` or later; that of the first of all if none does."""
        at = bisect_left(self.starts, offset)
        return at if at < len(self) else 0

    def before(self, offset: int) -> int:
        """The number of the last that begins before `offset`; that of the last of all if none does."""
        return (bisect_left(self.starts, offset) or len(self)) - 1


def search(data: bytes, text: str, *, as_hex: bool = False) -> Iterator[Hits]:
    """Look for `text`; gives what was found so far after each block, and at last all.

    Args:
        as_hex: pairs of hexadecimal digits (`1f 8b`) stand for bytes too.
    """
    hits = Hits()
    pattern = _pattern(text[:MOST_SOUGHT], as_hex=as_hex)
    # As escapes each character takes twelve bytes at most.
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
    """All that `search` finds, at once."""
    return deque(search(data, text, as_hex=as_hex), maxlen=1).pop()


def _pattern(text: str, *, as_hex: bool) -> re.Pattern[bytes] | None:
    if not text:
        return None
    choices = [b"".join(map(_letter, text))]
    digits = "".join(text.split())
    if as_hex and len(digits) % 2 == 0 and re.fullmatch(r"[0-9a-fA-F]+", digits):
        choices.append(b"".join(b"\\x%02x" % byte for byte in bytes.fromhex(digits)))
    return re.compile(b"|".join(choices), re.IGNORECASE | re.DOTALL)


def _letter(letter: str) -> bytes:
    if letter.isascii():
        return re.escape(letter.encode())
    # Bytes know no case beyond ASCII, so that each form of the letter is a choice of its own.
    forms = {letter, letter.lower(), letter.upper(), letter.swapcase()}
    choices = []
    for form in sorted(forms):
        choices.append(re.escape(form.encode("utf-8", "surrogatepass")))
        units = form.encode("utf-16-be", "surrogatepass").hex()
        choices.append(b"".join(b"\\\\u" + units[at : at + 4].encode() for at in range(0, len(units), 4)))
    return b"(?:" + b"|".join(choices) + b")"
