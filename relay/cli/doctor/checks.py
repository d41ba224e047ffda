"""The checks of `doctor`: folder and database, engine and port, targets, secrets, clock, public URL.

Each returns findings, and none changes anything. Heavy parts are imported by the check that needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from relay.config import Settings, read_app_token, read_secrets
from relay.control import lock
from relay.errors import NotFound, RelayError, UsageError

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check."""

    check: str
    level: Level
    text: str
    next_step: str | None = None
    """The remedy; None where none is needed."""

    def as_json(self) -> dict[str, str | None]:
        return check_as_json(self.check, self.level, self.text, self.next_step)


def check_as_json(check: str, level: str, text: str, next_step: str | None) -> dict[str, str | None]:
    """The JSON line of a check; `level` is `ok`, `warning` or `fault`."""
    return {"kind": "check", "check": check, "level": level, "text": text, "next_step": next_step}


def ok(check: str, text: str) -> Finding:
    return Finding(check=check, level="ok", text=text)


def warning(check: str, text: str, next_step: str) -> Finding:
    return Finding(check=check, level="warning", text=text, next_step=next_step)


def fault(check: str, text: str, next_step: str) -> Finding:
    return Finding(check=check, level="fault", text=text, next_step=next_step)


LARGE_LOG_BYTES = 256 * 2**20
"""About a second to read from a usual disk."""


def folder(settings: Settings) -> Iterator[Finding]:
    """Whether the folder of the database exists, is ours and is local."""
    from relay.store.write.files import loose_mode
    from relay.store.write.filesystems import network_filesystem

    path = settings.db.parent
    if not path.exists():
        yield ok("folder", f"{path} does not exist yet; the first `lean-relay listen` creates it")
        return
    if not path.is_dir():
        yield fault("folder", f"{path} is not a folder", "name another file with --db")
        return
    mode = loose_mode(path)
    if mode is None:
        yield ok("folder", f"{path} is yours alone")
    else:
        yield warning(
            "folder",
            f"{path} has mode {mode:04o}, so other users can list its files, but not read them",
            f"chmod 700 {path}, or keep the database in a folder of its own",
        )
    kind = network_filesystem(path)
    if kind is not None:
        found = warning if settings.allow_network_fs else fault
        yield found(
            "folder",
            f"{path} is on a {kind} file system, where a database can lose captures or be damaged",
            "name a file on a local disk with --db",
        )


def log(settings: Settings) -> Iterator[Finding]:
    """The database files: their modes, and whether SQLite finds damage."""
    from relay.store.read.reader import Reader
    from relay.store.write.files import loose_mode

    db = settings.db
    loose = [
        path
        for path in (db, *(db.with_name(db.name + suffix) for suffix in ("-wal", "-shm", ".lock")))
        if path.exists() and loose_mode(path) is not None
    ]
    if loose:
        names = " ".join(map(str, loose))
        yield fault("log", f"other users of this machine can read {names}", f"chmod 600 {names}")
    if _is_long_work(db):
        yield ok("log", f"{db} is large and in use, so it was not checked; stop the engine to check it")
        return
    try:
        with Reader(db) as reader:
            (first, *_) = reader.rows("PRAGMA quick_check(1)")[0]
            newest = reader.newest_id()
    except NotFound:
        yield ok("log", f"{db} does not exist yet")
    except RelayError as error:
        if error.word == "older-database":
            yield warning(
                "log", str(error), "run `lean-relay listen` once, which brings the database up to date"
            )
        else:
            yield fault(
                "log", str(error), "`lean-relay listen` moves a damaged database aside and does not delete it"
            )
    else:
        if first == "ok":
            yield ok("log", f"{db} is not damaged; newest capture: {newest or 'none yet'}")
        else:
            yield fault(
                "log",
                f"{db} is damaged: {first}",
                "copy it, then recover what you can with `sqlite3 FILE .recover`",
            )


def _is_long_work(db: Path) -> bool:
    """Whether a check of the database would take seconds, in which a running engine cannot reset its WAL."""
    return db.exists() and db.stat().st_size > LARGE_LOG_BYTES and lock.holder(db) is not None


def engine_and_port(settings: Settings) -> Iterator[Finding]:
    """Whether an engine runs on this database, and whether its port is free."""
    from relay.processes import port_owner

    holder = lock.holder(settings.db)
    if holder is not None:
        where = f", receiving webhooks at {holder.url}" if holder.url else ", without a receiver"
        yield ok("engine", f"running as pid {holder.pid}{where}")
    else:
        yield ok("engine", "none is running; `lean-relay listen` starts one")
    if holder is not None and holder.url is not None:
        if settings.port not in (0, urlsplit(holder.url).port):
            yield warning(
                "port",
                f"the engine listens at {holder.url}, but the settings say port {settings.port}",
                "restart the engine, or point your tunnel at the engine's port",
            )
        return
    problem = _cannot_bind(settings.host, settings.port)
    if problem is None:
        yield ok("port", f"{settings.host} port {settings.port} is free" if settings.port else "any free one")
        return
    owner = port_owner(settings.port)
    held = f" ({owner})" if owner is not None else ""
    yield fault(
        "port",
        f"{settings.host} port {settings.port} cannot be used: {problem}{held}",
        "stop the program that has it, or choose another port with --port or `port` in lean-relay.toml",
    )


