"""Refusals in words for commands and screens: each as a line, what is behind it, what to do about it. Pure.

Owns the reasons by their stable words. What came in one case stands in that refusal's detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from relay.models import Refusal
from relay.text.local_time import local
from relay.text.safe import visible


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one reason means."""

    words: str
    """The reason in a few words: `its body is too large`."""
    behind: str
    """What happened, what the caller was told, and who does such things."""
    advice: str
    """What to do about it."""


_STRANGERS = "From a stranger: nothing, it is the internet's noise."
_503 = "The caller got 503, so Lean tries again"
_CHAIN = "`lean-relay certs check` tells what is missing"
_NO_CLIENT = "The connection ended in its TLS handshake, so no request came."

MEANINGS: Mapping[str, Meaning] = {
    "too-large": Meaning(
        "its body is too large",
        "The body is larger than `max_body`. The caller got 413, and nothing was kept. Lean's "
        "webhooks have some KiB.",
        "If it was meant to come in: a larger --max-body, and start the relay again.",
    ),
    "malformed": Meaning(
        "it is no HTTP that can be read",
        "Its head or its framing breaks HTTP's rules. The caller got 400. Scanners do that, and what speaks "
        "another protocol, such as HTTPS to the HTTP port.",
        f"{_STRANGERS} From your proxy or sender: what the detail names has to change there.",
    ),
    "http-version": Meaning(
        "its HTTP version is not spoken here",
        "It is neither HTTP/1.1 nor HTTP/1.0. The caller got 505.",
        f"{_STRANGERS} From your proxy: have it speak HTTP/1.1 to the relay.",
    ),
    "cross-site": Meaning(
        "a web page sent it",
        "A browser sent it for a web page (Origin, Sec-Fetch-Site); servers send no such headers. "
        "The caller got 403, so that no page you visit can put events into your log.",
        "To test from a browser: allow_cross_site = true in the settings.",
    ),
    "body-timeout": Meaning(
        "its body came too slowly",
        "The head was whole, and then the body stopped or trickled. The caller got 408, and Lean would try "
        "again.",
        "Now and then: nothing. Often, from your tunnel or proxy: look at the way between it and the relay.",
    ),
    "head-timeout": Meaning(
        "its head came too slowly",
        "A connection began a request and did not end its head in time. The caller got 408.",
        _STRANGERS,
    ),
    "hung-up": Meaning(
        "the caller left in the middle",
        "The connection ended before the request was whole, so there was nobody to answer. Lean "
        "would try again.",
        "Now and then: nothing. Often: a tunnel or proxy in between gives up too early.",
    ),
    "too-many-connections": Meaning(
        "there were too many connections",
        "All connections that the relay takes were in use, and this one, the oldest that had not "
        "sent a whole "
        "request, made room.",
        "In a load test: a larger `connections` in the settings. Otherwise somebody opens "
        "connections and says "
        "nothing: close the port to strangers.",
    ),
    "overloaded": Meaning(
        "too many bodies were on their way",
        f"{_503}. The body waited 8 s for memory, which the bodies before it held.",
        "Large bodies at a high rate do that; if they are yours, send fewer at once.",
    ),
    "shutting-down": Meaning(
        "the relay was stopping",
        "The relay ended while this came. Nothing was kept, the caller got no 200, and Lean tries again.",
        "Nothing.",
    ),
    "store-full": Meaning(
        "the disk was full",
        f"{_503} for three hours. Nothing could be stored.",
        "Make room, or let the relay do so: `lean-relay prune`, and `keep` in the settings.",
    ),
    "store-locked": Meaning(
        "another program held the log",
        f"{_503}. Another program had the log open for writing, and the relay had to wait too long for it.",
        "End that program, or have it only read: the relay alone writes its log.",
    ),
    "store-gone": Meaning(
        "the database was moved or overwritten",
        f"{_503}. The files at the database's path are no longer those that the relay has open, or their "
        "bytes are not those that it wrote, so that what it stores could not be read again.",
        "Put them back where they were; or end the relay, and start it again with what is there. To restore "
        "a backup: end the relay, put the backup in place, and remove the -wal and -shm beside it.",
    ),
    "store-foreign": Meaning(
        "another program changed the tables",
        f"{_503}. Another program changed the relay's tables, or added a trigger that can undo what is "
        "stored. Tables, views and triggers of your own are fine beside them.",
        "Remove what the detail names; the relay goes on within a second.",
    ),
    "store-slow": Meaning(
        "the disk was too slow",
        f"{_503}. What had to be on disk was not there within 5 s.",
        "Look at what else is busy on that disk; put the log on a local, faster one with --db.",
    ),
    "store-failing": Meaning(
        "the log could not be written",
        f"{_503}. Writing failed, and the detail has SQLite's words.",
        "`lean-relay doctor` looks at the disk and the log.",
    ),
    "internal": Meaning(
        "the relay failed",
        "A fault of the relay's own. The caller got 500, or no handshake, and Lean tries again.",
        "Please report it, with what the relay's log says of that moment.",
    ),
    "tls-plain-http": Meaning(
        "it spoke plain HTTP to the HTTPS port",
        f"{_NO_CLIENT} It sent HTTP without TLS.",
        "Its URL has to begin with https://, in Lean's dashboard or in your tunnel.",
    ),
    "tls-not-tls": Meaning(
        "it spoke no TLS",
        f"{_NO_CLIENT} What it sent is neither TLS nor HTTP.",
        _STRANGERS,
    ),
    "tls-too-old": Meaning(
        "its TLS is too old",
        f"{_NO_CLIENT} TLS 1.2 and 1.3 are taken here, and it offers neither.",
        f"{_STRANGERS} From a client of yours: it needs a newer TLS library.",
    ),
    "tls-no-cipher": Meaning(
        "it offers no cipher taken here",
        f"{_NO_CLIENT} Of what it offers nothing has forward secrecy and authenticated encryption.",
        f"{_STRANGERS} From a client of yours: it needs a newer TLS library, or other settings of it.",
    ),
    "tls-not-trusted": Meaning(
        "it does not trust the relay's certificate",
        f"{_NO_CLIENT} The caller looked at the relay's certificate and left.",
        f"Give the relay a certificate for the name in its URL, of an authority the caller trusts, "
        "with its chain; "
        f"{_CHAIN}.",
    ),
    "tls-timeout": Meaning(
        "its handshake took too long",
        f"{_NO_CLIENT} It was not done within 5 s.",
        "Now and then: nothing. Often: look at the network in between.",
    ),
    "tls-hung-up": Meaning(
        "the caller left in the handshake",
        f"{_NO_CLIENT} The caller ended it without saying why.",
        "Scanners do that. From a client of yours: it may not like the relay's certificate; its own "
        "log tells.",
    ),
    "tls-failed": Meaning(
        "its handshake failed",
        f"{_NO_CLIENT} The detail has OpenSSL's words.",
        f"{_STRANGERS} From a client of yours: its own log tells the other half.",
    ),
    "tls-no-certificate": Meaning(
        "it showed no client certificate",
        f"{_NO_CLIENT} client_auth is `required`, and the caller showed none.",
        "If it may come in: give it a certificate. To let callers in without one, and only record "
        "what they show: "
        "--client-auth optional.",
    ),
    "tls-wrong-pin": Meaning(
        "its certificate is not the pinned one",
        f"{_NO_CLIENT} Its certificate is good, and is none that `client_pin` names.",
        "If it is the caller you mean, its certificate has changed: `lean-relay certs show` prints "
        "what to pin.",
    ),
    "tls-expired": Meaning(
        "its certificate has expired",
        f"{_NO_CLIENT} A certificate of its chain is past its last day.",
        "Its owner has to renew it; look at this machine's clock too.",
    ),
    "tls-not-yet-valid": Meaning(
        "its certificate is not valid yet",
        f"{_NO_CLIENT} A certificate of its chain begins later.",
        "One of the two clocks may be wrong; else its owner has to wait, or to get another.",
    ),
    "tls-wrong-purpose": Meaning(
        "its certificate is not for clients",
        f"{_NO_CLIENT} The certificate lacks the purpose clientAuth, which public authorities issue no more.",
        "Its owner needs a certificate of a private authority; put that one's into `client_ca`.",
    ),
    "tls-unknown-issuer": Meaning(
        "who signed its certificate is not known",
        f"{_NO_CLIENT} Its issuer neither came with it nor stands in `client_ca`.",
        "Either its owner sends the intermediate certificate along, or its authority has to stand in "
        "`client_ca`.",
    ),
    "tls-unknown-authority": Meaning(
        "its authority is not trusted here",
        f"{_NO_CLIENT} Its chain leads to an authority that is not in `client_ca`.",
        "If you trust that authority, put its certificate into `client_ca`.",
    ),
    "tls-self-signed": Meaning(
        "its certificate is self-signed",
        f"{_NO_CLIENT} No authority signed it.",
        "If you trust just this certificate, put it into `client_ca`.",
    ),
    "tls-bad-signature": Meaning(
        "its certificate has a wrong signature",
        f"{_NO_CLIENT} It was not signed with its issuer's key: a namesake of the authority signed it.",
        "Do not trust it before its owner has explained it.",
    ),
    "tls-weak": Meaning(
        "its certificate is too weak",
        f"{_NO_CLIENT} A key or a digest in its chain is too weak.",
        "Its owner has to replace it.",
    ),
    "tls-revoked": Meaning(
        "its certificate is revoked",
        f"{_NO_CLIENT} Its authority has taken it back.",
        "Its owner has to get another.",
    ),
}

_OTHER_CERTIFICATE = Meaning(
    "its certificate is not taken",
    f"{_NO_CLIENT} The detail tells what is wrong with its certificate.",
    "`lean-relay certs show` with the caller's file tells more.",
)

_OTHER = Meaning(
    "another reason",
    "This program does not know the reason: a newer one may have written the log.",
    "The detail tells what is known.",
)


def meaning(reason: str) -> Meaning:
    """What a reason means; one of a later version too has words."""
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
