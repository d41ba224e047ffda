"""Messages for malformed requests: the rule, and the place by number, never the content. Pure.

The parser's own messages quote the offending line, which may hold a token or a whole body. They are only
looked up here, never passed on; an unknown one gets a general message.
"""

from __future__ import annotations

import re

GENERAL = "its head is not valid HTTP"

_BY_REASON = {
    "Content-Length can't be present with Transfer-Encoding": "it has Content-Length and Transfer-Encoding",
    "Transfer-Encoding can't be present with Content-Length": "it has Content-Length and Transfer-Encoding",
    "Content-Length can't be present with chunked encoding": "it has Content-Length and Transfer-Encoding",
    "Content-Length overflow": "its Content-Length is too large a number",
    "Invalid character in Content-Length": "its Content-Length is not a number",
    "Empty Content-Length": "its Content-Length is empty",
    "Duplicate Content-Length": "it has more than one Content-Length",
    "Content-Length already present": "it has more than one Content-Length",
    "Request has invalid `Transfer-Encoding`": "its Transfer-Encoding does not end with chunked",
    "Invalid `Transfer-Encoding` header value": "its Transfer-Encoding names chunked more than once",
    "Invalid method encountered": "its first word is not an HTTP method",
    "Invalid method for HTTP/x.x request": "its method does not belong to HTTP",
    "Expected space after method": "its first word is not an HTTP method",
    "Invalid HTTP version": "its request line names an HTTP version that there is not",
    "Invalid major version": "its request line names an HTTP version that there is not",
    "Invalid minor version": "its request line names an HTTP version that there is not",
    "Expected dot": "its request line names an HTTP version that there is not",
    "Expected HTTP/, RTSP/ or ICE/": "its request line does not end with HTTP and a version",
    "Expected HTTP/": "its request line does not end with HTTP and a version",
    "Expected SOURCE method for ICE/x.x request": "its request line is of another protocol than HTTP",
    "Expected CRLF after version": "its request line does not end with HTTP, a version and CRLF",
    "Unexpected whitespace after header value": "a header continues on the next line",
    "Invalid header value char": "the value of a header has a control character",
    "Missing expected LF after header value": "the value of a header contains a CR",
    "Missing expected CR after header value": "a line of its head ends with LF alone, without CR",
    "Received HTTPS traffic on an HTTP port": "it speaks TLS, but this port speaks plain HTTP; "
    "its URL must start with http://",
    "Missing 'Host' header in request.": "it is HTTP/1.1 and has no Host header",
    "Too many headers received": "it has too many headers",
}

_TARGET = "its request target is not a URL or a path"
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def words(message: str, head: bytes) -> str:
    """Message for a malformed head.

    Args:
        message: the parser's, only looked up.
        head: the head so far, only used to count headers.
    """
    reason = message.removeprefix("Bad status line:").strip().partition(":\n")[0]
    if reason == "Invalid header token":
        return _header(head)
    if reason in _BY_REASON:
        found = _BY_REASON[reason]
        lone = head.find(b"\n")
        if "CRLF" in found and lone > 0 and head[lone - 1] != 13:
            return "a line of its head ends with LF alone, without CR"
        return found
    if reason.startswith("Duplicate "):
        return "a header that is allowed once comes twice"
    if reason.startswith("Got more than "):
        return "its request line or a header is too long"
    if "url" in reason.lower() or "://" in reason:
        return _TARGET
    return GENERAL


def _header(head: bytes) -> str:
    """Message for the first header with an invalid name."""
    for number, line in enumerate(head.split(b"\r\n")[1:], 1):
        if not line:
            break
        name = _NAME.match(line)
        after = line[name.end() :] if name is not None else line
        if name is not None and after.startswith(b":"):
            continue
        if b"\n" in line:
            return "a line of its head ends with LF alone, without CR"
        if name is None:
            return f"header {number} has no name" if after[:1] == b":" else _odd(number)
        if not after:
            return f"header {number} has no colon"
        if after.lstrip(b" \t").startswith(b":"):
            return f"the name of header {number} has a space before its colon"
        return f"header {number} has no colon" if b":" not in after else _odd(number)
    return GENERAL


def _odd(number: int) -> str:
    return f"the name of header {number} has a character that is not allowed in names"
