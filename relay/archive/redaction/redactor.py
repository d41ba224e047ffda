"""A capture without what is personal: its event, signed again, and nothing of who sent it or what answered.

Leaves out the client's address, its certificate, the query, every header but the content type, and what was
noted or responded. Pure, but for the seed and the secret, which are random.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from secrets import token_bytes, token_urlsafe

from relay.archive.ndjson import Redacted
from relay.archive.redaction.body import redacted_body
from relay.archive.redaction.policy import Policy, constants
from relay.archive.redaction.stand_ins import StandIns
from relay.lean.catalogue import undocumented
from relay.lean.envelope import read_event
from relay.lean.signature import HEADER, sign
from relay.models import Answer, Capture, Event, Signature, from_micros
from relay.text.decoding import decoded, encoding_of
from relay.text.export import origin_form

LEFT_OUT = "left out of the export"

_METHODS = frozenset({"POST", "GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"})
_MEDIA = frozenset(
    {"application/json", "application/x-www-form-urlencoded", "text/plain", "text/json", "application/xml"}
)
_UTF8 = re.compile(r';\s*charset="?utf-8"?\s*', re.IGNORECASE)
_PLAIN_PART = re.compile(r"[A-Za-z_-]{1,32}|v[0-9]{1,2}|")


class Redactor:
    """Redacts the captures of one export: equal values get equal stand-ins."""

    def __init__(
        self, *, amounts: bool = False, leave: Sequence[str] = (), seed: bytes | None = None
    ) -> None:
        """
        Args:
            amounts: whether amounts are replaced too.
            leave: paths of bodies that stay.
            seed: random unless a test says otherwise; kept nowhere.

        Raises:
            ValueError: one of `leave` is not a path.
        """
        self._policy = Policy(amounts=amounts, leave=leave)
        self._stand_ins = StandIns(token_bytes(32) if seed is None else seed, constants())
        self.line = Redacted(amounts=amounts, left=tuple(leave))
        self.secret = f"throwaway-{token_urlsafe(24)}"
        """Signs the redacted bodies, and nothing else."""

    @property
    def unused(self) -> list[str]:
        """Those of `leave` that no body had until now."""
        return sorted(self._policy.unused)

    def __call__(self, capture: Capture) -> Capture:
        """The capture, redacted."""
        body = redacted_body(self._plain(capture), self._policy, self._stand_ins)
        headers = [("Content-Type", media) for media in _media_types(capture)[:1]]
        headers.append((HEADER, sign(body, self.secret.encode())))
        event = read_event(body)
        type_ = event.type if event is not None else None
        return replace(
            capture,
            method=capture.method if capture.method in _METHODS else "POST",
            target=self._target(capture.target),
            http_version="1.0" if capture.http_version == "1.0" else "1.1",
            headers=tuple(headers),
            body=body,
            body_sha256=sha256(body).hexdigest(),
            client="",
            tls=None,
            answer=Answer(
                status=capture.answer.status, on_purpose=LEFT_OUT if capture.answer.on_purpose else None
            ),
            source=None,
            position=None,
            event=None
            if event is None
            else Event(
                type=type_,
                event_id=event.event_id,
                at=None if event.event_at is None else from_micros(event.event_at),
                customer_id=event.customer_id,
            ),
            signature=Signature.VALID,
            signed_by=None,
            app_token=None,
            sender=None,
            undocumented=undocumented(type_),
            starred=False,
            note=None,
            deliveries=(),
        )

    def _plain(self, capture: Capture) -> bytes:
        """The body as it was before it was compressed: the header that says so is left out."""
        found = decoded(capture.body, encoding_of(capture.headers))
        return self._stand_ins.data(found.data) if found.opaque else found.data

    def _target(self, target: str) -> str:
        """The path, without a query; a part that may be an id or a token is replaced."""
        try:
            path = origin_form(target).partition("?")[0].partition("#")[0]
        except ValueError:
            return "/"
        return "/".join(
            part if _PLAIN_PART.fullmatch(part) else self._stand_ins.text(part) for part in path.split("/")
        )


def _media_types(capture: Capture) -> list[str]:
    """The content type of a capture, where it is one of those that say nothing else."""
    found = []
    for name, value in capture.headers:
        if name.lower() == "content-type":
            media, _, rest = value.strip().partition(";")
            known = media.strip().lower() in _MEDIA
            is_utf8 = bool(rest) and _UTF8.fullmatch(f";{rest}") is not None
            found.append(
                (media.strip() if known else "application/octet-stream")
                + ("; charset=utf-8" if is_utf8 else "")
            )
    return found
