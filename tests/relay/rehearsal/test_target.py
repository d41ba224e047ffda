"""Whether a backend is there, before a rehearsal begins."""

from __future__ import annotations

import pytest

from relay.errors import Unreachable
from relay.rehearsal.target import check_reachable
from tests.support.backends import backend, replies


async def test_a_target_that_listens() -> None:
    """One connection, and nothing is sent."""
    with backend(replies()) as there:
        await check_reachable(there.url)
        assert there.requests == []


@pytest.mark.parametrize("target", ["http://127.0.0.1:1", "http://a..b:80"])
async def test_a_target_that_is_not_there(target: str) -> None:
    """Nothing listens, or its name cannot be one."""
    with pytest.raises(Unreachable, match="start your backend first"):
        await check_reachable(target)
