"""Loops and certificates for tests that send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
import uvloop

from tests.support import backends
from tests.support.backends import Authority
from tests.support.certificates import Pki

T = TypeVar("T")


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Iterator[Callable[[Coroutine[Any, Any, T]], T]]:
    """Runs a coroutine on each of the two loops that the relay runs on; no task may be left behind."""
    with asyncio.Runner(loop_factory=request.param) as runner:

        async def whole(coroutine: Coroutine[Any, Any, T]) -> T:
            async with asyncio.timeout(20):
                result = await coroutine
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return result

        yield lambda coroutine: runner.run(whole(coroutine))


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return backends.authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """A server's certificate, an authority, and clients good and bad."""
    return Pki.make(tmp_path_factory.mktemp("pki"))
