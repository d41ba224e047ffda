"""Verifies client certificates while the handshake runs, and decides who counts as authenticated.

OpenSSL calls back once for each certificate and each error. Its findings are kept here, because pyOpenSSL
resets OpenSSL's own result when the callback accepts an error. Certificates are parsed only afterwards: an
exception inside the callback would end the handshake without a message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from OpenSSL import crypto

from relay.config.values import Pin
from relay.tls import describe, verdicts
from relay.tls.certificate import Certificate

LARGEST_BYTES = 8 * 1024
"""Of a certificate that no authority vouches for: one of 90 KB holds up the loop for half a second."""


@dataclass(frozen=True, slots=True)
class VerificationError:
    """One verification error of OpenSSL's."""

    code: int
    depth: int
    certificate: crypto.X509
    """The certificate at this depth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Result of verifying a caller's certificate."""

    authenticated: bool
    verdict: str
    """A stable word."""
    words: str
    """OpenSSL's wording."""
    why: str | None = None
    """Cause and advice; None if all is well."""
    certificate: dict[str, Any] | None = None
    """Facts of the caller's certificate; None if it sent none."""

    def sentence(self) -> str:
        """Text for a refusal: OpenSSL's words, subject and issuer, cause and advice."""
        text = self.words
        if self.certificate is not None:
            text += f": {self.certificate['subject']}, issued by {self.certificate['issuer']}"
        return text if self.why is None else f"{text}; {self.why}"


NOT_ASKED = Verdict(
    authenticated=False, verdict=verdicts.NOT_ASKED, words="no client certificate was asked for"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAuth:
    """Which client certificates the server accepts."""

    required: bool
    trusts: str
    """Name of the file of authorities, for messages."""
    authorities: tuple[Certificate, ...]
    left_out: tuple[str, ...] = ()
    """A message for each certificate of the file that cannot be used."""
    pins: tuple[Pin, ...] = ()
    """One of them has to match; without pins any certificate of the authorities is accepted."""

    def judge(self, found: HandshakeFindings) -> Verdict:
        """Verdict on the findings of a handshake."""
        if found.leaf is None:
            return Verdict(
                authenticated=False,
                verdict=verdicts.NO_CERTIFICATE,
                words="no certificate was sent",
                why="the caller was asked for one and sent none: it has none, or none from the authorities "
                f"in {self.trusts}, whose names it was sent",
            )
        leaf = describe.facts(found.leaf)
        if found.errors:
            first = found.errors[0]
            means = verdicts.meaning(first.code)
            at = leaf if first.depth == 0 else describe.facts(Certificate(first.certificate, LARGEST_BYTES))
            verdict, why = means.verdict, None
            if verdict == verdicts.UNKNOWN_ISSUER and first.depth > 0:
                verdict = verdicts.UNKNOWN_AUTHORITY
            elif verdict == verdicts.UNKNOWN_ISSUER and any(
                found.leaf.issuer == authority.subject for authority in self.authorities
            ):
                verdict = verdicts.UNKNOWN_AUTHORITY
                why = (
                    f"{self.trusts} has an authority named {leaf['issuer']}, but with another key than the "
                    "one that signed it"
                )
            return Verdict(
                authenticated=False,
                verdict=verdict,
                words=means.words,
                why=why or verdicts.hint(verdict, first.depth, leaf, at, self.trusts),
                certificate=leaf,
            )
        if not self.fits(found.leaf):
            return Verdict(
                authenticated=False,
                verdict=verdicts.WRONG_PIN,
                words="the certificate is good, but matches no pin",
                why=f"the pins are {' and '.join(map(str, self.pins))}; a pin for its key would be "
                f"spki:{describe.spki_sha256(found.leaf)}",
                certificate=leaf,
            )
        return Verdict(authenticated=True, verdict=verdicts.TRUSTED, words="ok", certificate=leaf)

    def fits(self, certificate: Certificate) -> bool:
        """Whether a certificate matches a pin, or there are none."""
        return not self.pins or any(_fits(pin, certificate) for pin in self.pins)

    def may_continue(self, found: HandshakeFindings, depth: int) -> bool:
        """Whether the handshake may continue after the findings at this depth.

        A failed one ends only at the caller's own certificate: OpenSSL goes from the authority to the
        caller, so only there the caller's name is known.
        """
        if not self.required or depth > 0:
            return True
        return not found.errors and (found.leaf is None or self.fits(found.leaf))


@dataclass(slots=True)
class HandshakeFindings:
    """Findings of one handshake so far."""

    shown: crypto.X509 | None = None
    """The caller's own certificate."""
    errors: list[VerificationError] = field(default_factory=list)
    _read: Certificate | None = None

    def add(self, certificate: crypto.X509, code: int, depth: int, *, ok: bool) -> None:
        """Record one call of OpenSSL's."""
        if depth == 0:
            self.shown = certificate
        if not ok:
            self.errors.append(VerificationError(code, depth, certificate))

    @property
    def leaf(self) -> Certificate | None:
        """The caller's own certificate; None if it sent none."""
        if self._read is None and self.shown is not None:
            self._read = Certificate(self.shown, LARGEST_BYTES if self.errors else None)
        return self._read


def _fits(pin: Pin, certificate: Certificate) -> bool:
    match pin.kind:
        case "spki":
            return describe.spki_sha256(certificate) == pin.value
        case "san":
            names = describe.alternative_names(certificate)
            return any(_same_name(pin.value, name) for name in names)
        case _:
            return pin.value == certificate.subject or pin.value in certificate.subject_parts


def _same_name(pinned: str, name: str) -> bool:
    """A pin without a kind, such as `webhooks.example.com`, matches names of any kind but URI.

    Only URIs are compared case-sensitively.
    """
    kind, _, value = name.partition(":")
    return pinned.lower() in (name.lower(), value.lower()) if kind != "URI" else pinned in (name, value)
