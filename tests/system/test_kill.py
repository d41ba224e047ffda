"""Promise 1 against `kill -9`: a few rounds here, thirty in `make torture`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.https import https
from tests.torture.kills import EARLY_ACK, kill_rounds


def test_killed_under_load(tmp_path: Path) -> None:
    """Every 200 that a client saw is in the database after SIGKILL and restart, with the same bytes."""
    tally = kill_rounds(tmp_path, 3)
    assert tally.acked > 100, tally
    assert (tally.lost, tally.unsound) == (0, 0), tally


@pytest.mark.parametrize("client_auth", ["off", "required"])
def test_killed_under_load_over_tls(tmp_path: Path, client_auth: str) -> None:
    """The same over TLS, by Python's ssl and by pyOpenSSL."""
    tally = kill_rounds(tmp_path, 2, https=https(tmp_path / "pki", client_auth))
    assert tally.acked > 50, tally
    assert (tally.lost, tally.unsound) == (0, 0), tally


def test_early_ack_is_caught(tmp_path: Path) -> None:
    """The same test fails a program that answers before its commit."""
    tally = kill_rounds(tmp_path, 3, launcher=EARLY_ACK)
    assert tally.lost > 0, tally
