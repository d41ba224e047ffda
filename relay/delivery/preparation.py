"""A capture as a replay sends it: with edits, fresh ids and a signature.

Pure. Everything that the request does not name is kept, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from msgspec.structs import replace as with_

from relay.control.messages import Edits, FreshIds, ReplayRequest
from relay.delivery.edits import edited, signatures, signed, with_signature
from relay.lean.fresh_ids import fresh_event
from relay.lean.signature_forms import signed_body
from relay.models import Capture

Choose = Callable[[str | None], str | None]
"""From the name of a secret, None for the preferred one, to the name of one that is there; or raises. None if
there are only those that signed the captures."""


def preparation(
    request: ReplayRequest, secrets: Mapping[str, bytes], choose: Choose
) -> Callable[[Capture], Capture]:
    """A function that changes a capture as the request says; it raises `ValueError` where it cannot.

    Values that are set by path are set last, so that they are sent as they were written. With fresh ids, a
    body that was signed is signed again by its own secret; where that is not there, the old signature stays.

    Args:
        secrets: all that there are, by name.
        choose: called at once, and only where a secret is needed.
    """
    first = with_(request.edits, set=(), header=())
    last = Edits(set=request.edits.set, header=request.edits.header)
    asked = request.resign if isinstance(request.resign, str) else None
    form = request.signature
    needs_secret = bool(request.resign) or (form is not None and form.needs_secret)
    chosen = choose(asked) if needs_secret else None
    fallback = None if chosen is None else secrets[chosen]

    def secret_of(capture: Capture) -> bytes | None:
        own = None if asked is not None or capture.signed_by is None else secrets.get(capture.signed_by)
        return own or fallback

    def prepare(capture: Capture) -> Capture:
        sent = edited(with_fresh_ids(edited(capture, first), request.fresh), last)
        secret = secret_of(capture)
        if secret is None and needs_secret:
            raise ValueError(f"capture {capture.id}: no webhook secret is configured that may sign it")
        if form is not None:
            body, value = signed_body(form, sent.body, secret)
            return with_signature(replace(sent, body=body), value)
        has_old = request.fresh is not None and signatures(sent) == signatures(capture) != []
        if secret is not None and (request.resign or has_old):
            return signed(sent, secret)
        return sent

    return prepare


def with_fresh_ids(capture: Capture, fresh: FreshIds | None) -> Capture:
    """The capture with the fresh ids of a request; unchanged for None."""
    if fresh is None:
        return capture
    body = fresh_event(capture.body, fresh.seed, fresh.shift_us, payload=fresh.payload)
    return replace(capture, body=body)
