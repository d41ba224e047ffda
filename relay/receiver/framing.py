"""Reads bodies, by Content-Length or in chunks (RFC 9112, 6 and 7.1).

Strict: two readers that disagree about a body's end take its rest for a request. Pure; messages name a place
by number and never quote the content.
"""

from __future__ import annotations

import re

LINE_BYTES = 8190
"""Limit of a chunk's first line and of a trailer."""

TRAILERS = 128

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")
_DIGITS = b"0123456789abcdefABCDEF"
_TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")


class Malformed(Exception):
    """Invalid HTTP; the message names the broken rule."""


class LengthBody:
    """A body of known length."""

    __slots__ = ("_length", "_parts", "_whole", "size")

    def __init__(self, length: int) -> None:
        self._length = length
        self._whole: bytes | None = None
        self._parts: bytearray | None = None
        self.size = 0
        """Bytes received."""

    def feed(self, data: bytes) -> bytes | None:
        """Add bytes; return the bytes after the body once it is complete, else None."""
        missing = self._length - self.size
        if len(data) >= missing:
            rest = data[missing:]
            last = data[:missing] if rest else data
            if self._parts is None:
                self._whole = last
            else:
                self._parts += last
            self.size = self._length
            return rest
        self.size += len(data)
        if self._parts is None:
            self._parts = bytearray(data)
        else:
            self._parts += data
        return None

    def take(self) -> bytes:
        """Return the complete body, once."""
        if self._whole is not None:
            return self._whole
        parts, self._parts = self._parts, None
        return bytes(parts or b"")


class ChunkedBody:
    """A chunked body, joined; trailers are checked and dropped."""

    __slots__ = ("_left", "_line", "_number", "_parts", "_state", "_trailers", "size")

    def __init__(self) -> None:
        self._parts = bytearray()
        self._line = b""
        """The start of an incomplete line."""
        self._state = "size"
        self._left = 0
        self._number = 1
        self._trailers = 0
        self.size = 0

    def feed(self, data: bytes) -> bytes | None:
        """Add bytes; return the bytes after the body once it is complete, else None.

        Raises:
            Malformed: the framing is broken.
        """
        at = 0
        if self._line:
            data, self._line = self._line + data, b""
        while at < len(data):
            if self._state == "data":
                part = data[at : at + self._left]
                self._parts += part
                at += len(part)
                self.size += len(part)
                self._left -= len(part)
                if not self._left:
                    self._state = "end"
                continue
            end = data.find(b"\r\n", at)
            if end < 0 or end - at > LINE_BYTES:
                self._line = data[at:]
                self._see_beginning()
                return None
            line = data[at:end]
            at = end + 2
            if self._state == "end":
                if line:
                    raise self._too_long()
                self._number += 1
                self._state = "size"
            elif self._state == "size":
                self._begin(line)
            elif not line:
                return data[at:]
            else:
                self._trailers += 1
                if self._trailers > TRAILERS or _TRAILER.fullmatch(line) is None:
                    raise Malformed(f"trailer {self._trailers} after its chunks is not a header")
        return None

    def take(self) -> bytes:
        """Return the complete body, once."""
        parts, self._parts = self._parts, bytearray()
        return bytes(parts)

    def _begin(self, line: bytes) -> None:
        found = _SIZE.fullmatch(line)
        if found is None:
            raise self._no_size()
        self._left = int(found[1], 16)
        self._state = "data" if self._left else "trailers"

    def _no_size(self) -> Malformed:
        return Malformed(f"chunk {self._number} does not begin with its size in hexadecimal digits")

    def _too_long(self) -> Malformed:
        return Malformed(f"chunk {self._number} does not end where its size says")

    def _see_beginning(self) -> None:
        """Refuse the start of a line that cannot become a valid one."""
        line = self._line
        if self._state == "end":
            if line != b"\r":
                raise self._too_long()
        elif len(line) > LINE_BYTES:
            raise Malformed(f"a line of its chunked framing has more than {LINE_BYTES} bytes")
        elif b"\n" in line or b"\r" in line[:-1]:
            raise Malformed("a line of its chunked framing does not end with CRLF")
        elif self._state == "size" and line[:1] not in _DIGITS:
            raise self._no_size()


Body = LengthBody | ChunkedBody
