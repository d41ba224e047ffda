"""Promise 1 for a team: what any node answered 200 is in PostgreSQL once, whatever is killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.postgres import Postgres, needs_postgres, running_postgres
from tests.support.waiting import wait_until
from tests.torture.posting import Posters, posting
from tests.torture.team import Tally, a_node, compare, stored

pytestmark = needs_postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL that a test may kill."""
    with running_postgres() as found:
        yield found


def check(server: Postgres, name: str, all_acked: dict[str, str]) -> None:
    """Each is in the log, once, with its bytes."""
    tally = compare(Tally(), all_acked, stored(server, name))
    assert (tally.lost, tally.twice) == (0, 0), tally


def acked(posters: list[Posters]) -> int:
    return sum(len(each.acked) for each in posters)


def test_postgres_killed_under_load(tmp_path: Path, server: Postgres) -> None:
    """Two nodes and the server killed twice: each 200 is in the log, once; nodes continue."""
    name = server.new_log()
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(a_node(tmp_path / each, server.url(f"{name}_node"), name)) for each in "ab"
        ]
        with ExitStack() as posts:
            posters = [posts.enter_context(posting(node.port, seed=at)) for at, node in enumerate(nodes)]
            for _ in range(2):
                before = acked(posters)
                wait_until(lambda: acked(posters) > before + 300, "webhooks on both nodes")  # noqa: B023
                server.kill()
                server.start()
            before = acked(posters)
            wait_until(lambda: acked(posters) > before + 300, "webhooks after the last restart")
        for node in nodes:
            assert node.stop() == 0, node.said
            assert "Traceback" not in node.said
    statuses = set(posters[0].statuses) | set(posters[1].statuses)
    assert statuses <= {200, 503}
    all_acked = posters[0].acked | posters[1].acked
    check(server, name, all_acked)


def test_a_node_killed_under_load(tmp_path: Path, server: Postgres) -> None:
    """Its webhooks that were answered are in the log once; the other node does not notice."""
    name = server.new_log()
    all_acked: dict[str, str] = {}
    with (
        a_node(tmp_path / "b", server.url(f"{name}_node"), name) as other,
        posting(other.port, seed=9) as others,
    ):
        for number in range(2):
            with (
                a_node(tmp_path / "a", server.url(f"{name}_node"), name) as node,
                posting(node.port, seed=number) as posters,
            ):
                before = len(others.acked)
                wait_until(lambda: len(posters.acked) > 100, "webhooks")
                wait_until(lambda: len(others.acked) > before + 100, "webhooks at the other node")  # noqa: B023
                node.kill()
                posters.stopping.set()
            all_acked |= posters.acked
    assert set(others.statuses) == {200}
    all_acked |= others.acked
    check(server, name, all_acked)
