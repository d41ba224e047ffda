"""A capture as a replay sends it: edits, fresh ids and signatures together."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from relay.control.messages import Edits, FreshIds, ReplayRequest
from relay.delivery.edits import is_signature_stale, signatures
from relay.delivery.preparation import preparation
from relay.errors import UsageError
from relay.lean.fresh_ids import fresh_event, fresh_id
from relay.lean.signature import sign
from relay.lean.signature_forms import SignatureForm
from relay.models import Capture
from tests.support.factories import BODY, EVENT_ID, a_capture

SECRETS = {"default": b"a secret", "other": b"another"}
FRESH = FreshIds(seed="s", shift_us=1_000_000)
SIGNED = a_capture(headers=(("lean-signature", sign(BODY, b"another")), ("Z", "z")), signed_by="other")


def prepared(capture: Capture, secrets: Mapping[str, bytes] = SECRETS, **how: object) -> Capture:
    def choose(asked: str | None) -> str:
        name = asked or "default"
        if name not in secrets:
            raise UsageError("no such secret")
        return name

    request = ReplayRequest(ranges=((1, 1),), **how)  # type: ignore[arg-type]
    return preparation(request, secrets, choose)(capture)


def test_fresh_ids_are_signed_by_their_own_secret() -> None:
    """The new body verifies with the secret that signed the old one, or with the one that is named."""
    made = prepared(SIGNED, fresh=FRESH)
    assert made.body == fresh_event(BODY, "s", 1_000_000) != BODY
    assert made.headers == (("lean-signature", sign(made.body, b"another")), ("Z", "z"))
    assert signatures(prepared(SIGNED, fresh=FRESH, resign="default")) == [sign(made.body, b"a secret")]
    assert not is_signature_stale(SIGNED, made)


def test_without_that_secret_the_signature_is_stale() -> None:
    """The old one stays, and no other secret is taken unasked; what was unsigned stays so."""
    for secrets in ({}, {"default": b"a secret"}):
        made = prepared(SIGNED, secrets, fresh=FRESH)
        assert made.headers == SIGNED.headers
        assert is_signature_stale(SIGNED, made)
    bare = prepared(a_capture(signed_by="other"), fresh=FRESH)
    assert signatures(bare) == []
    assert signatures(prepared(a_capture(), fresh=FRESH, resign=True)) == [sign(bare.body, b"a secret")]


def test_what_is_set_by_hand_wins() -> None:
    """A value set by path and a signature set by header are sent as written; a body of one's own gets ids."""
    edits = Edits(set=(("event_id", '"mine"'),), header=(("Lean-Signature", "sha512=x"),))
    made = prepared(SIGNED, fresh=FRESH, edits=edits)
    assert json.loads(made.body)["event_id"] == "mine"
    assert signatures(made) == ["sha512=x"]
    made = prepared(SIGNED, fresh=FRESH, edits=Edits(body=b'{"event_id":"%s"}' % EVENT_ID.encode()))
    assert json.loads(made.body) == {"event_id": fresh_id(EVENT_ID, "s")}


@pytest.mark.parametrize("form", SignatureForm)
def test_a_form_signs_each_request(form: SignatureForm) -> None:
    """Also with fresh ids, in the place of the old signature, and with the capture's own secret."""
    made = prepared(SIGNED, fresh=FRESH, signature=form)
    fresh = fresh_event(BODY, "s", 1_000_000)
    changed = (SignatureForm.CHANGED_BYTE, SignatureForm.ADDED_SPACE)
    assert (made.body == fresh) == (form not in changed)
    right = sign(fresh, b"another")
    assert (signatures(made) == [right]) == (form in (SignatureForm.GOOD, *changed))
    assert len(signatures(made)) == (form is not SignatureForm.NONE)


def test_a_secret_is_asked_for_where_one_is_needed() -> None:
    """At once, before any capture; a request without a signature needs none."""
    with pytest.raises(UsageError):
        prepared(SIGNED, {}, signature=SignatureForm.GOOD)
    with pytest.raises(UsageError):
        prepared(SIGNED, {}, resign=True)
    assert signatures(prepared(SIGNED, {}, signature=SignatureForm.NONE)) == []
    assert signatures(prepared(a_capture(), {}, signature=SignatureForm.WRONG_SECRET)) != []
