"""Builds the row of a request for the store.

Pure: checks signature, event, token and sender from the bytes and the settings; the time is an argument.
Every microsecond here delays the 200.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv4Network, IPv6Network, ip_address

import msgspec
from aiohttp.http_parser import RawRequestMessage
from msgspec.structs import asdict, replace
from multidict import istr

from relay.lean.catalogue import undocumented
from relay.lean.envelope import read_event
from relay.lean.signature import Verifier
from relay.models import Answer, Capture, Comparison, Event, Origin, Signature, from_micros
from relay.store.columns import Row

LEAN_SIGNATURE = istr("lean-signature")
LEAN_APP_TOKEN = istr("lean-app-token")
SAMPLE = istr("X-Lean-Relay-Sample")

# Plain strings: for a value of any other type sqlite3 looks for an adapter, holding the GIL.
plain = str.__str__
FROM_US = plain(Origin.SAMPLE)
FROM_OUTSIDE = plain(Origin.RECEIVED)

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, eq=False)
class Peer:
    """The client of a connection."""

    address: str
    """Without port, for counting refusals."""
    name: str
    """`127.0.0.1:50312` or `[::1]:50312`."""
    sender: Comparison | None
    """Comparison with the configured senders; None without a list."""
    tls: str | None = None
    """TLS facts as JSON text; None for plain HTTP."""


class Intake:
    """Builds rows for one set of settings; replaced as a whole when settings are read again."""

    def __init__(
        self,
        *,
        secrets: dict[str, bytes],
        app_token: bytes | None = None,
        senders: Sequence[IPv4Network | IPv6Network] = (),
    ) -> None:
        self._verify = Verifier(secrets).check
        self._app_token = app_token
        self._senders = tuple(senders)

    def peer(self, peername: object, tls: str | None = None) -> Peer:
        """The client of a connection, from the transport's peer name and the facts of its handshake."""
        if not isinstance(peername, tuple) or len(peername) < 2:
            return Peer("", "", None, tls)
        host, port = str(peername[0]), peername[1]
        name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if not self._senders:
            return Peer(host, name, None, tls)
        address = ip_address(host.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        listed = any((mapped or address) in network for network in self._senders)
        return Peer(host, name, Comparison.MATCH if listed else Comparison.MISMATCH, tls)

    def row(self, message: RawRequestMessage, received_at: int, version: str, peer: Peer, body: bytes) -> Row:
        """The row of a request, with the usual response.

        Args:
            received_at: microseconds UTC.
            version: `1.0` or `1.1`.
        """
        headers = message.headers
        signature, signed_by = self._verify(
            [value.encode("utf-8", "surrogateescape") for value in headers.getall(LEAN_SIGNATURE, ())], body
        )
        event = read_event(body)
        event_type, event_id, event_at, customer_id = event if event is not None else (None, None, None, None)
        token: Comparison | None = None
        if self._app_token is not None and LEAN_APP_TOKEN in headers:
            token = self._compare_token(headers[LEAN_APP_TOKEN])
        # By position: twenty names would cost 0.8 us per request.
        return Row(
            received_at,
            message.method,
            message.path,
            version,
            peer.name,
            peer.tls,
            200,
            None,
            FROM_US if SAMPLE in headers else FROM_OUTSIDE,
            event_type,
            event_id,
            event_at,
            customer_id,
            plain(signature),
            signed_by,
            token,
            peer.sender,
            sha256(body).hexdigest(),
            _encode(
                [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.raw_headers]
            ).decode(),
            body,
        )

    def _compare_token(self, value: str) -> Comparison:
        assert self._app_token is not None
        given = value.encode("utf-8", "surrogateescape")
        return Comparison.MATCH if compare_digest(given, self._app_token) else Comparison.MISMATCH


def with_answer(row: Row, status: int, reason: str | None) -> Row:
    """The row with a planned response instead of the usual one."""
    return replace(row, answer=status, answer_reason=reason)


def as_capture(row: Row) -> Capture:
    """The row as a capture with id 0, for filters that are applied before it is stored."""
    known = asdict(row)
    event_at = known.pop("event_at")
    event = Event(
        type=known.pop("event_type"),
        event_id=known.pop("event_id"),
        at=None if event_at is None else from_micros(event_at),
        customer_id=known.pop("customer_id"),
    )
    known["origin"] = Origin(known["origin"])
    known["signature"] = Signature(known["signature"])
    known["received_at"] = from_micros(known["received_at"])
    known["tls"] = None if known["tls"] is None else msgspec.json.decode(known["tls"])
    known["headers"] = tuple((name, value) for name, value in msgspec.json.decode(known["headers"]))
    known["answer"] = Answer(status=known["answer"], on_purpose=known.pop("answer_reason"))
    known["undocumented"] = undocumented(event.type)
    return Capture(id=0, event=None if event == Event() else event, **known)
