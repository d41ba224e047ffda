"""Explains refusals for commands and screens: a line, the cause, and advice. Pure.

Owns the explanation of each stable word; a refusal's own detail describes the single case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from relay.models import Refusal
from relay.text.local_time import local
from relay.text.safe import visible


@dataclass(frozen=True, slots=True)
class Meaning:
    """Explanation of one reason."""

    words: str
    """The reason in a few words: `its body is too large`."""
    cause: str
    """The event, the response that the caller got, and usual causes."""
    advice: str
    """How to react."""


_STRANGERS = "From an unknown address: nothing; this is normal internet scanning."
_503 = "The caller got 503, so Lean tries again"
_CHAIN = "`lean-relay certs check` says what is missing"
_NO_CLIENT = "The connection ended in its TLS handshake, so no request came."

MEANINGS: Mapping[str, Meaning] = {
    "too-large": Meaning(
        "its body is too large",
        "The body is larger than `max_body`. The caller got 413, and nothing was kept. Webhooks "
        "from Lean are a few KiB.",
        "If it should be accepted: set a larger --max-body and restart the relay.",
    ),
    "malformed": Meaning(
        "it is not valid HTTP",
        "Its head or its framing breaks HTTP's rules. The caller got 400. Scanners do that, and clients that "
        "speak another protocol, such as HTTPS to the HTTP port.",
        f"{_STRANGERS} From your proxy or sender: fix what the detail names.",
    ),
    "http-version": Meaning(
        "its HTTP version is not supported",
        "It is not HTTP/1.1 or HTTP/1.0. The caller got 505.",
        f"{_STRANGERS} From your proxy: configure it to use HTTP/1.1.",
    ),
    "cross-site": Meaning(
        "a web page sent it",
        "A browser sent it for a web page (Origin, Sec-Fetch-Site); servers send no such headers. "
        "The caller got 403, so that no page you visit can put events into your database.",
        "To test from a browser: allow_cross_site = true in the settings.",
    ),
    "body-timeout": Meaning(
        "its body came too slowly",
        "The head was complete, but the body stopped or trickled. The caller got 408, and Lean would try "
        "again.",
        "Now and then: nothing. Often, from your tunnel or proxy: check the connection "
        "between it and the relay.",
    ),
    "head-timeout": Meaning(
        "its head came too slowly",
        "A connection started a request and did not finish its head in time. The caller got 408.",
        _STRANGERS,
    ),
    "hung-up": Meaning(
        "the caller disconnected too early",
        "The connection ended before the request was complete, so no response could be sent. Lean "
        "would try again.",
        "Now and then: nothing. Often: a tunnel or proxy in between times out too early.",
    ),
    "too-many-connections": Meaning(
        "there were too many connections",
        "All connections were in use. This one, the oldest without a complete request, was "
        "closed to make room.",
        "In a load test: a larger `connections` in the settings. Otherwise a client opens "
        "connections and sends nothing: close the port to unknown addresses.",
    ),
    "overloaded": Meaning(
        "too many bodies at once",
        f"{_503}. The body waited 8 s for memory that earlier bodies used.",
        "Large bodies at a high rate cause this; if they are yours, send fewer at once.",
    ),
    "shutting-down": Meaning(
        "the relay was stopping",
        "The relay stopped while this arrived. Nothing was stored, the caller got no 200, "
        "and Lean tries again.",
        "Nothing.",
    ),
    "store-full": Meaning(
        "the disk was full",
        f"{_503} for three hours. Nothing could be stored.",
        "Free some space: `lean-relay prune`, and `keep` in the settings.",
    ),
    "store-locked": Meaning(
        "another program held the database",
        f"{_503}. Another program had the database open for writing for too long.",
        "End that program, or let it only read: only the relay writes its database.",
    ),
    "store-gone": Meaning(
        "the database was moved or overwritten",
        f"{_503}. The files at the database's path are no longer those that the relay has open, or their "
        "bytes are not those that it wrote, so that what it stores could not be read again.",
        "Put them back where they were; or stop the relay, and start it with the new file. To restore "
        "a backup: stop the relay, put the backup in place, and remove its -wal and -shm files.",
    ),
    "store-foreign": Meaning(
        "another program changed the tables",
        f"{_503}. Another program changed the relay's tables, or added a trigger that can undo what is "
        "stored. Tables, views and triggers of your own are fine.",
        "Remove what the detail names; the relay continues within a second.",
    ),
    "store-slow": Meaning(
        "the disk was too slow",
        f"{_503}. The write to disk took longer than 5 s.",
        "Check what else uses that disk; move the database to a local, faster one with --db.",
    ),
    "store-failing": Meaning(
        "the database could not be written",
        f"{_503}. Writing failed; the detail has SQLite's message.",
        "`lean-relay doctor` checks the disk and the database.",
    ),
    "team-down": Meaning(
        "the team's PostgreSQL did not commit it",
        f"{_503} for three hours. PostgreSQL could not be reached, or committed nothing within 4 s; the "
        "detail says which.",
        "`lean-relay team status` says what is wrong; the node continues by itself.",
    ),
    "team-sample": Meaning(
        "it is a sample, and everybody would get it",
        "It was made by `lean-relay trigger`, and this node shares what it receives. The sender got 403.",
        "Send samples to your own relay; or start the node with --share-samples.",
    ),
    "internal": Meaning(
        "the relay failed",
        "A bug in the relay. The caller got 500, or no handshake, and Lean tries again.",
        "Please report it, with the relay's log lines of that time.",
    ),
    "tls-plain-http": Meaning(
        "it spoke plain HTTP to the HTTPS port",
        f"{_NO_CLIENT} It sent HTTP without TLS.",
        "Its URL must start with https://, in Lean's dashboard or in your tunnel.",
    ),
    "tls-not-tls": Meaning(
        "it did not speak TLS",
        f"{_NO_CLIENT} It sent neither TLS nor HTTP.",
        _STRANGERS,
    ),
    "tls-too-old": Meaning(
        "its TLS is too old",
        f"{_NO_CLIENT} The relay accepts TLS 1.2 and 1.3; the client offers neither.",
        f"{_STRANGERS} From a client of yours: it needs a newer TLS library.",
    ),
    "tls-no-cipher": Meaning(
        "it offers no accepted cipher",
        f"{_NO_CLIENT} None of its ciphers has forward secrecy and authenticated encryption.",
        f"{_STRANGERS} From a client of yours: it needs a newer TLS library, or other TLS settings.",
    ),
    "tls-not-trusted": Meaning(
        "it does not trust the relay's certificate",
        f"{_NO_CLIENT} The caller rejected the relay's certificate.",
        f"Give the relay a certificate for the name in its URL, of an authority the caller trusts, "
        "with its chain; "
        f"{_CHAIN}.",
    ),
    "tls-timeout": Meaning(
        "its handshake took too long",
        f"{_NO_CLIENT} It did not finish within 5 s.",
        "Now and then: nothing. Often: check the network in between.",
    ),
    "tls-hung-up": Meaning(
        "the caller left during the handshake",
        f"{_NO_CLIENT} The caller closed it without a reason.",
        "Scanners do that. From a client of yours: it may have rejected the relay's certificate; see its own "
        "log.",
    ),
    "tls-failed": Meaning(
        "its handshake failed",
        f"{_NO_CLIENT} The detail has OpenSSL's message.",
        f"{_STRANGERS} From a client of yours: see its own log too.",
    ),
    "tls-no-certificate": Meaning(
        "it showed no client certificate",
        f"{_NO_CLIENT} client_auth is `required`, and the caller showed none.",
        "If it should be accepted: give it a certificate. To accept callers without one, and only record "
        "the certificates shown: --client-auth optional.",
    ),
    "tls-wrong-pin": Meaning(
        "its certificate is not the pinned one",
        f"{_NO_CLIENT} Its certificate is valid, but `client_pin` does not name it.",
        "If it is the right caller, its certificate has changed: `lean-relay certs show` prints the new pin.",
    ),
    "tls-expired": Meaning(
        "its certificate has expired",
        f"{_NO_CLIENT} A certificate of its chain is past its last day.",
        "Its owner has to renew it; check this machine's clock too.",
    ),
    "tls-not-yet-valid": Meaning(
        "its certificate is not valid yet",
        f"{_NO_CLIENT} A certificate of its chain is not valid yet.",
        "One of the two clocks may be wrong; otherwise its owner has to wait, or get another one.",
    ),
    "tls-wrong-purpose": Meaning(
        "its certificate is not for clients",
        f"{_NO_CLIENT} The certificate lacks the purpose clientAuth, which public "
        "authorities no longer issue.",
        "Its owner needs a certificate of a private authority; add that authority's to `client_ca`.",
    ),
    "tls-unknown-issuer": Meaning(
        "the issuer of its certificate is unknown",
        f"{_NO_CLIENT} Its issuer was not sent along and is not in `client_ca`.",
        "Its owner has to send the intermediate certificate along, or you add its authority to `client_ca`.",
    ),
    "tls-unknown-authority": Meaning(
        "its authority is not trusted",
        f"{_NO_CLIENT} Its chain leads to an authority that is not in `client_ca`.",
        "If you trust that authority, add its certificate to `client_ca`.",
    ),
    "tls-self-signed": Meaning(
        "its certificate is self-signed",
        f"{_NO_CLIENT} No authority signed it.",
        "If you trust just this certificate, add it to `client_ca`.",
    ),
    "tls-bad-signature": Meaning(
        "its certificate has a wrong signature",
        f"{_NO_CLIENT} It was not signed with its issuer's key, but by another authority of the same name.",
        "Do not trust it before its owner has explained it.",
    ),
    "tls-weak": Meaning(
        "its certificate is too weak",
        f"{_NO_CLIENT} A key or a digest in its chain is too weak.",
        "Its owner has to replace it.",
    ),
    "tls-revoked": Meaning(
        "its certificate is revoked",
        f"{_NO_CLIENT} Its authority has revoked it.",
        "Its owner has to get another one.",
    ),
}

_OTHER_CERTIFICATE = Meaning(
    "its certificate is not accepted",
    f"{_NO_CLIENT} The detail says what is wrong with its certificate.",
    "`lean-relay certs show` with the caller's file says more.",
)

_OTHER = Meaning(
    "another reason",
    "This version does not know the reason: a newer one may have written the database.",
    "See the detail.",
)


def meaning(reason: str) -> Meaning:
    """Explanation of a reason; a general one for reasons of later versions."""
    if reason in MEANINGS:
        return MEANINGS[reason]
    return _OTHER_CERTIFICATE if reason.startswith("tls-") else _OTHER


def line(refusal: Refusal) -> str:
    """`2026-11-20 08:15:30  10.0.0.1  too-large x3  a body of 20971520 bytes or more`; safe to show."""
    at = local(refusal.at)
    times = f" x{refusal.count}" if refusal.count > 1 else ""
    return visible(
        f"{at:%Y-%m-%d %H:%M:%S}  {refusal.client or '-'}  {refusal.reason}{times}  {refusal.detail}"
    )
