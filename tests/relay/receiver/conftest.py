"""What holds of each request holds whichever way it goes through its connection."""

from __future__ import annotations

import pytest

from relay.receiver.connection import Connection
from relay.receiver.connections import Connections


@pytest.fixture(params=["fast", "usual"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the short way of plain requests, and without it."""
    if request.param == "usual":
        monkeypatch.setattr(Connections, "connection", lambda listener, tls=None: Connection(listener, tls))
