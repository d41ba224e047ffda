"""A real receiver on port 0 with a real store, for tests that speak raw HTTP to it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from relay.config import RespondRule, Route
from relay.receiver.intake import Intake
from relay.receiver.limits import ReceiverLimits
from relay.receiver.receiver import Receiver
from relay.receiver.refusals import Refusals
from relay.receiver.response_rules import ResponseRules
from relay.receiver.routes import Routes
from relay.receiver.web_pages import WebPageGuard
from relay.store.write import files
from relay.store.write.client import Writer
from relay.tls.handshake import ServerTls


@dataclass
class Running:
    """A running receiver."""

    port: int
    db: Path
    writer: Writer
    receiver: Receiver
    refusals: Refusals

    def rows(self, sql: str = "SELECT * FROM captures ORDER BY id") -> list[dict[str, Any]]:
        """The rows that another connection sees, by column."""
        connection = sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(sql)]
        finally:
            connection.close()

    async def send(self, data: bytes) -> bytes:
        """Send bytes on a new connection and read until the other side closes it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            return await asyncio.wait_for(reader.read(), 20)
        finally:
            writer.close()

    async def exchange(self, data: bytes) -> bytes:
        """Send bytes on a new connection and read one answer with a Content-Length."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            return await read_answer(reader)
        finally:
            writer.close()


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """One answer: head and as much body as its Content-Length says."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.partition(b":")[2]))
    return head


def a_post(body: bytes = b"{}", *, target: str = "/hook", headers: Sequence[tuple[str, str]] = ()) -> bytes:
    lines = [f"POST {target} HTTP/1.1", "Host: relay", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1") + body


@asynccontextmanager
async def a_receiver(
    folder: Path,
    *,
    secrets: dict[str, bytes] | None = None,
    app_token: bytes | None = None,
    senders: Sequence[Any] = (),
    respond: int | None = None,
    delay_s: float = 0.0,
    rules: Sequence[RespondRule] = (),
    routes: Sequence[Route] = (),
    limits: ReceiverLimits = ReceiverLimits(),  # noqa: B008 - frozen
    allow_cross_site: bool = False,
    public_url: str | None = None,
    tls: ServerTls | None = None,
) -> AsyncIterator[Running]:
    db = folder / "relay.db"
    files.create_private(db)
    writer = await Writer.open(db)
    refusals = Refusals()
    receiver = Receiver(
        writer,
        Intake(secrets=secrets or {}, app_token=app_token, senders=senders),
        ResponseRules(respond=respond, delay_s=delay_s, rules=rules, now=datetime.now(UTC)),
        Routes(routes, datetime.now(UTC)),
        refusals,
        limits=limits,
        sites=WebPageGuard(allow_cross_site=allow_cross_site, urls=[public_url]),
        tls=tls,
    )
    server = await asyncio.get_running_loop().create_server(receiver.connections.accept, "127.0.0.1", 0)
    try:
        yield Running(server.sockets[0].getsockname()[1], db, writer, receiver, refusals)
    finally:
        server.close()
        await receiver.stop(1.0)
        await writer.close()


def executed(connection: sqlite3.Connection, *, sql: str, values: tuple[Any, ...] = ()) -> int:
    """A job for the writer: any statement; gives how many rows it changed."""
    return connection.execute(sql, values).rowcount


def rows(db: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows that another connection sees in a database."""
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()
