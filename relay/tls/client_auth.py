"""Client certificates, judged while the handshake runs.

Owns what counts as authenticated. OpenSSL calls back once for each certificate and for each fault; what it
found is kept, since pyOpenSSL resets OpenSSL's own result wherever the callback lets a fault pass. A
certificate is read only afterwards: what is raised within such a callback ends the handshake without a word.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from OpenSSL import crypto

from relay.config.values import Pin
from relay.tls import describe, verdicts
from relay.tls.certificate import Certificate


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that OpenSSL does not like."""

    code: int
    depth: int
    certificate: crypto.X509
    """The one at this depth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of the question who the caller is."""

    authenticated: bool
    verdict: str
    """A stable word."""
    words: str
    """As OpenSSL puts it."""
    why: str | None = None
    """What is behind it and what to do; None where all is well."""
    code: int = 0
    certificate: dict[str, Any] | None = None
    """Facts of the caller's certificate; None where it showed none."""

    def sentence(self) -> str:
        """For a refusal: the certificate's subject and issuer, and everything that is known."""
        text = self.words
        if self.certificate is not None:
            text += f": {self.certificate['subject']}, issued by {self.certificate['issuer']}"
        return text if self.why is None else f"{text}; {self.why}"


NOT_ASKED = Verdict(
    authenticated=False, verdict=verdicts.NOT_ASKED, words="no client certificate was asked for"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAuth:
    """What is asked of callers."""

    required: bool
    trusts: str
    """The file of the authorities, for messages."""
    authorities: tuple[Certificate, ...]
    left_out: tuple[str, ...] = ()
    """Certificates of the file that cannot be used, and why."""
    pins: tuple[Pin, ...] = ()
    """One of them has to fit; none means that any certificate of the authorities will do."""

    def judge(self, found: Found) -> Verdict:
        """The verdict on what a handshake showed."""
        if found.leaf is None:
            return Verdict(
                authenticated=False,
                verdict=verdicts.NO_CERTIFICATE,
                words="no certificate was sent",
                why="the caller was asked for one and showed none: it has none, or none of the authorities "
                f"in {self.trusts}, whose names it was given",
            )
        leaf = describe.facts(found.leaf)
        if found.faults:
            first = found.faults[0]
            means = verdicts.meaning(first.code)
            at = leaf if first.depth == 0 else describe.facts(Certificate(first.certificate))
            verdict, why = means.verdict, None
            if verdict == verdicts.UNKNOWN_ISSUER and first.depth > 0:
                verdict = verdicts.UNKNOWN_AUTHORITY
            elif verdict == verdicts.UNKNOWN_ISSUER and any(
                found.leaf.issuer == authority.subject for authority in self.authorities
            ):
                verdict = verdicts.UNKNOWN_AUTHORITY
                why = f"a namesake of {leaf['issuer']} in {self.trusts} signed it, with another key"
            return Verdict(
                authenticated=False,
                verdict=verdict,
                words=means.words,
                why=why or verdicts.hint(verdict, first.depth, leaf, at, self.trusts),
                code=first.code,
                certificate=leaf,
            )
        if not self.fits(found.leaf):
            return Verdict(
                authenticated=False,
                verdict=verdicts.WRONG_PIN,
                words="the certificate is good, but fits no pin",
                why=f"pinned is {' or '.join(map(str, self.pins))}; its key would be "
                f"spki:{describe.spki_sha256(found.leaf)}",
                certificate=leaf,
            )
        return Verdict(authenticated=True, verdict=verdicts.TRUSTED, words="ok", certificate=leaf)

    def fits(self, certificate: Certificate) -> bool:
        """Whether a certificate is one of those that are pinned."""
        return not self.pins or any(_fits(pin, certificate) for pin in self.pins)

    def goes_on(self, found: Found, depth: int) -> bool:
        """Whether the handshake may go on after what was found at this depth.

        Where it must not, it ends at the caller's own certificate: only there its name is known, as OpenSSL
        goes from the authority to the caller.
        """
        if not self.required or depth > 0:
            return True
        return not found.faults and (found.leaf is None or self.fits(found.leaf))


@dataclass(slots=True)
class Found:
    """What one handshake showed so far."""

    shown: crypto.X509 | None = None
    """The caller's own certificate."""
    faults: list[Fault] = field(default_factory=list)
    _read: Certificate | None = None

    def add(self, certificate: crypto.X509, code: int, depth: int, *, ok: bool) -> None:
        """One call of OpenSSL's."""
        if depth == 0:
            self.shown = certificate
        if not ok:
            self.faults.append(Fault(code, depth, certificate))

    @property
    def leaf(self) -> Certificate | None:
        """The caller's own certificate, as far as it can be read; None where it showed none."""
        if self._read is None and self.shown is not None:
            self._read = Certificate(self.shown)
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
    """`webhooks.example.com` is meant in any case and of any kind, `URI:spiffe://...` of this one."""
    kind, _, value = name.partition(":")
    return pinned.lower() in (name.lower(), value.lower()) if kind != "URI" else pinned in (name, value)
