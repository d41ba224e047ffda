"""One attempt at handing a capture to a target, live or replayed: made in one place, told in one shape.

Owns what keeps a capture from being sent, when an attempt holds up the next no longer, and how it is
recorded. Knows neither order nor retries, and writes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from traceback import extract_tb

from relay.delivery.http.outcomes import NOT_SENT, Outcome
from relay.delivery.http.request import Destination, OutgoingRequest, build_request, forwarding_loop
from relay.delivery.http.sender import TIMEOUT_S, Sender, SendResult, not_sent
from relay.lean.schedule import ANSWER_WITHIN_S
from relay.models import Capture, to_micros
from relay.store.write.deliveries import AttemptRecord

log = logging.getLogger("relay.forwarder")

HOLDS_UP_S = ANSWER_WITHIN_S
"""An attempt without a response holds up the next for so long; then its verdict is clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How attempts are made at one target."""

    to: Destination
    instance: str
    """Names this engine in `X-Lean-Relay`."""
    timeout_s: float = TIMEOUT_S


async def attempt(
    sender: Sender,
    way: Way,
    came: Capture,
    sent: Capture | str,
    *,
    number: int,
    overdue: Callable[[], object] = lambda: None,
    probe_if_closed: bool = True,
) -> tuple[OutgoingRequest | None, SendResult]:
    """Send a capture once; whatever happens is the attempt's end, and raises nothing.

    Args:
        came: the capture, as it was stored.
        sent: the capture as it is to be sent, or why it cannot be.
        number: 1 for the first attempt of its delivery.
        overdue: called once it has no response after HOLDS_UP_S in which this process ran.
        probe_if_closed: as `Sender.send` has it.

    Returns:
        The request, None where nothing was sent, and what came of it.
    """
    in_circles = forwarding_loop(came.headers, way.instance)
    if in_circles is not None:
        return None, not_sent(Outcome.LOOP, in_circles, number=number)
    request: OutgoingRequest | None = None
    try:
        if isinstance(sent, str):
            raise ValueError(sent)
        request = build_request(sent, way.to, instance=way.instance)
    except ValueError as error:  # After an edit, or what another program put into the log, it may be none.
        return None, not_sent(Outcome.UNSENDABLE, str(error), number=number)
    with sender.standstill.watch() as watch:
        late = watch.after(HOLDS_UP_S, overdue)
        try:
            return request, await sender.send(
                request, way.to, timeout_s=way.timeout_s, number=number, probe_if_closed=probe_if_closed
            )
        except Exception as error:  # One that nobody foresaw costs this delivery, not all others.
            where = extract_tb(error.__traceback__)[-1]
            # Without the exception's own words: they may quote what was sent.
            words = f"internal error, please report it: {type(error).__name__} in {where.name}:{where.lineno}"
            log.error("capture %d: %s", came.id, words)
            return request, not_sent(Outcome.FAULT, words, number=number)
        finally:
            late.cancel()


def ended(number: int, request: OutgoingRequest | None, tried: SendResult) -> AttemptRecord:
    """An attempt as it is recorded.

    Args:
        number: 1 for the first of its delivery.
        request: None where nothing was sent.
    """
    judged = tried.outcome not in NOT_SENT
    return AttemptRecord(
        number=number,
        started_at=to_micros(tried.started_at),
        elapsed_us=round(tried.elapsed_s * 1e6),
        outcome=tried.outcome,
        status=tried.status,
        verdict=tried.verdict.word if judged else None,
        verdict_reason=tried.verdict.reason if judged else None,
        error=tried.error or tried.note,
        sent_headers=None if request is None else request.headers,
        headers=tried.headers,
        body=tried.body,
        body_size=tried.body_size,
        address=tried.address,
    )
