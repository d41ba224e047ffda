"""`team init` and `team status`, and what `listen --share` refuses."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from relay.cli import run
from relay.store.team_progress import LOG, POSITION
from tests.support.empty_database import empty_database
from tests.support.postgres import Postgres

Output = pytest.CaptureFixture[str]


@pytest.fixture
def name(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> str:
    """A log's name in settings whose URL is the owner's; the log itself is not made."""
    found = f"made_by_init_{id(monkeypatch)}"
    monkeypatch.setenv("LEAN_TEAM_URL", postgres.url())
    Path("settings.toml").write_text(
        f'[team]\nname = "{found}"\nurl = {{ env = "LEAN_TEAM_URL" }}\nkeep = "2d"\n'
    )
    monkeypatch.setenv("LEAN_RELAY_CONFIG", "settings.toml")
    return found


def test_init_and_status(name: str, capsys: Output) -> None:
    """From nothing to a log: how to make logins, then its state in words and as JSON."""
    assert run(["team", "status"]) == 1
    assert "[team-not-initialised]" in capsys.readouterr().err
    assert run(["team", "init"]) == 0
    assert f'IN ROLE "{name}_reader"' in capsys.readouterr().out
    assert run(["team", "init"]) == 0
    capsys.readouterr()
    assert run(["team", "status"]) == 0
    text = capsys.readouterr().out
    assert "stored once, on disk before the 200" in text
    assert "kept 2d, at most 10.0 GiB" in text
    assert run(["team", "status", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["kind"], line["name"], line["newest"], line["captures"]) == ("team", name, 0, 0)
    assert (line["keep_s"], line["copies"], line["may_publish"]) == (2 * 86400, 1, True)


def test_how_far_this_database_is(name: str, postgres: Postgres, capsys: Output) -> None:
    """Where it follows this log; a position in another log says nothing."""
    assert run(["team", "init"]) == 0
    postgres.sql(f'UPDATE "{name}".log SET newest = 10')
    db = empty_database()
    ((log_id,),) = postgres.sql(f'SELECT id::text FROM "{name}".log')
    for known, distance in ((log_id, (7, 3)), ("another", (None, None))):
        with closing(sqlite3.connect(db)) as connection, connection:
            connection.execute("INSERT OR REPLACE INTO marks VALUES (?, 7)", (POSITION,))
            connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (LOG, known))
        capsys.readouterr()
        assert run(["team", "status", "--json"]) == 0
        line = json.loads(capsys.readouterr().out)
        assert (line["position"], line["behind"]) == distance
    assert run(["team", "status"]) == 0
    assert "behind" not in capsys.readouterr().out


def test_init_prints(capsys: Output) -> None:
    """The SQL, without a URL and without a connection; it can be run by others as it is."""
    assert run(["team", "init", "--print"]) == 0
    sql = capsys.readouterr().out
    assert sql.startswith("BEGIN;")
    assert sql.endswith("COMMIT;\n")
    assert '"lean_relay_writer"' in sql
    assert run(["team", "init", "--print", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sql"] == sql


def test_what_is_printed_does_what_init_does(name: str, postgres: Postgres, capsys: Output) -> None:
    """An administrator may run it instead."""
    assert run(["team", "init", "--print"]) == 0
    sql = capsys.readouterr().out
    from tests.support.postgres import apart

    async def work() -> None:
        import asyncpg

        connection = await asyncpg.connect(postgres.url())
        await connection.execute(sql)
        await connection.close()

    apart(work)
    assert run(["team", "status"]) == 0


def test_no_url(capsys: Output) -> None:
    """Says where to set it."""
    assert run(["team", "status"]) == 2
    assert 'team = { url = { env = "LEAN_TEAM_URL" } }' in capsys.readouterr().err
    for way in ("--share", "--follow"):
        assert run(["listen", way, "--port", "0"]) == 2
        assert "no URL of the team's PostgreSQL" in capsys.readouterr().err


def test_options_that_do_not_go_together(capsys: Output) -> None:
    """A node that forwards, samples without sharing, a start without following."""
    assert run(["listen", "--share", "-f", ":3000"]) == 2
    assert "forwards nothing" in capsys.readouterr().err
    assert run(["listen", "--share-samples"]) == 2
    assert "--share-samples has no effect without --share" in capsys.readouterr().err
    assert run(["listen", "--from", "now"]) == 2
    assert "--from has no effect without --follow" in capsys.readouterr().err
    assert run(["listen", "--follow", "--from", "soon"]) == 2
    assert "is not a valid start; use 7d, now or beginning" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('url = "postgresql://ann:canary@db/x"', "secrets are never written in settings"),
        ('name = "Public"', "is not a valid name"),
        ('name = "pg_x"', "is not a valid name"),
        ('keep_bytes = "5k"', "is out of range"),
        ('keep = "5"', "keep"),
        ("keep_days = 5", "no such key in team"),
        ('allow_plain = "perhaps"', "is not true or false"),
    ],
)
def test_wrong_settings(line: str, said: str, capsys: Output) -> None:
    """Each is told with its place; a URL in the file, which can have a password, is not repeated."""
    Path("settings.toml").write_text(f"[team]\n{line}\n")
    assert run(["team", "status", "--config", "settings.toml"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "canary" not in error


def test_a_project_file_needs_trust(capsys: Output) -> None:
    """Where webhooks go, and whose they are, is not for a cloned repository to say."""
    Path("lean-relay.toml").write_text('share = true\n[team]\nurl = { env = "LEAN_TEAM_URL" }\n')
    assert run(["team", "status"]) == 1
    error = capsys.readouterr().err
    assert "[untrusted-settings]" in error
    assert "share = true" in error
    assert "team = url environment LEAN_TEAM_URL" in error
