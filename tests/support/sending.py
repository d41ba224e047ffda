"""Attempts against real backends, for tests of the sender."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from relay.delivery.http.request import Destination, OutgoingRequest, build_request, destination
from relay.delivery.http.sender import Sender, SendResult
from relay.models import Headers
from tests.support.factories import a_capture

Run = Callable[[Coroutine[Any, Any, Any]], Any]
"""Runs a coroutine to its end; the fixture `run`."""


def a_request(to: Destination, **changes: Any) -> OutgoingRequest:
    return build_request(a_capture(**changes), to, instance="here")


async def one_try(
    text: str, timeout_s: float = 60.0, ca_file: Path | None = None, insecure: bool = False, **changes: Any
) -> SendResult:
    """Send one capture to a target with a sender of its own."""
    to = destination(text, ca_file=ca_file, insecure=insecure)
    async with Sender() as sender:
        return await sender.send(a_request(to, **changes), to, timeout_s=timeout_s)


def parsed(request: bytes) -> tuple[str, Headers, bytes]:
    """The request line, headers and body that stood on the wire."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    return line, tuple((name, value) for name, _, value in (text.partition(": ") for text in fields)), body
