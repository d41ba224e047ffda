"""What a backend made of a signature: whether what reached it still verified, and why it may have refused it.

Owns the usual mistakes of receivers, and which of them would explain a refusal of these very bytes. It can
only tell what would explain it: the backend's code is not seen. Pure, and never shows a secret.
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
"""Statuses by which receivers say that they do not trust a signature."""


class Sent(StrEnum):
    """What reached the backend, beside what came in."""

    AS_RECEIVED = "as received"
    """Body and signature are those that came."""
    EDITED = "edited"
    """Another body, with the signature that came."""
    SIGNED_AGAIN = "signed again"
    """Another signature, whatever the body."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake of receivers that would explain a refusal."""

    word: str
    text: str
    """What such a receiver does, and what to do instead."""
    of_these_bytes: bool
    """It fails on these bytes and not on others; otherwise such a receiver refuses everything."""


@dataclass(frozen=True, slots=True)
class AttemptVerification:
    """One attempt, as a receiver with the secrets of now would see it."""

    attempt_id: int
    sent: Sent
    signature: Signature
    signed_by: str | None
    reason: str | None
    """Why it does not verify; None where it does."""
    status: int | None
    mistakes: tuple[Mistake, ...]
    """What would explain a refusal, likelier ones first; empty for any other answer."""

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
    """What reached the backend, checked, and what would explain its refusal.

    Args:
        takes_others: whether this target has answered 200 to a validly signed capture before, so that a
            mistake by which it would refuse everything is ruled out.
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
        # Its usual mistakes are ruled out where it has taken other webhooks: then only these are left.
        mistakes = mistakes or tuple(_of_this_webhook(signed_by, len(secrets)))
    reason = why_not_valid(values, body, secrets, headers)
    if sent is Sent.EDITED and state is not Signature.VALID:
        reason = "as the body was changed and not signed again"
    return AttemptVerification(attempt.id, sent, state, signed_by, reason, attempt.status, mistakes)


def _values(headers: Headers) -> list[bytes]:
    return [value.encode("latin-1", "replace") for name, value in headers if name.lower() == HEADER]


def _of_this_webhook(signed_by: str | None, secrets: int) -> Iterator[Mistake]:
    """What is left where a target that takes other signed webhooks refuses this one."""
    if secrets > 1:
        yield Mistake(
            "other-secret",
            f"it has another secret than {signed_by}: it has taken webhooks, perhaps none signed by this one",
            True,
        )
    else:
        yield Mistake("changed", "its secret was changed since it took others", True)
    yield Mistake(
        "not-the-signature",
        "the refusal is not about the signature, since it has taken such before: look at its rights for this "
        "path, at a check of the event's age, or of an event_id that it has seen",
        True,
    )


def _mistakes(body: bytes, secrets: int) -> Iterator[Mistake]:
    again = as_javascript(body)
    if again is not None and again != body:
        yield Mistake(
            "reserialised",
            "it takes JSON apart and writes it again before it checks, which makes other bytes of this body "
            "(a number such as 100.00, a blank, an escape); check the raw body",
            True,
        )
    if not body.isascii():
        yield Mistake(
            "decoded",
            "it reads the body as text in another encoding than UTF-8, and this one is not all ASCII; check "
            "the raw bytes",
            True,
        )
    if body != body.strip():
        yield Mistake(
            "trimmed", "it cuts blanks or the final line break off the body; check the raw bytes", True
        )
    which = "another of your secrets" if secrets > 1 else "another secret, of another environment perhaps"
    yield Mistake("secret", f"it has {which}, or one with a blank or a line break round it", False)
    yield Mistake(
        "prefix",
        "it compares the whole header with bare hex digits; Lean writes `sha512=` before them",
        False,
    )
    yield Mistake("algorithm", "it computes HMAC-SHA256 or SHA-1; Lean signs with HMAC-SHA512", False)
    yield Mistake(
        "notation", "it compares with base64 or with uppercase hex; Lean writes lowercase hex", False
    )
    yield Mistake(
        "layout",
        "it checks JSON that a library laid out anew, as Python's json.dumps; check the raw body",
        False,
    )
    yield Mistake("header", "it looks for x-lean-signature; Lean's header is lean-signature", False)
