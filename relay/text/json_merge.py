"""A body that was edited as laid-out text, as the bytes to send.

Pure. Keeps the original text around each changed token, as `relay.text.json_splice` does for one value; what
was added or removed is written in the style of the original.
"""

from __future__ import annotations

from collections.abc import Iterator

from relay.text.json_tokens import PUNCTUATION, JsonText


def merged_body(body: bytes, edited: bytes) -> bytes:
    """A body with the changes that were made in its laid-out text.

    Args:
        body: JSON.
        edited: the text after editing, whatever it is.
    """
    try:
        texts = body.decode("utf-8"), edited.decode("utf-8")
    except UnicodeDecodeError:
        return edited
    return merged(*map(JsonText, texts)).encode("utf-8")


def merged(base: JsonText, edited: JsonText) -> str:
    """The edited tokens with the white space of the original.

    If only words differ, each is replaced in place. Otherwise the same holds for the tokens before the first
    difference and after the last one; between them, a compact original stays compact, one with a space after
    commas and colons stays so, and one on several lines takes the layout as typed. Text with a string
    that has no end stays as typed, since that string would end elsewhere.
    """
    if edited.is_open:
        return edited.text
    if is_skeleton_same(base, edited):
        return "".join(_replaced(base, edited))
    head = _common(base.tokens, edited.tokens)
    most = min(len(base), len(edited)) - head
    tail = _common(base.tokens[::-1][:most], edited.tokens[::-1][:most])
    low, high = head, len(edited) - tail
    gaps = _Gaps(base)
    middle: list[str] = []
    for at in range(low, min(high + 1, len(edited))):
        if at:
            middle.append(gaps.between(edited, at))
        if at < high:
            middle.append(edited.tokens[at])
    before = base.text[: base.end(head - 1)] if head else base.gap(0)
    after = base.text[base.starts[len(base) - tail] :] if tail else base.gap(len(base))
    return before + "".join(middle) + after


def _replaced(base: JsonText, edited: JsonText) -> Iterator[str]:
    at = 0
    for index, (old, new) in enumerate(zip(base.tokens, edited.tokens, strict=True)):
        if old != new:
            yield base.text[at : base.starts[index]]
            yield new
            at = base.end(index)
    yield base.text[at:]


def is_skeleton_same(one: JsonText, other: JsonText) -> bool:
    """Whether two texts differ in words only."""
    if one.tokens == other.tokens:
        return True
    return len(one) == len(other) and all(
        a == b or not (a in PUNCTUATION or b in PUNCTUATION)
        for a, b in zip(one.tokens, other.tokens, strict=True)
    )


def _common(one: list[str], other: list[str]) -> int:
    """Number of equal tokens at the start."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


class _Gaps:
    """The white space between tokens, as a text writes it."""

    def __init__(self, base: JsonText) -> None:
        inner = base.text.strip(" \t\r\n")
        self._as_typed = "\n" in inner or "\r" in inner
        self._after = {
            mark: base.gap(base.tokens.index(mark) + 1) if mark in base.tokens else "" for mark in ",:"
        }

    def between(self, edited: JsonText, at: int) -> str:
        """The gap before a token of the edited text."""
        left, right = edited.tokens[at - 1], edited.tokens[at]
        # Without a gap two words would be one.
        if self._as_typed or not (left in PUNCTUATION or right in PUNCTUATION):
            return edited.gap(at)
        return self._after.get(left, "")
