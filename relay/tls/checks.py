"""Checks certificate files before they are used, for `certs check`.

Changes nothing, connects to nothing, never shows a key.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from relay.errors import RelayError
from relay.tls import describe, pem, verdicts
from relay.tls.certificate import Certificate, verification_code
from relay.tls.pem import Bundle

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True)
class Remark:
    """Result of one check."""

    level: Level
    about: str
    """`key`, `pair`, `dates`, `purposes`, `chain`, `file`."""
    text: str
    mend: str | None = None
    """How to fix it; None if nothing needs doing."""


def check(
    cert: Path, key: Path | None, chain: Path | None, *, password: bytes | None = None, now: datetime
) -> Iterator[Remark]:
    """Check a certificate, its key and its chain."""
    bundle, remarks = _read(cert, password)
    yield from remarks
    if key is None and bundle is not None and bundle.keys:
        key = cert
    loaded: PrivateKeyTypes | None = None
    if key is not None:
        try:
            loaded = pem.private_key(key, password)
        except RelayError as error:
            yield Remark("fault", "key", str(error))
        else:
            yield Remark("ok", "key", f"{key}: a private key that can be read")
            yield from _modes(key)
    if bundle is None or not bundle.certificates:
        return
    leaf = bundle.certificates[0]
    if loaded is not None:
        yield _pair(cert, key, bundle.certificates, loaded)
        leaf = next((one for one in bundle.certificates if pem.key_matches(one, loaded)), leaf)
    more: tuple[Certificate, ...] = ()
    if chain is not None:
        others, remarks = _read(chain, password)
        yield from remarks
        more = others.certificates if others is not None else ()
    for one in dict.fromkeys((leaf, *bundle.certificates, *more)):
        yield dates(one, now)
    yield purposes(leaf)
    pool = [one for one in dict.fromkeys((*bundle.certificates, *more)) if one != leaf]
    yield from _order(cert, bundle.certificates)
    if chain is not None and more:
        yield from _order(chain, more)
    yield from _completeness(leaf, pool, chain, now)


def dates(certificate: Certificate, now: datetime) -> Remark:
    """Whether a certificate is valid now, and for how long."""
    subject = certificate.subject
    begins, ends = certificate.begins, certificate.ends
    if begins is None or ends is None:
        text = f"{subject}: its dates cannot be read, so every program refuses it"
        return Remark("fault", "dates", text, "have it issued again in the form of RFC 5280")
    if ends < now:
        text = f"{subject} expired on {describe.time(ends)}, so every program refuses it"
        return Remark("fault", "dates", text, "have it renewed; Lean's are renewed in its dashboard")
    if begins > now:
        text = f"{subject} is not valid before {describe.time(begins)}"
        return Remark("fault", "dates", text, "wait, or set the clock: date -u")
    if describe.ends_soon(certificate, now):
        text = f"{subject} ends in {(ends - now).days} days, on {describe.time(ends)}"
        return Remark("warning", "dates", text, "have it renewed in time")
    return Remark("ok", "dates", f"{subject} is valid until {describe.time(ends)}")


def purposes(leaf: Certificate) -> Remark:
    """Which purposes a certificate allows."""
    named = describe.purposes(leaf)
    client, server = describe.serves(leaf, "clientAuth"), describe.serves(leaf, "serverAuth")
    if client and server:
        return Remark("ok", "purposes", "for any use" if named is None else f"for {', '.join(named)}")
    if client:
        return Remark(
            "ok",
            "purposes",
            "clientAuth: for clients; callers would refuse it as --tls-cert",
        )
    if server:
        return Remark(
            "warning",
            "purposes",
            "serverAuth only: for servers; from a client it is refused (unsuitable certificate purpose)",
            "a client certificate needs clientAuth, which public authorities no longer issue",
        )
    return Remark(
        "fault",
        "purposes",
        f"neither clientAuth nor serverAuth ({', '.join(named or ())}), so TLS refuses it everywhere",
        "ask for one with the purpose that you need",
    )


def _read(path: Path, password: bytes | None) -> tuple[Bundle | None, list[Remark]]:
    try:
        bundle = pem.read(path, password)
    except RelayError as error:
        return None, [Remark("fault", "file", str(error))]
    remarks = [_holds(bundle)]
    mend = "get that one again, or remove it"
    remarks += [Remark("fault", "file", f"{path}: {problem}", mend) for problem in bundle.problems]
    if bundle.form == "PKCS#12":
        text = f"{path}: the relay reads PEM and DER, and does not start with a PKCS#12 file"
        remarks.append(Remark("warning", "file", text, pem.openssl_line(path, bundle.form)))
    for one in bundle.certificates:
        if one.unparsed is not None:
            text = f"OpenSSL accepts {one.subject}, but stricter programs refuse it: {one.unparsed}"
            remarks.append(Remark("warning", "file", text, "have it issued again in the form of RFC 5280"))
    return bundle, remarks


def _holds(bundle: Bundle) -> Remark:
    count = len(bundle.certificates)
    what = [f"{count} certificate{'' if count == 1 else 's'}"] if count else []
    what += [f"{bundle.keys} private key{'' if bundle.keys == 1 else 's'}"] if bundle.keys else []
    text = f"{bundle.path}: {bundle.form} with {' and '.join(what) or 'nothing usable'}"
    if not count:
        swapped = None if bundle.problems else "are the two files swapped?"
        return Remark("fault", "file", f"{text}, and no certificate", swapped)
    return Remark("ok", "file", text)


def _modes(key: Path) -> Iterator[Remark]:
    mode = pem.others_can_read(key)
    if mode is not None:
        yield Remark(
            "warning",
            "key",
            f"{key}: other users of this machine can read it (mode {mode:04o}), so the relay would refuse it",
            f"chmod 600 {shlex.quote(str(key))}",
        )


def _pair(
    cert: Path, key: Path | None, certificates: Sequence[Certificate], loaded: PrivateKeyTypes
) -> Remark:
    for number, one in enumerate(certificates, 1):
        if pem.key_matches(one, loaded):
            if number == 1:
                return Remark("ok", "pair", "certificate and private key belong together")
            return Remark(
                "fault",
                "pair",
                f"{cert}: the key's certificate is number {number}, but programs use the first",
                "put it first, then its issuer, and so on",
            )
    return Remark(
        "fault",
        "pair",
        f"{cert} is not the certificate of the private key in {key}: they belong to two different pairs",
        "use both from the same download; Lean's dashboard makes a new pair each time",
    )


def _order(path: Path, certificates: Sequence[Certificate]) -> Iterator[Remark]:
    for number, (one, issuer) in enumerate(pairwise(certificates), 1):
        if not issuer.is_issuer_of(one):
            yield Remark(
                "fault",
                "chain",
                f"{path}: certificate {number + 1} ({issuer.subject}) did not sign "
                f"certificate {number} ({one.subject})",
                "each must be signed by the next one; many programs follow the order of the file",
            )
            return


def _completeness(
    leaf: Certificate, pool: Sequence[Certificate], chain: Path | None, now: datetime
) -> Iterator[Remark]:
    """Follow the certificate to its root, and let OpenSSL verify that chain."""
    path = [leaf]
    while not path[-1].is_self_signed:
        issuer = next((one for one in pool if one not in path and one.is_issuer_of(path[-1])), None)
        if issuer is None:
            break
        path.append(issuer)
    last = path[-1]
    if not last.is_self_signed:
        missing = last.issuer
        if chain is None:
            text = f"its issuer {missing} is not in the file"
            yield Remark("ok", "chain", f"{text}; name its chain with --chain to check that too")
            return
        if len(path) > 1:
            text = f"leads to {last.subject}, and its issuer {missing} is in none of the files"
            yield Remark("ok", "chain", f"{text}: the other side needs that one")
            return
        yield Remark(
            "fault",
            "chain",
            f"{last.subject} was issued by {missing}, whose certificate is in none of the "
            "files, so it cannot be followed to an authority",
            f"get that certificate; if {chain} is only a list of trusted authorities, check without --chain",
        )
        return
    code = verification_code(leaf, tuple(path[1:-1]), last, now=now)
    if code:
        means = verdicts.meaning(code)
        yield Remark("fault", "chain", f"OpenSSL refuses the chain to {last.subject}: {means.words}")
        return
    names = " < ".join(one.subject for one in path)
    yield Remark("ok", "chain", f"complete: {names}" if len(path) > 1 else f"self-signed: {names}")
