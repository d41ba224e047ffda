"""Signatures at the backend: whether an attempt still verified, and why the backend may have rejected it.

Owns the common mistakes of receivers, and which of them would explain a rejection of exactly these bytes. It
can only suggest explanations: it does not see the backend's code. Pure; never shows a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from relay.lean.diagnosis import why_not_valid
from relay.lean.rewrites import as_javascript
from relay.lean.signature import HEADER, Verifier
from relay.models import Attempt, Capture, Headers, Signature

REFUSALS = frozenset({400, 401, 403})
"""Statuses with which receivers reject a signature."""


class Sent(StrEnum):
    """How the forwarded request differs from the captured one."""

    AS_RECEIVED = "as received"
    """Body and signature as captured."""
    EDITED = "edited"
    """Another body with the captured signature."""
    SIGNED_AGAIN = "signed again"
    """Another signature, with any body."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A common mistake of receivers that would explain a rejection."""

    word: str
    text: str
    """The mistake, and how to avoid it."""
    of_these_bytes: bool
    """Whether only some bodies, such as this one, fail; otherwise such a receiver rejects everything."""


@dataclass(frozen=True, slots=True)
class AttemptVerification:
    """One attempt as seen by a receiver with the current secrets."""

    attempt_id: int
    sent: Sent
    signature: Signature
    signed_by: str | None
    reason: str | None
    """Why it does not verify; None if it does."""
    status: int | None
    mistakes: tuple[Mistake, ...]
    """Possible explanations of a rejection, the most likely first; empty for any other response."""

    @property
    def summary(self) -> str:
        """`as received, valid by sandbox`; not yet safe to show."""
        by = f" by {self.signed_by}" if self.signed_by else ""
        verifies = f"{self.signature}{by}"
        if self.signature not in (Signature.VALID, Signature.UNCHECKED):
            verifies += f": it does not verify, {self.reason}"
        return f"{self.sent}, {verifies}"


def verified_attempt(
    capture: Capture, attempt: Attempt, secrets: Mapping[str, bytes], *, takes_others: bool
) -> AttemptVerification:
    """Verify the request that reached the backend, and explain a rejection.

    Args:
        takes_others: whether this target has responded with 200 to a validly signed capture before, which
            rules out mistakes that reject everything.
    """
    headers = attempt.sent_headers if attempt.sent_headers is not None else capture.headers
    body = attempt.sent_body if attempt.sent_body is not None else capture.body
    values, came = _values(headers), _values(capture.headers)
    state, signed_by = Verifier(secrets).check(values, body)
    sent = Sent.AS_RECEIVED
    if values != came:
        sent = Sent.SIGNED_AGAIN
    elif body != capture.body:
        sent = Sent.EDITED
    mistakes: tuple[Mistake, ...] = ()
    if attempt.status in REFUSALS and state is Signature.VALID:
        found = _mistakes(body, len(secrets))
        mistakes = tuple(each for each in found if each.of_these_bytes or not takes_others)
        # A backend that accepted other webhooks does not make the common mistakes; only these remain.
        mistakes = mistakes or tuple(_of_this_webhook(signed_by, len(secrets)))
    reason = why_not_valid(values, body, secrets, headers)
    if sent is Sent.EDITED and state is not Signature.VALID:
        reason = "because the body was changed and not signed again"
    return AttemptVerification(attempt.id, sent, state, signed_by, reason, attempt.status, mistakes)


def _values(headers: Headers) -> list[bytes]:
    return [value.encode("latin-1", "replace") for name, value in headers if name.lower() == HEADER]


def _of_this_webhook(signed_by: str | None, secrets: int) -> Iterator[Mistake]:
    """The explanations left if a target accepts other signed webhooks but rejects this one."""
    if secrets > 1:
        yield Mistake(
            "other-secret",
            f"it has another secret than {signed_by}: it accepted webhooks, maybe none signed with this one",
            True,
        )
    else:
        yield Mistake("changed", "its secret was changed after it accepted others", True)
    yield Mistake(
        "not-the-signature",
        "the rejection is not about the signature, since it accepted such webhooks before: check the "
        "permissions for this path, and whether it rejects old events or an event_id that it has seen",
        True,
    )


def _mistakes(body: bytes, secrets: int) -> Iterator[Mistake]:
    again = as_javascript(body)
    if again is not None and again != body:
        yield Mistake(
            "reserialised",
            "it parses and serialises the JSON before it checks, which changes the bytes of this body "
            "(a number such as 100.00, a blank, an escape); check the raw body",
            True,
        )
    if not body.isascii():
        yield Mistake(
            "decoded",
            "it decodes the body with an encoding other than UTF-8, and this body is not pure ASCII; check "
            "the raw bytes",
            True,
        )
    if body != body.strip():
        yield Mistake(
            "trimmed", "it trims blanks or the final line break off the body; check the raw bytes", True
        )
    which = "another of your secrets" if secrets > 1 else "another secret, maybe of another environment"
    yield Mistake("secret", f"it has {which}, or one with a blank or a line break around it", False)
    yield Mistake(
        "prefix",
        "it compares the whole header with the hex digits alone; Lean writes `sha512=` before them",
        False,
    )
    yield Mistake("algorithm", "it computes HMAC-SHA256 or SHA-1; Lean signs with HMAC-SHA512", False)
    yield Mistake(
        "notation", "it compares with base64 or with uppercase hex; Lean writes lowercase hex", False
    )
    yield Mistake(
        "layout",
        "it checks JSON that a library has reformatted, such as Python's json.dumps; check the raw body",
        False,
    )
    yield Mistake("header", "it looks for x-lean-signature; Lean's header is lean-signature", False)
