"""Exports a capture's request as HTTP bytes, or as a shell line that sends it with curl.

Pure. Every word of the line is quoted for sh, and nothing in a capture can make curl read a file
or send a second request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from shlex import quote

from relay.models import Capture, Headers
from relay.text.safe import visible, visible_block

FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect"})
"""Headers that curl writes itself."""

CURLS_OWN = ("User-Agent", "Accept", "Content-Type")
"""Headers that curl adds unless told not to."""

LONGEST_INLINE = 64 * 1024
"""Largest body in the line, in bytes; Linux allows 128 KiB in one argument."""

_PLAIN_TARGET = re.compile(r"/[A-Za-z0-9/._~%?=&:+,;@!$*()'-]*")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_OCTAL = {byte: f"\\{byte:03o}" for byte in range(256) if not (byte < 0x80 and chr(byte).isalnum())}
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def origin_form(target: str) -> str:
    """A request target in origin form (RFC 9112, 3.2.1).

    The absolute form is for proxies (3.2.2), and a backend that is a proxy would follow it.

    Raises:
        ValueError: it has no origin form, as for CONNECT.
    """
    if target.startswith("/") or target == "*":
        return target
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        raise ValueError("its request target is neither a path nor a URL; it is stored but never forwarded")
    path = target[absolute.end() :].partition("#")[0]
    return path if path.startswith("/") else f"/{path}"


def http_bytes(capture: Capture, headers: Headers) -> bytes:
    """The request as received; if it was chunked, with Content-Length instead, so that it can be sent again.

    Args:
        headers: the capture's, with or without secrets.
    """
    head = [f"{capture.method} {capture.target} HTTP/{capture.http_version}"]
    head += [f"{name}: {value}" for name, value in _framed(headers, len(capture.body))]
    return "\r\n".join((*head, "", "")).encode("latin-1", "replace") + capture.body


def _framed(headers: Headers, length: int) -> Iterator[tuple[str, str]]:
    chunked = any(name.lower() == "transfer-encoding" for name, _ in headers)
    is_written = False
    for name, value in headers:
        if not chunked or name.lower() not in ("transfer-encoding", "content-length", "trailer"):
            yield name, value
        elif not is_written:
            is_written = True
            yield "Content-Length", str(length)


def curl_line(capture: Capture, headers: Headers, url: str, body_command: Callable[[], str]) -> str:
    """A line for sh, bash and zsh that sends the same method, target, headers and body bytes.

    An absolute target becomes one in origin form, as when forwarding.

    Args:
        headers: the capture's, with or without secrets.
        url: destination without a path, `http://127.0.0.1:5326`.
        body_command: returns a command that writes the exact body, for one that does not fit in an argument.
    """
    words = ["curl", "-sS", "-i", "--globoff", "--path-as-is", f"--http{capture.http_version}"]
    words += ["--head"] if capture.method == "HEAD" else ["-X", _word(capture.method)]
    for name, value in headers:
        # The receiver accepts only tokens as names; to curl, a name that starts with @ would be a file.
        if name.lower() not in FRAMING and _TOKEN.fullmatch(name):
            words += ["-H", _word(f"{name}: {value}" if value.strip() else f"{name};")]
    there = {name.lower() for name, _ in headers}
    for name in CURLS_OWN:
        if name.lower() not in there:
            words += ["-H", quote(f"{name}:")]
    before = ""
    if capture.body or "content-length" in there:
        # curl adds Expect for a long body, which the original did not have.
        words += ["-H", "Expect:"]
        inline = _inline(capture.body)
        if inline is None:
            before = f"{body_command()} | "
            words += ["--data-binary", "@-"]
        else:
            words += ["--data-raw", inline]
    target = capture.target
    with suppress(ValueError):  # that of a CONNECT, which curl sends unchanged
        target = origin_form(target)
    if _PLAIN_TARGET.fullmatch(target):
        words.append(quote(url + target))
    else:
        words += ["--request-target", _word(target), quote(url)]
    return before + " ".join(words)


def _inline(body: bytes) -> str | None:
    """The body as one quoted word; None if it is too long or has control characters."""
    if len(body) > LONGEST_INLINE:
        return None
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return quote(text) if visible_block(text) == text else None


def _word(text: str) -> str:
    """Latin-1 text as one shell word that evaluates to its bytes and is safe to show."""
    data = text.encode("latin-1", "replace")
    try:
        shown = data.decode("utf-8")
    except UnicodeDecodeError:
        shown = "\0"
    if visible(shown) == shown:
        return quote(shown)
    return f'"$({printf(data)})"'


def printf(data: bytes) -> str:
    """A command of sh that writes exact bytes, of any number: printf is part of the shell, so no limit holds.

    Its octal escapes are POSIX; $'...' is not.
    """
    return f"printf '{_octal(data)}'"


def _octal(data: bytes) -> str:
    return data.decode("latin-1").translate(_OCTAL)
