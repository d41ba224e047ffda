"""Text files as editors leave them, brought to UTF-8: byte order marks, and the UTF-16 of Windows.

Owns which encodings are recognised. A mark is no letter of the text, so it gets no further. Pure.
"""

from __future__ import annotations

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
"""The longer ones first where one begins as another does."""


def encoding(data: bytes) -> tuple[str, int]:
    """The encoding of a text and the length of its mark; UTF-8 and 0 where nothing says otherwise.

    UTF-16 without a mark is known by the NUL beside each of its first letters: settings, keys and passwords
    begin with ASCII.
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
        UnicodeDecodeError: it is not what it says it is.
    """
    name, mark = encoding(data)
    return data[mark:].decode(name, errors)


def as_utf8(data: bytes) -> bytes:
    """The text as UTF-8 and without its mark; bytes that are no text stay what they are."""
    name, mark = encoding(data)
    if name == "utf-8":
        return data[mark:]
    try:
        return data[mark:].decode(name).encode("utf-8")
    except UnicodeError:
        return data
