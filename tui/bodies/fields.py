"""Forms, by name and value: URL-encoded ones and the parts of a multipart body."""

from __future__ import annotations

import re
from email.message import Message
from urllib.parse import unquote_to_bytes

from relay.text.layout import laid_out
from relay.text.safe import visible
from tui.bodies.document import GeneratedLines, Unshowable

MOST_FIELDS = 20_000
MOST_PARTS = 200
MOST_LINES = 100_000
"""Lines of a multipart body after which no further part is listed."""
MOST_OF_PART = 256 * 1024
"""Bytes of one part that are listed."""
SHOWN_OF_BINARY = 32

Kind = str | tuple[str, str]

_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def form(body: bytes) -> GeneratedLines:
    """The fields of a URL-encoded body, decoded, one on a line, in the order received.

    Raises:
        Unshowable: the body has no fields.
    """
    fields = body.strip(b"\r\n").split(b"&", MOST_FIELDS)
    notes = []
    if len(fields) > MOST_FIELDS:
        more = fields.pop().count(b"&") + 1
        notes.append(f"the first {MOST_FIELDS:,} fields; {more:,} more are in raw")
    lines = [_field(field) for field in fields if field]
    if not lines:
        raise Unshowable("a form without fields")
    return GeneratedLines(lines, [("key", "text")] * len(lines), notes)


def _field(field: bytes) -> bytes:
    name, equals, value = field.partition(b"=")
    decoded = _on_one_line(unquote_to_bytes(name.replace(b"+", b" ")))
    if not equals:
        return decoded
    return decoded + b" = " + _on_one_line(unquote_to_bytes(value.replace(b"+", b" ")))


def _on_one_line(data: bytes) -> bytes:
    return data.replace(b"\n", "␊".encode())


def multipart(body: bytes, content_type: str) -> GeneratedLines:
    """The parts of a multipart body (RFC 2046, 5.1): their headers and their text.

    Raises:
        Unshowable: there is no boundary, or it is not in the body.
    """
    boundary = parameter(content_type, "boundary")
    if not boundary:
        raise Unshowable("multipart without a boundary in its Content-Type")
    mark = b"--" + boundary.encode("utf-8", "surrogateescape")
    at = 0 if body.startswith(mark) else body.find(b"\n" + mark) + 1
    if not body.startswith(mark, at):
        raise Unshowable("multipart, but its boundary is not in the body")
    lines: list[bytes] = []
    kinds: list[Kind] = []
    notes: list[str] = []
    number = 0
    while True:
        at += len(mark)
        if body.startswith(b"--", at):
            break
        number += 1
        if number > MOST_PARTS or len(lines) > MOST_LINES:
            notes.append(f"parts after number {number - 1} are only in raw")
            break
        start = body.find(b"\n", at) + 1
        end = body.find(b"\n" + mark, at)
        if start == 0 or end < 0:
            notes.append("cut short: the last boundary is missing")
            end = len(body)
        _part(number, body[start or end : end].removesuffix(b"\r"), lines, kinds)
        if end == len(body):
            break
        at = end + 1
    if not lines:
        raise Unshowable("multipart without parts")
    return GeneratedLines(lines, kinds, notes, separator=b":")


def _part(number: int, part: bytes, lines: list[bytes], kinds: list[Kind]) -> None:
    head, found, content = part.partition(b"\r\n\r\n")
    if part.startswith((b"\r\n", b"\n")):
        head, content = b"", part.lstrip(b"\r").removeprefix(b"\n")
    elif not found:
        head, found, content = part.partition(b"\n\n")
    if number > 1:
        lines.append(b"")
        kinds.append("text")
    lines.append(f"part {number}, {len(content):,} bytes".encode())
    kinds.append("comment")
    for header in head.splitlines()[:100]:
        lines.append(header)
        kinds.append(("key", "text"))
    lines.append(b"")
    kinds.append("text")
    shown, kind = _content(content, json="json" in head.decode("latin-1").lower())
    lines.extend(shown)
    kinds.extend([kind] * len(shown))
    if len(content) > MOST_OF_PART:
        lines.append(f"the first {MOST_OF_PART // 1024} KiB of this part; all of it is in raw".encode())
        kinds.append("comment")


def _content(content: bytes, *, json: bool) -> tuple[list[bytes], str]:
    if not looks_like_text(content):
        first = content[:SHOWN_OF_BINARY].hex(" ")
        return [f"not text: {first}{' ...' if len(content) > SHOWN_OF_BINARY else ''}".encode()], "comment"
    if json and len(content) <= MOST_OF_PART and (laid := laid_out(content)) is not None:
        return laid.encode("utf-8").split(b"\n"), "text"
    return [line.removesuffix(b"\r") for line in content[:MOST_OF_PART].split(b"\n")], "text"


def looks_like_text(data: bytes) -> bool:
    """Whether the first 4 KiB are UTF-8 without unusual control characters."""
    head = data[:4096]
    if _CONTROLS.search(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The end of the head may cut a character.
        return len(data) > len(head) and error.start > len(head) - 4
    return True


def parameter(content_type: str, name: str) -> str:
    """A parameter of a Content-Type, `charset` or `boundary`; empty without it."""
    message = Message()
    try:
        message["Content-Type"] = content_type
        found = message.get_param(name, "")
    except Exception:  # The standard library's parser, on a header that may be malformed in any way.
        return ""
    return found if isinstance(found, str) else str(found[2])


def media_type(content_type: str) -> str:
    """The part before the parameters, in lower case."""
    return visible(content_type.partition(";")[0].strip().lower()[:100])
