"""The checks of `doctor`: versions, settings' consequences, the log, the port, secrets, the clock.

Each gives findings, and none changes anything. Heavy parts are imported by the check that needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from relay.config import Settings, read_app_token, read_secrets
from relay.control import lock
from relay.errors import NotFound, RelayError, UsageError

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found."""

    check: str
    level: Level
    text: str
    next_step: str | None = None
    """What to do about it; None where nothing needs doing."""

    def as_json(self) -> dict[str, str | None]:
        return check_as_json(self.check, self.level, self.text, self.next_step)


def check_as_json(check: str, level: str, text: str, next_step: str | None) -> dict[str, str | None]:
    """The line of a check: what was looked at, `ok`, `warning` or `fault`, what was found, what to do."""
    return {"kind": "check", "check": check, "level": level, "text": text, "next_step": next_step}


def ok(check: str, text: str) -> Finding:
    return Finding(check=check, level="ok", text=text)


def warning(check: str, text: str, next_step: str) -> Finding:
    return Finding(check=check, level="warning", text=text, next_step=next_step)


def fault(check: str, text: str, next_step: str) -> Finding:
    return Finding(check=check, level="fault", text=text, next_step=next_step)


FLOORS = {
    "aiohttp": "3.14.5",
    "click": "8.2",
    "msgspec": "0.19",
    "platformdirs": "4",
    "pyopenssl": "26",
    "sqlite-utils": "4.2",
    "textual": "8.2",
}
"""The oldest version of each library that will do, as in pyproject.toml."""

PYTHON_FLOOR = (3, 11)

LARGE_LOG_BYTES = 256 * 2**20
"""About a second of reading from a usual disk."""


def python_version(running: tuple[int, ...]) -> Finding:
    text = f"Python {'.'.join(map(str, running))}"
    if running >= PYTHON_FLOOR:
        return ok("python", text)
    return fault("python", f"{text} is too old", "install Python 3.11 or newer")


def library(name: str, floor: str) -> Finding:
    """One installed library against its floor."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return fault("library", f"{name} is not installed", f"install {name} {floor} or newer")
    if _numbers(version) < _numbers(floor):
        return fault("library", f"{name} {version} is older than {floor}", f"install {name} {floor} or newer")
    return ok("library", f"{name} {version}")


def _numbers(version: str) -> list[int]:
    """The leading numbers of a version: `4.2.1.dev3` -> [4, 2, 1]."""
    numbers = []
    for part in version.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return numbers


def http_parser() -> Finding:
    """Whether aiohttp reads requests with its C parser, the strict and fast one."""
    from aiohttp import http_parser as parser

    if parser.HttpRequestParser is not parser.HttpRequestParserPy:
        return ok("parser", "aiohttp's C parser")
    return fault(
        "parser",
        "aiohttp runs without its C parser",
        "install aiohttp from a wheel, and unset AIOHTTP_NO_EXTENSIONS",
    )


def sqlite_version(version: str) -> Finding:
    """SQLite against the WAL-reset fault (3.7.0 to 3.51.2; put right in 3.51.3, 3.50.7 and 3.44.6)."""
    numbers = _numbers(version)
    backported = any(numbers[:2] == fixed[:2] and numbers >= fixed for fixed in ([3, 50, 7], [3, 44, 6]))
    if numbers >= [3, 51, 3] or backported:
        return ok("sqlite", f"SQLite {version}")
    return warning(
        "sqlite",
        f"SQLite {version} has the WAL-reset fault: two connections that write and checkpoint at once can "
        "lose data; no danger here, since one connection alone does both",
        "open the log read-only with other programs, or update SQLite to 3.51.3",
    )


def folder(settings: Settings) -> Iterator[Finding]:
    """The folder of the log: there, ours, local."""
    from relay.store.write.files import loose_mode
    from relay.store.write.filesystems import network_filesystem

    path = settings.db.parent
    if not path.exists():
        yield ok("folder", f"{path} will be made by the first `lean-relay listen`")
        return
    if not path.is_dir():
        yield fault("folder", f"{path} is no folder", "name another file with --db")
        return
    mode = loose_mode(path)
    if mode is None:
        yield ok("folder", f"{path} is yours alone")
    else:
        yield warning(
            "folder",
            f"{path} has mode {mode:04o}, so others can see which files are there, though not read them",
            f"chmod 700 {path}, or keep the log in a folder of its own",
        )
    kind = network_filesystem(path)
    if kind is not None:
        found = warning if settings.allow_network_fs else fault
        yield found(
            "folder",
            f"{path} is on a {kind} file system, where the log can lose captures or be damaged",
            "name a file on a local disk with --db",
        )


def log(settings: Settings) -> Iterator[Finding]:
    """The log's files: their modes, and whether SQLite finds them sound."""
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
        yield fault("log", f"others on this machine can read {names}", f"chmod 600 {names}")
    if _is_long_work(db):
        yield ok("log", f"{db} is large and in use, so it was not looked through; stop the engine for that")
        return
    try:
        with Reader(db) as reader:
            (first, *_) = reader.rows("PRAGMA quick_check(1)")[0]
            newest = reader.newest_id()
    except NotFound:
        yield ok("log", f"{db} does not exist yet")
    except RelayError as error:
        if error.word == "older-database":
            yield warning("log", str(error), "start `lean-relay listen` once: it brings the log up to date")
        else:
            yield fault(
                "log", str(error), "a damaged log is moved aside, not deleted, by `lean-relay listen`"
            )
    else:
        if first == "ok":
            yield ok("log", f"{db} is sound; newest capture: {newest or 'none yet'}")
        else:
            yield fault(
                "log",
                f"{db} is damaged: {first}",
                "copy it away; `sqlite3 FILE .recover` gets out what can be had",
            )


