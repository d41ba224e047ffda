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
from msgspec.structs import astuple, replace
from multidict import istr

from relay.lean.envelope import read_event
from relay.lean.signature import Verifier
from relay.models import Capture, Comparison, Origin
from relay.store import rows
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
        return Peer(host, name, self._compare_sender(host), tls)

    def row(self, message: RawRequestMessage, received_at: int, version: str, peer: Peer, body: bytes) -> Row:
        """The row of a request, with the usual response.

        Args:
            received_at: microseconds UTC.
            version: `1.0` or `1.1`.
        """
        headers = message.headers
        token = headers.get(LEAN_APP_TOKEN) if self._app_token is not None else None
        return self._judged(
            received_at,
            message.method,
            message.path,
            version,
            peer,
            200,
            None,
            FROM_US if SAMPLE in headers else FROM_OUTSIDE,
            [value.encode("utf-8", "surrogateescape") for value in headers.getall(LEAN_SIGNATURE, ())],
            None if token is None else token.encode("utf-8", "surrogateescape"),
            _encode(
                [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.raw_headers]
            ).decode(),
            body,
        )

    def copy(
        self,
        received_at: int,
        method: str,
        target: str,
        version: str,
        client: str,
        tls: str | None,
        answer: int,
        answer_reason: str | None,
        origin: str,
        headers: str,
        body: bytes,
    ) -> Row:
        """The row of a request that another relay took and answered; checked with the settings here.

        Args:
            client: address and port, as the other relay saw them; `tls` and `origin` likewise.
            headers: JSON array of pairs.
        """
        method, target, version, client, origin, headers = map(
            _storable, (method, target, version, client, origin, headers)
        )
        host = client.rpartition(":")[0].strip("[]")
        signatures: list[bytes] = []
        token = None
        for name, value in rows.headers(headers):
            if name.lower() == LEAN_SIGNATURE:
                signatures.append(value.encode("latin-1", "replace"))
            elif token is None and self._app_token is not None and name.lower() == LEAN_APP_TOKEN:
                token = value.encode("latin-1", "replace")
        return self._judged(
            received_at,
            method,
            target,
            version,
            Peer(host, client, self._compare_sender(host) if host else None, tls and _storable(tls)),
            answer,
            answer_reason and _storable(answer_reason),
            origin,
            signatures,
            token,
            headers,
            body,
        )

    # By position, here and in what calls it: twenty names would cost 0.8 us per request.
    def _judged(
        self,
        received_at: int,
        method: str,
        target: str,
        version: str,
        peer: Peer,
        answer: int,
        answer_reason: str | None,
        origin: str,
        signatures: list[bytes],
        token: bytes | None,
        headers: str,
        body: bytes,
    ) -> Row:
        signature, signed_by = self._verify(signatures, body)
        event = read_event(body)
        event_type, event_id, event_at, customer_id = event if event is not None else (None, None, None, None)
        return Row(
            received_at,
            method,
            target,
            version,
            peer.name,
            peer.tls,
            answer,
            answer_reason,
            origin,
            event_type,
            event_id,
            event_at,
            customer_id,
            plain(signature),
            signed_by,
            None if token is None else self._compare_token(token),
            peer.sender,
            sha256(body).hexdigest(),
            headers,
            body,
        )

    def _compare_sender(self, host: str) -> Comparison | None:
        if not self._senders:
            return None
        try:
            address = ip_address(host.partition("%")[0])
        except ValueError:  # another relay's word for it
            return Comparison.MISMATCH
        mapped = getattr(address, "ipv4_mapped", None)
        listed = any((mapped or address) in network for network in self._senders)
        return Comparison.MATCH if listed else Comparison.MISMATCH

    def _compare_token(self, given: bytes) -> Comparison:
        assert self._app_token is not None
        return Comparison.MATCH if compare_digest(given, self._app_token) else Comparison.MISMATCH


def _storable(text: str) -> str:
    """Text from elsewhere without lone surrogates, which SQLite's TEXT cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def with_answer(row: Row, status: int, reason: str | None) -> Row:
    """The row with a planned response instead of the usual one."""
    return replace(row, answer=status, answer_reason=reason)


def as_capture(row: Row) -> Capture:
    """The row as a capture with id 0, for filters that are applied before it is stored."""
    *known, digest, headers, body = astuple(row)
    # Without what is known only later: repeat_of, shape, shape_version, source, position, and the notes.
    return rows.capture((0, *known, None, None, None, digest, headers, body, None, None, False, None))
