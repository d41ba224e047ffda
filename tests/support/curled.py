"""Captures that are hard to write as a curl line, and how what curl sends compares with them."""

from __future__ import annotations

from relay.models import Capture
from tests.support.factories import a_capture

CURLED = [
    a_capture(headers=(("X-A", "1"), ("x-a", "2"), ("Empty", ""), ("User-Agent", "L/1"), ("Accept", "*/*"))),
    a_capture(
        method="GET", body=b"", headers=(), target="/a/../b?x=$(touch${IFS}owned)&y=%00;`id`&z=[1-3]{a,b}"
    ),
    a_capture(body=b"@/etc/passwd", target="/#fragment"),
    a_capture(
        body=b'it\'s "quoted" $HOME `id` !! \\n\n\n', headers=(("X", "a'b\"c $HOME `id` \\ @/etc/passwd"),)
    ),
    a_capture(body=bytes(range(256)), headers=(("X-Bytes", "\x80\xff%s\\101"), ("X-Utf8", "Ã©"))),
    a_capture(body=b"x" * 200_000),
    a_capture(body=b"", headers=(("Content-Length", "0"),)),
    a_capture(http_version="1.0", method="PATCH", target="/'; touch owned; '"),
    a_capture(body="é\u202e\x1b".encode(), target="http://other.example/absolute"),
]


def assert_sent(request: bytes, capture: Capture) -> None:
    """Method, path, headers and body as they came, but for what curl writes itself."""
    head, _, body = request.partition(b"\r\n\r\n")
    start, *rows = head.split(b"\r\n")
    target = capture.target.removeprefix("http://other.example")  # As on the way to a backend.
    assert start == f"{capture.method} {target} HTTP/{capture.http_version}".encode("latin-1")
    sent = [row for row in rows if row.split(b":")[0].lower() not in (b"host", b"content-length")]
    came = [
        f"{name}: {value}".rstrip().encode("latin-1")
        for name, value in capture.headers
        if name.lower() not in ("host", "content-length")
    ]
    assert [row.rstrip() for row in sent] == came
    assert body == capture.body
