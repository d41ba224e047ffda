"""The engine's Unix socket: how other processes of the same person ask it to act.

An aiohttp application on a socket 0600 in a folder 0700, and its client. It knows names of actions and
JSON, not what they do. Nothing of this is ever reachable over TCP.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import stat
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
from aiohttp import web

from relay.errors import Exit, RelayError, Unreachable, UsageError
from relay.lock import holder

Action = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
"""Takes JSON parameters, gives a JSON object; raises RelayError for what a person got wrong."""

ACTIONS: web.AppKey[Mapping[str, Action]] = web.AppKey("actions")

ANSWER_WITHIN_S = 600.0
"""A prune of a large log works in slices and may take minutes."""

STARTS_WITHIN_S = 5.0
"""How long a command waits for an engine that is starting to have its socket."""


def socket_path(db: Path) -> Path:
    """The socket of a database's engine: short, since a Unix socket's path holds about 100 bytes.

    Raises:
        RelayError: `unsafe-folder` where the folder for it is not ours alone.
    """
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and len(base) < 60 and os.access(base, os.W_OK):
        folder = Path(base, "lean-relay")
    else:
        folder = Path(tempfile.gettempdir(), f"lean-relay-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise RelayError(
            f"{folder} is not a folder of yours alone; remove it, or set XDG_RUNTIME_DIR to one that is",
            word="unsafe-folder",
        )
    name = hashlib.sha256(os.fsencode(db.resolve())).hexdigest()[:16]
    return folder / f"{name}.sock"


@asynccontextmanager
async def serving(path: Path, actions: Mapping[str, Action]) -> AsyncIterator[None]:
    """Answer on the socket while the context lasts; the caller holds the database's lock.

    A socket that an engine left behind is removed: who holds the lock owns the name.
    """
    _remove(path)
    app = web.Application(middlewares=[_guard], client_max_size=64 * 1024 * 1024)
    app[ACTIONS] = actions
    app.router.add_post("/{action}", _act)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            listening.bind(str(path))
        finally:
            os.umask(before)
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()
        listening.close()
        _remove(path)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()


@web.middleware
async def _guard(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> Any:
    """Only processes of the same user are heard, whatever the modes of file and folder say."""
    assert request.transport is not None
    peer = request.transport.get_extra_info("socket")
    uid = _peer_uid(peer)
    if uid != os.getuid():
        return web.json_response({"error": "not yours", "word": "not-yours", "exit": Exit.FAILED}, status=403)
    return await handler(request)


def _peer_uid(peer: Any) -> int:
    if hasattr(socket, "SO_PEERCRED"):  # Linux: struct ucred is pid, uid, gid (unix(7)).
        return int(struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1])
    # macOS and BSD: SOL_LOCAL is 0, LOCAL_PEERCRED 1; struct xucred begins with a version and the uid.
    return int(struct.unpack("2I", peer.getsockopt(0, 1, 76)[:8])[1])


async def _act(request: web.Request) -> web.Response:
    name = request.match_info["action"]
    action = request.app[ACTIONS].get(name)
    if action is None:
        return _error(UsageError(f"this engine knows no action {name!r}; it may be older than the command"))
    try:
        return web.json_response(await action(await request.json()))
    except RelayError as error:
        return _error(error)


def _error(error: RelayError) -> web.Response:
    body = {"error": str(error), "word": error.word, "exit": int(error.exit_code)}
    return web.json_response(body, status=400)


async def ask_engine(db: Path, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Have the engine that owns a database act, and return its answer.

    The lock file says where its socket is, so that it is found from a shell with other folders too.

    Raises:
        Unreachable: `no-engine` where none runs, `engine-silent` where it does not answer.
        RelayError: what the engine says, with its word and exit code.
    """
    give_up_at = monotonic() + STARTS_WITHIN_S
    while True:
        found = holder(db)
        if found is None:
            raise Unreachable(f"no engine runs on {db}; `lean-relay listen` starts one", word="no-engine")
        path = Path(found.socket) if found.socket is not None else socket_path(db)
        if found.socket is not None or path.exists():
            return await ask(path, action, params)
        if monotonic() > give_up_at:
            raise Unreachable(
                f"the engine (pid {found.pid}) has not finished starting; ask again, or end it with "
                f"`kill {found.pid}`",
                word="engine-silent",
            )
        await asyncio.sleep(0.05)


async def ask(path: Path, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Have the engine behind the socket act, and give its answer.

    Raises:
        Unreachable: nobody answers there.
        RelayError: what the engine says, with its word and exit code.
    """
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S, connect=2.0)
    try:
        async with aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=str(path)),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            trust_env=False,
        ) as session:
            async with session.post(f"http://engine/{action}", json=dict(params)) as response:
                answer = await response.json()
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise Unreachable(f"the engine does not answer on {path}: {error}", word="engine-silent") from error
    if response.status == 200:
        assert isinstance(answer, dict)
        return answer
    raised = RelayError(str(answer.get("error")), word=answer.get("word"))
    raised.exit_code = Exit(answer.get("exit", Exit.FAILED))
    raise raised
