"""Reads the head of a request: finds its end, parses it, and chooses the reader of its body.

aiohttp's C parser (llhttp) parses heads, one head at a time: given the bytes after it, it would drop the good
requests before a broken one, and lose the data after an `Upgrade`.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop
from typing import Any

from aiohttp import HttpVersion10, HttpVersion11, hdrs
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage

from relay.receiver import malformed
from relay.receiver.framing import Body, ChunkedBody, LengthBody, Malformed

LINE_BYTES, FIELD_BYTES, HEADERS = 8190, 16384, 128
"""Limits: bytes of the request line, bytes of a header, number of headers."""

HEAD_BYTES = 256 * 1024
"""Limit of a whole head."""

END = b"\r\n\r\n"
VERSIONS = {HttpVersion11: "1.1", HttpVersion10: "1.0"}


class _Reader:
    """The protocol that the parser requires for bodies; unused, as it gets heads only."""

    connected = True

    def pause_reading(self) -> None: ...
    def resume_reading(self, resume_parser: bool = True) -> None: ...


_reader: Any = _Reader()


class HeadReader:
    """Reads the heads of one connection, one at a time."""

    __slots__ = ("_fed", "_loop", "_parser")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._fed = bytearray()
        """Bytes of an incomplete head."""
        self._parser: HttpRequestParser

    @property
    def begun(self) -> bool:
        """Whether part of a head was received."""
        return bool(self._fed)

    def feed(self, data: bytes) -> tuple[RawRequestMessage, bytes] | None:
        """Add bytes; return the head and the bytes after it once it is complete, else None.

        Skips blank lines before a request (RFC 9112, 2.2).

        Raises:
            Malformed: the head is not valid HTTP.
        """
        fed = self._fed
        if fed:
            before = len(fed)
            fed += data
            end = fed.find(END, max(0, before - 3)) + len(END) - before
            head: bytes | bytearray = fed
        else:
            if data[0] < 14:
                data = data.lstrip(b"\r\n")
                if not data:
                    return None
            # A new parser for each head costs 2 us and carries no state over.
            self._parser = HttpRequestParser(
                _reader,
                self._loop,
                65536,
                max_line_size=LINE_BYTES,
                max_field_size=FIELD_BYTES,
                max_headers=HEADERS,
                response_with_body=False,  # It would make a reader for a body that it never gets: 1 us.
                auto_decompress=False,
            )
            before = 0
            end = data.find(END) + len(END)
            head = data
        whole = end + before >= len(END)
        try:
            messages, _, _ = self._parser.feed_data(data[:end] if whole else data)
        except HttpProcessingError as error:
            raise Malformed(malformed.words(error.message, bytes(head))) from None
        except Exception:  # The parser has errors of its own: an IndexError for http://[a:b]@/.
            raise Malformed(malformed.GENERAL) from None
        if not whole:
            if not fed:
                fed += data
            if len(fed) > HEAD_BYTES:
                raise Malformed(f"its head has more than {HEAD_BYTES} bytes")
            return None
        if not messages:
            raise Malformed(malformed.GENERAL)
        line_end = head.find(b"\r")
        if head[line_end - 8 : line_end - 3] != b"HTTP/":
            _require_http(head[:line_end])
        if fed:
            self._fed = bytearray()
        return messages[0][0], data[end:]


def _require_http(line: bytes | bytearray) -> None:
    """Refuse ICE and RTSP, whose request lines llhttp accepts as HTTP."""
    if line.rpartition(b" ")[2].partition(b"/")[0] in (b"ICE", b"RTSP"):
        raise Malformed("its request line is of another protocol than HTTP")


def length_of(message: RawRequestMessage) -> int:
    """The length of a body that is not chunked; 0 without a Content-Length."""
    # llhttp has checked the number, and accepts any zeros before it; `int` refuses more than 4,300 digits.
    return int(message.headers.get(hdrs.CONTENT_LENGTH, "").lstrip("0") or 0)


def body_of(message: RawRequestMessage) -> tuple[Body, int | None]:
    """The reader of the body, and its length; None if chunked.

    Raises:
        Malformed: the end of the body is undefined, or the method allows none.
    """
    if message.chunked:
        body: tuple[Body, int | None] = (ChunkedBody(), None)
    elif hdrs.TRANSFER_ENCODING in message.headers:
        raise Malformed("its Transfer-Encoding does not end with chunked")
    else:
        length = length_of(message)
        body = (LengthBody(length), length)
    if message.method == "CONNECT" and body[1] != 0:
        raise Malformed("it is a CONNECT with a body")  # RFC 9110, 9.3.6: it has none.
    return body
