"""Read and analyse one capture for the detail. For threads.

Facts that cost microseconds come with the capture. Those that take time for a large body (its shape, why
its signature is wrong, its differences from the first body of the event) come later, as `Analysis`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from relay.analysis.shape import judge
from relay.config import Settings, read_secrets
from relay.errors import RelayError
from relay.lean.diagnosis import Cause, Diagnosis, diagnose
from relay.lean.receivers import REFUSALS, AttemptVerification, verified_attempt
from relay.lean.records import why_unsigned
from relay.lean.signature import HEADER
from relay.models import Attempt, Capture, Signature
from relay.store.read import related
from relay.store.read.bundles import bundle_secrets, secrets_of
from relay.store.read.reader import Reader
from relay.text.decoding import encoding_of
from relay.text.safe import mask_attempt, mask_capture
from tui.presenters.blocks import Analysis, CaptureDetail

LIGHT = 16 * 1024
"""Largest body in bytes that is analysed at once: below 1 ms, and within 60 ms to explain a wrong
signature."""

MOST_ATTEMPTS = 50
"""Attempts shown, the newest; a capture may have been replayed thousands of times."""

MOST_VERIFIED = 20
"""Attempts whose signature is checked, the newest."""

MOST_DIFFERENCES = 20
"""Differences shown from the first body of the event."""


def detail(reader: Reader, settings: Settings, number: int) -> CaptureDetail | None:
    """Read a capture, secrets masked, analysed if that is quick; None if it does not exist."""
    capture = reader.capture(number)
    if capture is None:
        return None
    attempts = reader.attempts(number, MOST_ATTEMPTS)
    shown = CaptureDetail(
        capture=mask_capture(capture, settings.mask_headers),
        attempts=tuple(mask_attempt(attempt, settings.mask_headers) for attempt in attempts),
        secrets=tuple(source.name for source in settings.secrets),
        retries=related.tries(reader, number),
    )
    if len(capture.body) > LIGHT:
        return shown
    return replace(shown, analysis=_analysis(reader, settings, shown, capture, attempts))


def analysis(reader: Reader, settings: Settings, shown: CaptureDetail) -> Analysis | None:
    """Analyse a capture that `detail` has not analysed; None if it does not exist."""
    capture = reader.capture(shown.capture.id)
    if capture is None:
        return None
    return _analysis(reader, settings, shown, capture, reader.attempts(capture.id, MOST_VERIFIED))


def _analysis(
    reader: Reader, settings: Settings, shown: CaptureDetail, capture: Capture, attempts: list[Attempt]
) -> Analysis:
    try:
        secrets = secrets_of(capture, read_secrets(settings), bundle_secrets(reader))
        cannot_check = None
    except RelayError as error:
        secrets, cannot_check = {}, str(error)
    diagnosis = None
    if capture.signature is not Signature.VALID and cannot_check is None:
        # Another program may have stored other characters than latin-1.
        values = [
            value.encode("latin-1", "replace") for name, value in capture.headers if name.lower() == HEADER
        ]
        others = related.other_bodies(reader, capture.id)
        diagnosis = diagnose(values, capture.body, secrets, capture.headers, others)
        form = capture.source.form if capture.source is not None and not values else None
        if (unsigned := why_unsigned(form)) is not None:
            diagnosis = Diagnosis(Cause.UNCHECKED, unsigned, None)
    return Analysis(
        shape_result=judge(capture.body, encoding_of(capture.headers)),
        diagnosis=diagnosis,
        cannot_check=cannot_check,
        is_valid_now=capture.signature is not Signature.VALID and not cannot_check and diagnosis is None,
        verified=_verified(reader, secrets, capture, attempts) if secrets else {},
        other_bytes=()
        if shown.retries is None
        else related.other_bytes(reader, shown.retries, capture, MOST_DIFFERENCES),
    )


def _verified(
    reader: Reader, secrets: Mapping[str, bytes], capture: Capture, attempts: list[Attempt]
) -> Mapping[int, AttemptVerification]:
    found = {}
    has_taken = cache(reader.has_taken)  # A look through all attempts where none was taken.
    for attempt in attempts[-MOST_VERIFIED:]:
        takes_others = attempt.status in REFUSALS and has_taken(attempt.target)
        found[attempt.id] = verified_attempt(capture, attempt, secrets, takes_others=takes_others)
    return found
