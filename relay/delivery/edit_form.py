"""A request as a text for an editor, and the edits made in it.

Pure. The form is the request line, headers, an empty line and the body, with remarks before them:

    # Remarks, which end with the first line that does not begin with #.
    POST /webhooks/lean
    Content-Type: application/json

    {"amount": 100.50}

Above the empty line, a byte that is not printable text is written as `\\xE9`, and a backslash as `\\\\`. The
body is written unchanged and followed by one more line feed, because editors end a file with one. A body that
is not text in UTF-8 is left out of the form, and not changed. Unchanged parts keep every byte.
"""

from __future__ import annotations

import re

from relay.control.messages import Edits
from relay.delivery.edits import check_header
from relay.delivery.http.request import HOP_BY_HOP, OURS, OutgoingRequest
from relay.models import Capture, Headers
from relay.text.safe import visible

BLANKS = " \t"
"""Allowed around the parts of a line; other blanks of Unicode are ordinary characters."""

_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(\\))|(\\)")


def written(capture: Capture, remarks: tuple[str, ...] = ()) -> bytes:
    """The form of a capture's request.

    Args:
        remarks: lines to put first.
    """
    lines = [
        *remarks,
        "Method and target, headers, an empty line, the body. The relay writes Host, Content-Length",
        "and the connection's own headers. \\xE9 is a byte, \\\\ a backslash.",
    ]
    if not _is_text(capture.body):
        lines.append(f"The body ({len(capture.body)} bytes) is not text in UTF-8; it is left out, and kept.")
    request = f"{_shown(capture.method)} {_shown(capture.target)}"
    if request.startswith("#"):
        request = f"\\x23{request[1:]}"
    head = [f"# {line}" for line in lines] + [request]
    head += [f"{_shown(name)}: {_shown(value)}" for name, value in _theirs(capture.headers)]
    text = "\n".join(head) + "\n"
    return text.encode("utf-8") + (b"\n" + capture.body + b"\n" if _is_text(capture.body) else b"")


def read(form: bytes, capture: Capture) -> Edits:
    """The edits made in the form; `Edits()` where there are none.

    Args:
        capture: as passed to `written`.

    Raises:
        ValueError: a line of the head is not valid (the message has its number), or a body was added where
            none can be.
    """
    lines, body = _parts(form)
    if not lines:
        raise ValueError("no request line; write one such as POST /path")
    (number, first), *rest = lines
    method, _, target = map(_bytes, first.strip(BLANKS).partition(" "))
    try:
        OutgoingRequest(method=method, target=target, headers=(("Host", "a"),), body=b"")
    except ValueError:
        raise ValueError(
            f"line {number}: {visible(first)!r} is not a valid request line; use for example POST /path"
        ) from None
    headers = tuple(_header(number, line) for number, line in rest)
    if not _is_text(capture.body):
        if body:
            raise ValueError(
                "the body is not text in UTF-8 and cannot be edited here; remove what you wrote in its place"
            )
        body = capture.body
    found = Edits(method=method, target=target, headers=headers, body=body)
    return Edits(
        method=None if found.method == capture.method else found.method,
        target=None if found.target == capture.target else found.target,
        headers=None if headers == _theirs(capture.headers) else _with_ours(headers, capture.headers),
        body=None if found.body == capture.body else found.body,
    )


def _parts(form: bytes) -> tuple[list[tuple[int, str]], bytes]:
    """The lines of the head, with their numbers and without remarks, and the body."""
    lines: list[tuple[int, str]] = []
    number, at = 0, 0
    while at < len(form):
        end = form.find(b"\n", at)
        end = len(form) if end < 0 else end
        line = form[at:end].removesuffix(b"\r").decode("utf-8", "surrogateescape")
        number, at = number + 1, end + 1
        if lines and not line.strip(BLANKS):
            return lines, form[at:].removesuffix(b"\n")
        if line.strip(BLANKS) and (lines or not line.startswith("#")):
            lines.append((number, line))
    return lines, b""


def _header(number: int, line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError(f"line {number}: {visible(line)!r} is not a valid header; use Name: value")
    pair = _bytes(name.strip(BLANKS)), _bytes(value.strip(BLANKS))
    try:
        check_header(*pair)
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from None
    return pair


def _theirs(headers: Headers) -> Headers:
    """Headers that may be edited."""
    return tuple(pair for pair in headers if pair[0].lower() not in HOP_BY_HOP | OURS)


def _with_ours(headers: Headers, came: Headers) -> Headers:
    """The edited headers with those that are not in the form: first those that came first, the rest last."""
    front = 0
    while front < len(came) and came[front][0].lower() in HOP_BY_HOP | OURS:
        front += 1
    others = (pair for pair in came[front:] if pair[0].lower() in HOP_BY_HOP | OURS)
    return (*came[:front], *headers, *others)


def _is_text(body: bytes) -> bool:
    try:
        return "\0" not in body.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _shown(text: str) -> str:
    """Latin-1 text of a head, as written in the form."""
    data = text.encode("latin-1", "replace")
    try:
        shown = data.decode("utf-8")
    except UnicodeDecodeError:
        shown = data.decode("ascii", "surrogateescape")
    made = "".join(_escaped(character) for character in shown)
    # An outer blank cannot be distinguished from one of the form's own.
    made = f"\\x20{made[1:]}" if made.startswith(" ") else made
    return f"{made[:-1]}\\x20" if made.endswith(" ") else made


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if visible(character) == character and not 0xD800 <= ord(character) < 0xE000:
        return character
    return "".join(f"\\x{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


def _bytes(text: str) -> str:
    """The latin-1 text for a text of the form.

    Raises:
        ValueError: a backslash that is not part of an escape.
    """

    def meant(found: re.Match[str]) -> str:
        if found[3]:
            raise ValueError(f"{visible(text)!r} has a single backslash; write \\\\, or \\xE9 for a byte")
        return "\\" if found[2] else bytes([int(found[1], 16)]).decode("utf-8", "surrogateescape")

    return _ESCAPE.sub(meant, text).encode("utf-8", "surrogateescape").decode("latin-1")
