"""Settings that have parts: routes, rules, sources of secrets, and settings that are left out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RespondRule:
    """One rule for a response on purpose; the first that matches a capture applies."""

    when: str
    """A filter, still a text; the code that applies it parses it."""
    status: int = 200
    delay_s: float = 0.0
    """Seconds between the commit and the response."""
    first: int | None = None
    """How many captures it applies to; None for all."""
    where: str
    """Its source, for messages: `lean-relay.toml: respond_rules[0]`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One target, and the captures that are forwarded to it."""

    to: str
    """As written, for `relay.text.targets.target_url`: `:3000/hook`."""
    when: str | None = None
    """A filter, still a text; the code that applies it parses it. None for all captures."""
    where: str
    """Its source, for messages: `lean-relay.toml: forward[0]`, `--forward-to`."""

    @property
    def where_when(self) -> str:
        """The source of its filter: `lean-relay.toml: forward[0].when`, `--only`."""
        return "--only" if self.where.startswith("--") else f"{self.where}.when"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """Where to read a secret; never the secret itself."""

    name: str
    file: Path | None = None
    env: str | None = None
    """Name of an environment variable; exactly one of `file` and `env` is set."""
    where: str
    """The setting that names it: `lean-relay.toml: secrets.sandbox`."""

    def __str__(self) -> str:
        return f"file {self.file}" if self.file is not None else f"environment {self.env}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanAccess:
    """How to ask Lean's own API."""

    client_id: SecretSource | None = None
    """None for the application token, which is the same value."""
    client_secret: SecretSource | None = None
    environment: str = "sandbox"
    """`sandbox` or `production`."""
    region: str = "uae"
    """`uae` or `ksa`."""
    auth_url: str | None = None
    """Where tokens are; None for Lean's host of this environment and region."""
    api_url: str | None = None
    """Likewise for the API."""
    catch_up: bool = False
    """Whether `listen` fetches at its start what was missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamAccess:
    """The PostgreSQL in which a team shares its webhooks."""

    url: SecretSource | None = None
    """`postgresql://...`; a secret, as it can hold a password."""
    name: str = "lean_relay"
    """Of the schema, and the first part of the names of the roles."""
    keep: timedelta | None = None
    """How long webhooks stay there; zero for ever, None for what is set there."""
    keep_bytes: int | None = None
    """How much may stay there; None for what is set there."""
    allow_plain: bool = False
    """Connect without verified TLS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelChoice:
    """The program that gives this relay a public URL."""

    kind: str
    """`ssh`, `cloudflared`, `ngrok`, `tailscale` or `command`."""
    server: str | None = None
    """For `ssh`: the destination, as ssh takes it."""
    command: tuple[str, ...] = ()
    """For `command`: program and arguments, which may contain `{host}`, `{port}` and `{url}`."""
    pattern: str | None = None
    """For `command`: a regular expression that finds the URL in a line that the program prints."""

    @property
    def name(self) -> str:
        """As in the option: `ssh:you@server`."""
        return self.kind if self.server is None else f"{self.kind}:{self.server}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A setting of a project file that is not in force."""

    name: str
    """As in the file: `forward`, `secrets.sandbox`."""
    where: str
    """Its source, for messages: `lean-relay.toml: forward`."""
    file: Path
    for_other_db: bool = False
    """It is `keep`, and the database is not the one that the file names; else the file is not trusted."""
