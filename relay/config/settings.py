"""The settings: each is declared here once, as a typed field with its sentence, reader and option.

The first argument of a declaration is the default. Files, variables, options, `config` and the manual follow
`SETTINGS`, which is made from the fields. Reads nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from relay.config import reach, values
from relay.config.declarations import REQUIRED, Option, Setting, declared, file_path, file_setting, setting
from relay.config.entries import (
    LeanAccess,
    LeftOut,
    RespondRule,
    Route,
    SecretSource,
    TeamAccess,
    TunnelChoice,
)
from relay.config.tables import lean_access, respond_rules, routes, team_access, tunnel
from relay.config.values import Network, Pin

RETRIES = ("none", "fast", "lean")
CLIENT_AUTH = ("off", "optional", "required")


def _port(value: object) -> int:
    return values.whole_number(value, 0, 65535, "port")


def _connections(value: object) -> int:
    return values.whole_number(value, 1, 65535, "number of connections")


def _in_flight(value: object) -> int:
    return values.whole_number(value, 1, 64, "number of attempts at a time")


def _retry(value: object) -> str:
    return values.one_of(value, *RETRIES)


def _client_auth(value: object) -> str:
    return values.one_of(value, *CLIENT_AUTH)


def _mebibytes(count: int) -> str:
    return f"{count // 2**20}MiB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings in force, checked. Holds no secret, only where to find each.

    None means that a setting is not set, unless the docstring of its field says otherwise.
    """

    db: Path = setting(
        REQUIRED,
        "Database file; in a settings file, a relative path starts at that file's folder.",
        example='"relay.db"',
        read_at=file_path,
        reach=reach.file_outside,
        option=Option("FILE"),
        default_text="relay.db in your data folder",
    )
    """Absolute, its links resolved."""
    port: int = setting(
        5326,
        "TCP port to listen on; 0 takes any free one.",
        read=_port,
        reach=reach.inside,
        option=Option("PORT", short="-p"),
    )
    host: str = setting(
        "127.0.0.1",
        "Address to listen on; any but loopback lets other machines post webhooks.",
        read=values.host,
        reach=reach.host,
        option=Option("ADDRESS"),
    )
    forward: tuple[Route, ...] = setting(
        (),
        "Targets to forward webhooks to: :3000, localhost:3000/hook or a URL.",
        example='[":3000/hook", { to = ":3000/payments", when = "type:payment" }]',
        read_at=routes,
        reach=reach.targets,
        structure="list of targets",
        option=Option("TARGET", name="--forward-to", short="-f", repeatable=True),
    )
    """Without any, captures are only stored."""
    retry: str = setting(
        "none",
        "When to retry a delivery that did not get a 200 in time: none, fast or lean.",
        read=_retry,
        reach=reach.inside,
        option=Option("|".join(RETRIES)),
    )
    time_scale: float = setting(
        1.0,
        "Speed up or slow down retry lean: 0.01 turns minutes into seconds.",
        example="0.01",
        read=values.factor,
        reach=reach.inside,
        option=Option("FACTOR"),
    )
    timeout_s: float = setting(
        300.0,
        "Seconds to wait for a target's response.",
        key="timeout",
        read=values.timeout_s,
        reach=reach.inside,
        option=Option("SECONDS"),
    )
    in_flight: int = setting(
        1,
        "Maximum attempts at one target at a time; 1 keeps the order.",
        read=_in_flight,
        reach=reach.inside,
        option=Option("N"),
    )
    insecure: bool = setting(
        False,
        "Do not check the certificates of targets.",
        read=values.truth,
        reach=reach.beyond_if_on,
        option=Option(),
    )
    target_ca: Path | None = file_setting(
        "PEM file with the authorities to check the certificates of targets against.", "ca.pem"
    )
    """None for the system's authorities."""
    target_cert: Path | None = file_setting(
        "PEM file with the certificate to show to targets that ask for one.", "my_app_cert.crt"
    )
    target_key: Path | None = file_setting(
        "PEM file with the private key of that certificate; keep it at chmod 600.",
        "my_app_private_key.pem",
    )
    """None where `target_cert` holds the key too."""
    target_server_name: str | None = setting(
        None,
        "Name that the certificates of targets must have, instead of the URL's host.",
        example='"backend.internal"',
        read=values.host,
        reach=reach.beyond,
        option=Option("NAME"),
    )
    public_url: str | None = setting(
        None,
        "URL at which Lean reaches this relay, for example a tunnel's.",
        example='"https://relay.example.com"',
        read=values.public_url,
        reach=reach.inside,
        option=Option("URL"),
    )
    tunnel: TunnelChoice | None = setting(
        None,
        "Program to start for a public URL: ssh:you@server, cloudflared, ngrok, tailscale, command or off; "
        "or a table [tunnel] with command and url at the end of the file.",
        example='"cloudflared"',
        read_at=tunnel,
        reach=reach.tunnel,
        structure="name or table",
        option=Option("NAME"),
    )
    max_body: int = setting(
        10 * 2**20,
        "Largest body to accept, for example 512k or 10MiB; larger ones get a 413.",
        read=values.body_limit,
        reach=reach.inside,
        option=Option("SIZE"),
        show=_mebibytes,
    )
    """Bytes."""
    respond: int | None = setting(
        None,
        "Respond with this status on purpose, to watch Lean retry.",
        example="500",
        read=values.status,
        reach=reach.inside,
        option=Option("STATUS"),
    )
    respond_delay_s: float = setting(
        0.0,
        "Seconds to wait before each response, on purpose.",
        example="1.5",
        key="respond_delay",
        read=values.delay_s,
        reach=reach.inside,
        option=Option("SECONDS"),
    )
    respond_rules: tuple[RespondRule, ...] = setting(
        (),
        "Responses on purpose for some webhooks; the first rule that matches applies.",
        example='[{ when = "type:payment", status = 500, delay = 1.5, first = 3 }]',
        read_at=respond_rules,
        reach=reach.inside,
        structure="list of tables",
    )
    tls_cert: Path | None = file_setting(
        "PEM file with the certificate to serve HTTPS with, and its chain.", "fullchain.pem"
    )
    """None for plain HTTP, unless `dev_tls` is set."""
    tls_key: Path | None = file_setting(
        "PEM file with the private key of that certificate; keep it at chmod 600.", "key.pem"
    )
    """None where `tls_cert` holds the key too."""
    tls_key_password_file: Path | None = file_setting("File with the password of that key.", "key.password")
    dev_tls: bool = setting(
        False,
        "Serve HTTPS with a development certificate, made as `certs init` makes it.",
        read=values.truth,
        reach=reach.beyond_if_off,
        option=Option(),
    )
    client_ca: Path | None = file_setting(
        "PEM file with the authorities to check client certificates against.",
        "lean_public_cert_chain.pem",
    )
    client_auth: str = setting(
        "off",
        "Ask clients for a certificate: off, optional (record, do not reject) or required.",
        read=_client_auth,
        reach=reach.beyond,
        option=Option("|".join(CLIENT_AUTH)),
    )
    client_pin: tuple[Pin, ...] = setting(
        (),
        "Accept only these client certificates: subject:CN=NAME, san:NAME or spki:HEX.",
        example='["subject:CN=webhooks.example.com", "san:webhooks.example.com"]',
        read=values.pins,
        reach=reach.beyond,
        structure="list of pins",
        option=Option("PIN", repeatable=True),
    )
    """A client's certificate has to match one of them; without any, all of the authorities' are accepted."""
    allow_cross_site: bool = setting(
        False,
        "Accept requests that a browser sends from a web page.",
        read=values.truth,
        reach=reach.beyond_if_on,
        option=Option(),
    )
    connections: int = setting(
        1024,
        "Maximum number of connections at a time.",
        read=_connections,
        reach=reach.inside,
    )
    senders: tuple[Network, ...] = setting(
        (),
        "Addresses that webhooks are expected from; those from others are marked.",
        example='["203.0.113.7", "198.51.100.0/24"]',
        read=values.networks,
        reach=reach.inside,
        structure="list of addresses",
    )
    mask_headers: tuple[str, ...] = setting(
        (),
        "Headers to mask, in addition to authorization, cookies and lean-app-token.",
        example='["x-api-key"]',
        read=values.header_names,
        reach=reach.inside,
        structure="list of header names",
    )
    """Lower case."""
    keep: timedelta | None = setting(
        None,
        "How long to keep captures, for example 30d or forever; starred ones stay.",
        example='"30d"',
        read=values.keeping,
        reach=reach.removal,
    )
    """None for ever."""
    allow_network_fs: bool = setting(
        False,
        "Allow a database on a network file system, where it can be damaged.",
        read=values.truth,
        reach=reach.beyond_if_on,
    )
    follow: bool = setting(
        False,
        "Copy the webhooks that the team's nodes share into this database, and forward them.",
        read=values.truth,
        reach=reach.beyond_if_on,
        option=Option(),
    )
    follow_from: timedelta | str = setting(
        timedelta(days=7),
        "Where the first start of --follow begins: a time such as 7d, now or beginning.",
        read=values.start,
        reach=reach.inside,
        option=Option("TIME|now|beginning", name="--from"),
        show=values.format_start,
    )
    """How far back; or `now` or `beginning`."""
    keys: Mapping[str, str] = setting(
        {},
        "Your own keys for the screen, by action id; or a table [keys] at the end of the file.",
        example='{ capture.star = "S", list.follow = "f,f2", quit = "q,ctrl+x" }',
        read=values.key_names,
        reach=reach.inside,
        structure="table of keys",
    )
    """Action id -> its keys, separated by commas; as written, not checked."""
    lean: LeanAccess = setting(
        LeanAccess(),
        "How to ask Lean's API, for `backfill`; or a table [lean] at the end of the file.",
        example='{ client_secret = { env = "LEAN_CLIENT_SECRET" }, environment = "production" }',
        read_at=lean_access,
        reach=reach.access,
        structure="table of access",
        show=lambda access: f"{access.environment}, {access.region}",
    )
    share: bool = setting(
        False,
        "Commit each webhook to the team's PostgreSQL before its 200, instead of storing it here.",
        read=values.truth,
        reach=reach.beyond_if_on,
        option=Option(),
    )
    share_samples: bool = setting(
        False,
        "With --share: accept samples of `lean-relay trigger` too.",
        read=values.truth,
        reach=reach.beyond_if_on,
        option=Option(),
    )
    team: TeamAccess = setting(
        TeamAccess(),
        "The PostgreSQL in which a team shares its webhooks; or a table [team] at the end of the file.",
        example='{ url = { env = "LEAN_TEAM_URL" }, keep = "30d", keep_bytes = "10GiB" }',
        read_at=team_access,
        reach=reach.access,
        structure="table of access",
        show=lambda access: access.name,
    )
    app_token: SecretSource | None = None
    secrets: tuple[SecretSource, ...] = ()
    """Webhook secrets; names are unique, the one called `default` first."""
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Setting -> where its value came from: `default`, `--port`, `LEAN_RELAY_PORT`, a file and key.

    The keys are those of `SETTINGS`, `app_token`, and `secrets.NAME` for each secret.
    """
    files: tuple[Path, ...] = field(default=(), compare=False)
    """The settings files that were read, strongest first."""

    left_out: tuple[LeftOut, ...] = field(default=(), compare=False)
    """Settings of a project file that are not in force."""
    keep_file: Path | None = field(default=None, compare=False)
    """The project file that `keep` comes from, whose first removal a person agrees to; None for elsewhere."""

    @property
    def sets_https(self) -> bool:
        """Whether anything is set of what the door serves HTTPS with, or asks of its callers."""
        files = (self.tls_cert, self.tls_key, self.tls_key_password_file, self.client_ca)
        return self.dev_tls or self.client_auth != "off" or bool(self.client_pin) or any(files)

    @property
    def target_tls(self) -> dict[str, Any]:
        """How TLS is spoken to targets: fields of `relay.delivery.http.request.Destination`."""
        return {
            "insecure": self.insecure,
            "ca_file": self.target_ca,
            "cert_file": self.target_cert,
            "key_file": self.target_key,
            "server_name": self.target_server_name,
        }


SETTINGS: Mapping[str, Setting] = declared(Settings)
"""Every setting by its key, but `app_token` and `secrets`, which `relay.config.secrets` reads."""
