"""The public URL setting."""

from __future__ import annotations

from pathlib import Path

from relay.checks import public_url
from tests.support.loaded_settings import settings


def test_a_public_url_without_tls_is_warned_of(home: Path) -> None:
    """http would carry bank data in the open; https is ok."""
    assert [f.level for f in public_url.configured(settings(public_url="http://x.example"))] == ["warning"]
    assert [f.level for f in public_url.configured(settings(public_url="https://x.example"))] == ["ok"]
