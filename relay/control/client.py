"""Asks the engine that owns a database to act, over its Unix socket."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp

from relay.control import lock
from relay.errors import Exit, RelayError, Unreachable

SILENT_AFTER_S = 5.0
"""An engine that sends nothing for so long does not answer."""

FOUND_WITHIN_S = 5.0
"""How long a command waits for an engine that is starting, or whose socket was removed, to have one."""


async def ask_engine(db: Path, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Have the engine that owns a database act, and return its answer.

    The lock file says where its socket is, so that it is found from a shell with other folders too. One that
    is starting, or whose socket was removed, makes it within seconds and is waited for.

    Raises:
        Unreachable: `no-engine` where none runs, `engine-silent` where it does not answer.
        RelayError: `not-yours`, or what the engine says, with its word and exit code.
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
                raise _NobodyThere("it has not finished starting")
            return await ask(Path(found.socket), action, params)
        except _NobodyThere as error:
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


async def ask(path: Path, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Have the engine behind a socket act, and return its answer.

    Raises:
        Unreachable: `engine-silent`.
        RelayError: what the engine says, with its word and exit code.
    """
    if not _is_ours(path):
        raise RelayError(f"{path} is not a socket of yours, so nothing is asked there", word="unsafe-file")
    timeout = aiohttp.ClientTimeout(total=None, connect=2.0, sock_read=SILENT_AFTER_S)
    try:
        async with aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=str(path)),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
            trust_env=False,
        ) as session:
            async with session.post(f"http://engine/{action}", json=dict(params)) as response:
                answer = json.loads(await response.read())
    except aiohttp.ClientConnectorError as error:
        raise _NobodyThere(f"nothing answers on its socket {path}", word="engine-silent") from error
    except TimeoutError as error:
        raise _Silent(f"it has said nothing for {SILENT_AFTER_S:g} s", word="engine-silent") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _Silent("it ended before its answer", word="engine-silent") from error
    if not isinstance(answer, dict):
        raise _Silent("its answer cannot be read", word="engine-silent")
    if response.status == 200 and answer.keys() != {"error", "word", "exit"}:
        return answer
    raised = RelayError(str(answer.get("error")), word=answer.get("word"))
    raised.exit_code = Exit(answer.get("exit", Exit.FAILED))
    raise raised


def _is_ours(path: Path) -> bool:
    """Whether what is there, if anything is, is a socket of this user."""
    try:
        found = path.lstat()
    except OSError:
        return True
    return stat.S_ISSOCK(found.st_mode) and found.st_uid == os.geteuid()


class _NobodyThere(Unreachable):
    """There is no socket, or none that takes a connection: nothing was sent."""


class _Silent(Unreachable):
    """It was asked, and says nothing."""
