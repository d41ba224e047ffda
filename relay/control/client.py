"""Sends requests to the engine that owns a database, over its Unix socket."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic

import aiohttp
import msgspec

from relay.control import lock
from relay.control.exchange import (
    A,
    Call,
    EngineRequest,
    Reply,
    Requester,
    action_of,
    answer_type,
    decode,
    encode,
    other_version,
    own_version,
)
from relay.errors import Exit, RelayError, Unreachable

SILENT_AFTER_S = 5.0
"""An engine that sends nothing for this long does not answer."""

FOUND_WITHIN_S = 5.0
"""How long a command waits for the socket of an engine that is starting, or whose socket was removed."""


KEPT_S = 10.0
"""How long an idle connection is kept; the engine's end keeps it longer."""


async def request(db: Path, message: EngineRequest[A]) -> A:
    """Send a request to the engine that owns a database, and return the answer.

    Raises:
        Unreachable: `no-engine` where none runs, `engine-silent` where it does not answer.
        RelayError: `not-yours`; `engine-version`; or the engine's own error, with its word and exit code.
    """
    async with connection(db) as send:
        return await send(message)


@asynccontextmanager
async def connection(db: Path) -> AsyncIterator[Requester]:
    """A requester for the engine that owns a database; sends as `request` does.

    Its requests share a connection: a new one for each would take the engine most of a millisecond.
    """
    async with _Sessions() as sessions:

        async def send(message: EngineRequest[A], /) -> A:
            return await _request(db, message, sessions)

        yield send


async def request_at(path: Path, message: EngineRequest[A]) -> A:
    """Send a request to the engine that listens on a socket, and return the answer.

    Raises:
        Unreachable: `engine-silent`.
        RelayError: `unsafe-file`; `engine-version`; or the engine's own error, with its word and exit code.
    """
    async with _Sessions() as sessions:
        return await _request_at(path, message, sessions.at(path, 0.0))


class _Sessions:
    """Sessions of HTTP with engines; a context manager."""

    def __init__(self) -> None:
        self._open: dict[tuple[Path, float], aiohttp.ClientSession] = {}

    async def __aenter__(self) -> _Sessions:
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self._open.values():
            await session.close()

    def at(self, path: Path, started_at: float) -> aiohttp.ClientSession:
        """The session with the engine that has its socket at this path.

        Args:
            started_at: of that engine: connections to an earlier one may have ended unnoticed.
        """
        engine = path, started_at
        if engine not in self._open:
            self._open[engine] = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(path=str(path), keepalive_timeout=KEPT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=2.0, sock_read=SILENT_AFTER_S),
                trust_env=False,
            )
        return self._open[engine]


async def _request(db: Path, message: EngineRequest[A], sessions: _Sessions) -> A:
    """As `request`.

    The lock file names its socket, so that a shell with other folders finds it too. An engine that is
    starting, or whose socket was removed, makes one within seconds; this waits for it.
    """
    give_up_at = monotonic() + FOUND_WITHIN_S
    while True:
        found = lock.holder(db)
        if found is None:
            raise Unreachable(f"no engine runs on {db}; `lean-relay listen` starts one", word="no-engine")
        uid = lock.owner(db)
        if uid is not None and uid != os.geteuid():
            raise RelayError(
                f"the engine of {db} (pid {found.pid}) belongs to another user (uid {uid}); "
                "run this command as that user",
                word="not-yours",
            )
        try:
            if found.socket is None:
                raise _NoSocket("it has not finished starting")
            path = Path(found.socket)
            return await _request_at(path, message, sessions.at(path, found.started_at))
        except _NoSocket as error:
            if monotonic() > give_up_at:
                raise Unreachable(
                    f"the engine (pid {found.pid}) does not answer: {error}; `kill {found.pid}` ends it",
                    word="engine-silent",
                ) from error
        except _Silent as error:
            raise Unreachable(
                f"the engine (pid {found.pid}) does not answer: {error}; `kill -CONT {found.pid}` continues "
                f"it where it was stopped, `kill -9 {found.pid}` ends it",
                word="engine-silent",
            ) from error
        await asyncio.sleep(0.05)


async def _request_at(path: Path, message: EngineRequest[A], session: aiohttp.ClientSession) -> A:
    if not _is_ours(path):
        raise RelayError(f"{path} is not a socket of yours, so no request is sent there", word="unsafe-file")
    call = encode(Call(version=own_version(), request=message))
    url = f"http://engine/{action_of(type(message))}"
    try:
        async with session.post(url, data=call) as response:
            reply = decode(await response.read(), Reply)
    except aiohttp.ClientConnectorError as error:
        raise _NoSocket(f"nothing answers on its socket {path}", word="engine-silent") from error
    except TimeoutError as error:
        raise _Silent(f"it has sent nothing for {SILENT_AFTER_S:g} s", word="engine-silent") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _Silent("it ended before its answer", word="engine-silent") from error
    if reply.error is not None:
        raise _raised(reply)
    try:
        return msgspec.convert(reply.result, answer_type(type(message)))
    except msgspec.ValidationError as error:
        raise other_version(reply.version, own_version()) from error


def _raised(reply: Reply) -> RelayError:
    error = RelayError(str(reply.error), word=reply.word)
    with suppress(ValueError):  # An exit code of another version.
        error.exit_code = Exit(reply.exit)
    return error


def _is_ours(path: Path) -> bool:
    """Whether what is there, if anything is, is a socket of this user."""
    try:
        found = path.lstat()
    except OSError:
        return True
    return stat.S_ISSOCK(found.st_mode) and found.st_uid == os.geteuid()


class _NoSocket(Unreachable):
    """There is no socket, or none that takes a connection: nothing was sent."""


class _Silent(Unreachable):
    """A request was sent, and no answer came."""
