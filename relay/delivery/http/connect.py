"""Connect to a target, or say why that is not possible.

Owns the time limit of a connection and the words for each failure of it. Uses no proxy from the environment.
"""

from __future__ import annotations

import asyncio
import ssl

from relay.delivery.http.addresses import Addresses, connect_first
from relay.delivery.http.connection import HANDSHAKE_WITHIN_S, Connection, open_connection
from relay.delivery.http.outcomes import Failed, Outcome, not_connected
from relay.delivery.http.request import Destination
from relay.delivery.http.standstill import Watch
from relay.delivery.http.tls_contexts import TlsContexts
from relay.delivery.http.tls_errors import tls_error_text, untrusted_reason
from relay.text.safe import visible

CONNECT_WITHIN_S = HANDSHAKE_WITHIN_S
"""For name resolution, connection and TLS handshake together; shorter where the attempt has less time."""

CLOSED_AT_ONCE_S = 0.1
"""A target that closes a connection this soon is not up: Docker's proxy does so for a stopped container."""


async def connect(
    to: Destination,
    contexts: TlsContexts,
    within_s: float,
    watch: Watch | None = None,
    known: Addresses | None = None,
) -> Connection:
    """A new connection, its TLS handshake done.

    Args:
        watch: measures how long this process was stalled, which does not count; without one it counts.
        known: addresses resolved a moment ago; without them the name is resolved.

    Raises:
        Failed: there is no connection, and no byte of a request was sent.
    """
    context = await contexts.load(to) if to.secure else None
    known = known or Addresses()
    within_s = min(within_s, CONNECT_WITHIN_S)
    step = Outcome.UNRESOLVED
    try:
        async with asyncio.timeout(within_s) if watch is None else watch.within(within_s):
            addresses = await known.resolve(to)
            step = Outcome.UNREACHABLE
            try:
                sock, address = await connect_first(to, addresses, within_s)
            except BaseException:
                known.forget(to)
                raise
            step = Outcome.TLS_FAILED
            connection = await open_connection(sock, to, context)
            connection.address = address[0] if len(set(addresses)) > 1 else None
            return connection
    except TimeoutError:
        late = {
            Outcome.UNRESOLVED: f"could not resolve the name {visible(to.host)} within {within_s:g} s",
            Outcome.UNREACHABLE: f"could not connect to {to.place} within {within_s:g} s",
            Outcome.TLS_FAILED: f"TLS failed: {to.place} did not finish the handshake within {within_s:g} s",
        }
        raise Failed(step, late[step], target_down=True) from None
    except ssl.SSLError as error:
        contexts.forget(to)
        if isinstance(error, ssl.SSLCertVerificationError):
            words = await untrusted_reason(error, to)
        else:
            words = tls_error_text(error, to)
        raise Failed(Outcome.TLS_FAILED, f"TLS failed: {words}", target_down=True) from error
    except OSError as error:
        if step is not Outcome.TLS_FAILED:
            raise not_connected(error, to) from error
        words = f"TLS failed: {to.place} closed the connection during the handshake; does it speak TLS?"
        raise Failed(Outcome.TLS_FAILED, words, target_down=True) from error


async def unreachable_reason(to: Destination, timeout_s: float = 3.0) -> str | None:
    """Why no connection can be made, with TLS where the URL asks for it; None where one can."""
    try:
        return await _closed_at_once(await connect(to, TlsContexts(), timeout_s), to)
    except Failed as failed:
        return str(failed)


async def down_reason(to: Destination, contexts: TlsContexts, timeout_s: float = 3.0) -> str | None:
    """Why a target that just closed a connection is down: it closes or refuses the next one too.

    None where it is up.
    """
    try:
        return await _closed_at_once(await connect(to, contexts, timeout_s), to)
    except Failed as failed:
        # A server that exits resets connections it has not accepted yet, and then refuses.
        down = (Outcome.RESET, Outcome.TLS_FAILED, Outcome.REFUSED)
        return str(failed) if failed.outcome in down else None


async def _closed_at_once(connection: Connection, to: Destination) -> str | None:
    words = f"{to.place} accepts connections and closes them at once"
    try:
        async with asyncio.timeout(CLOSED_AT_ONCE_S):
            return None if await connection.read(1) else words
    except TimeoutError:
        return None
    except ssl.SSLError as error:
        return f"TLS failed: {tls_error_text(error, to)}"
    except OSError:
        return words
    finally:
        connection.abort()
        await connection.gone()
