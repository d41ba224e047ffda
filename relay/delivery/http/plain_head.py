"""Read the head of a plain response: whole, HTTP/1.1, printable ASCII, with a Content-Length. Pure.

Most responses are plain, and h11 takes some 100 us for one. It reads all others, so this refuses whatever two
readers could disagree about.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from relay.models import Headers

NO_BODY = frozenset({204, 304})
"""Statuses whose response has no body, whatever its Content-Length says."""

_STATUS = re.compile(rb"HTTP/1\.1 ([2-9][0-9]{2})(?: [\t\x20-\x7e]*)?\r\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e]*)\r\n")
_LENGTH = re.compile(rb"[0-9]{1,18}")


class PlainHead(NamedTuple):
    """The head of a plain response."""

    status: int
    headers: Headers
    length: int
    """Of the body."""
    size: int
    """Of the head, with the empty line."""
    is_last: bool
    """The connection closes after it."""


def plain_head(data: bytes) -> PlainHead | None:
    """Read the head that the data begins with; None if it is not plain."""
    end = data.find(b"\r\n\r\n") + 2
    line = _STATUS.match(data, 0, max(end, 0))
    if line is None:
        return None
    headers: list[tuple[str, str]] = []
    length: int | None = None
    is_last = False
    at = line.end()
    while at < end:
        field = _FIELD.match(data, at, end)
        if field is None:
            return None
        name, value = field[1], field[2].strip(b" \t")
        key = name.lower()
        if key == b"content-length":
            if length is not None or not _LENGTH.fullmatch(value):
                return None
            length = int(value)
        elif key == b"transfer-encoding":
            return None
        elif key == b"connection":
            is_last = is_last or b"close" in [option.strip() for option in value.lower().split(b",")]
        headers.append((name.decode("ascii"), value.decode("ascii")))
        at = field.end()
    status = int(line[1])
    if length is None or status in NO_BODY:
        return None
    return PlainHead(status, tuple(headers), length, end + 2, is_last)
