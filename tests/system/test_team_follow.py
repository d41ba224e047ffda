"""Whole programs that follow a team's log: killed while they catch up, and from a node to a backend."""

from __future__ import annotations

from datetime import UTC, datetime
from os import urandom
from pathlib import Path
from typing import Any

import msgspec

from relay.models import to_micros
from relay.team.connect import open_log
from tests.support.backends import answers, backend
from tests.support.killing import count
from tests.support.postgres import Postgres, apart
from tests.support.program import exchange, is_sound, lean_relay, running
from tests.support.receiving import rows
from tests.support.team import a_team_capture
from tests.support.waiting import wait_until

CAPTURES = 4_000
KILLS = 4


def settings_file(folder: Path, postgres: Postgres, name: str, login: str, more: str = "") -> Path:
    """A settings file with the team's URL."""
    folder.mkdir(parents=True, exist_ok=True)
    url = folder / "team.url"
    url.write_text(postgres.url(f"{name}_{login}"))
    url.chmod(0o600)
    file = folder / "settings.toml"
    file.write_text(f'{more}\n[team]\nname = "{name}"\nurl = {{ file = "team.url" }}\n')
    return file


def publish(postgres: Postgres, name: str, captures: int) -> None:
    async def work() -> None:
        log = await open_log(postgres.address(name, f"{name}_node"), publish=True)
        now = to_micros(datetime.now(UTC))
        try:
            for start in range(0, captures, 500):
                await log.publish(
                    [
                        a_team_capture(
                            number, received_at=now, body=b'{"type":"a.b","event_id":"event-%d"}' % number
                        )
                        for number in range(start, min(start + 500, captures))
                    ]
                )
        finally:
            await log.close()

    apart(work)


def test_killed_while_it_catches_up(tmp_path: Path, postgres: Postgres) -> None:
    """However often it is killed, each webhook is here once, in order, with its one delivery."""
    name = postgres.new_log()
    publish(postgres, name, CAPTURES)
    config = settings_file(tmp_path, postgres, name, "laptop")
    arguments = ("--config", str(config), "--follow", "--from", "beginning", "-f", "http://127.0.0.1:9/")
    db = tmp_path / "relay.db"
    for kill in range(KILLS):
        with running(tmp_path, *(arguments if kill == 0 else _again(arguments))) as relay:
            enough = kill * CAPTURES // (KILLS + 1)
            wait_until(lambda enough=enough: count(db) > enough, "some of them")  # type: ignore[misc]
            relay.kill()
    assert count(db) < CAPTURES, "it was killed too late to show anything"
    with running(tmp_path, *_again(arguments)) as relay:
        wait_until(lambda: count(db) >= CAPTURES, "all of them")
        assert relay.stop() == 0
    assert is_sound(db)
    assert [position for (position,) in rows(db, "SELECT position FROM captures ORDER BY id")] == list(
        range(1, CAPTURES + 1)
    )
    assert rows(db, "SELECT count(*), count(DISTINCT capture_id) FROM deliveries") == [(CAPTURES, CAPTURES)]
    assert rows(db, "SELECT count(*) FROM events") == [(CAPTURES,)]


def _again(arguments: tuple[str, ...]) -> list[str]:
    """The arguments of a later start, which has no --from."""
    return [each for each in arguments if each not in ("--from", "beginning")]


HOSTILE = (
    b"POST /a%00b?\"<x>'=%ff HTTP/1.1\r\nhOsT: relay\r\n"
    b"X-Twice: 1\r\nx-twice:\t2 \r\nX-High: \xe9\xff\x80\r\n"
    b'X-Quote: "\\u0000\\"\r\nX-Empty:\r\n'
)


def test_from_a_node_to_a_follower_s_backend(tmp_path: Path, postgres: Postgres) -> None:
    """Hostile headers and bodies of 10 MiB arrive there byte for byte, in order."""
    name = postgres.new_log()
    bodies = [urandom(10 * 2**20), b"\x00\r\n\xff{", b"", urandom(10 * 2**20)]
    node_settings = settings_file(tmp_path / "node", postgres, name, "node")
    with (
        backend(answers()) as there,
        running(tmp_path / "node", "--config", str(node_settings), "--share", secret=None) as node,
    ):
        config = settings_file(tmp_path / "ann", postgres, name, "laptop")
        with running(
            tmp_path / "ann", "--config", str(config), "--follow", "-f", f"{there.url}/hook"
        ) as follower:
            for body in bodies:
                reply = exchange(node.port, HOSTILE + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                assert reply is not None
                assert reply.status == 200
            wait_until(lambda: len(there.requests) == len(bodies), "all at the backend")
            shown = lean_relay(tmp_path / "ann", "show", "pos:2", "--json", "--db", str(follower.db))
            line: dict[str, Any] = msgspec.json.decode(shown.stdout)
            status = lean_relay(tmp_path / "ann", "status", "--db", str(follower.db))
            follower.stop()
        assert node.stop() == 0
    for request, body in zip(there.requests, bodies, strict=True):
        head, _, came = request.partition(b"\r\n\r\n")
        assert came == body
        lines = head.split(b"\r\n")
        for header in (
            b"X-Twice: 1",
            b"x-twice: 2",
            b"X-High: \xe9\xff\x80",
            b'X-Quote: "\\u0000\\"',
            b"X-Empty: ",
        ):
            assert header in lines
    assert (line["position"], line["body_base64"]) == (2, "AA0K/3s=")
    assert line["target"] == "/a%00b?\"<x>'=%ff"
    assert "position 4, 0 behind" in status.stdout
    assert rows(tmp_path / "ann" / "relay.db", "SELECT position, origin FROM captures ORDER BY id") == [
        (number, "received") for number in range(1, 5)
    ]


def test_a_log_that_went_back(tmp_path: Path, postgres: Postgres) -> None:
    """It is said loudly, nothing is followed until --from decides, and nothing is here twice then."""
    name = postgres.new_log()
    publish(postgres, name, 10)
    config = settings_file(tmp_path, postgres, name, "laptop")
    db = tmp_path / "relay.db"
    with running(tmp_path, "--config", str(config), "--follow") as relay:
        wait_until(lambda: count(db) == 10, "all of them")
        postgres.sql(f"DELETE FROM {name}.captures WHERE position > 7")
        postgres.sql(f"UPDATE {name}.log SET newest = 7")
        wait_until(lambda: "--from 7d, beginning or now" in relay.said, "the warning")
        assert "it ends at position 7, and position 10 was read from it before" in relay.said
        assert relay.stop() == 0
    publish(postgres, name, 5)
    with running(tmp_path, "--config", str(config), "--follow") as relay:
        wait_until(lambda: "--from 7d, beginning or now" in relay.said, "the warning again")
        status = lean_relay(tmp_path, "status", "--json", "--db", str(db))
        follower = msgspec.json.decode(status.stdout)["team"]["follower"]
        assert (follower["state"], follower["position"]) == ("stopped", 10)
    assert count(db) == 10
    with running(tmp_path, "--config", str(config), "--follow", "--from", "beginning"):
        wait_until(lambda: rows(db, "SELECT max(position) FROM captures") == [(12,)], "the rest")
    assert rows(db, "SELECT count(*), count(position) FROM captures") == [(15, 12)]
