"""The engine's end of the socket to the writing process, as an asyncio protocol."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from relay.store.write.protocol import Buffer, Incoming, Kind


class Owner(Protocol):
    """Receives the messages of a channel, and its start and end."""

    def on_connected(self, channel: WriterChannel) -> None: ...
    def on_message(self, kind: Kind, payload: Buffer) -> None: ...
    def on_lost(self) -> None: ...


class WriterChannel(asyncio.Protocol):
    """The socket to the writing process."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._incoming = Incoming()
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._owner.on_connected(self)

    def send(self, data: bytes) -> None:
        self._transport.write(data)

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        incoming = self._incoming
        while (room := incoming.room) is not None and data:
            part, data = data[: len(room)], data[len(room) :]
            room[: len(part)] = part
            for kind, payload in incoming.filled(len(part)):
                self._owner.on_message(kind, payload)
        for kind, payload in incoming.fed(data):
            self._owner.on_message(kind, payload)

    def connection_lost(self, error: Exception | None) -> None:
        self._owner.on_lost()
