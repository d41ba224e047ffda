"""Converts text files to UTF-8 as editors leave them: with byte order marks, or in the UTF-16 of Windows.

Owns which encodings are recognised. Byte order marks are removed. Pure.
"""

from __future__ import annotations

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
"""Longer marks before shorter ones that they begin with."""


def encoding(data: bytes) -> tuple[str, int]:
    """Encoding of a text and length of its mark; UTF-8 and 0 by default.

    UTF-16 without a mark is recognised by the NUL next to each of its first letters: settings, keys and
    passwords begin with ASCII.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name, len(mark)
    if len(data) >= 4 and data[0] and data[2] and not data[1] and not data[3]:
        return "utf-16-le", 0
    if len(data) >= 4 and data[1] and data[3] and not data[0] and not data[2]:
        return "utf-16-be", 0
    return "utf-8", 0


def decoded(data: bytes, errors: str = "strict") -> str:
    """The text, without its mark.

    Raises:
        UnicodeDecodeError: not valid in the detected encoding.
    """
    name, mark = encoding(data)
    return data[mark:].decode(name, errors)


def as_utf8(data: bytes) -> bytes:
    """The text as UTF-8, without its mark; bytes that are not text stay unchanged."""
    name, mark = encoding(data)
    if name == "utf-8":
        return data[mark:]
    try:
        return data[mark:].decode(name).encode("utf-8")
    except UnicodeError:
        return data
