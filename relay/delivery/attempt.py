"""One attempt to deliver a capture to a target, live or replayed: made in one place, recorded in one form.

Owns what prevents a capture from being sent, when an attempt stops holding up the next, and how it is
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
from relay.models.attempt_record import AttemptRecord

log = logging.getLogger("relay.forwarder")

HOLDS_UP_S = ANSWER_WITHIN_S
"""How long an attempt without a response holds up the next; after that its verdict is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptConfig:
    """How attempts at one target are made."""

    to: Destination
    instance: str
    """Names this engine in `X-Lean-Relay`."""
    timeout_s: float = TIMEOUT_S


async def attempt(
    sender: Sender,
    config: AttemptConfig,
    stored: Capture,
    edited: Capture | str,
    *,
    number: int,
    overdue: Callable[[], object] = lambda: None,
    probe_if_closed: bool = True,
) -> tuple[OutgoingRequest | None, SendResult]:
    """Send a capture once; every failure is a result, and nothing is raised.

    Args:
        stored: the capture as it was stored.
        edited: the capture as it is to be sent, or why it cannot be.
        number: 1 for the first attempt of its delivery.
        overdue: called when there is no response after HOLDS_UP_S in which this process ran.
        probe_if_closed: as in `Sender.send`.

    Returns:
        The request, None where nothing was sent, and its result.
    """
    loop = forwarding_loop(stored.headers, config.instance)
    if loop is not None:
        return None, not_sent(Outcome.LOOP, loop, number=number)
    request: OutgoingRequest | None = None
    try:
        if isinstance(edited, str):
            raise ValueError(edited)
        request = build_request(edited, config.to, instance=config.instance)
    except (
        ValueError
    ) as error:  # An edit, or another program that wrote to the database, can make it invalid.
        return None, not_sent(Outcome.UNSENDABLE, str(error), number=number)
    with sender.standstill.watch() as watch:
        late = watch.after(HOLDS_UP_S, overdue)
        try:
            return request, await sender.send(
                request,
                config.to,
                timeout_s=config.timeout_s,
                number=number,
                probe_if_closed=probe_if_closed,
            )
        except Exception as error:  # An unforeseen one costs this delivery, not all others.
            words = internal_error(error)
            log.error("capture %d: %s", stored.id, words)
            return request, not_sent(Outcome.FAULT, words, number=number)
        finally:
            late.cancel()


def internal_error(error: Exception) -> str:
    """An unforeseen error as text, without its own words: they may quote what was sent."""
    where = extract_tb(error.__traceback__)[-1]
    return f"internal error, please report it: {type(error).__name__} in {where.name}:{where.lineno}"


def attempt_record(number: int, request: OutgoingRequest | None, result: SendResult) -> AttemptRecord:
    """An attempt as it is recorded.

    Args:
        number: 1 for the first of its delivery.
        request: None where nothing was sent.
    """
    has_verdict = result.outcome not in NOT_SENT
    return AttemptRecord(
        number=number,
        started_at=to_micros(result.started_at),
        elapsed_us=round(result.elapsed_s * 1e6),
        outcome=result.outcome.value,  # Plain: this crosses to the writing process.
        status=result.status,
        verdict=result.verdict.word if has_verdict else None,
        verdict_reason=result.verdict.reason if has_verdict else None,
        error=result.error or result.note,
        sent_headers=None if request is None else request.headers,
        headers=result.headers,
        body=result.body,
        body_size=result.body_size,
        address=result.address,
    )
