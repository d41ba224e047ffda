"""The URL of a team's PostgreSQL: its hosts, and whether TLS has to be verified on the way to them.

Reads files of certificates, opens no connection.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from relay.config import Settings, read_team_url
from relay.config.secrets import Warn
from relay.errors import RelayError, UsageError
from relay.text.targets import is_loopback
from relay.tls.verifying import verifying

DEFAULT_PORT = 5432
VERIFIED = "verify-full"


@dataclass(frozen=True, slots=True)
class Host:
    """One host of a URL."""

    name: str
    """A name, an address without brackets, or the folder of a Unix socket."""
    port: int

    @property
    def is_local(self) -> bool:
        return self.name.startswith("/") or is_loopback(self.name)

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class TeamAddress:
    """The address of a team's log; as text, without its login."""

    url: str
    """May hold a password."""
    name: str
    """Of the log: the schema."""
    hosts: tuple[Host, ...]
    """Empty where a service file or the defaults of PostgreSQL's clients name it."""
    shown: str
    allow_plain: bool = False

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"TeamAddress({self.shown})"

    @classmethod
    def of_settings(cls, settings: Settings, *, warn: Warn | None = None) -> TeamAddress:
        """
        Raises:
            UsageError: the URL is not set, or not valid; the message does not repeat it.
            RelayError: `team-plain`, its sslmode verifies nothing.
        """
        team = settings.team
        url = read_team_url(settings, warn=warn)
        assert team.url is not None
        try:
            return cls.parse(url, name=team.name, allow_plain=team.allow_plain)
        except ValueError as error:
            raise UsageError(f"{team.url.where}: {error}") from error

    @classmethod
    def parse(cls, url: str, *, name: str = "lean_relay", allow_plain: bool = False) -> TeamAddress:
        """
        Raises:
            ValueError: not a valid URL; the message does not repeat it.
            RelayError: `team-plain`, its sslmode verifies nothing.
        """
        try:
            parts = urlsplit(url)
            query = _query(parts.query)
            hosts = _hosts(parts.netloc.rpartition("@")[2], query)
        except ValueError:
            raise ValueError(_EXPECTED) from None
        if parts.scheme not in ("postgresql", "postgres"):
            raise ValueError(_EXPECTED)
        database = unquote(parts.path.lstrip("/")) or query.get("dbname", "")
        where = ",".join(map(str, hosts)) or query.get("service", "the default PostgreSQL")
        address = cls(url, name, hosts, f"{where}/{database}" if database else where, allow_plain)
        mode = address._mode
        if not (address.is_local or allow_plain or mode in (None, VERIFIED)):
            raise RelayError(
                f"{address}: sslmode={mode} does not verify whom webhooks are sent to; "
                f"use sslmode={VERIFIED}, or set allow_plain = true in [team] if the network is yours",
                word="team-plain",
            )
        return address

    @property
    def is_local(self) -> bool:
        """Whether all hosts are loopback or Unix sockets, where TLS protects nothing."""
        if self.hosts:
            return all(host.is_local for host in self.hosts)
        return not ({"service"} & _query(urlsplit(self.url).query).keys() or os.environ.get("PGSERVICE"))

    @property
    def is_plain(self) -> bool:
        """Whether webhooks may cross a network unencrypted or unverified."""
        return self.allow_plain and not self.is_local and self._mode != VERIFIED

    @property
    def _mode(self) -> str | None:
        return _query(urlsplit(self.url).query).get("sslmode") or os.environ.get("PGSSLMODE")

    def tls(self) -> ssl.SSLContext | None:
        """The argument `ssl` of asyncpg; None where the URL alone decides.

        Raises:
            UsageError: a file of certificates that the URL names cannot be used.
        """
        if self.is_local or self.is_plain:
            return None
        query = _query(urlsplit(self.url).query)
        root, revoked = _file(query, "sslrootcert", "root.crt"), _file(query, "sslcrl", "root.crl")
        certificate, key = _file(query, "sslcert", "postgresql.crt"), _file(query, "sslkey", "postgresql.key")
        try:
            context = verifying(root)
            if revoked is not None:
                context.load_verify_locations(revoked)
                context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
            if certificate is not None:
                context.load_cert_chain(certificate, key, query.get("sslpassword"))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise UsageError(f"{self}: the certificates for TLS cannot be used: {why}") from error
        return context


_EXPECTED = "is not a URL of PostgreSQL; use postgresql://login@host:5432/database"


def _query(text: str) -> Mapping[str, str]:
    return {key: values[-1] for key, values in parse_qs(text, keep_blank_values=True).items()}


def _hosts(netloc: str, query: Mapping[str, str]) -> tuple[Host, ...]:
    """
    Raises:
        ValueError: a port is not a number, or their numbers do not match.
    """
    listed = (
        unquote(netloc) or query.get("host") or ("" if "service" in query else os.environ.get("PGHOST", ""))
    )
    if not listed:
        return ()
    ports = [int(port) for port in (query.get("port") or os.environ.get("PGPORT") or "").split(",") if port]
    names = listed.split(",")
    if len(ports) not in (0, 1, len(names)):
        raise ValueError
    hosts = []
    for at, text in enumerate(names):
        port = ports[at] if len(ports) > 1 else ports[0] if ports else DEFAULT_PORT
        if text.startswith("/"):
            hosts.append(Host(text, port))
            continue
        if text.startswith("["):
            name, _, rest = text[1:].partition("]")
            own = rest.lstrip(":")
        else:
            name, _, own = text.partition(":")
        hosts.append(Host(name or "localhost", int(own) if own else port))
    return tuple(hosts)


def _file(query: Mapping[str, str], key: str, usual: str) -> str | None:
    """A file of certificates as PostgreSQL's clients look for it; None for the system's."""
    named = query.get(key) or os.environ.get(f"PG{key.upper()}")
    if named is not None:
        return None if named == "system" else named
    path = Path("~/.postgresql", usual).expanduser()
    return str(path) if path.exists() else None
