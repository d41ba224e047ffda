"""Opening a team's log: each thing that can be wrong has its word."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from relay.errors import Exit, RelayError
from relay.team import tables
from relay.team.address import TeamAddress
from relay.team.connect import _copies, open_log
from relay.team.postgres import PostgresLog
from tests.support.backends import free_port
from tests.support.certificates import SERVER, make
from tests.support.postgres import Postgres, running_postgres


@pytest.fixture(scope="module")
def name(postgres: Postgres) -> str:
    return postgres.new_log()


@pytest.fixture
async def log(postgres: Postgres, name: str) -> AsyncIterator[PostgresLog]:
    found = await open_log(postgres.address(name))
    yield found
    await found.close()


async def failure(address: TeamAddress, *, publish: bool = False, read: bool = False) -> RelayError:
    with pytest.raises(RelayError) as caught:
        await open_log(address, publish=publish, read=read)
    return caught.value


async def test_what_a_server_says(postgres: Postgres, name: str) -> None:
    """Version, login, rights and copies, over TCP as over the socket."""
    for tcp in (False, True):
        log = await open_log(postgres.address(name, f"{name}_node", tcp=tcp), publish=True)
        server = log.server
        await log.close()
        assert server.login == f"{name}_node"
        assert (server.copies, server.stored) == (1, "stored once")
        assert (server.may_publish, server.may_read, server.tls) == (True, False, False)
        assert int(server.version.partition(".")[0]) >= 13


async def test_rights(postgres: Postgres, name: str) -> None:
    """A login without the role that is needed is told which one."""
    laptop, node = postgres.address(name, f"{name}_laptop"), postgres.address(name, f"{name}_node")
    assert f'GRANT "{name}_writer"' in str(await failure(laptop, publish=True))
    error = await failure(node, read=True)
    assert f'GRANT "{name}_reader"' in str(error)
    assert error.word == "team-denied"
    postgres.sql(f'CREATE ROLE "{name}_nobody" LOGIN')
    assert (await failure(postgres.address(name, f"{name}_nobody"))).word == "team-denied"
    assert (await failure(postgres.address(name, "not_there"))).word == "team-denied"
    no_database = TeamAddress.parse(postgres.url().replace("/postgres?", "/missing?"), name=name)
    assert (await failure(no_database)).word == "team-denied"


async def test_not_initialised(postgres: Postgres) -> None:
    """A database without this log names the command that makes it."""
    error = await failure(postgres.address("other"))
    assert error.word == "team-not-initialised"
    assert "lean-relay team init" in str(error)


async def test_a_newer_log(postgres: Postgres) -> None:
    """A log that a newer program made is left alone."""
    name = postgres.new_log()
    postgres.sql(f'UPDATE "{name}".log SET version = {tables.VERSION + 1}')
    assert (await failure(postgres.address(name))).word == "team-newer"


async def test_too_old(postgres: Postgres, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without what the tables need is named with its version."""
    monkeypatch.setattr(tables, "OLDEST_SERVER", 990000)
    error = await failure(postgres.address(name))
    assert error.word == "team-too-old"
    assert "needs version 99" in str(error)


async def test_unreachable() -> None:
    """A port on which nothing listens, and a socket that is not there."""
    for where in (f"postgresql://127.0.0.1:{free_port()}/x", "postgresql:///x?host=/nowhere"):
        error = await failure(TeamAddress.parse(where))
        assert error.word == "team-unreachable"
        assert error.exit_code is Exit.UNREACHABLE


async def test_without_asyncpg(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    error = await failure(TeamAddress.parse("postgresql:///x"))
    assert error.word == "team-extra"
    assert f"{sys.executable} -m pip install 'asyncpg" in str(error)


async def test_a_session_waits_for_the_disk(postgres: Postgres, name: str) -> None:
    """A login whose default is not to wait gets the promise all the same; more than it stays."""
    for setting, then in (("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")):
        postgres.sql(f'ALTER ROLE "{name}_node" SET synchronous_commit = {setting}')
        log = await open_log(postgres.address(name, f"{name}_node"), publish=True)
        found = await log._value("SHOW synchronous_commit")
        await log.close()
        assert found == then
    postgres.sql(f'ALTER ROLE "{name}_node" RESET synchronous_commit')


async def test_several_hosts(postgres: Postgres, name: str) -> None:
    """The first host that answers and takes writes is taken, and named."""
    nothing = free_port()
    login = f"{name}_node"
    url = f"postgresql://{login}@127.0.0.1:{nothing},127.0.0.1:{postgres.port}/postgres"
    log = await open_log(TeamAddress.parse(url, name=name), publish=True)
    await log.close()
    assert log.server.address.endswith(f"(now 127.0.0.1:{postgres.port})")
    wrong = f"postgresql://{login}@127.0.0.1:{nothing},127.0.0.1:{postgres.port}/missing"
    assert (await failure(TeamAddress.parse(wrong, name=name))).word == "team-denied"


async def test_a_server_that_takes_no_writes(postgres: Postgres, name: str) -> None:
    """A login, or a standby, that is read-only is no place to commit."""
    postgres.sql(f'ALTER ROLE "{name}_laptop" SET default_transaction_read_only = on')
    assert (await failure(postgres.address(name, f"{name}_laptop"))).word == "team-standby"
    postgres.sql(f'ALTER ROLE "{name}_laptop" RESET default_transaction_read_only')


def test_copies() -> None:
    """From the forms of synchronous_standby_names."""
    assert [_copies(text) for text in ("", "*", "a, b", "2 (a, b, c)", "FIRST 1 (a)", "any 2(a,b)")] == [
        1, 2, 2, 3, 2, 3,
    ]  # fmt: skip


# -- TLS -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("postgres-tls") / "ca.pem"


@pytest.fixture(scope="module")
def over_tls(authority_file: Path) -> Iterator[Postgres]:
    """A server that speaks TLS as `localhost`, and does not wait for the disk."""
    authority = make("authority", ca=True)
    authority_file.write_bytes(authority.pem)
    pair = make("localhost", authority, purposes=SERVER, names=("localhost",))
    files = {"server.crt": pair.pem, "server.key": pair.key_pem}
    with running_postgres(files=files, ssl="on", fsync="off") as server:
        yield server


def beyond_loopback(url: str, **more: bool) -> TeamAddress:
    """The address, judged as if its host were on a network."""

    class Remote(TeamAddress):
        is_local = False

    return Remote.parse(url, **more)  # type: ignore[arg-type]


@pytest.mark.slow
async def test_tls(over_tls: Postgres, authority_file: Path, postgres: Postgres) -> None:
    """Verified by the authority that the URL names; an unknown one, or no TLS at all, is refused."""
    where = f"postgresql://postgres@localhost:{over_tls.port}/postgres"
    assert (await failure(beyond_loopback(where))).word == "team-tls"
    # TLS is there: the next thing that is wrong is the disk.
    error = await failure(beyond_loopback(f"{where}?sslrootcert={authority_file}"))
    assert error.word == "team-not-durable"
    assert "fsync is off" in str(error)
    plain = f"postgresql://postgres@localhost:{postgres.port}/postgres?sslrootcert={authority_file}"
    assert (await failure(beyond_loopback(plain))).word == "team-plain"
    by_other_name = f"postgresql://postgres@127.0.0.1:{over_tls.port}/postgres?sslrootcert={authority_file}"
    assert (await failure(beyond_loopback(by_other_name))).word == "team-tls"
