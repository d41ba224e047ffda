"""The engine's Unix socket: takes requests of other processes of the same user.

An aiohttp application on a socket 0600 in a folder 0700. It knows the types of requests and their handlers,
not what those do. Nothing of this is ever reachable over TCP.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import socket
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from relay import private_files
from relay.control.exchange import (
    ACROSS_VERSIONS,
    Call,
    EngineRequest,
    Reply,
    action_of,
    decode,
    encode,
    other_version,
    own_version,
)
from relay.errors import RelayError, UsageError

log = logging.getLogger("relay.engine")

Handlers = Mapping[type[EngineRequest[Any]], Callable[[Any], Awaitable[msgspec.Struct]]]
"""A type of request -> what answers it; raises RelayError for what a person got wrong."""

HANDLERS: web.AppKey[Handlers] = web.AppKey("handlers")

BEATS_EVERY_S = 1.0
"""While an action takes its time, a blank is sent to the client: a prune may take minutes."""

ENDS_WITHIN_S = 1.0
"""How long actions may still take when the engine ends."""

LONGEST_PATH = 100
"""Bytes that the path of a Unix socket may have on each system (unix(7): 108, 104 on macOS)."""


class ControlSocket:
    """The socket of an engine; made by `serving`."""

    def __init__(self, db: Path, runner: web.AppRunner) -> None:
        self._db = db
        self._runner = runner
        self._own_folder: Path | None = None
        self._site: web.SockSite | None = None
        self._file: tuple[int, int] | None = None
        self.path = Path()

    def is_there(self) -> bool:
        """Whether the socket can be found: its file or folder may have been removed."""
        return _identity(self.path) == self._file

    async def listen(self) -> None:
        """Create the socket, or create it again where it can no longer be found.

        Raises:
            RelayError: `unsafe-folder`, there is no place for it.
            OSError: it could not be created.
        """
        await self._stop()
        self.path = self._place()
        # Left by an engine that died: the caller holds the database's lock, and so owns the name.
        self.path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(str(self.path))
            self.path.chmod(0o600)  # Others cannot enter its folder meanwhile.
            self._file = _identity(self.path)
            site = web.SockSite(self._runner, listening)
            await site.start()
        except BaseException:
            listening.close()
            raise
        self._site = site

    async def close(self) -> None:
        await self._stop()
        if self._own_folder is not None:
            with suppress(OSError):
                self._own_folder.rmdir()

    async def _stop(self) -> None:
        site, self._site = self._site, None
        if site is not None:
            await site.stop()
        if self._file is not None and self.is_there():
            self.path.unlink(missing_ok=True)
        self._file = None

    def _place(self) -> Path:
        name = _name(self._db)
        for folder in _folders():
            if len(os.fsencode(folder / name)) <= LONGEST_PATH:
                with suppress(OSError):
                    private_files.make_folder(folder)
                if private_files.is_ours_alone(folder):
                    return folder / name
        # Another user has taken all of these names: use one that cannot be guessed.
        for base in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp makes what is ours alone
            if len(os.fsencode(base)) + len(name) + 32 <= LONGEST_PATH:
                with suppress(OSError):
                    self._own_folder = Path(tempfile.mkdtemp(prefix=f"lean-relay-{os.geteuid()}-", dir=base))
                    return self._own_folder / name
        raise RelayError(
            "there is no folder for the engine's socket; set XDG_RUNTIME_DIR to one of yours alone",
            word="unsafe-folder",
        )


def _folders() -> Iterator[Path]:
    """Folders for the socket, the best one first."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.access(base, os.W_OK):
        yield Path(base, "lean-relay")
    for temporary in dict.fromkeys((tempfile.gettempdir(), "/tmp")):  # noqa: S108 - seen to be ours alone
        yield Path(temporary, f"lean-relay-{os.geteuid()}")


