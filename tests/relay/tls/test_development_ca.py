"""The development authority and its certificates."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay.tls import describe, development_ca, pem

NOW = datetime.now(UTC)


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def serial(path: Path) -> int:
    return pem.certificates(path)[0].serial


def test_first_time(tmp_path: Path) -> None:
    """An authority, a server for this machine and the named hosts, a client; private under any umask."""
    before = os.umask(0)
    try:
        made = development_ca.make(tmp_path / "certs", ["relay.test", "192.0.2.7"], NOW)
    finally:
        os.umask(before)
    files = made.files
    assert made.new_authority
    assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700
    assert modes(files.folder) == {0o600}
    ca, server, client = (pem.certificates(path)[0] for path in (files.ca, files.server, files.client))
    assert ca.is_self_signed
    assert describe.is_authority(ca)
    assert ca.is_issuer_of(server)
    assert ca.is_issuer_of(client)
    assert describe.purposes(server) == ["serverAuth"]
    assert describe.purposes(client) == ["clientAuth"]
    assert describe.alternative_names(server) == [
        "DNS:localhost",
        "IP:127.0.0.1",
        "IP:::1",
        "DNS:relay.test",
        "IP:192.0.2.7",
    ]
    assert server.ends is not None
    assert server.ends - NOW < timedelta(days=31)
    for certificate, key in ((server, files.server_key), (client, files.client_key), (ca, files.ca_key)):
        assert pem.key_matches(certificate, pem.own_key(key))


def test_again(tmp_path: Path) -> None:
    """Made again, certificates are new, for the names they had and more; the authority stays while it can."""
    first = development_ca.make(tmp_path, ["relay.test"], NOW)
    old = [serial(path) for path in (first.files.ca, first.files.server, first.files.client)]
    again = development_ca.make(tmp_path, ["other.test"], NOW + timedelta(days=20))
    new = [serial(path) for path in (first.files.ca, first.files.server, first.files.client)]
    assert not again.new_authority
    assert [one == other for one, other in zip(old, new, strict=True)] == [True, False, False]
    assert again.names == ("localhost", "127.0.0.1", "::1", "relay.test", "other.test")
    late = development_ca.make(tmp_path, (), NOW + timedelta(days=340))
    assert late.new_authority
    assert late.names == again.names
    assert serial(first.files.ca) != old[0]


def test_two_authorities_have_two_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is made a second later differs, however long this machine's name is."""
    monkeypatch.setattr("socket.gethostname", lambda: "laptop-of-a-developer.office.example.com")
    first, second = (
        development_ca.make(tmp_path / str(later), (), NOW + timedelta(seconds=later)) for later in (0, 1)
    )
    one, other = (pem.certificates(each.files.ca)[0].subject for each in (first, second))
    assert one != other
    assert "laptop" in one


def test_only_when_needed(tmp_path: Path) -> None:
    """`up_to_date` leaves all as it is while that is well; what is missing or ends soon is made anew."""
    files = development_ca.up_to_date(tmp_path, (), NOW).files
    first = serial(files.server)
    development_ca.up_to_date(tmp_path, ["localhost"], NOW + timedelta(days=15))
    assert serial(files.server) == first
    development_ca.up_to_date(tmp_path, ["relay.test"], NOW)
    second = serial(files.server)
    assert second != first
    development_ca.up_to_date(tmp_path, (), NOW + timedelta(days=25))
    third = serial(files.server)
    assert third != second
    files.client_key.unlink()
    development_ca.up_to_date(tmp_path, (), NOW + timedelta(days=25))
    assert serial(files.server) != third
    assert files.client_key.exists()


def test_a_key_of_another_certificate_is_noticed(tmp_path: Path) -> None:
    """As a kill between key and certificate leaves them: both are made again, for the names they had."""
    made = development_ca.make(tmp_path, ["relay.test"], NOW)
    files = made.files
    for cert, key, other in (
        (files.client, files.client_key, files.server_key),
        (files.server, files.server_key, files.client_key),
    ):
        key.write_bytes(other.read_bytes())
        assert development_ca.up_to_date(tmp_path, (), NOW).names == made.names
        assert pem.key_matches(pem.certificates(cert)[0], pem.own_key(key))


@pytest.mark.parametrize("name", ["", "a b", "https://x", "x\n", "bücher.example"])
def test_names_that_are_none(name: str, tmp_path: Path) -> None:
    """What is neither host name nor address is refused, and nothing is written."""
    with pytest.raises(ValueError, match="is not a host name or an address"):
        development_ca.make(tmp_path / "certs", [name], NOW)
    assert not (tmp_path / "certs").exists()
