"""Requests such as Lean sends, as bytes: for load and for tests that speak raw sockets.

Owns the making of bodies with ids of their own, their signature, and the head around them.
Opens nothing. The real samples are `relay.lean`'s; these are built for speed and for counting.
"""

from __future__ import annotations

import hashlib
import hmac
from uuid import uuid4

SECRET = "whk-bench-0c41e2f7"
"""Made up; what `running` gives the program unless told otherwise."""

_BODY = (
    b'{"type":"payment.updated","payload":{"id":"5b1f0f0e-7c55-4c0a-9a3e-2f4f6f0a1d01",'
    b'"customer_id":"0f6c2f57-5f0e-4b7e-8f3d-7f1b6a1f2c33","intent_id":"9d8c7b6a-1111-4222-8333-444455556666",'
    b'"payment_destination_id":"c0ffee00-0000-4000-8000-000000000001","status":"ACCEPTED_BY_BANK",'
    b'"amount":1250.00,"currency":"AED"},"message":"A payment object has been updated.%s",'
    b'"timestamp":"2026-03-04T05:06:07.089123Z","event_id":"%s"}'
)

_HEADERS = (
    ("User-Agent", "Apache-HttpClient/4.5.14 (Java/17.0.9)"),
    ("Accept", "application/json, text/plain, */*"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Content-Type", "application/json"),
    ("X-Request-Id", "3f1c9d52-7a44-4a2e-9d0e-a1b2c3d4e5f6"),
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Forwarded-Proto", "https"),
    ("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
)


def a_body(event_id: str | None = None, size: int | None = None) -> bytes:
    """An envelope of 451 bytes; its `event_id` is new unless one is given.

    Args:
        size: a larger one, of so many bytes, by a longer message.
    """
    body = _BODY % (b"", (event_id or str(uuid4())).encode("ascii"))
    return body if size is None else body.replace(b"updated.", b"updated" + b"." * (size - len(body) + 1))


def signed(body: bytes, secret: str = SECRET) -> str:
    """The value of `lean-signature` for these bytes."""
    return "sha512=" + hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()


def a_request(
    body: bytes,
    *,
    target: str = "/webhooks/lean",
    secret: str | None = SECRET,
    headers: tuple[tuple[str, str], ...] = _HEADERS,
) -> bytes:
    """A whole POST with `Host`, the headers, the signature (None: without one) and the length."""
    lines = [f"POST {target} HTTP/1.1", "Host: relay.test"]
    lines += [f"{name}: {value}" for name, value in headers]
    if secret is not None:
        lines.append(f"lean-signature: {signed(body, secret)}")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def many_requests(count: int, secret: str = SECRET, size: int | None = None) -> list[bytes]:
    """`count` signed requests that differ in `event_id` alone; about 5 us each. `size` as of `a_body`."""
    placeholder = "0" * 36
    empty = a_body(placeholder, size)
    head, tail = a_request(empty, secret=secret).split(signed(empty, secret).encode("ascii"))
    body_head, body_tail = empty.split(placeholder.encode("ascii"))
    between = tail[: -len(empty)]
    keyed = hmac.new(secret.encode(), body_head, hashlib.sha512)
    stem = str(uuid4())[:24].encode("ascii")
    # A random start makes keys that are spread over the index, as Lean's random ids are.
    start, step = uuid4().int % 2**47, 0x5DEECE66D | 1
    made = []
    for number in range(count):
        scattered = b"%012x" % ((start + number * step) % 2**48)
        event_id = scattered[:8] + stem[8:] + scattered
        rest = event_id + body_tail
        mac = keyed.copy()
        mac.update(rest)
        made.append(b"%ssha512=%s%s%s%s" % (head, mac.hexdigest().encode(), between, body_head, rest))
    return made
