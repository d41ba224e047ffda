"""A request as a form: secrets stay masked in it, and come back when it is read."""

from __future__ import annotations

from pathlib import Path

from relay.config import Settings
from tests.support.factories import a_capture
from tui.gateway.edit_form import form


def test_equal_masks_hide_their_own_values() -> None:
    """Two cookies of one length look alike in the form; each keeps its value, in order."""
    headers = (("Cookie", "a=one"), ("Cookie", "a=two"), ("X-A", "b"))
    made = form(a_capture(1, headers=headers), Settings(db=Path("relay.db")))
    assert b"a=one" not in made.text
    edits = made.read(made.text.replace(b"X-A: b", b"X-A: c"))
    assert edits.headers == (*headers[:2], ("X-A", "c"))
