"""Reads certificates and private keys from files: PEM with any number of them, DER, PKCS#12.

Owns the messages for files that cannot be used. A key is never part of a message.
"""

from __future__ import annotations

import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12

from relay.errors import RelayError
from relay.text.encodings import as_utf8
from relay.tls import certificate, formats
from relay.tls.certificate import Certificate

LARGEST_FILE_BYTES = 4 * 2**20
"""The system's own list of authorities is about 0.25 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Contents of one file."""

    path: Path
    form: str
    """`PEM`, `DER` or `PKCS#12`."""
    certificates: tuple[Certificate, ...] = ()
    """In the order of the file; in PKCS#12 the key's own comes first."""
    problems: tuple[str, ...] = ()
    """A message for each unusable certificate: `its certificate number 2 is damaged (...)`."""
    keys: int = 0
    """Number of private keys."""


def read(path: Path, password: bytes | None = None) -> Bundle:
    """Read all certificates of a file, and count its keys.

    Args:
        password: for PKCS#12.

    Raises:
        RelayError: `tls-unreadable` or `tls-password`.
    """
    return _bundle(path, _bytes(path), password)


def _bundle(path: Path, data: bytes, password: bytes | None = None) -> Bundle:
    form, blocks = formats.blocks(data)
    if form == "PKCS#12":
        key, leaf, more = _pkcs12(path, data, password)
        found = tuple(certificate.of(one) for one in (leaf, *more) if one is not None)
        return Bundle(path=path, form=form, certificates=found, keys=int(key is not None))
    if form == "PKCS#7":
        raise _converted(path, form, data)
    certificates, problems = [], []
    numbered = (block for block in blocks if block.kind == "certificate")
    for number, block in enumerate(numbered, 1):
        try:
            one = Certificate.from_der(block.data) if block.data else None
            problem = block.problem
        except ValueError as error:
            one, problem = None, f"is damaged ({error})"
        if one is not None and problem is None:
            certificates.append(one)
        else:
            problems.append(f"its certificate number {number} {problem}")
    keys = sum(block.kind.endswith("key") for block in blocks)
    if certificates or keys:
        return Bundle(
            path=path,
            form=form,
            certificates=tuple(certificates),
            problems=tuple(problems),
            keys=keys,
        )
    if problems:
        raise _unreadable(path, "; ".join(problems[:3]))
    if blocks:
        kinds = ", ".join(sorted({block.label.lower() for block in blocks}))
        raise _unreadable(path, f"holds no certificate and no private key, but {kinds}")
    if not data.strip():
        raise _unreadable(path, "is empty")
    if form:
        raise _unreadable(path, "begins a certificate or key (-----BEGIN) that does not end; is it cut off?")
    raise _unreadable(path, "holds no certificate and no key that can be read: neither PEM, DER nor PKCS#12")


def certificates(path: Path) -> tuple[Certificate, ...]:
    """Certificates of a file, at least one; a bad one fails the whole file.

    Raises:
        RelayError: `tls-unreadable`.
    """
    bundle = _to_be_used(path)
    if bundle.problems:
        raise _unreadable(path, "; ".join(bundle.problems[:3]))
    return bundle.certificates


def authorities(path: Path) -> Bundle:
    """Authorities of a file, at least one; bad ones are left out.

    Raises:
        RelayError: `tls-unreadable`.
    """
    bundle = _to_be_used(path)
    if bundle.problems and not bundle.certificates:
        raise _unreadable(path, "; ".join(bundle.problems[:3]))
    return bundle


def _to_be_used(path: Path) -> Bundle:
    data = _bytes(path)
    _check_format(path, data)
    bundle = _bundle(path, data)
    if not bundle.certificates and not bundle.problems:
        raise _unreadable(path, "holds a private key and no certificate; are the two files swapped?")
    return bundle


def private_key(path: Path, password: bytes | None = None) -> PrivateKeyTypes:
    """The first private key of a file.

    Raises:
        RelayError: `tls-unreadable` or `tls-password`.
    """
    return _key(path, _bytes(path), password)


