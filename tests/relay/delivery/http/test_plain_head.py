"""Plain heads of responses: whatever is read here, h11 reads the same way."""

from __future__ import annotations

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.delivery.http.plain_head import plain_head

LINES = st.lists(
    st.sampled_from(
        (
            b"Content-Length: 3",
            b"content-length:0",
            b"Content-Length:  3 \t",
            b"Content-Length: 3, 3",
            b"Content-Length: -1",
            b"Content-Length: +3",
            b"Transfer-Encoding: chunked",
            b"Connection: keep-alive , Close",
            b"Connection: closed",
            b"Keep-Alive: timeout=5",
            b"X-Empty:",
            b"X: a\tb  c",
            b"X : a",
            b" folded",
            b"X: caf\xe9",
            b"X: a\x01",
            b"no colon",
            b"Set-Cookie: a=b; c",
        )
    ),
    max_size=5,
)
STATUSES = st.sampled_from(
    (b"HTTP/1.1 200 OK", b"HTTP/1.1 500", b"HTTP/1.1 404 ", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No Content",
     b"HTTP/1.1 304 x", b"HTTP/1.1 100 Continue", b"HTTP/1.1 999 x", b"HTTP/1.1 2000 x", b"http/1.1 200 OK",
     b"HTTP/1.1  200 OK", b"HTTP/1.1 200 caf\xe9")
)  # fmt: skip
ENDS = st.sampled_from((b"\r\n\r\nabc", b"\r\n\r\nab", b"\r\n\r\n", b"\r\n", b"\n\nabc", b"\r\n\r\nabcdef"))


def by_h11(data: bytes) -> tuple[int, list[tuple[str, str]], bytes, bool] | None:
    """Status, headers, as much of the body as is there, and whether another response can follow."""
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method="POST", target="/", headers=[("Host", "a")]))
    parser.send(h11.EndOfMessage())
    parser.receive_data(data)
    head = parser.next_event()
    if not isinstance(head, h11.Response):
        return None
    body = b""
    while isinstance(event := parser.next_event(), h11.Data):
        body += event.data
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items()]
    return head.status_code, headers, body, parser.their_state is h11.DONE


@given(STATUSES, LINES, ENDS)
@example(b"HTTP/1.1 200 OK", [b"Content-Length: 3", b"Connection: keep-alive , Close"], b"\r\n\r\nabc")
def test_what_is_plain_is_read_as_h11_reads_it(status: bytes, lines: list[bytes], end: bytes) -> None:
    """Status, headers, body and the end of the connection; what h11 refuses is not plain."""
    data = b"\r\n".join((status, *lines)) + end
    found = plain_head(data)
    if found is not None:
        body = data[found.size :][: found.length]
        is_next = len(body) == found.length and not found.is_last
        assert by_h11(data) == (found.status, list(found.headers), body, is_next)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500\r\nDate: x\r\nKeep-Alive: timeout=5\r\ncontent-length: 12\r\n\r\n",
    ],
)
def test_usual_responses_are_plain(data: bytes) -> None:
    """They are the reason for this."""
    assert plain_head(data) is not None


@pytest.mark.parametrize("value", [b" " * 30_000, b"a " * 15_000, b"a" + b"\t" * 30_000])
def test_a_hostile_head_takes_no_time(value: bytes) -> None:
    """Long runs that nearly match are looked at once."""
    assert plain_head(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX:" + value + b"\x01\r\n\r\n") is None
