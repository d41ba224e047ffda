"""Certificates good and bad, for tests of TLS: authorities, intermediates and leaves as PEM files.

Owns how each kind is wrong. Keys are EC P-256, which costs a tenth of a millisecond.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.locked(None)

    def locked(self, password: bytes | None) -> bytes:
        """The key as PEM, encrypted where there is a password."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption(),
        )


def make(
    name: str,
    signer: Pair | None = None,
    *,
    ca: bool = False,
    purposes: Sequence[x509.ObjectIdentifier] = (),
    days: tuple[float, float] = (-1, 90),
    names: Sequence[str] = (),
    key: ec.EllipticCurvePrivateKey | None = None,
) -> Pair:
    """A certificate for `O=Test, CN=name`; without a signer it signs itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    issuer, signing = (subject, key) if signer is None else (signer.certificate.subject, signer.key)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
        )
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if names:
        found = [_general(each) for each in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(found), critical=False)
    return Pair(builder.sign(signing, hashes.SHA256()), key)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(frozen=True, slots=True)
class Client:
    """The files that a client shows; None for one that has none."""

    cert: Path | None
    key: Path | None
    leaf: x509.Certificate | None = None


@dataclass(frozen=True, slots=True)
class Pki:
    """A folder of files: a server, an authority for clients, and clients of every kind."""

    folder: Path
    root: Pair
    intermediate: Pair
    server: Pair

    @classmethod
    def make(cls, folder: Path) -> Pki:
        root = make("Test Root", ca=True)
        intermediate = make("Test Intermediate", root, ca=True)
        server = make("localhost", root, purposes=SERVER, names=("localhost", "127.0.0.1", "::1"))
        pki = cls(folder, root, intermediate, server)
        pki.file("root.pem", root.pem)
        pki.file("server.pem", server.pem)
        pki.file("server.key", server.key_pem)
        return pki

    def file(self, name: str, data: bytes) -> Path:
        """A file of the folder, its owner's alone."""
        path = self.folder / name
        path.write_bytes(data)
        path.chmod(0o600)
        return path

    def client(self, kind: str) -> Client:
        """One of `KINDS`."""
        if kind == "none":
            return Client(None, None)
        pair, more = self._pair(kind)
        cert = self.file(f"{kind}.pem", pair.pem + b"".join(each.pem for each in more))
        return Client(cert, self.file(f"{kind}.key", pair.key_pem), pair.certificate)

    def _pair(self, kind: str) -> tuple[Pair, tuple[Pair, ...]]:
        foreign = make("Foreign Root", ca=True)
        namesake = make("Test Root", ca=True)
        made: dict[str, Callable[[], tuple[Pair, tuple[Pair, ...]]]] = {
            "good": lambda: (make("good", self.root, purposes=CLIENT, names=("good.example.com",)), ()),
            "no purpose": lambda: (make("no purpose", self.root), ()),
            "with intermediate": lambda: (
                make("deep", self.intermediate, purposes=CLIENT),
                (self.intermediate,),
            ),
            "missing intermediate": lambda: (make("deep", self.intermediate, purposes=CLIENT), ()),
            "expired": lambda: (make("expired", self.root, purposes=CLIENT, days=(-90, -1)), ()),
            "not yet valid": lambda: (make("early", self.root, purposes=CLIENT, days=(1, 90)), ()),
            "wrong authority": lambda: (make("foreign", foreign, purposes=CLIENT), (foreign,)),
            "namesake": lambda: (make("namesake", namesake, purposes=CLIENT), ()),
            "wrong purpose": lambda: (make("server only", self.root, purposes=SERVER), ()),
            "self-signed": lambda: (make("alone", purposes=CLIENT), ()),
            "wrong pin": lambda: (make("other", self.root, purposes=CLIENT), ()),
        }
        return made[kind]()


KINDS = (
    "good",
    "no purpose",
    "with intermediate",
    "none",
    "missing intermediate",
    "expired",
    "not yet valid",
    "wrong authority",
    "namesake",
    "wrong purpose",
    "self-signed",
    "wrong pin",
)