def _cannot_bind(host: str, port: int) -> str | None:
    import socket

    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return None


async def targets(settings: Settings) -> list[Finding]:
    """Whether each target can be reached, and other errors in the routes."""
    import asyncio

    from relay.delivery.destinations import destinations
    from relay.delivery.http.connect import unreachable_reason
    from relay.receiver.routes import Routes
    from relay.text.targets import leads_to, target_name

    if not settings.forward:
        return [
            ok(
                "targets",
                "none, so captures are only stored; add one with --forward-to, or `forward` in the settings",
            )
        ]
    found: list[Finding] = []
    for route in settings.forward:
        try:
            Routes([route], datetime.now(UTC))
        except UsageError as error:
            step = "correct it; until then `lean-relay listen` does not start"
            found.append(fault("targets", str(error), step))
    names = list(dict.fromkeys(target_name(route.to) for route in settings.forward))
    ways = destinations(names, settings).values()
    for name, why_not in zip(names, await asyncio.gather(*map(unreachable_reason, ways)), strict=True):
        if leads_to(name, settings.host, settings.port):
            step = "use the port of your backend, or listen on another with --port"
            found.append(fault("targets", f"{name} is this relay itself", step))
        elif why_not is not None:
            step = "start your backend, or correct the target; captures wait for it"
            found.append(warning("targets", f"{name}: {why_not}", step))
        else:
            found.append(ok("targets", f"{name} can be reached"))
    if settings.insecure:
        step = "set target_ca to its authority, and remove `insecure`"
        found.append(warning("targets", "certificates of targets are not checked", step))
    return found


def secrets(settings: Settings) -> Iterator[Finding]:
    """Whether signatures can be checked."""
    if not settings.secrets:
        yield warning(
            "secrets",
            "no webhook secret is configured, so signatures are not checked",
            "set LEAN_WEBHOOK_SECRET_FILE, or [secrets] in lean-relay.toml",
        )
        return
    names = ", ".join(source.name for source in settings.secrets)
    yield from _read("secrets", f"readable: {names}", read_secrets, settings)


def app_token(settings: Settings) -> Iterator[Finding]:
    """Whether the application token, where one is configured, can be read."""
    if settings.app_token is not None:
        yield from _read("app token", "readable", read_app_token, settings)


def _read(check: str, fine: str, read: Callable[..., object], settings: Settings) -> Iterator[Finding]:
    unwise: list[str] = []
    try:
        read(settings, warn=unwise.append)
    except UsageError as error:
        for line in str(error).splitlines():
            yield fault(check, line, "put the secret there, or remove the setting")
        return
    yield ok(check, fine)
    for text in unwise:
        said, _, step = text.partition("; ")
        yield warning(check, said, step or "check that the secret is the one in Lean's dashboard")


RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""A clock that shows an earlier time is wrong."""


def clock(settings: Settings) -> Iterator[Finding]:
    """Whether the clock can be right: after this version's release, and after the newest capture."""
    from relay.store.read.reader import Reader

    now = datetime.now(UTC)
    step = "set the clock, and let the system keep it right (NTP)"
    if now < RELEASED:
        yield fault(
            "clock",
            f"the system clock says {now:%Y-%m-%d %H:%M} UTC, which is before this version was released",
            step,
        )
        return
    try:
        with Reader(settings.db) as reader:
            newest = reader.capture(reader.newest_id())
    except RelayError:
        newest = None
    if newest is not None and newest.received_at > now + timedelta(minutes=1):
        yield warning(
            "clock",
            f"the system clock says {now:%Y-%m-%d %H:%M:%S} UTC, but the newest capture came at "
            f"{newest.received_at:%Y-%m-%d %H:%M:%S}",
            step,
        )
        return
    yield ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def public_url(settings: Settings) -> Iterator[Finding]:
    """Whether a public URL is set, and uses https."""
    url = settings.public_url
    if url is None:
        yield warning(
            "public URL",
            "no public URL is set, so it is unknown whether Lean can reach this relay",
            "start a tunnel and set public_url; see `lean-relay help public-url`",
        )
    elif urlsplit(url).scheme != "https":
        text = f"{url} is not https: bank data would cross the network unencrypted"
        yield warning("public URL", text, "use a tunnel or server with https")
    else:
        yield ok("public URL", url)
