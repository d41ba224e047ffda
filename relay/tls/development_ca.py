"""A development authority that issues a server's and a client's certificate.

Owns their files: 0600 in a 0700 folder from the first byte, replaced atomically. The certificates are
short-lived and are renewed by making them again; the authority is kept as long as possible, so users trust
it only once.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from relay import private_files
from relay.errors import RelayError
from relay.tls import describe, pem

AUTHORITY_FOR = timedelta(days=365)
CERTIFICATE_FOR = timedelta(days=30)
AUTHORITY_LEFT = timedelta(days=31)
"""An authority with less time left is replaced, because its certificates would outlive it."""

CERTIFICATE_LEFT = timedelta(days=11)
"""`up_to_date` renews certificates with less time left."""

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Paths of the development certificates in a folder."""

    folder: Path

    @property
    def all(self) -> tuple[Path, ...]:
        return self.ca, self.ca_key, self.server, self.server_key, self.client, self.client_key

    @property
    def ca(self) -> Path:
        """The authority that callers must trust."""
        return self.folder / "ca.crt"

    @property
    def ca_key(self) -> Path:
        return self.folder / "ca.key"

    @property
    def server(self) -> Path:
        return self.folder / "server.crt"

    @property
    def server_key(self) -> Path:
        return self.folder / "server.key"

    @property
    def client(self) -> Path:
        return self.folder / "client.crt"

    @property
    def client_key(self) -> Path:
        return self.folder / "client.key"


@dataclass(frozen=True, slots=True, kw_only=True)
class DevelopmentCertificates:
    """The certificates of a folder."""

    files: CertificateFiles
    names: tuple[str, ...]
    """Names and addresses in the server's certificate."""
    ends: datetime
    """When the first of the certificates expires."""
    new_authority: bool
    """The authority is new, so users have to trust it again."""


def _ours(folder: Path) -> CertificateFiles:
    """Paths of a folder's certificates; refuses links, pipes and files of other users."""
    files = CertificateFiles(folder)
    for path in files.all:
        if reason := private_files.why_not_ours(path):
            raise private_files.unsafe(path, reason, "remove it, or name another folder")
    return files


def make(folder: Path, names: Iterable[str] = (), now: datetime | None = None) -> DevelopmentCertificates:
    """Make or renew the certificates, for these names and those that they already have.

    Raises:
        RelayError: `certs-not-written`, `unsafe-file`, or `tls-unreadable` if one of the files is damaged.
        ValueError: not a host name or an address.
    """
    now = now or datetime.now(UTC)
    files = _ours(folder)
    wanted = list(dict.fromkeys((*LOCAL_NAMES, *_names_so_far(files), *names)))
    general = [_general(name) for name in wanted]
    try:
        private_files.make_folder(folder)
        authority = _authority_so_far(files, now)
        fresh = authority is None
        if authority is None:
            authority = _authority(now)
            _write_pair(files.ca, files.ca_key, *authority)
        ends = now + CERTIFICATE_FOR
        server = _certificate(
            "lean-relay server", authority, now, ends, ExtendedKeyUsageOID.SERVER_AUTH, general
        )
        client = _certificate("lean-relay client", authority, now, ends, ExtendedKeyUsageOID.CLIENT_AUTH, [])
        _write_pair(files.server, files.server_key, *server)
        _write_pair(files.client, files.client_key, *client)
    except OSError as error:
        raise RelayError(
            f"could not write development certificates to {folder}: {error.strerror or error}",
            word="certs-not-written",
        ) from error
    return DevelopmentCertificates(files=files, names=tuple(wanted), ends=ends, new_authority=fresh)


def up_to_date(
    folder: Path, names: Iterable[str] = (), now: datetime | None = None
) -> DevelopmentCertificates:
    """The certificates; made or renewed only if they are missing, expire soon or lack a name.

    Raises:
        RelayError: as for `make`.
    """
    now = now or datetime.now(UTC)
    files = _ours(folder)
    so_far = _names_so_far(files)
    has_names = {*LOCAL_NAMES, *names} <= set(so_far)
    if has_names and _are_pairs(files) and _authority_so_far(files, now) is not None:
        ends = min(_own(path).not_valid_after_utc for path in (files.server, files.client))
        if ends - now > CERTIFICATE_LEFT:
            return DevelopmentCertificates(files=files, names=tuple(so_far), ends=ends, new_authority=False)
    return make(folder, names, now)


Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _names_so_far(files: CertificateFiles) -> list[str]:
    """Names in the server's certificate; empty if the folder has none of ours."""
    with suppress(RelayError):
        leaf, ca = pem.certificates(files.server)[0], pem.certificates(files.ca)[0]
        if ca.is_issuer_of(leaf):
            return [name.partition(":")[2] for name in describe.alternative_names(leaf)]
    return []


def _are_pairs(files: CertificateFiles) -> bool:
    """Whether server and client have a certificate of the authority, each with its own key."""
    with suppress(RelayError):
        ca = pem.certificates(files.ca)[0]
        for path, key_path in ((files.server, files.server_key), (files.client, files.client_key)):
            leaf = pem.certificates(path)[0]
            if not (ca.is_issuer_of(leaf) and pem.key_matches(leaf, pem.private_key(key_path))):
                return False
        return True
    return False


def _authority_so_far(files: CertificateFiles, now: datetime) -> Pair | None:
    """The authority of the folder; None if it is incomplete or expires soon."""
    if not files.ca.exists() or not files.ca_key.exists():
        return None
    own, key = _own(files.ca), pem.private_key(files.ca_key)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or own.public_key() != key.public_key():
        return None
    return (own, key) if own.not_valid_after_utc - now > AUTHORITY_LEFT else None


def _own(path: Path) -> x509.Certificate:
    """The first certificate of one of our files, which can always be parsed."""
    found = pem.certificates(path)[0]
    if found.parsed is None:
        raise RelayError(
            f"{path} was not made by `lean-relay certs init` ({found.unparsed}); remove it",
            word="tls-unreadable",
        )
    return found.parsed


def _authority(now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    # The time keeps names unique: OpenSSL would try an old authority of the same name instead.
    name = _name(f"lean-relay development authority of {socket.gethostname()[:12]} {now:%Y%m%dT%H%M%S}")
    builder = (
        _builder(name, name, key.public_key(), key.public_key(), now, now + AUTHORITY_FOR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return builder.sign(key, hashes.SHA256()), key


def _certificate(
    common_name: str,
    authority: Pair,
    now: datetime,
    ends: datetime,
    purpose: x509.ObjectIdentifier,
    names: list[x509.GeneralName],
) -> Pair:
    ca, signing = authority
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_name(common_name), ca.subject, key.public_key(), signing.public_key(), now, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signing, hashes.SHA256()), key


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    signing: ec.EllipticCurvePublicKey,
    begins: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins - timedelta(minutes=5))  # clocks in containers may be a little slow
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    """A name of at most 64 characters."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        pass
    bare = name.removeprefix("*.")
    if not bare or len(bare) > 253 or not all(c.isascii() and (c.isalnum() or c in "-._") for c in bare):
        raise ValueError(f"{name!r} is not a host name or an address")
    return x509.DNSName(name)


def _write_pair(
    path: Path, key_path: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    """Write the key first: an old certificate with a new key is noticed at once, the reverse is not."""
    private_files.replace(
        key_path,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    private_files.replace(path, certificate.public_bytes(serialization.Encoding.PEM))
