"""Reads the head of a request: where it ends, what it says, and how its body is framed.

aiohttp's C parser (llhttp) judges heads, and sees nothing but one head each: fed with what follows, it takes
the good requests before a broken one along, and loses what comes behind an `Upgrade`.
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
"""Most bytes of the request line and of one header, and most headers."""

HEAD_BYTES = 256 * 1024
"""Most bytes of a whole head."""

END = b"\r\n\r\n"
VERSIONS = {HttpVersion11: "1.1", HttpVersion10: "1.0"}


class _Reader:
    """What the parser asks of a protocol when a body begins and ends; none comes its way."""

    connected = True

    def pause_reading(self) -> None: ...
    def resume_reading(self, resume_parser: bool = True) -> None: ...


_reader: Any = _Reader()


class Heads:
    """The heads of one connection, one after the other."""

    __slots__ = ("_fed", "_loop", "_parser")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._fed = bytearray()
        """Of a head that is not whole."""
        self._parser: HttpRequestParser

    @property
    def begun(self) -> bool:
        """Whether a head is there in part."""
        return bool(self._fed)

    def feed(self, data: bytes) -> tuple[RawRequestMessage, bytes] | None:
        """Take bytes: the head once it is whole, and what follows it.

        Blank lines before a request are none of it (RFC 9112, 2.2).

        Raises:
            Malformed: it breaks HTTP's rules.
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
            # A new one for each head costs 2 us, and remembers nothing of the one before.
            self._parser = HttpRequestParser(
                _reader,
                self._loop,
                65536,
                max_line_size=LINE_BYTES,
                max_field_size=FIELD_BYTES,
                max_headers=HEADERS,
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
    """llhttp takes the request lines of two other protocols, and calls them HTTP."""
    if line.rpartition(b" ")[2].partition(b"/")[0] in (b"ICE", b"RTSP"):
        raise Malformed("its request line speaks another protocol than HTTP")


def body_of(message: RawRequestMessage) -> tuple[Body, int | None]:
    """What reads the body, and how many bytes it will have; None where only its end tells.

    Raises:
        Malformed: nothing says where it ends, or there must be none.
    """
    headers = message.headers
    if message.chunked:
        body: tuple[Body, int | None] = (ChunkedBody(), None)
    elif hdrs.TRANSFER_ENCODING in headers:
        raise Malformed("its Transfer-Encoding does not end with chunked")
    else:
        length = int(headers.get(hdrs.CONTENT_LENGTH) or 0)
        body = (LengthBody(length), length)
    if message.method == "CONNECT" and body[1] != 0:
        raise Malformed("it is a CONNECT with a body")  # RFC 9110, 9.3.6: it has none.
    return body
