"""Certificates and private keys out of files: PEM with any number of them, DER, PKCS#12.

Owns the words for files that cannot be used. A key is never part of a message.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12

from relay.errors import RelayError

LARGEST_FILE_BYTES = 4 * 2**20
"""The system's own list of authorities has a quarter of a megabyte."""

_PEM = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]+)-----\s.*?-----END \1-----", re.DOTALL
)  # of a block; text around it is allowed (RFC 7468, 5.2)
_CERTIFICATES = frozenset({b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What one file holds."""

    path: Path
    form: str
    """`PEM`, `DER` or `PKCS#12`."""
    certificates: tuple[x509.Certificate, ...] = ()
    """In the order of the file; of a PKCS#12 file the key's own first."""
    keys: int = 0
    """How many private keys stand in it."""


def read(path: Path, password: bytes | None = None) -> Bundle:
    """Everything that a file holds, the keys only counted.

    Args:
        password: for PKCS#12.

    Raises:
        RelayError: `tls-unreadable` or `tls-password`.
    """
    data = _bytes(path)
    blocks = [(found[1], found[0]) for found in _PEM.finditer(data)]
    if blocks:
        certificates = tuple(
            _certificate(path, block, number)
            for number, block in enumerate((block for kind, block in blocks if kind in _CERTIFICATES), 1)
        )
        keys = sum(kind.endswith(b"PRIVATE KEY") for kind, _ in blocks)
        if not certificates and not keys:
            kinds = ", ".join(sorted({kind.decode("ascii").lower() for kind, _ in blocks}))
            raise _unreadable(path, f"holds no certificate and no private key, but {kinds}")
        return Bundle(path=path, form="PEM", certificates=certificates, keys=keys)
    try:
        return Bundle(path=path, form="DER", certificates=(x509.load_der_x509_certificate(data),))
    except ValueError:
        pass
    if _is_der_key(data):
        return Bundle(path=path, form="DER", keys=1)
    if data[:1] == b"\x30":  # an ASN.1 sequence, as PKCS#12 is one
        key, leaf, more = _pkcs12(path, data, password)
        certificates = tuple(one for one in (leaf, *more) if one is not None)
        return Bundle(path=path, form="PKCS#12", certificates=certificates, keys=int(key is not None))
    if not data.strip():
        raise _unreadable(path, "is empty")
    raise _unreadable(path, "holds no certificate and no key that can be read: neither PEM, DER nor PKCS#12")


def certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """The certificates of a file, at least one.

    Raises:
        RelayError: `tls-unreadable`.
    """
    bundle = read(path)
    if not bundle.certificates:
        raise _unreadable(path, "holds a private key and no certificate; are the two files swapped?")
    return bundle.certificates


def private_key(path: Path, password: bytes | None = None) -> PrivateKeyTypes:
    """The private key of a file; of several the first.

    Raises:
        RelayError: `tls-unreadable` or `tls-password`.
    """
    data = _bytes(path)
    try:
        for found in _PEM.finditer(data):
            if found[1].endswith(b"PRIVATE KEY"):
                encrypted = b"ENCRYPTED" in found[0]
                return serialization.load_pem_private_key(found[0], password if encrypted else None)
        if b"-----BEGIN" in data:
            raise _unreadable(path, "holds no private key; are the two files swapped?")
        if _is_der_key(data, password):
            return serialization.load_der_private_key(data, password)
        key, _, _ = _pkcs12(path, data, password)
        if key is not None:
            return key
    except TypeError:  # cryptography's word for a password that is missing, or one that is not needed
        raise RelayError(
            f"{path}: the private key is encrypted; name a file with its password "
            "(--tls-key-password-file), or write it without one: "
            f"openssl pkey -in {shlex.quote(str(path))} -out key.pem",
            word="tls-password",
        ) from None
    except UnsupportedAlgorithm as error:
        raise _unreadable(path, f"holds a private key of a kind that cannot be used: {error}") from None
    except ValueError:
        if password is not None:
            raise RelayError(
                f"{path}: the private key does not open with this password", word="tls-password"
            ) from None
    raise _unreadable(path, "holds no private key that can be read")


def belong_together(certificate: x509.Certificate, key: PrivateKeyTypes) -> bool:
    """Whether the certificate is for this key."""
    try:
        return _public(certificate.public_key()) == _public(key.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return False


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether one is signed by the other: names and signature."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether it is its own issuer, as a root is."""
    return certificate.subject == certificate.issuer and issued_by(certificate, certificate)


def others_can_read(path: Path) -> int | None:
    """The mode of a key's file where others on this machine may read it, else None."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return mode if mode & 0o077 else None


def own_key(path: Path, password: bytes | None = None) -> PrivateKeyTypes:
    """A private key that is to be used: readable, and by its owner alone.

    Raises:
        RelayError: `tls-key-mode`, `tls-unreadable` or `tls-password`.
    """
    key = private_key(path, password)
    mode = others_can_read(path)
    if mode is not None:
        raise RelayError(
            f"{path}: others on this machine can read the private key (mode {mode:04o}): "
            f"chmod 600 {shlex.quote(str(path))}",
            word="tls-key-mode",
        )
    return key


def password_of(path: Path) -> bytes:
    """A key's password: the file's first line.

    Raises:
        RelayError: `tls-password`.
    """
    try:
        lines = _bytes(path).splitlines()
    except RelayError as error:
        raise RelayError(str(error), word="tls-password") from error
    if not lines or not lines[0]:
        raise RelayError(f"{path}: the password file is empty", word="tls-password")
    return lines[0]


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE_BYTES + 1)
    except IsADirectoryError as error:
        raise _unreadable(path, "is a folder; name a file in it") from error
    except OSError as error:
        mend = (
            f": sudo chown {_user()} {shlex.quote(str(path))}" if isinstance(error, PermissionError) else ""
        )
        raise _unreadable(path, f"cannot be read ({error.strerror}){mend}") from error
    if len(data) > LARGEST_FILE_BYTES:
        raise _unreadable(path, "is too large for a file of certificates (4 MiB)")
    return data


def _user() -> str:
    return os.environ.get("USER") or str(os.getuid())


def _certificate(path: Path, block: bytes, number: int) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(block)
    except ValueError as error:
        raise _unreadable(path, f"its certificate number {number} is damaged ({error})") from None


def _is_der_key(data: bytes, password: bytes | None = None) -> bool:
    try:
        serialization.load_der_private_key(data, password)
    except (ValueError, UnsupportedAlgorithm):
        return False
    except TypeError:  # one with a password
        return True
    return True


def _pkcs12(
    path: Path, data: bytes, password: bytes | None
) -> tuple[PrivateKeyTypes | None, x509.Certificate | None, list[x509.Certificate]]:
    try:
        return pkcs12.load_key_and_certificates(data, password)
    except ValueError as error:
        if "password" in str(error).lower():
            raise RelayError(
                f"{path}: a PKCS#12 file that does not open "
                + ("with this password" if password else "without a password; name a file that holds it"),
                word="tls-password",
            ) from None
        raise _unreadable(path, "is neither PEM, a DER certificate, nor PKCS#12") from None


def _public(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined,no-any-return]  # of every public key type
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _unreadable(path: Path, what: str) -> RelayError:
    return RelayError(f"{path}: {what}", word="tls-unreadable")
