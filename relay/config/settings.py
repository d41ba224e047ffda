"""The settings by name: what each means, how it is read, what it is without being set.

Owns the list that flags, environment, files, `config init` and `config show` all follow.
Reads no file and no environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from relay.config import values
from relay.config.values import Network, Pin, SeveralFaultsError, quoted
from relay.targets import target_url

RETRIES = ("none", "fast", "lean")
CLIENT_AUTH = ("off", "optional", "required")


@dataclass(frozen=True, slots=True, kw_only=True)
class RespondRule:
    """One rule for answering otherwise on purpose; the first that matches a capture holds."""

    when: str
    """A filter, still text: it is read by whoever applies it."""
    status: int = 200
    delay_s: float = 0.0
    """Seconds between the commit and the answer."""
    first: int | None = None
    """How many captures it answers before it is used up; None for all."""
    where: str
    """Where it stands, for messages: `lean-relay.toml: respond_rules[0]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One target and which captures are sent on to it."""

    to: str
    """As written: `:3000/hook`; `relay.targets.target_url` takes it."""
    when: str | None = None
    """A filter, still text: it is read by whoever applies it. None for all captures."""
    where: str
    """Where it stands, for messages: `lean-relay.toml: forward[0]`, `--forward-to`."""

    @property
    def where_when(self) -> str:
        """Where its filter stands: `lean-relay.toml: forward[0].when`, `--only`."""
        return "--only" if self.where.startswith("--") else f"{self.where}.when"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """Where a secret is to be read from; never the secret."""

    name: str
    file: Path | None = None
    env: str | None = None
    """Name of an environment variable; exactly one of `file` and `env` is set."""
    where: str
    """Which setting says so: `lean-relay.toml: secrets.sandbox`."""

    def __str__(self) -> str:
        return f"file {self.file}" if self.file is not None else f"environment {self.env}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings in force, checked; holds no secret, only where each is to be found."""

    db: Path
    """The log, absolute."""
    host: str = "127.0.0.1"
    port: int = 5326
    """0 is any free one."""
    public_url: str | None = None
    max_body: int = 10 * 2**20
    """Bytes; a larger body is refused with 413."""
    respond: int | None = None
    """The status to answer on purpose in place of the usual 200."""
    respond_delay_s: float = 0.0
    respond_rules: tuple[RespondRule, ...] = ()
    forward: tuple[Route, ...] = ()
    """Where captures are sent on to; without any, they are only stored."""
    retry: str = "none"
    """When an answer other than Lean's 200, or none, is followed by another try: one of `RETRIES`."""
    time_scale: float = 1.0
    """What Lean's minutes are multiplied by where `retry` is `lean`."""
    timeout_s: float = 300.0
    """How long a target's answer is awaited."""
    in_flight: int = 1
    """The most tries of one target at a time."""
    insecure: bool = False
    """Whether the certificates of targets go unchecked."""
    target_ca: Path | None = None
    """PEM file of the authorities that targets' certificates are checked against; None for the system's."""
    target_cert: Path | None = None
    """PEM file of the certificate that is shown to targets which ask for one."""
    target_key: Path | None = None
    """PEM file of its private key; None where that stands in `target_cert` too."""
    target_server_name: str | None = None
    """The name that targets' certificates must have, in place of the URL's host."""
    tls_cert: Path | None = None
    """PEM file of the certificate to serve HTTPS with, its chain behind it; None for plain HTTP."""
    tls_key: Path | None = None
    """PEM file of its private key; None where that stands in `tls_cert` too."""
    tls_key_password_file: Path | None = None
    dev_tls: bool = False
    """HTTPS with certificates that the relay makes for itself."""
    client_ca: Path | None = None
    """PEM file of the authorities that callers' certificates are checked against."""
    client_auth: str = "off"
    """Whether callers are asked for a certificate: one of `CLIENT_AUTH`."""
    client_pin: tuple[Pin, ...] = ()
    """One of them has to fit a caller's certificate; none for any of the authorities'."""
    allow_cross_site: bool = False
    """Whether posts that a browser sends from a web page are taken."""
    connections: int = 1024
    senders: tuple[Network, ...] = ()
    mask_headers: tuple[str, ...] = ()
    """Lower case; masked beside those that always are."""
    keep: timedelta | None = None
    """How long a capture is kept; None for ever."""
    allow_network_fs: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    """Id of an action of the screen -> the keys for it, with commas between; as written, not checked."""
    app_token: SecretSource | None = None
    secrets: tuple[SecretSource, ...] = ()
    """Webhook secrets; names are unique, the one called `default` first."""
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Setting -> where its value came from: `default`, `--port`, `LEAN_RELAY_PORT`, a file and key.

    The keys are those of `SETTINGS`, `app_token`, and `secrets.NAME` for each secret.
    """
    files: tuple[Path, ...] = field(default=(), compare=False)
    """The settings files that were read, the stronger first."""

    @property
    def target_tls(self) -> dict[str, Any]:
        """How TLS is spoken to targets: fields of `relay.outgoing.Destination`."""
        return {
            "insecure": self.insecure,
            "ca_file": self.target_ca,
            "cert_file": self.target_cert,
            "key_file": self.target_key,
            "server_name": self.target_server_name,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where values come from: a file, the environment, the command line."""

    name: str
    """A file's path as it is shown; empty for flags and the environment."""
    base: Path
    """The folder that relative paths are meant from."""
    kind: str
    """`file`, `environment` or `flag`."""

    def of(self, key: str) -> str:
        """What a person looks for to change it: `lean-relay.toml: port`, `LEAN_RELAY_PORT`, `--port`."""
        if self.kind == "flag":
            return _FLAGS.get(key, f"--{key.replace('_', '-')}")
        return variable(key) if self.kind == "environment" else f"{self.name}: {key}"

    def path(self, value: object) -> Path:
        """A path that stands here, absolute.

        Raises:
            ValueError: it is no text, empty, or begins with a `~user` that is not known.
        """
        if not isinstance(value, (str, Path)) or not str(value).strip() or "\0" in str(value):
            raise ValueError(f"{quoted(value)} is no path")
        try:
            return Path(self.base, Path(value).expanduser()).absolute()
        except RuntimeError as error:
            raise ValueError(f"{quoted(value)} names a home folder that is not known") from error


_FLAGS = {"forward": "--forward-to"}
"""Settings whose option has another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as flags, environment and files know it."""

    key: str
    parse: Callable[[object, Place], object]
    """Raises `ValueError` with what is wrong and what to write instead."""
    meaning: str
    """For the file that `config init` writes."""
    example: str
    """A line of TOML."""
    attribute: str
    """The field of `Settings`."""


def _setting(
    key: str, parse: Callable[[object], object], meaning: str, example: str, *, attribute: str = ""
) -> Setting:
    return Setting(
        key=key,
        parse=lambda value, _place: parse(value),
        meaning=meaning,
        example=f"{key} = {example}",
        attribute=attribute or key,
    )


def _file(key: str, meaning: str, example: str) -> Setting:
    return Setting(
        key=key,
        parse=lambda value, place: place.path(value),
        attribute=key,
        meaning=meaning,
        example=f'{key} = "{example}"',
    )


def _db(value: object, place: Place) -> Path:
    return place.path(value)


def _port(value: object) -> int:
    return values.whole_number(value, 0, 65535, "port")


def _status(value: object) -> int:
    return values.whole_number(value, 200, 599, "status to answer")


def _connections(value: object) -> int:
    return values.whole_number(value, 1, 65535, "number of connections")


def _in_flight(value: object) -> int:
    return values.whole_number(value, 1, 64, "number of tries at a time")


def respond_rules(value: object, place: Place) -> tuple[RespondRule, ...]:
    """Rules for answering otherwise: a list of tables with `when`, and `status`, `delay` or both.

    Raises:
        SeveralFaultsError: with every fault of every rule.
    """
    if not isinstance(value, list):
        raise ValueError(
            'is no list of tables; write respond_rules = [{ when = "type:payment", status = 500 }]'
        )
    rules: list[RespondRule] = []
    faults: list[str] = []
    for at, table in enumerate(value):
        read: dict[str, Any] = {}
        if not isinstance(table, dict):
            faults.append(
                f'[{at}]: {quoted(table)} is no table; write {{ when = "type:payment", status = 500 }}'
            )
            continue
        before = len(faults)
        for key in table:
            if key not in _RULE:
                faults.append(f"[{at}].{key}: there is no such key in a rule{nearest(key, _RULE)}")
                continue
            attribute, parse = _RULE[key]
            try:
                read[attribute] = parse(table[key])
            except ValueError as error:
                faults.append(f"[{at}].{key}: {error}")
        if "when" not in table:
            faults.append(
                f'[{at}]: has no "when"; say which captures it is for, such as when = "type:payment"'
            )
        if not table.keys() & {"status", "delay"}:
            faults.append(f'[{at}]: changes nothing; give it a "status", a "delay" or both')
        if len(faults) == before:
            rules.append(RespondRule(where=f"{place.of('respond_rules')}[{at}]", **read))
    if faults:
        raise SeveralFaultsError(faults)
    return tuple(rules)


def _when(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{quoted(value)} is no filter; write one such as type:payment")
    return value


def routes(value: object, place: Place) -> tuple[Route, ...]:
    """Where to send captures on to: a list of targets, or of tables with `to` and `when`.

    Raises:
        SeveralFaultsError: with every fault of every route.
    """
    if not isinstance(value, (list, tuple)):
        raise ValueError('is no list of targets; write forward = [":3000/hook"]')
    found: list[Route] = []
    faults: list[str] = []
    for at, item in enumerate(value):
        inside = f"[{at}]"
        table = item if isinstance(item, dict) else {"to": item}
        before = len(faults)
        faults += [
            f"{inside}.{key}: there is no such key in a route{nearest(key, _ROUTE)}"
            for key in table
            if key not in _ROUTE
        ]
        if "to" not in table:
            faults.append(f'{inside}: has no "to"; say where to, such as to = ":3000/hook"')
        read: dict[str, str] = {}
        for key in table.keys() & _ROUTE.keys():
            try:
                read[key] = _ROUTE[key](table[key])
            except ValueError as error:
                faults.append(f"{inside}{f'.{key}' if isinstance(item, dict) else ''}: {error}")
        if len(faults) == before:
            found.append(Route(where=f"{place.of('forward')}{inside}", **read))
    if faults:
        raise SeveralFaultsError(faults)
    return tuple(found)


def routes_of_flags(targets: Sequence[str], only: str | None) -> tuple[tuple[Route, ...], list[str]]:
    """The routes that `--forward-to` and `--only` ask for, and what is wrong with them."""
    found: list[Route] = []
    faults: list[str] = []
    if only is not None:
        if not targets:
            faults.append("--only: narrows what --forward-to sends on, and there is none")
        elif not only.strip():
            faults.append(f"--only: {quoted(only)} is no filter; write one such as type:payment")
    for text in targets:
        try:
            found.append(Route(to=_to(text), when=only, where="--forward-to"))
        except ValueError as error:
            faults.append(f"--forward-to: {error}")
    return tuple(found), faults


def _to(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{quoted(value)} is no target; write :3000, localhost:3000/hook or a whole URL")
    target_url(value)
    return value


_ROUTE: Mapping[str, Callable[[object], str]] = {"to": _to, "when": _when}

_RULE: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "when": ("when", _when),
    "status": ("status", _status),
    "delay": ("delay_s", values.delay_s),
    "first": ("first", lambda value: values.whole_number(value, 1, 10**9, "number of captures")),
}

SETTINGS: Mapping[str, Setting] = {
    setting.key: setting
    for setting in (
        Setting(
            key="db",
            parse=_db,
            attribute="db",
            meaning="The log. A relative path is meant from this file's folder.",
            example='db = "relay.db"',
        ),
        _setting(
            "host",
            values.host,
            "The address to listen on. Anything but loopback lets others post.",
            '"127.0.0.1"',
        ),
        _setting("port", _port, "The port to listen on; 0 takes any free one.", "5326"),
        _setting(
            "public_url",
            values.public_url,
            "The URL under which Lean reaches this relay.",
            '"https://relay.example.com"',
        ),
        _setting(
            "max_body",
            values.body_limit,
            "The largest body taken; larger ones are refused with 413.",
            '"10MiB"',
        ),
        _setting("respond", _status, "Answer with this status on purpose, to watch Lean try again.", "500"),
        _setting(
            "respond_delay",
            values.delay_s,
            "Seconds to wait before the answer, on purpose.",
            "1.5",
            attribute="respond_delay_s",
        ),
        Setting(
            key="respond_rules",
            parse=respond_rules,
            attribute="respond_rules",
            meaning="Answers on purpose for some captures; the first rule that matches holds.",
            example='respond_rules = [{ when = "type:payment", status = 500, delay = 1.5, first = 3 }]',
        ),
        Setting(
            key="forward",
            parse=routes,
            attribute="forward",
            meaning="Where captures are sent on to, all or those that a filter matches on arrival.",
            example='forward = [":3000/hook", { to = ":3000/payments", when = "type:payment" }]',
        ),
        _setting(
            "retry",
            lambda value: values.one_of(value, *RETRIES),
            "When a target that answered otherwise, or not in time, is tried again: none, fast or lean.",
            '"none"',
        ),
        _setting(
            "time_scale", values.factor, "What Lean's minutes are multiplied by in retry = lean.", "0.01"
        ),
        _setting(
            "timeout",
            values.timeout_s,
            "Seconds that a target's answer is awaited.",
            "300",
            attribute="timeout_s",
        ),
        _setting("in_flight", _in_flight, "The most tries of one target at a time; 1 keeps the order.", "1"),
        _setting("insecure", values.truth, "Do not check the certificates of targets.", "false"),
        _file(
            "target_ca",
            "PEM file of the authorities that targets' certificates are checked against.",
            "ca.pem",
        ),
        _file(
            "target_cert",
            "PEM file of the certificate that is shown to targets which ask.",
            "my_app_cert.crt",
        ),
        _file("target_key", "PEM file of its private key, chmod 600.", "my_app_private_key.pem"),
        _setting(
            "target_server_name",
            values.host,
            "The name that targets' certificates must have, in place of the URL's host.",
            '"backend.internal"',
        ),
        _file("tls_cert", "PEM file of the certificate to serve HTTPS with, and its chain.", "fullchain.pem"),
        _file("tls_key", "PEM file of its private key, chmod 600.", "key.pem"),
        _file("tls_key_password_file", "File with the password of that key.", "key.password"),
        _setting(
            "dev_tls", values.truth, "HTTPS with certificates that the relay makes for itself.", "false"
        ),
        _file(
            "client_ca",
            "PEM file of the authorities that callers' certificates are checked against; no others are.",
            "lean_public_cert_chain.pem",
        ),
        _setting(
            "client_auth",
            lambda value: values.one_of(value, *CLIENT_AUTH),
            "Ask callers for a certificate: off, optional (request, record, do not reject) or required.",
            '"off"',
        ),
        _setting(
            "client_pin",
            values.pins,
            "What a caller's certificate has to have beside a good chain: subject, name or hash of its key.",
            '["subject:CN=webhooks.example.com", "san:webhooks.example.com"]',
        ),
        _setting(
            "allow_cross_site", values.truth, "Take posts that a browser sends from a web page.", "false"
        ),
        _setting("connections", _connections, "The most connections at a time.", "1024"),
        _setting(
            "senders",
            values.networks,
            "Addresses that webhooks should come from; others are marked.",
            '["203.0.113.7", "198.51.100.0/24"]',
        ),
        _setting(
            "mask_headers",
            values.header_names,
            "Headers to mask where they are shown, beside authorization, cookies and lean-app-token.",
            '["x-api-key"]',
        ),
        _setting(
            "keep",
            values.keeping,
            'How long captures are kept; starred ones stay, and "forever" keeps all.',
            '"30d"',
        ),
        _setting(
            "allow_network_fs",
            values.truth,
            "Keep the log on a network file system, where SQLite's log may be damaged.",
            "false",
        ),
        _setting(
            "keys",
            values.key_names,
            "Other keys for the screen, by the ids of the README; also as a table [keys] below all else.",
            '{ capture.star = "S", list.follow = "f,f2", quit = "q,ctrl+x" }',
        ),
    )
}
"""Every setting but `app_token` and `secrets`, which are read by `relay.config.secrets`."""


def variable(key: str) -> str:
    """The environment variable of a setting."""
    return f"LEAN_RELAY_{key.upper()}"


def nearest(name: str, known: Mapping[str, object]) -> str:
    """`; did you mean "port"?`, or all that is known where nothing is near and the list is short."""
    near = get_close_matches(name.lower().replace("-", "_"), known, n=1)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; there are {', '.join(known)}" if len(known) <= 6 else ""
