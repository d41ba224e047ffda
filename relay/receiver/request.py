"""A request on its way through a connection: head, body, and the room that its body takes."""

from __future__ import annotations

from aiohttp.http_parser import RawRequestMessage

from relay.receiver.body_budget import Room


class Request:
    """A request whose head has been read."""

    __slots__ = ("body", "message", "room", "version")

    def __init__(self, message: RawRequestMessage, version: str) -> None:
        self.message = message
        self.version = version
        """`1.0` or `1.1`."""
        self.body = b""
        """Complete when the request is handled; storing it empties this."""
        self.room: Room | None = None
        """The part of the budget that its body holds."""