def _name(db: Path) -> str:
    return f"{hashlib.sha256(os.fsencode(os.path.realpath(db))).hexdigest()[:16]}.sock"


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@asynccontextmanager
async def serving(db: Path, handlers: Handlers) -> AsyncIterator[ControlSocket]:
    """Answer on a database's socket while the context lasts; the caller holds the database's lock.

    Raises:
        RelayError: `unsafe-folder`.
    """
    app = web.Application(middlewares=[_guard], client_max_size=64 * 1024 * 1024)
    app[HANDLERS] = handlers
    app.router.add_post("/{action}", _act)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=ENDS_WITHIN_S)
    await runner.setup()
    served = ControlSocket(db, runner)
    try:
        await served.listen()
        yield served
    finally:
        await served.close()
        await runner.cleanup()


@web.middleware
async def _guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> Any:
    """Refuse processes of other users, whatever the modes of file and folder are."""
    assert request.transport is not None
    uid = _peer_uid(request.transport.get_extra_info("socket"))
    if uid != os.geteuid():
        return _response(Reply.of(RelayError("not yours", word="not-yours")), status=403)
    return await handler(request)


def _peer_uid(peer: Any) -> int:
    if hasattr(socket, "SO_PEERCRED"):  # Linux: struct ucred is pid, uid, gid (unix(7)).
        return int(struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])
    # macOS and BSD: SOL_LOCAL is 0, LOCAL_PEERCRED 1; struct xucred begins with a version and the uid.
    return int(struct.unpack("2I", peer.getsockopt(0, 1, 76)[:8])[1])


async def _act(request: web.Request) -> web.StreamResponse:
    name = request.match_info["action"]
    try:
        handler, message = _understood(name, request.app[HANDLERS], await request.read())
    except RelayError as error:
        return _response(Reply.of(error), status=400)
    acting = asyncio.ensure_future(_answered(name, handler(message)))
    try:
        await asyncio.wait({acting}, timeout=BEATS_EVERY_S)
        if acting.done():
            reply = acting.result()
            return _response(reply, status=200 if reply.error is None else 400)
        return await _beating(request, acting)
    finally:
        acting.cancel()


def _understood(
    name: str, handlers: Handlers, data: bytes
) -> tuple[Callable[[Any], Awaitable[msgspec.Struct]], EngineRequest[Any]]:
    """The handler of a request, and the request.

    Raises:
        RelayError: `engine-version`.
        UsageError: there is no such action here, or the request does not fit it.
    """
    try:
        call = decode(data, Call)
        if call.version != own_version() and name not in ACROSS_VERSIONS:
            raise other_version(own_version(), call.version)
        for kind, handler in handlers.items():
            if action_of(kind) == name:
                return handler, msgspec.convert(call.request, kind)
    except ValueError as error:
        raise UsageError(f"the engine cannot read this request: {error}") from error
    raise UsageError(f"this engine has no action {name!r}")


async def _answered(name: str, result: Awaitable[msgspec.Struct]) -> Reply:
    try:
        return Reply(version=own_version(), result=await result)
    except RelayError as error:
        return Reply.of(error)
    except Exception as error:
        # Its text may quote a capture: only its type is shown.
        log.exception("action %s failed: %s", name, type(error).__name__)
        return Reply.of(
            RelayError(f"this is a bug of lean-relay: {type(error).__name__} in action {name}", word="bug")
        )


def _response(reply: Reply, *, status: int) -> web.Response:
    return web.Response(body=encode(reply), status=status, content_type="application/json")


async def _beating(request: web.Request, acting: asyncio.Future[Reply]) -> web.StreamResponse:
    """An answer that takes its time: blanks, which JSON allows before it, and then itself."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    with suppress(ConnectionError):  # The client has left.
        await response.prepare(request)
        while not acting.done():
            await response.write(b"\n")
            await asyncio.wait({acting}, timeout=BEATS_EVERY_S)
        await response.write(encode(acting.result()))
        await response.write_eof()
    await asyncio.wait({acting})  # Whether anyone waits or not, the action runs to its end.
    return response
