"""Read the status and headers of a response head that a strict parser refuses. Pure.

Owns what can be read of such a head, and the words for what is wrong with it. The parser's own words quote
the response and name parts of the parser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.models import Headers
from relay.text.safe import visible

MOST_SHOWN = 40
"""Characters of a name or a value that a message repeats."""

_STATUS = re.compile(rb"HTTP/1\.[0-9] +([1-5][0-9]{2})(?![0-9])")
_END = re.compile(rb"\r?\n\r?\n")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class BrokenHead:
    """A response head that the parser refused, as far as it can be read."""

    status: int | None
    """None where the status line has none."""
    headers: Headers
    """In wire order, latin-1; a line without a colon is a name without a value."""
    problem: str
    """Such as `header line 2 has no colon`; safe to show."""
    rest: bytes
    """Bytes that followed the head."""
    is_whole: bool
    """The empty line at its end was received."""

    def framing(self) -> bytes:
        """A valid head for the same body: chunked, with a length, or up to the end of the stream."""
        codings = ",".join(self._values("transfer-encoding")).lower().split(",")
        lengths = set(self._values("content-length"))
        line = b"HTTP/1.1 %d \r\n" % (self.status or 200)
        if any(coding.strip() == "chunked" for coding in codings):
            return line + b"Transfer-Encoding: chunked\r\n\r\n"
        if len(lengths) == 1 and (length := lengths.pop()).isascii() and length.isdecimal():
            return line + b"Content-Length: %s\r\n\r\n" % length.encode()
        return line + b"\r\n"

    def _values(self, name: str) -> list[str]:
        return [value for other, value in self.headers if other.strip().lower() == name]


def read(data: bytes) -> BrokenHead:
    """Read a refused head as far as possible.

    Args:
        data: the head and everything received after it.
    """
    begun = data.lstrip(b"\r\n")
    end = _END.search(begun)
    head, rest = (begun, b"") if end is None else (begun[: end.start()], begun[end.end() :])
    status_line, *lines = head.split(b"\n")
    found = _STATUS.match(status_line)
    headers = tuple(_pair(line.rstrip(b"\r").decode("latin-1")) for line in lines)
    if len(begun) < len(data):
        problem = "there is an empty line before the status line"
    elif found is None:
        problem = "the status line has no status from 100 to 599"
    elif found[1] == b"101":
        problem = "it switches protocols without being asked to"
    else:
        problem = _problem(lines, headers)
    return BrokenHead(None if found is None else int(found[1]), headers, problem, rest, end is not None)


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip(" \t")


def _problem(lines: list[bytes], headers: Headers) -> str:
    for number, (line, (name, value)) in enumerate(zip(lines, headers, strict=True), 1):
        where = f"header line {number}"
        if b":" not in line:
            return f"{where} has no colon"
        if not name:
            return f"{where} has no name"
        if name != name.rstrip():
            return f"{where} has a blank before the colon"
        if not _TOKEN.fullmatch(name):
            return f"{where} has an invalid character in its name"
        if "\0" in value or "\r" in value:
            return f"the value of {_shown(name)} has an invalid character"
    return _framing_problem(headers)


def _framing_problem(headers: Headers) -> str:
    codings = [value for name, value in headers if name.lower() == "transfer-encoding"]
    if len(codings) > 1:
        return f"there are {len(codings)} Transfer-Encoding headers"
    if codings and codings[0].lower() != "chunked":
        return f"Transfer-Encoding is '{_shown(codings[0])}', but only chunked is supported"
    lengths = [value for name, value in headers if name.lower() == "content-length"]
    if any(not (value.isascii() and value.isdecimal()) for value in lengths):
        return "Content-Length is not a number"
    if len(set(lengths)) > 1:
        return "there are several different Content-Length headers"
    return "it is not valid HTTP/1.1"


def _shown(text: str) -> str:
    return visible(text[:MOST_SHOWN]) + ("..." if len(text) > MOST_SHOWN else "")