def _is_long_work(db: Path) -> bool:
    """Whether reading the whole log would take seconds in which a running engine's WAL cannot start over."""
    return db.exists() and db.stat().st_size > LARGE_LOG_BYTES and lock.holder(db) is not None


def engine_and_port(settings: Settings) -> Iterator[Finding]:
    """Whether an engine runs on this log, and whether its port is there to be had."""
    from relay.processes import port_owner

    holder = lock.holder(settings.db)
    if holder is not None:
        where = f", taking webhooks at {holder.url}" if holder.url else ", without a receiver"
        yield ok("engine", f"running as pid {holder.pid}{where}")
    else:
        yield ok("engine", "none is running; `lean-relay listen` starts one")
    if holder is not None and holder.url is not None:
        if settings.port not in (0, urlsplit(holder.url).port):
            yield warning(
                "port",
                f"the engine listens at {holder.url}, the settings say port {settings.port}",
                "start the engine again, or give your tunnel the engine's port",
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
        f"{settings.host} port {settings.port} cannot be had: {problem}{held}",
        "stop what holds it, or name another with --port or `port` in lean-relay.toml",
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
    """Whether each target can be reached, and what else is wrong with the routes."""
    import asyncio

    from relay.delivery.destinations import destinations
    from relay.delivery.http.connect import unreachable_reason
    from relay.receiver.routes import Routes
    from relay.text.targets import leads_to, target_name

    if not settings.forward:
        return [ok("targets", "none; captures are only stored (--forward-to, or `forward` in the settings)")]
    found: list[Finding] = []
    for route in settings.forward:
        try:
            Routes([route], datetime.now(UTC))
        except UsageError as error:
            step = "put it right; until then `lean-relay listen` does not start"
            found.append(fault("targets", str(error), step))
    names = list(dict.fromkeys(target_name(route.to) for route in settings.forward))
    ways = destinations(names, settings).values()
    for name, why_not in zip(names, await asyncio.gather(*map(unreachable_reason, ways)), strict=True):
        if leads_to(name, settings.host, settings.port):
            step = "name your backend's port, or listen on another with --port"
            found.append(fault("targets", f"{name} is this relay itself", step))
        elif why_not is not None:
            step = "start your backend, or correct the target; captures wait for it meanwhile"
            found.append(warning("targets", f"{name}: {why_not}", step))
        else:
            found.append(ok("targets", f"{name} can be reached"))
    if settings.insecure:
        step = "name its authority with target_ca in place of `insecure`"
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
            yield fault(check, line, "put the secret there, or take the setting away")
        return
    yield ok(check, fine)
    for text in unwise:
        said, _, step = text.partition("; ")
        yield warning(check, said, step or "see that the secret is as Lean's dashboard shows it")


RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""The clock cannot rightly be before this."""


def clock(settings: Settings) -> Iterator[Finding]:
    """Whether the clock can be right: not before this version, not before the newest capture."""
    from relay.store.read.reader import Reader

    now = datetime.now(UTC)
    step = "set the clock, and let the system keep it (NTP)"
    if now < RELEASED:
        yield fault("clock", f"it is said to be {now:%Y-%m-%d %H:%M} UTC, before this version was made", step)
        return
    try:
        with Reader(settings.db) as reader:
            newest = reader.capture(reader.newest_id())
    except RelayError:
        newest = None
    if newest is not None and newest.received_at > now + timedelta(minutes=1):
        yield warning(
            "clock",
            f"it is said to be {now:%Y-%m-%d %H:%M:%S} UTC, but the newest capture came at "
            f"{newest.received_at:%Y-%m-%d %H:%M:%S}",
            step,
        )
        return
    yield ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def public_url(settings: Settings) -> Iterator[Finding]:
    """Whether Lean has a way in, as far as it can be told from here."""
    url = settings.public_url
    if url is None:
        yield warning(
            "public URL",
            "none is set, so it is not known whether Lean can reach this relay",
            "start a tunnel and set public_url; see `lean-relay help public-url`",
        )
    elif urlsplit(url).scheme != "https":
        text = f"{url} is not https: bank data would cross the network in the open"
        yield warning("public URL", text, "use a tunnel or server that speaks https")
    else:
        yield ok("public URL", url)
