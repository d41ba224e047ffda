"""The tab *Deliveries*: each delivery and attempt, newest first, with the response and what was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from relay.models import Attempt, Capture, Delivery, Headers
from relay.text.captures import one_of_several, response
from relay.text.safe import latin1_shown, visible
from relay.text.units import format_bytes, format_ms, format_time
from tui.presenters.blocks import Block, CaptureDetail, Fact, Heading, Note
from tui.presenters.bodies import lines
from tui.presenters.format import VERDICTS, Piece

_WAITS = "waits: "
"""Begins the stored reason of a delivery that waits for its target."""


def deliveries(detail: CaptureDetail) -> Iterator[Block]:
    """Each delivery with its attempts, the newest on top."""
    capture = detail.capture
    if not capture.deliveries:
        yield from not_forwarded()
    tried = {attempt.delivery_id for attempt in detail.attempts}
    # The others have older attempts, which are not shown.
    shown = [each for each in capture.deliveries if each.id in tried or not each.attempts]
    for delivery in sorted(shown, key=lambda each: each.id, reverse=True):
        yield Heading(f"{visible(delivery.kind)} to {visible(delivery.target)}")
        if delivery.state != "ended" or not delivery.attempts:
            yield Note(*sentence(delivery, with_target=False))
        for attempt in reversed(detail.attempts):
            if attempt.delivery_id == delivery.id:
                yield from _attempt(attempt, delivery, capture)
    if len(shown) < len(capture.deliveries):
        left = len(capture.deliveries) - len(shown)
        yield Heading(
            f"{left:,} earlier deliveries are left out; `lean-relay show --attempts` has all.", "dim"
        )


def not_forwarded() -> Iterator[Block]:
    """Why there is no delivery."""
    yield Note("Not forwarded to any target.", "dim")
    yield Note("Start with --forward-to :3000/hook to forward captures to a backend.", "dim")


def sentence(delivery: Delivery, *, with_target: bool = True) -> Piece:
    """The state of a delivery, in a sentence."""
    kind = "" if delivery.kind == "live" else f" ({visible(delivery.kind)})"
    to = f"{visible(delivery.target)}{kind}"
    took = "" if delivery.elapsed_ms is None else f" in {format_ms(delivery.elapsed_ms)}"
    reason = f": {visible(delivery.reason.removeprefix(_WAITS))}" if delivery.reason else ""
    if delivery.state == "parked":
        parked = f"Parked for {to}" if with_target else "Parked"
        return f"‖ {parked}{reason}. It is not sent automatically.", "warn"
    if delivery.state == "ended" and not delivery.attempts:
        return f"– Not sent{f' to {to}' if with_target else ''}{reason}.", "dim"
    if not delivery.attempts or not with_target:
        doing, preposition = ("Sending", "to") if delivery.state == "sending" else ("Waiting", "for")
        return f"… {doing}{f' {preposition} {to}' if with_target else ''}{reason}.", "accent"
    came = (
        f"answered {delivery.status}{took}"
        if delivery.status is not None
        else f"did not respond ({visible(delivery.error or delivery.outcome or '?')})"
    )
    attempt = "" if delivery.attempts == 1 else f" on attempt {delivery.attempts}"
    if delivery.verdict == "delivered":
        return f"✓ {to} {came}{attempt}: Lean would count this as delivered.", "good"
    if delivery.verdict == "retry":
        return f"✗ {to} {came}{attempt}: Lean would retry.", "bad"
    return f"– {to} {came}{attempt}{reason}.", "dim"


def result(attempt: Attempt) -> Piece:
    """`✗ 500 in 3 ms`: the result of an attempt; a reason for no response may be long."""
    glyph, tone = VERDICTS.get(attempt.verdict or "", ("–", "dim"))
    came = visible(response(attempt.status, attempt.error or attempt.outcome))
    return f"{glyph} {came} in {format_ms(attempt.elapsed_ms)}", tone


def response_body(attempt: Attempt) -> Iterator[Block]:
    """The body of a response, or a note where there is none."""
    if attempt.status is None:
        return
    body = attempt.body or b""
    whole = len(body) if attempt.body_size is None else attempt.body_size
    if body:
        yield from lines(body, attempt.headers or ())
    elif not whole:
        yield Note("The response has no body.", "dim")
    if whole != len(body):
        yield Note(
            f"The response has {format_bytes(whole)}, of which {format_bytes(len(body))} were kept.", "dim"
        )


def _attempt(attempt: Attempt, delivery: Delivery, capture: Capture) -> Iterator[Block]:
    text, tone = result(attempt)
    several = f"Attempt {attempt.number}: " if delivery.attempts > 1 else ""
    yield Heading(f"{text[:2]}{several}{text[2:]}", tone)
    yield from response_body(attempt)
    if attempt.verdict or attempt.verdict_reason:
        reason = f": {visible(attempt.verdict_reason)}" if attempt.verdict_reason else ""
        yield Fact("verdict", f"{attempt.verdict or 'none'}{reason}")
    if attempt.outcome != "answered":
        yield Fact("outcome", visible(attempt.outcome))
    if attempt.error and attempt.status is not None:
        yield Fact("error", visible(attempt.error), "warn")
    yield Fact("started", format_time(attempt.started_at))
    if attempt.address is not None:
        yield Fact("address", one_of_several(attempt.address))
    yield from _sent(attempt, capture)
    if attempt.headers:
        yield Heading("Response headers")
        for name, value in attempt.headers:
            yield Fact(latin1_shown(name), latin1_shown(value))


def _sent(attempt: Attempt, capture: Capture) -> Iterator[Block]:
    """Differences from the capture; hop-by-hop headers and framing may always differ."""
    if attempt.sent_headers is not None:
        yield from _differing("sent", attempt.sent_headers, capture.headers)
        yield from _differing("not sent", capture.headers, attempt.sent_headers)
    if attempt.sent_method is not None or attempt.sent_target is not None:
        method, target = attempt.sent_method or capture.method, attempt.sent_target or capture.target
        yield Fact("sent", f"{visible(method)} {latin1_shown(target)}", "warn")
    if attempt.sent_body is not None:
        yield Heading(f"Another body was sent: {format_bytes(len(attempt.sent_body))}", "warn")
        yield from lines(attempt.sent_body, attempt.sent_headers or capture.headers)


def _differing(name: str, headers: Headers, others: Headers) -> Iterator[Block]:
    for (header, value), times in (Counter(headers) - Counter(others)).items():
        for _ in range(times):
            yield Fact(name, f"{latin1_shown(header)}: {latin1_shown(value)}", "dim")
