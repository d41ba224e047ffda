"""Loads trusted authorities, and the certificate and key that we present, into OpenSSL contexts.

OpenSSL always gets the result of `relay.tls.pem`, never the file itself, so the two cannot disagree about a
file. A private key that other users can read is refused.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
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
    """Let a context trust the authorities of a file; returns a message for each one left out.

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
                f"{path}: OpenSSL does not accept {one.subject}, and it was left out: {_words(error)}"
            )
        else:
            trusted += 1
    if not trusted:
        raise RelayError(left_out[0].replace(", and it was left out", ""), word="tls-unreadable")
    return tuple(left_out)


def trusting_only(path: Path) -> ssl.SSLContext:
    """Client context that trusts only the certificates of a file, intermediate ones included.

    Raises:
        RelayError: `tls-unreadable`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # From Python 3.13 on, strict is the default and refuses what `openssl req -x509` makes.
    context.verify_flags = context.verify_flags & ~ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    trust(context, path)
    return context


def show(context: ssl.SSLContext, cert: Path | None, key: Path | None) -> None:
    """Let a context present a client certificate; does nothing without one.

    Args:
        key: its private key; None if it is in the certificate's file.

    Raises:
        UsageError: a key without a certificate.
        RelayError: `tls-...`, a file cannot be used.
    """
    if cert is None:
        if key is not None:
            raise UsageError(f"{key} is a private key; name its certificate too")
        return
    chain, loaded = pem.certificates(cert), pem.own_key(key or cert)
    if not pem.key_matches(chain[0], loaded):
        raise RelayError(
            f"{cert} is not the certificate of the private key in {key or cert}", word="tls-mismatch"
        )
    load(context, chain, loaded, cert)


def for_targets(ca: Path | None, cert: Path | None, key: Path | None) -> tuple[str, ...]:
    """Check the certificate files for targets; returns a message for each authority left out.

    Raises:
        UsageError: a key without a certificate.
        RelayError: `tls-...`, a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    show(context, cert, key)
    return trust(context, ca) if ca is not None else ()


def load(context: ssl.SSLContext, chain: Iterable[Certificate], key: PrivateKeyTypes, path: Path) -> None:
    """Load a certificate chain and its key into a context; `path` is for the message.

    Raises:
        RelayError: `tls-unreadable`, or `not-written` as for `as_file`.
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
                f"{path}: OpenSSL does not accept it: {_words(error)}", word="tls-unreadable"
            ) from error


@contextmanager
def as_file(certificates: Iterable[Certificate], more: bytes = b"") -> Iterator[Path]:
    """Temporary file with certificates, then `more`: OpenSSL loads chains only from files.

    Its folder is private (0700); secrets in `more` must be encrypted.

    Raises:
        RelayError: `not-written`.
    """
    with ExitStack() as stack:
        try:
            path = Path(stack.enter_context(TemporaryDirectory(prefix="lean-relay-")), "chain.pem")
            private_files.create(path, b"".join(one.pem for one in certificates) + more)
        except OSError as error:
            raise RelayError(
                f"could not write a temporary file with certificates for OpenSSL: {error.strerror or error}",
                word="not-written",
            ) from error
        yield path


def _words(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
