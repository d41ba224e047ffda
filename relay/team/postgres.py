"""A team's log in PostgreSQL, over one asyncpg connection (`relay.team.connect` opens it)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from relay.errors import RelayError
from relay.team import tables
from relay.team.errors import as_relay_error
from relay.team.log import BYTES_AT_ONCE, ROWS_AT_ONCE, LogState, Server, StoredDigest, TeamCapture

if TYPE_CHECKING:
    from relay.team.address import TeamAddress

ANSWERS_WITHIN_S = 30.0
"""How long a question may take; publishing is bounded by its caller."""

CLOSES_WITHIN_S = 0.5


class PostgresLog:
    """Implements `relay.team.log.TeamLog`."""

    def __init__(self, connection: Any, address: TeamAddress, server: Server) -> None:
        self._connection = connection
        self._address = address
        self._server = server
        self._published = asyncio.Event()
        self._listens = False
        self._warnings: list[str] = []
        """The first one of the server since the last `publish` began, if any."""
        connection.add_log_listener(self._on_notice)

    @property
    def server(self) -> Server:
        return self._server

    @property
    def is_closed(self) -> bool:
        return bool(self._connection.is_closed())

    async def publish(self, captures: Sequence[TeamCapture]) -> int:
        self._warnings.clear()
        first = await self._value(tables.publish(self._address.name), *_arrays(captures), timeout=None)
        if self._warnings:
            # A wait for a standby was interrupted there: the commit counts, but may be on one machine only.
            self.abort()
            raise RelayError(f"{self._address} warns: {self._warnings[0]}", word="team-failing")
        return int(first)

    async def read(
        self, after: int, *, rows: int = ROWS_AT_ONCE, limit_bytes: int = BYTES_AT_ONCE
    ) -> list[TeamCapture]:
        return [
            _capture(row)
            for row in await self._rows(tables.read(self._address.name), after, rows, limit_bytes)
        ]

    async def digest(self, position: int) -> StoredDigest | None:
        for row in await self._rows(tables.digest(self._address.name), position):
            return StoredDigest(received_at=row["received_at"], body_sha256=row["body_sha256"])
        return None

    async def position_before(self, at: datetime) -> int:
        return int(await self._value(tables.position_before(self._address.name), at))

    async def state(self) -> LogState:
        (row,) = await self._rows(tables.state(self._address.name))
        return LogState(
            id=row["id"],
            version=row["version"],
            newest=row["newest"],
            pruned=row["pruned"],
            bytes=row["bytes"],
            oldest_at=None if row["oldest_at"] is None else row["oldest_at"].astimezone(UTC),
            keep=None if row["keep_s"] is None else timedelta(seconds=row["keep_s"]),
            keep_bytes=row["keep_bytes"],
        )

    async def prune(self) -> int:
        return int(await self._value(tables.prune(self._address.name)))

    def check_version(self, version: int) -> None:
        """
        Raises:
            RelayError: `team-newer`.
        """
        if version > tables.VERSION:
            raise RelayError(
                f"the log {self._address.name} of {self._address} was made by a newer lean-relay; "
                "update this one",
                word="team-newer",
            )

    async def require_utf8(self) -> None:
        """
        Raises:
            RelayError: `team-encoding`, the database cannot hold every text.
        """
        encoding = await self._value("SHOW server_encoding")
        if encoding != "UTF8":
            raise RelayError(
                f"{self._address} has the encoding {encoding}; create a database with the encoding UTF8",
                word="team-encoding",
            )

    async def connected(self) -> list[str]:
        """The programs that are connected to this database, `node host`, but for this one."""
        return [row["name"] for row in await self._rows(tables.CONNECTED)]

    async def execute(self, script: str) -> None:
        """Run statements of the owner's, such as `tables.init`."""
        try:
            await self._connection.execute(script, timeout=ANSWERS_WITHIN_S)
        except Exception as error:
            raise as_relay_error(error, self._address) from error

    async def wait(self, within_s: float) -> bool:
        if not self._listens:
            self._listens = True
            try:
                async with asyncio.timeout(ANSWERS_WITHIN_S):
                    await self._connection.add_listener(self._address.name, self._on_published)
            except Exception as error:
                raise as_relay_error(error, self._address) from error
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._published.wait()
        was_published = self._published.is_set()
        self._published.clear()
        return was_published

    async def close(self) -> None:
        with suppress(Exception):
            await self._connection.close(timeout=CLOSES_WITHIN_S)
        self.abort()

    def abort(self) -> None:
        """End the connection at once; a statement that waits raises."""
        with suppress(Exception):
            self._connection.terminate()

    async def _rows(self, sql: str, *values: Any) -> list[Any]:
        try:
            rows: list[Any] = await self._connection.fetch(sql, *values, timeout=ANSWERS_WITHIN_S)
        except Exception as error:
            raise as_relay_error(error, self._address) from error
        return rows

    async def _value(self, sql: str, *values: Any, timeout: float | None = ANSWERS_WITHIN_S) -> Any:  # noqa: ASYNC109
        try:
            return await self._connection.fetchval(sql, *values, timeout=timeout)
        except Exception as error:
            raise as_relay_error(error, self._address) from error

    def _on_published(self, *_: Any) -> None:
        self._published.set()

    def _on_notice(self, _connection: Any, message: Any) -> None:
        if message.severity_en == "WARNING" and not self._warnings:
            self._warnings.append(message.message)


def _arrays(captures: Sequence[TeamCapture]) -> tuple[Any, ...]:
    """The values of `tables.publish`; bytes where PostgreSQL's texts cannot hold everything."""
    return (
        captures[0].node,
        [each.received_at for each in captures],
        [each.method for each in captures],
        [_encoded(each.target) for each in captures],
        [each.http_version for each in captures],
        [each.client for each in captures],
        [None if each.tls is None else _encoded(each.tls) for each in captures],
        [each.answer for each in captures],
        [each.answer_reason for each in captures],
        [each.origin for each in captures],
        [_encoded(each.headers) for each in captures],
        [each.body for each in captures],
    )


def _capture(row: Any) -> TeamCapture:
    return TeamCapture(
        position=row["position"],
        node=row["node"],
        received_at=row["received_at"],
        method=row["method"],
        target=_decoded(row["target"]),
        http_version=row["http_version"],
        client=row["client"],
        tls=None if row["tls"] is None else _decoded(row["tls"]),
        answer=row["answer"],
        answer_reason=row["answer_reason"],
        origin=row["origin"],
        headers=_decoded(row["headers"]),
        body=row["body"],
    )


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
