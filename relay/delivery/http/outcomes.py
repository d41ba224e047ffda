"""How a try ends: the stable words, and the sentences that tell a developer what to do about it. Pure.

Owns the naming of failures; opens nothing. Text that came from a backend is made safe to show here.
"""

from __future__ import annotations

import errno
import os
from enum import StrEnum

from relay.delivery.http.request import Destination
from relay.text.safe import visible

SHOWN_BYTES = 24
"""Of an answer that is no HTTP, as much stands in the message."""


class Outcome(StrEnum):
    """How a try ended."""

    ANSWERED = "answered"
    """A whole answer came, whatever its status."""
    REFUSED = "refused"
    """Nothing listens there."""
    UNRESOLVED = "unresolved"
    """The host's name has no address."""
    UNREACHABLE = "unreachable"
    """No connection for any other reason."""
    TLS_FAILED = "tls-failed"
    TIMEOUT = "timeout"
    """Connected, but no whole answer in time."""
    CLOSED = "closed"
    """The backend ended the connection in order before the answer was whole."""
    RESET = "reset"
    """The connection broke before the answer was whole."""
    NOT_HTTP = "not-http"
    """What came is no HTTP/1 answer, or a broken one."""
    TOO_LARGE = "too-large"
    """The answer did not end within the bound."""
    LOOP = "loop"
    """Not sent: it would go round in a circle."""
    UNSENDABLE = "unsendable"
    """Not sent: it cannot be written as one HTTP request."""
    FAULT = "fault"
    """This relay failed on it."""


NOT_SENT = frozenset({Outcome.LOOP, Outcome.UNSENDABLE, Outcome.FAULT})
"""Of these Lean would conclude nothing: no backend was asked, or nobody knows what it answered."""


class Failed(Exception):
    """No whole answer; `str()` is the sentence for it."""

    def __init__(
        self, outcome: Outcome, error: str, *, target_down: bool = False, unknown: str | None = None
    ) -> None:
        """
        Args:
            target_down: nobody is there who could have seen the request; it can wait for the target's return.
            unknown: why nobody knows from it what Lean would conclude; None where that is known.
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
        words = "this relay has too many files and connections open (ulimit -n)"
    elif error.errno == errno.EADDRNOTAVAIL:
        words = f"this machine has no free port for another connection to {to.place}"
    else:
        words = f"{to.place} cannot be reached: {said(error)}"
    return Failed(Outcome.UNREACHABLE, words, target_down=True)


def unresolved(error: Exception, to: Destination) -> Failed:
    """Why the host has no address."""
    why = said(error) if isinstance(error, OSError) else str(error)
    words = f"the name {visible(to.host)} cannot be resolved: {visible(why)}"
    return Failed(Outcome.UNRESOLVED, words, target_down=True)


def broken(error: Exception | None, received: int, *, kept: bool) -> Failed:
    """The connection ended before the answer was whole.

    Args:
        error: None where the backend closed it in order.
        received: bytes of the answer that came, its head included.
        kept: it had served an earlier try, so that it may have been closed before this one was seen.
    """
    unknown = None
    if received:
        where = f"after {received} bytes of the answer"
    elif kept:
        where = "without a response, although it had said that it keeps it; it may have seen nothing of this"
        unknown = (
            "it ended a connection that it had offered to keep; Lean would have come on one of its own, and"
            " what it would have got is not known"
        )
    else:
        where = "without a response; it may have seen the request"
    if error is None:
        return Failed(Outcome.CLOSED, f"the backend closed the connection {where}", unknown=unknown)
    if isinstance(error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
        return Failed(Outcome.RESET, f"the backend reset the connection {where}", unknown=unknown)
    why = said(error) if isinstance(error, OSError) else str(error)
    return Failed(
        Outcome.RESET,
        f"the connection broke {where}: {visible(why)}",
        unknown="the way from this machine to the backend broke, and Lean comes by another",
    )


def timed_out(timeout_s: float, received: int) -> Failed:
    """The answer was not whole in time."""
    where = f"{received} bytes of the answer came" if received else "nothing of an answer came"
    return Failed(Outcome.TIMEOUT, f"timed out after {timeout_s:g} s; {where}")


def not_http(beginning: bytes) -> Failed:
    """The first bytes of the response are not those of HTTP/1."""
    if beginning[:2] == b"\x15\x03":
        words = "it speaks TLS there; write https:// for it"
    elif beginning[3:4] == b"\x04" and beginning[:2] == b"\x00\x00":
        words = "it speaks only HTTP/2 there, and a webhook comes as HTTP/1.1"
    else:
        shown = visible(beginning[:SHOWN_BYTES].decode("latin-1").strip("\r\n"))
        words = f"it does not speak HTTP: its answer begins with '{shown}'"
    return Failed(Outcome.NOT_HTTP, words)


def said(error: OSError) -> str:
    """The system's words for an error, without number and address."""
    words = error.strerror or (os.strerror(error.errno) if error.errno else "") or str(error)
    return visible(words) or type(error).__name__
