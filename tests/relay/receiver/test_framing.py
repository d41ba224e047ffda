"""Bodies: strict about where they end, and of one opinion with llhttp, which other programs read by."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from relay.receiver.framing import ChunkedBody, LengthBody, Malformed
from relay.receiver.heads import _reader

HEAD = b"POST / HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n"

PIECES = [b"0", b"1", b"a", b"F", b"\r\n", b"\r", b"\n", b";", b"x=y", b" ", b"0\r\n\r\n", b"\r\n0\r\n",
          b"3\r\nabc\r\n", b"X: 1\r\n", b":", b"\x00", b"\xff", b"-"]  # fmt: skip


def llhttp(data: bytes) -> bytes | None:
    """The body as llhttp has it; None where it is not whole or broken."""

    async def parse() -> bytes | None:
        parser = HttpRequestParser(_reader, asyncio.get_running_loop(), 65536, auto_decompress=False)
        try:
            ((_, payload),) = parser.feed_data(HEAD + data)[0]
        except HttpProcessingError:
            return None
        return payload.read_nowait(-1) if payload.is_eof() else None

    return asyncio.run(parse())


def ours(data: bytes, cut: int) -> tuple[bytes, bytes] | None:
    """The body and what follows it, from pieces of so many bytes."""
    body = ChunkedBody()
    try:
        for at in range(0, len(data), cut):
            rest = body.feed(data[at : at + cut])
            if rest is not None:
                return body.take(), rest + data[at + cut :]
    except Malformed:
        return None
    return None


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join), st.integers(1, 30))
def test_what_is_taken_is_what_llhttp_takes(data: bytes, cut: int) -> None:
    """Where ours finds a whole body, llhttp finds the same one in the same bytes, however they were cut."""
    found = ours(data, cut)
    assert found == ours(data, len(data) or 1)
    if found is not None:
        body, rest = found
        whole = data[: len(data) - len(rest)]
        assert llhttp(whole) == body


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.integers(1, 50), st.binary(max_size=5))
def test_good_chunks_give_their_bytes(parts: list[bytes], cut: int, rest: bytes) -> None:
    """Any bytes in any chunks, however they come; what follows is left."""
    data = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    assert ours(data + rest, cut) == (b"".join(parts), rest)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'3\r\n{"iban":"AE07"}\r\n', "chunk 1 does not end where its size says"),
        (b"1\r\na\r\nsecret\r\n", "chunk 2 does not begin with its size in hexadecimal digits"),
        (b"secret", "chunk 1 does not begin with its size in hexadecimal digits"),
        (b"3\nabc\n", "a line of its chunked framing does not end with CRLF"),
        (b"0\r\nsecret\r\n\r\n", "trailer 1 after its chunks is not a header"),
        (b"1;" + b"x" * 9000, "a line of its chunked framing has more than 8190 bytes"),
    ],
)
def test_what_is_wrong_is_told_by_number(data: bytes, words: str) -> None:
    """And never by what came."""
    with pytest.raises(Malformed) as caught:
        ChunkedBody().feed(data)
    assert str(caught.value) == words


@pytest.mark.parametrize("cut", [1, 3, 100])
def test_a_counted_body_ends_where_its_length_says(cut: int) -> None:
    """What follows is left."""
    body, data = LengthBody(10), b"0123456789rest"
    for at in range(0, len(data), cut):
        rest = body.feed(data[at : at + cut])
        if rest is not None:
            assert body.take() == b"0123456789"
            assert rest + data[at + cut :] == b"rest"
            return
    raise AssertionError("it never ended")
