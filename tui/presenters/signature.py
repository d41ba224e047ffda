"""The tab *Signature*: the result, the reason, advice, and the signature at the backends."""

from __future__ import annotations

from collections.abc import Iterator

from relay.lean.diagnosis import Diagnosis
from relay.lean.receivers import AttemptVerification
from relay.lean.signature import HEADER
from relay.models import Attempt, Signature
from relay.text.safe import latin1_shown, visible
from tui.presenters.blocks import Analysis, Block, CaptureDetail, Fact, Heading, Note
from tui.presenters.format import SIGNATURES, Tone

_MEANS = {
    Signature.VALID: "The body is, byte for byte, the one that was signed with this secret.",
    Signature.INVALID: "No configured secret made this signature over this body.",
    Signature.MALFORMED: "The signature does not have the form that Lean documents.",
    Signature.MISSING: "The request has no signature.",
    Signature.UNCHECKED: "Not checked: no webhook secret was configured when it was received.",
}


def signature(detail: CaptureDetail) -> Iterator[Block]:
    """The result, its reason, the header itself, and the attempts."""
    capture = detail.capture
    glyph, tone = SIGNATURES[capture.signature]
    by = f" by {visible(capture.signed_by)}" if capture.signed_by else ""
    yield Note(f"{glyph} {capture.signature}{by}", tone)
    if detail.analysis is None or detail.analysis.diagnosis is None:  # Otherwise the reason says it.
        yield Note(_MEANS[capture.signature])
    if detail.analysis is None:
        yield Note("Looking for the reason …", "dim")
    elif capture.signature is not Signature.VALID:
        yield from _diagnosed(detail.analysis, capture.id)
    yield Heading("Header")
    values = [value for name, value in capture.headers if name.lower() == HEADER]
    for value in values:
        yield Fact(HEADER, latin1_shown(value))
    if not values:
        yield Note(f"There is no {HEADER} header.", "dim")
    if detail.analysis is not None and detail.analysis.verified:
        yield from _at_backends(detail, detail.analysis)
    yield Heading("How Lean signs")
    yield Note(
        "lean-signature: sha512= and 128 lowercase hex digits, the HMAC-SHA512 of the raw body, keyed with "
        "the text of the webhook secret."
    )
    known = ", ".join(map(visible, detail.secrets)) or "none; LEAN_WEBHOOK_SECRET sets one"
    yield Fact("secrets", known)


def _diagnosed(analysis: Analysis, number: int) -> Iterator[Block]:
    if analysis.cannot_check is not None:
        yield Note(f"Could not read the secrets: {visible(analysis.cannot_check)}", "bad")
    elif analysis.is_valid_now:
        yield Note(
            f"✓ Valid with the current secrets; `lean-relay verify {number} --save` stores that.",
            "good",
        )
    elif analysis.diagnosis is not None:
        yield from sentences(analysis.diagnosis)


def sentences(diagnosis: Diagnosis) -> Iterator[Block]:
    """Why it is not valid with the current secrets, and advice."""
    yield Note(f"Why: {visible(diagnosis.reason)}.", "bad")
    if diagnosis.advice is not None:
        yield Note(f"What to do: {visible(diagnosis.advice)}.", "accent")


def _at_backends(detail: CaptureDetail, analysis: Analysis) -> Iterator[Block]:
    yield Heading("At the backends")
    target = None
    for attempt in detail.attempts:
        found = analysis.verified.get(attempt.id)
        if found is not None:
            if attempt.target != target:
                target = attempt.target
                yield Note(f"to {visible(target)}")
            yield from _reached(attempt, found)


def _reached(attempt: Attempt, found: AttemptVerification) -> Iterator[Block]:
    came = str(attempt.status) if attempt.status is not None else visible(attempt.outcome)
    fine = found.signature is Signature.VALID
    tone: Tone = "good" if fine else "dim" if found.signature is Signature.UNCHECKED else "bad"
    glyph = SIGNATURES[found.signature][0]
    yield Fact(f"attempt {attempt.number}, {came}", f"{glyph} {visible(found.summary)}", tone)
    if found.mistakes:
        yield Fact("", f"The {found.status} would be explained if", "warn")
        for mistake in found.mistakes:
            yield Fact("", f"· {visible(mistake.text)}")
