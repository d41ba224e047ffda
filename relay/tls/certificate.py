"""One certificate, read by two libraries: OpenSSL decides whether it is accepted, cryptography explains it.

OpenSSL accepts certificates that cryptography's parser refuses: characters outside a string type's alphabet,
encoded defaults, old names in Latin-1. `relay.tls.der` reads what it can of those, and the parser's error is
kept. Nothing here raises for a certificate that OpenSSL accepted.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from threading import Lock

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import crypto

from relay.tls import der

LONGEST = 500
"""Characters of a text."""

_quiet = Lock()


class Certificate:
    """A certificate that OpenSSL accepts; equal if the bytes are."""

    def __init__(self, openssl: crypto.X509, most_bytes: int | None = None) -> None:
        """
        Args:
            most_bytes: of a larger one only the dates and the serial number are read; None for no limit.
        """
        self.openssl = openssl
        self.der = crypto.dump_certificate(crypto.FILETYPE_ASN1, openssl)
        self.parsed: x509.Certificate | None = None
        """Parsed by cryptography; None if its parser refuses it."""
        self.unparsed: str | None = None
        """The parser's error."""
        if most_bytes is not None and len(self.der) > most_bytes:
            self.unparsed = f"it has {len(self.der):,} bytes, and more than {most_bytes:,} are not read"
            self.fields = _UNREAD
            return
        try:
            self.parsed = _parsed(self.der)
        except Exception as error:  # of any type: OpenSSL accepts this certificate, so no error may escape
            self.unparsed = cut(" ".join(str(error).split()) or type(error).__name__)

    @classmethod
    def from_der(cls, data: bytes) -> Certificate:
        """The certificate at the start of `data`.

        Raises:
            ValueError: OpenSSL does not accept it; has its reason.
        """
        try:
            return cls(crypto.load_certificate(crypto.FILETYPE_ASN1, der.first(data).whole))
        except crypto.Error as error:
            raise ValueError(openssl_words(error)) from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Certificate) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    @property
    def pem(self) -> bytes:
        return crypto.dump_certificate(crypto.FILETYPE_PEM, self.openssl)

    @cached_property
    def fields(self) -> der.Fields:
        """Its parts; empty if they cannot be separated."""
        try:
            return der.fields(self.der)
        except ValueError:
            return _UNREAD

    @cached_property
    def subject(self) -> str:
        """`CN=webhooks.example.com,O=Example`; `(empty)` if it has no parts."""
        return cut(",".join(self.subject_parts)) or "(empty)"

    @cached_property
    def issuer(self) -> str:
        """In the form of `subject`."""
        if self.parsed is not None:
            return cut(self.parsed.issuer.rfc4514_string()) or "(empty)"
        return cut(",".join(_name_parts(self.fields.issuer))) or "(empty)"

    @cached_property
    def subject_parts(self) -> list[str]:
        """Each part of the subject as text: `CN=webhooks.example.com`."""
        if self.parsed is not None:
            return [part.rfc4514_string() for part in reversed(self.parsed.subject.rdns)]
        return _name_parts(self.fields.subject)

    @cached_property
    def begins(self) -> datetime | None:
        """None if it cannot be read; OpenSSL then refuses the certificate."""
        if self.parsed is not None:
            return self.parsed.not_valid_before_utc
        return _time(self.openssl.get_notBefore)

    @cached_property
    def ends(self) -> datetime | None:
        """As `begins`."""
        if self.parsed is not None:
            return self.parsed.not_valid_after_utc
        return _time(self.openssl.get_notAfter)

    @property
    def serial(self) -> int:
        return self.openssl.get_serial_number()

    def is_issuer_of(self, other: Certificate) -> bool:
        """Whether it signed the other: compares names and verifies the signature."""
        if self.parsed is not None and other.parsed is not None:
            try:
                other.parsed.verify_directly_issued_by(self.parsed)
            except Exception:  # of any type: names, signature, an unsupported key or digest
                return False
            return True
        return verification_code(other, (), self, flags=_SIGNATURES_ALONE) == 0

    @property
    def is_self_signed(self) -> bool:
        """Whether it is its own issuer, as a root is."""
        return self.subject == self.issuer and self.is_issuer_of(self)


_UNREAD = der.Fields(issuer=b"", subject=b"", spki=b"", extensions=None)

_NO_CHECK_TIME = 0x200000
_SIGNATURES_ALONE = (
    _NO_CHECK_TIME
    | crypto.X509StoreFlags.IGNORE_CRITICAL
    | crypto.X509StoreFlags.PARTIAL_CHAIN
    | crypto.X509StoreFlags.CHECK_SS_SIGNATURE
)


def verification_code(
    leaf: Certificate,
    between: tuple[Certificate, ...],
    root: Certificate,
    *,
    now: datetime | None = None,
    flags: int = 0,
) -> int:
    """OpenSSL's verdict on a chain: 0, or the number of its `X509_V_ERR_...`."""
    store = crypto.X509Store()
    store.add_cert(root.openssl)
    if now is not None:
        store.set_time(now)
    if flags:
        store.set_flags(flags)
    context = crypto.X509StoreContext(store, leaf.openssl, [one.openssl for one in between])
    try:
        context.verify_certificate()
    except crypto.X509StoreContextError as error:
        return int(error.errors[0])
    return 0


def openssl_words(error: Exception) -> str:
    """OpenSSL's words for an error, without its numbers."""
    entries = error.args[0] if error.args and isinstance(error.args[0], list) else []
    words = [str(entry[-1]) for entry in entries if entry and entry[-1]]
    return ", ".join(dict.fromkeys(words)) or "unknown error"


def cut(text: str) -> str:
    """At most `LONGEST` characters of a text."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _parsed(data: bytes) -> x509.Certificate:
    with _without_warnings():
        found = x509.load_der_x509_certificate(data)
        # These are parsed on first use: make them fail here rather than anywhere.
        for name in (found.subject, found.issuer):
            name.rfc4514_string()
        _ = found.extensions, found.not_valid_before_utc, found.not_valid_after_utc
        return found


@contextmanager
def _without_warnings() -> Iterator[None]:
    """cryptography warns about odd certificates on stderr, with the path of our source."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _name_parts(name: bytes) -> list[str]:
    try:
        return der.name_parts(name)
    except ValueError:
        return ["(unreadable)"]


def _time(read: Callable[[], bytes | None]) -> datetime | None:
    """From `20261120081530Z`, as OpenSSL returns every time that it can read; None for others."""
    with suppress(ValueError, crypto.Error):
        return datetime.strptime((read() or b"").decode("ascii"), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    return None


def of(parsed: x509.Certificate) -> Certificate:
    """Our certificate for one of cryptography's."""
    return Certificate.from_der(parsed.public_bytes(serialization.Encoding.DER))
