"""Build the request that is forwarded to a target: what is copied, what is dropped, and our one header. Pure.

Owns the destination, the rules by which a capture's target and headers are copied, the bytes of the head,
and the loop guard. Opens nothing; `relay.delivery.http.sender` sends. The head is written here and not by
h11, which refuses control bytes in values that a receiver accepted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from relay.models import Capture, Headers
from relay.text.export import origin_form
from relay.text.targets import names_a_path, target_url

MARK = "X-Lean-Relay"
"""The one header of ours: `INSTANCE;hop=N;capture=ID`."""

MOST_HOPS = 3
"""A capture that this many relays have forwarded is not forwarded again."""

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
        "trailer",
        "proxy-authenticate",
        "proxy-authorization",
    }
)
"""Never forwarded, in lower case.

The first six by RFC 9110, 7.6.1; `Trailer` (6.6.2) describes the chunked framing that ends here;
`Proxy-Authorization` (11.7.2) and `Proxy-Authenticate` (11.7.1) are meant for the next hop: this relay.
"""

OURS = frozenset({"host", "content-length", "expect", MARK.lower()})
"""Written by the relay or left out: `Expect` is for the relay, which sends the body at once (10.1.1)."""

ANTICIPATE_CONTENT = frozenset({"POST", "PUT", "PATCH"})
"""Methods with a Content-Length even for an empty body (RFC 9110, 8.6)."""

CLOSE = ("Connection", "close")
"""Each request has its own connection: the backend may close a reused one just before the next request."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"[^\x00-\x20\x7f\u0100-\U0010ffff]+")
_VALUE = re.compile(r"[^\x00\r\n\u0100-\U0010ffff]*")
_HOP = re.compile(r";\s*hop=([0-9]{1,6})(?![0-9])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where requests are sent, and how TLS is checked there; made by `destination`."""

    url: str
    """Whole, as returned by `relay.text.targets.target_url`."""
    has_path: bool
    """Each request goes to exactly the URL's path and query; else to the target it was received with."""
    insecure: bool = False
    """Certificates are not checked."""
    ca_file: Path | None = None
    """PEM; trusted in place of the system's CAs."""
    also_trust: Path | None = None
    """PEM; trusted in addition to the system's CAs, where there is no `ca_file`."""
    cert_file: Path | None = None
    """PEM; the client certificate, sent where the target asks for one."""
    key_file: Path | None = None
    """PEM; its private key, None where that is in `cert_file` too."""
    server_name: str | None = None
    """Requested by SNI and checked in place of the URL's host."""

    @cached_property
    def secure(self) -> bool:
        return self.url.startswith("https:")

    @cached_property
    def host(self) -> str:
        """The host that is resolved and, with TLS, must be in the certificate: ASCII, without brackets."""
        return _ascii(urlsplit(self.url).hostname or "")

    @property
    def name(self) -> str:
        """The name requested by SNI, which the certificate must have."""
        return self.server_name or self.host

    @property
    def tls(self) -> tuple[object, ...]:
        """Everything that makes up the TLS context: destinations with equal values share one."""
        return self.insecure, self.ca_file, self.also_trust, self.cert_file, self.key_file

    @cached_property
    def port(self) -> int:
        return urlsplit(self.url).port or (443 if self.secure else 80)

    @cached_property
    def authority(self) -> str:
        """The value of `Host`: without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @cached_property
    def exact_target(self) -> str:
        """Path and query of the URL."""
        parts = urlsplit(self.url)
        return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"

    @cached_property
    def place(self) -> str:
        """For messages: `port 3000`, or `port 443 of backend.test`."""
        local = self.host in ("localhost", "127.0.0.1", "::1")
        return f"port {self.port}" if local else f"port {self.port} of {self.host}"


def destination(text: str, **tls: Any) -> Destination:
    """The destination for a target as people write it; reads no file.

    Args:
        tls: the TLS fields of `Destination`.

    Raises:
        ValueError: the text is not a valid target, or a server name; the message says what to use instead.
    """
    made = Destination(url=target_url(text), has_path=names_a_path(text), **tls)
    try:
        _ = made.host
    except UnicodeError:
        raise ValueError(f"{text!r} is not a valid target; its host cannot be written in ASCII") from None
    try:
        (made.server_name or "").encode("idna")  # As `ssl` does, in the middle of a connection.
    except UnicodeError:
        raise ValueError(
            f"{made.server_name!r} is not a valid server name; use one such as api.example.com"
        ) from None
    return made


@dataclass(frozen=True, kw_only=True)
class OutgoingRequest:
    """One unambiguous request: making one that could be read in two ways raises `ValueError`."""

    method: str
    target: str
    """The request target; latin-1."""
    headers: Headers
    """All headers, in order; `Host` once, `Content-Length` at most once and correct."""
    body: bytes
    dropped: tuple[str, ...] = ()
    """Headers left out only because the capture's own `Connection` named them."""

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.method):
            raise ValueError(f"{self.method!r} is not a valid method")
        if not _TARGET.fullmatch(self.target):
            raise ValueError(f"{self.target!r} is not a valid request target")
        lengths, hosts = [], 0
        for name, value in self.headers:
            if not _TOKEN.fullmatch(name):
                raise ValueError(f"{name!r} is not a valid header name")
            if not _VALUE.fullmatch(value):
                raise ValueError(f"the value of {name} has a line break, a NUL or a non-latin-1 character")
            key = name.lower()
            if key == "content-length":
                lengths.append(value)
            elif key == "transfer-encoding":
                raise ValueError("Transfer-Encoding is not allowed; bodies are sent with Content-Length")
            elif key == "host":
                hosts += 1
        if hosts != 1:
            raise ValueError(f"a request must have one Host header, not {hosts}")
        if (lengths or self.body) and lengths != [str(len(self.body))]:
            named = ", ".join(lengths) or "missing"
            raise ValueError(f"the body has {len(self.body)} bytes, but Content-Length is {named}")

    def head(self) -> bytes:
        """Request line and headers up to the empty line, as written to the socket; always HTTP/1.1."""
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    @property
    def note(self) -> str | None:
        """A remark to record with the outcome: headers that were left out; None where there are none."""
        if not self.dropped:
            return None
        return f"not forwarded, because the webhook's Connection header names it: {', '.join(self.dropped)}"