def _key(path: Path, data: bytes, password: bytes | None) -> PrivateKeyTypes:
    form, blocks = formats.blocks(data)
    if form == "PKCS#12":
        key, _, _ = _pkcs12(path, data, password)
        if key is None:
            raise _unreadable(path, "holds no private key")
        return key
    block = next((block for block in blocks if block.kind.endswith("key")), None)
    if block is None:
        if any(block.kind == "certificate" for block in blocks):
            raise _unreadable(path, "holds no private key; are the two files swapped?")
        raise _unreadable(path, "is empty" if not data.strip() else "holds no private key that can be read")
    locked = block.kind == "locked key"
    if locked and password is None:
        raise RelayError(
            f"{path}: the private key is encrypted; name a file with its password "
            "(--tls-key-password-file), or write it without one: "
            f"openssl pkey -in {shlex.quote(str(path))} -out key.pem",
            word="tls-password",
        )
    try:
        return serialization.load_pem_private_key(block.data, password if locked else None)
    except UnsupportedAlgorithm as error:
        raise _unreadable(path, f"holds a private key of a kind that cannot be used: {error}") from None
    except (ValueError, TypeError):
        if locked:
            raise RelayError(
                f"{path}: this password does not open the private key", word="tls-password"
            ) from None
    raise _unreadable(path, "holds no private key that can be read")


def key_matches(certificate: Certificate, key: PrivateKeyTypes) -> bool:
    """Whether the certificate is for this key."""
    try:
        public = serialization.load_der_public_key(certificate.fields.spki)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return _public(public) == _public(key.public_key())


def others_can_read(path: Path) -> int | None:
    """Mode of a key's file if other users of this machine can read it, else None."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return mode if mode & 0o077 else None


def own_key(path: Path, password: bytes | None = None) -> PrivateKeyTypes:
    """The private key of a file that only its owner can read, in PEM or DER.

    Raises:
        RelayError: `tls-key-mode`, `tls-unreadable` or `tls-password`.
    """
    data = _bytes(path)
    _check_format(path, data)
    key = _key(path, data, password)
    mode = others_can_read(path)
    if mode is not None:
        raise RelayError(
            f"{path}: other users of this machine can read the private key (mode {mode:04o}): "
            f"chmod 600 {shlex.quote(str(path))}",
            word="tls-key-mode",
        )
    return key


def password_of(path: Path) -> bytes:
    """Password of a key: the file's first line, without a byte order mark, UTF-16 as UTF-8.

    Raises:
        RelayError: `tls-password`.
    """
    try:
        lines = as_utf8(_bytes(path)).splitlines()
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


def _pkcs12(
    path: Path, data: bytes, password: bytes | None
) -> tuple[PrivateKeyTypes | None, x509.Certificate | None, list[x509.Certificate]]:
    try:
        return pkcs12.load_key_and_certificates(data, password)
    except ValueError as error:
        if "password" in str(error).lower():
            raise RelayError(
                f"{path}: "
                + (
                    "this password does not open the PKCS#12 file"
                    if password
                    else "the PKCS#12 file needs a password; name a file that holds it"
                ),
                word="tls-password",
            ) from None
        raise _converted(path, "PKCS#12", data) from None


def openssl_line(path: Path, form: str, data: bytes = b"") -> str:
    """The command that converts a PKCS#12 or PKCS#7 file to PEM."""
    if form == "PKCS#12":
        return f"openssl pkcs12 -in {shlex.quote(str(path))} -nodes -out pair.pem && chmod 600 pair.pem"
    text = "PEM" if b"-----BEGIN" in data else "DER"
    return f"openssl pkcs7 -inform {text} -in {shlex.quote(str(path))} -print_certs -out chain.pem"


def _check_format(path: Path, data: bytes) -> None:
    form, _ = formats.blocks(data)
    if form == "PKCS#12":
        raise _converted(path, form, data)


def _converted(path: Path, form: str, data: bytes) -> RelayError:
    line = openssl_line(path, form, data)
    return _unreadable(path, f"is a {form} file, which the relay cannot use; convert it to PEM: {line}")


def _public(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined,no-any-return]  # of every public key type
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _unreadable(path: Path, problem: str) -> RelayError:
    return RelayError(f"{path}: {problem}", word="tls-unreadable")
