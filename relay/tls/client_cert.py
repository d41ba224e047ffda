"""Certificates handed to OpenSSL: the authorities that are trusted, and a pair that is shown.

Owns the way there: what `relay.tls.pem` read is what OpenSSL gets, never the file itself, so that there
is nothing that one of the two takes and the other does not. A private key that others can read is refused.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from relay import private_files
from relay.errors import RelayError, UsageError
from relay.tls import pem
from relay.tls.certificate import Certificate


def trust(context: ssl.SSLContext, path: Path) -> tuple[str, ...]:
    """Have a context trust the authorities of a file; gives those that had to be left out, and why.

    Raises:
        RelayError: `tls-unreadable`.
    """
    bundle = pem.authorities(path)
    left_out = [f"{path}: {problem}, and was left out" for problem in bundle.problems]
    trusted = 0
    for one in bundle.certificates:
        try:
            context.load_verify_locations(cadata=one.der)
        except ssl.SSLError as error:
            left_out.append(
                f"{path}: OpenSSL does not take {one.subject}, and it was left out: {_words(error)}"
            )
        else:
            trusted += 1
    if not trusted:
        raise RelayError(left_out[0].replace(", and it was left out", ""), word="tls-unreadable")
    return tuple(left_out)


def trusting_only(path: Path) -> ssl.SSLContext:
    """A client's context that trusts the authorities of a file alone: each of them, intermediate ones too.

    Raises:
        RelayError: `tls-unreadable`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # From Python 3.13 on, strict is the default and refuses what `openssl req -x509` makes.
    context.verify_flags = context.verify_flags & ~ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    trust(context, path)
    return context


def show(context: ssl.SSLContext, cert: Path | None, key: Path | None) -> None:
    """Have a context show a certificate; nothing happens without one.

    Args:
        key: its private key; None where that stands in the certificate's file.

    Raises:
        UsageError: a key without a certificate.
        RelayError: `tls-...`, a file cannot be used.
    """
    if cert is None:
        if key is not None:
            raise UsageError(f"{key} is a private key; name its certificate too")
        return
    chain, loaded = pem.certificates(cert), pem.own_key(key or cert)
    if not pem.belong_together(chain[0], loaded):
        raise RelayError(
            f"{cert} is not the certificate of the private key in {key or cert}", word="tls-mismatch"
        )
    load(context, chain, loaded, cert)


def for_targets(ca: Path | None, cert: Path | None, key: Path | None) -> tuple[str, ...]:
    """See whether the files for targets can be used; gives what had to be left out of them, and why.

    Raises:
        UsageError: a key without a certificate.
        RelayError: `tls-...`, a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    show(context, cert, key)
    return trust(context, ca) if ca is not None else ()


def load(context: ssl.SSLContext, chain: Iterable[Certificate], key: PrivateKeyTypes, path: Path) -> None:
    """Give a context a pair that is read already; `path` is for the message.

    Raises:
        RelayError: `tls-unreadable`.
    """
    password = token_hex(32)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )
    with as_file(chain, locked) as pair:
        try:
            context.load_cert_chain(pair, password=password)
        except ssl.SSLError as error:
            raise RelayError(
                f"{path}: OpenSSL does not take it: {_words(error)}", word="tls-unreadable"
            ) from error


@contextmanager
def as_file(certificates: Iterable[Certificate], more: bytes = b"") -> Iterator[Path]:
    """A file of ours for a moment, as OpenSSL takes chains from files alone; `more` stands behind them.

    It is in a folder of ours alone (0700); what is secret in it has to be locked.
    """
    with TemporaryDirectory(prefix="lean-relay-") as folder:
        path = Path(folder, "chain.pem")
        private_files.create(path, b"".join(one.pem for one in certificates) + more)
        yield path


def _words(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
