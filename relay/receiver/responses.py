"""Encodes responses: short plain texts, the same for each method and path."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from time import time

RETRY_AFTER_S = 60
"""Sent with a 503; Lean's own first retry comes after a minute (`lean-relay help lean`)."""

STORED = "stored\n"


@dataclass(frozen=True, slots=True)
class Response:
    """One response."""

    status: int
    text: str
    capture_id: int | None = None
    usual: bool = False
    """The 200 after the commit."""
    close: bool = False
    """Close the connection after it."""
    retry: bool = False
    """Ask the client to retry in a minute."""


class Refused(Exception):
    """The request is refused: it does not become a capture."""

    def __init__(self, status: int, reason: str, detail: str) -> None:
        """
        Args:
            reason: a stable word of `relay.text.refusals`.
            detail: a sentence in our own words; never quotes the request.
        """
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail

    @property
    def response(self) -> Response:
        return Response(self.status, f"{self.reason}\n", close=self.status == 500, retry=self.status == 503)


class Encoder:
    """Encodes responses; builds the usual one once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._date = ""
        self._usual = b""

    def usual(self) -> bytes:
        """200 for a kept HTTP/1.1 connection."""
        if int(time()) != self._second:
            self._tick()
        return self._usual

    def encoded(self, response: Response, *, version: str = "1.1", close: bool, body: bool = True) -> bytes:
        """
        Args:
            version: of the request.
            close: whether the connection is closed after it.
            body: false for HEAD.
        """
        if int(time()) != self._second:
            self._tick()
        return self._bytes(response, version, close=close, body=body)

    def _tick(self) -> None:
        self._second = int(time())
        self._date = formatdate(self._second, usegmt=True)
        self._usual = self._bytes(Response(200, STORED), "1.1", close=False, body=True)

    def _bytes(self, response: Response, version: str, *, close: bool, body: bool) -> bytes:
        text = response.text.encode()
        head = [
            f"HTTP/{version} {response.status} {_phrase(response.status)}",
            "Content-Type: text/plain; charset=utf-8",
        ]
        if response.status >= 200 and response.status not in (204, 304):
            head.append(f"Content-Length: {len(text)}")
        else:
            body = False
        head += (f"Date: {self._date}", "Server: lean-relay")
        if response.retry:
            head.append(f"Retry-After: {RETRY_AFTER_S}")
        if close:
            head.append("Connection: close")
        elif version == "1.0":
            head.append("Connection: keep-alive")
        return "\r\n".join([*head, "", ""]).encode("latin-1") + (text if body else b"")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Answered"
