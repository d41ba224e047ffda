"""One payment from its intent on, with another request in between: what tests of journeys start from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from relay.models import Capture, Event, Signature
from tests.support.factories import a_capture, a_delivery

INTENT = "7d8def9f-1dd0-4005-8c00-c01eae7033e1"
PAYMENT = "37b1f471-0a6c-4a66-996c-27e386443ed3"
CUSTOMER = "c0ffee00-0000-4000-8000-000000000001"


def an_event(number: int, type_: str, payload: dict[str, Any], **changes: Any) -> Capture:
    body = json.dumps(
        {
            "type": type_,
            "payload": payload,
            "message": "m",
            "timestamp": "2026-11-20T11:59:59.089123Z",
            "event_id": f"b0a1c2d3-e4f5-4061-8273-{number:012}",
        },
        ensure_ascii=False,
    ).encode()
    event = Event(type=type_, event_id=f"b0a1c2d3-e4f5-4061-8273-{number:012}")
    return a_capture(number, body=body, event=event, **changes)


def payment_and_intent() -> Iterator[Capture]:
    """A payment's way, with another customer's event in between."""
    yield an_event(1, "payment_intent.created", {"id": INTENT, "customer_id": CUSTOMER})
    yield an_event(2, "payment.created", {"id": PAYMENT, "intent_id": INTENT, "status": "PENDING_WITH_BANK"})
    yield a_capture(3, event=None, body=b"{}", target="/else")
    failed = (a_delivery(1, status=500, verdict="retry"),)
    yield an_event(
        4,
        "payment.updated",
        {"id": PAYMENT, "intent_id": INTENT, "status": "ACCEPTED_BY_BANK", "customer_id": CUSTOMER},
        deliveries=failed,
        signature=Signature.INVALID,
    )
