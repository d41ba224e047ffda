"""How an attempt ends: the stable words, and sentences that help a developer fix the failure. Pure.

Owns the naming of failures; opens nothing. Text from a backend is made safe to show here.
"""

from __future__ import annotations

import errno
import os
from enum import StrEnum

from relay.delivery.http.request import Destination
from relay.text.safe import visible

SHOWN_BYTES = 24
"""Bytes of a response that is not HTTP which the message quotes."""


class Outcome(StrEnum):
    """How an attempt ended."""

    ANSWERED = "answered"
    """A whole response was received, whatever its status."""
    REFUSED = "refused"
    """Nothing listens there."""
    UNRESOLVED = "unresolved"
    """The host name has no address."""
    UNREACHABLE = "unreachable"
    """No connection for any other reason."""
    TLS_FAILED = "tls-failed"
    TIMEOUT = "timeout"
    """Connected, but no whole response in time."""
    CLOSED = "closed"
    """The backend closed the connection before the response was whole."""
    RESET = "reset"
    """The connection broke before the response was whole."""
    NOT_HTTP = "not-http"
    """The response is not HTTP/1, or is malformed."""
    TOO_LARGE = "too-large"
    """The response is larger than the limit."""
    LOOP = "loop"
    """Not sent: it is in a forwarding loop."""
    UNSENDABLE = "unsendable"
    """Not sent: it cannot be written as one HTTP request."""
    FAULT = "fault"
    """An internal error of this relay."""


NOT_SENT = frozenset({Outcome.LOOP, Outcome.UNSENDABLE, Outcome.FAULT})
"""Outcomes without a verdict: no backend was asked, or its response is unknown."""


class Failed(Exception):
    """No whole response; `str()` is the sentence for it."""

    def __init__(
        self, outcome: Outcome, error: str, *, target_down: bool = False, unknown: str | None = None
    ) -> None:
        """
        Args:
            target_down: no backend can have seen the request; it can wait until the target is up.
            unknown: why Lean's verdict cannot be known from this failure; None where it can.
        """
        super().__init__(error)
        self.outcome = outcome
        self.target_down = target_down
        self.unknown = unknown


def not_connected(error: OSError, to: Destination) -> Failed:
    """Why there is no TCP connection."""
    if isinstance(error, ConnectionRefusedError):
        return Failed(Outcome.REFUSED, f"nothing listens on {to.place}", target_down=True)
    if isinstance(error, ConnectionResetError | ConnectionAbortedError):
        words = f"{to.place} reset the connection before anything was sent"
        return Failed(Outcome.RESET, words, target_down=True)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        words = "this relay has too many open files and connections; raise ulimit -n"
    elif error.errno == errno.EADDRNOTAVAIL:
        words = f"this machine has no free port for another connection to {to.place}"
    else:
        words = f"could not connect to {to.place}: {os_error_text(error)}"
    return Failed(Outcome.UNREACHABLE, words, target_down=True)


def unresolved(error: Exception, to: Destination) -> Failed:
    """The host name could not be resolved."""
    why = os_error_text(error) if isinstance(error, OSError) else str(error)
    words = f"could not resolve the name {visible(to.host)}: {visible(why)}"
    return Failed(Outcome.UNRESOLVED, words, target_down=True)


def broken(error: Exception | None, received: int, *, reused: bool) -> Failed:
    """The connection ended before the response was whole.

    Args:
        error: None where the backend closed it in order.
        received: bytes of the response that were received, head included.
        reused: the connection served an earlier attempt, so it may have been closed before this request.
    """
    unknown = None
    if received:
        where = f"after {received} bytes of the response"
    elif reused:
        where = "without a response, although it had offered to keep it; it may not have seen the request"
        unknown = (
            "the backend closed a connection that it had offered to keep; Lean would have used its own"
            " connection, and the response to that is not known"
        )
    else:
        where = "without a response; it may have seen the request"
    if error is None:
        return Failed(Outcome.CLOSED, f"the backend closed the connection {where}", unknown=unknown)
    if isinstance(error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
        return Failed(Outcome.RESET, f"the backend reset the connection {where}", unknown=unknown)
    why = os_error_text(error) if isinstance(error, OSError) else str(error)
    return Failed(
        Outcome.RESET,
        f"the connection broke {where}: {visible(why)}",
        unknown="the network path from this machine to the backend broke, and Lean uses another one",
    )


def timed_out(timeout_s: float, received: int) -> Failed:
    """The response was not whole in time."""
    got = f"{received} bytes of the response were received" if received else "no response was received"
    return Failed(Outcome.TIMEOUT, f"timed out after {timeout_s:g} s; {got}")


def not_http(beginning: bytes) -> Failed:
    """The first bytes of the response are not those of HTTP/1."""
    if beginning[:2] == b"\x15\x03":
        words = "the target speaks TLS; use https://"
    elif beginning[3:4] == b"\x04" and beginning[:2] == b"\x00\x00":
        words = "the target speaks only HTTP/2, and webhooks are sent as HTTP/1.1"
    else:
        shown = visible(beginning[:SHOWN_BYTES].decode("latin-1").strip("\r\n"))
        words = f"the target does not speak HTTP: its response begins with '{shown}'"
    return Failed(Outcome.NOT_HTTP, words)


def os_error_text(error: OSError) -> str:
    """The system's text for an error, without number and address."""
    words = error.strerror or (os.strerror(error.errno) if error.errno else "") or str(error)
    return visible(words) or ("timed out" if isinstance(error, TimeoutError) else type(error).__name__)
