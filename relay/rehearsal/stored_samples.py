"""Has samples stored as captures, so that they can be sent and looked at like any other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256

from relay.control.exchange import Requester
from relay.control.messages import ImportRequest
from relay.lean.envelope import read_event
from relay.lean.records import BARE
from relay.lean.samples import Sample
from relay.models.imports import ImportedCapture, source_start

HEADERS = json.dumps([["Content-Type", "application/json"]])


async def store_samples(send: Requester, samples: Sequence[Sample], path: str) -> list[int]:
    """Store samples, and return their ids, in the same order.

    Args:
        path: the request target that they are sent to, where the backend's URL has no path.

    Raises:
        RelayError: the engine could not store them.
    """
    captures = [_as_capture(each, path) for each in samples]
    return (await send(ImportRequest(captures=captures, origin="sample"))).ids


def _as_capture(sample: Sample, path: str) -> ImportedCapture:
    digest = sha256(b"rehearsal\0" + sample.body).hexdigest()
    event = read_event(sample.body)
    assert event is not None  # a sample is an event
    return ImportedCapture(
        digest=digest,
        source=f'{source_start(digest)},"name":"rehearsal","form":"{BARE}"}}',
        method="POST",
        target=path,
        http_version="1.1",
        headers=HEADERS,
        body=sample.body,
        body_sha256=sha256(sample.body).hexdigest(),
        event_type=event.type,
        event_id=event.event_id,
        event_at=event.event_at,
        customer_id=event.customer_id,
    )
