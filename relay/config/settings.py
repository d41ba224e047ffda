"""The settings in force, as frozen values.

Owns their names, types and meanings; how each is written and read is `relay.config.declarations`'s. Reads
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from relay.config.values import Network, Pin

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
    """As written: `:3000/hook`; `relay.text.targets.target_url` takes it."""
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
class LeftOut:
    """A setting of a project file that is not in force."""

    name: str
    """As in the file: `forward`, `secrets.sandbox`."""
    where: str
    """Its place, for messages: `lean-relay.toml: forward`."""
    file: Path
    for_other_db: bool = False
    """It is `keep`, and the database is not the one that the file names; else the file is not trusted."""


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

    left_out: tuple[LeftOut, ...] = field(default=(), compare=False)
    """What a project file sets and is not in force."""
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
