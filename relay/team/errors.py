"""Errors of PostgreSQL, and of the way to it, with stable words."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from relay.errors import RelayError, Unreachable
from relay.team.tables import NOT_DURABLE, roles

if TYPE_CHECKING:
    from relay.team.address import TeamAddress

INIT = "run `lean-relay team init` with the owner's URL"


def not_initialised(address: TeamAddress) -> RelayError:
    return RelayError(
        f"{address} has no log called {address.name}; {INIT}, or set the name of the log in [team]",
        word="team-not-initialised",
    )


def denied(address: TeamAddress, what: str, role: str) -> RelayError:
    """
    Args:
        role: `writer` or `reader`, which may do it.
    """
    return RelayError(
        f"{address}: this login may not {what}; its owner grants it: "
        f'GRANT "{roles(address.name)[role]}" TO the login',
        word="team-denied",
    )


def not_durable(address: TeamAddress, why: str) -> RelayError:
    return RelayError(
        f"{address} would confirm webhooks that are not on disk: {why}; "
        "set fsync and synchronous_commit to on in postgresql.conf",
        word="team-not-durable",
    )


def unreachable(address: TeamAddress, why: str) -> Unreachable:
    return Unreachable(f"{address} cannot be reached: {why}", word="team-unreachable")


def as_relay_error(error: BaseException, address: TeamAddress) -> RelayError:
    """The error of a call to asyncpg; never quotes a value that was sent."""
    import asyncpg

    if isinstance(error, RelayError):
        return error
    if isinstance(error, asyncpg.ClientConfigurationError):
        return RelayError(
            f"{address}: PostgreSQL's client refuses the URL; check its parameters and the PG... variables",
            word="team-failing",
        )
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return _standby(address)
    if isinstance(error, asyncpg.PostgresError):
        return _of_server(error, address)
    if isinstance(error, ssl.SSLError):
        return RelayError(
            f"{address}: its certificate is not accepted: {_ssl_words(error)}; name its authority with "
            "sslrootcert=FILE in the URL",
            word="team-tls",
        )
    if isinstance(error, TimeoutError):
        return unreachable(address, "no answer in time")
    if isinstance(error, ConnectionError) and "SSL" in str(error):
        return RelayError(
            f"{address} does not speak TLS, and webhooks would cross the network unencrypted; switch ssl on "
            "there, or set allow_plain = true in [team] if the network is yours",
            word="team-plain",
        )
    if isinstance(error, OSError):
        return unreachable(address, error.strerror or str(error) or type(error).__name__)
    if isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return unreachable(address, "the connection ended")
    return unreachable(address, type(error).__name__)


def _of_server(error: BaseException, address: TeamAddress) -> RelayError:
    """Its message without DETAIL and HINT, which can quote a row."""
    state = str(getattr(error, "sqlstate", None) or "")
    said = str(getattr(error, "message", None) or type(error).__name__)
    if state == NOT_DURABLE:
        return not_durable(address, said.partition(": ")[2] or said)
    if state in ("3F000", "42P01", "42883"):
        return not_initialised(address)
    if state == "42501":
        return RelayError(f"{address}: {said}; ask the owner of the log", word="team-denied")
    if state.startswith("28") or state == "3D000":
        return RelayError(f"{address} refuses the login: {said}", word="team-denied")
    if state == "25006":
        return _standby(address)
    if state.startswith(("08", "57")):
        return unreachable(address, said)
    return RelayError(f"{address} says: {said} ({state or type(error).__name__})", word="team-failing")


def _standby(address: TeamAddress) -> Unreachable:
    return Unreachable(
        f"{address} takes no writes: it is a standby; name every host in the URL, as in "
        "postgresql://a,b/team",
        word="team-standby",
    )


def _ssl_words(error: ssl.SSLError) -> str:
    return getattr(error, "verify_message", "") or error.reason or "TLS failed"
