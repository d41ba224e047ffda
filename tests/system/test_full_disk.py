"""Promise 4 against a full disk: one cycle here, five in `make torture`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.full_disk import WAYS, check_cycles


@pytest.mark.parametrize("how", WAYS)
def test_disk_full_and_freed(tmp_path: Path, how: str) -> None:
    """A full disk gets 503 with Retry-After and no false 200; room is used again without a restart."""
    check_cycles(tmp_path, 1, how=how)