def build_request(capture: Capture, to: Destination, *, instance: str) -> OutgoingRequest:
    """Build the request that forwards a capture.

    Method and body are copied, and the target unless it is absolute. Headers keep their order, case, repeats
    and bytes, except hop-by-hop ones and all that `Connection` names (RFC 9110, 7.6.1 requires it even for
    `lean-signature`: see `OutgoingRequest.dropped`). `Host` and `Content-Length` keep the place and the
    spelling of the original; `Connection: close` and `X-Lean-Relay` come last. A request without a body has
    `Content-Length: 0` only where the original had one, was chunked, or has a method that anticipates
    content.

    Args:
        instance: names this relay in `X-Lean-Relay`; a token without `;`.

    Raises:
        ValueError: the capture cannot be written as one request, for example after an edit, or is a CONNECT.
    """
    if not _TOKEN.fullmatch(instance):
        raise ValueError(f"{instance!r} is not a valid relay name; use letters, digits, - and _ only")
    length = str(len(capture.body))
    target = to.exact_target if to.has_path else origin_form(capture.target)
    if capture.method == "CONNECT":
        raise ValueError("CONNECT asks a proxy for a tunnel; it is stored but never forwarded")
    nominated = _nominated(capture.headers)
    kept: list[tuple[str, str]] = []
    dropped: list[str] = []
    has_host = has_length = False
    for name, value in capture.headers:
        key = name.lower()
        if key == "host":
            if not has_host:
                kept.append((name, to.authority))
            has_host = True
        elif key in ("content-length", "transfer-encoding"):
            if not has_length:
                kept.append((name if key == "content-length" else "Content-Length", length))
            has_length = True
        elif key in nominated and key not in HOP_BY_HOP | OURS:
            dropped.append(name)
        elif key not in HOP_BY_HOP and key not in OURS:
            kept.append((name, value))
    if not has_host:
        kept.insert(0, ("Host", to.authority))
    if not has_length and (capture.body or capture.method in ANTICIPATE_CONTENT):
        kept.append(("Content-Length", length))
    kept.append(CLOSE)
    kept.append((MARK, f"{instance};hop={hop_count(capture.headers) + 1};capture={capture.id}"))
    return OutgoingRequest(
        method=capture.method,
        target=target,
        headers=tuple(kept),
        body=capture.body,
        dropped=tuple(dropped),
    )


def hop_count(headers: Headers) -> int:
    """Number of relays that forwarded a capture: the highest `hop`, 0 without `X-Lean-Relay`.

    A header whose hop cannot be read counts as 1.
    """
    return max((_hop(mark) for mark in _marks(headers)), default=0)


def sent_by(headers: Headers, instance: str) -> bool:
    """Whether the relay `instance` is named as one that forwarded this."""
    return any(mark.partition(";")[0].strip() == instance for mark in _marks(headers))


def forwarding_loop(headers: Headers, instance: str) -> str | None:
    """Why the relay `instance` must not forward a capture; None where it may."""
    if sent_by(headers, instance):
        return "it was sent by this relay itself: the target leads back here"
    passed = hop_count(headers)
    if passed >= MOST_HOPS:
        return f"{passed} relays have forwarded it already; do their targets form a loop?"
    return None


def _marks(headers: Headers) -> list[str]:
    # A proxy on the way may have joined repeats by commas (RFC 9110, 5.3).
    return [
        mark for name, value in headers if name.lower() == MARK.lower() for mark in value.split(",") if mark
    ]


def _hop(mark: str) -> int:
    found = _HOP.search(mark)
    return int(found[1]) if found else 1


def _nominated(headers: Headers) -> set[str]:
    return {
        option.strip().lower()
        for name, value in headers
        if name.lower() == "connection"
        for option in value.split(",")
    }


def _ascii(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode("ascii")
