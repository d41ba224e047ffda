"""URLs of a team's PostgreSQL, and whether TLS has to be verified."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from relay.errors import RelayError, UsageError
from relay.team.address import Host, TeamAddress
from tests.support.certificates import make
from tests.support.factories import NOON


@pytest.mark.parametrize(
    ("url", "hosts", "shown"),
    [
        ("postgresql://ann:pw@db/team", [Host("db", 5432)], "db:5432/team"),
        ("postgres://db:5433/team", [Host("db", 5433)], "db:5433/team"),
        (
            "postgresql://a,b:6,[::1]:7/x",
            [Host("a", 5432), Host("b", 6), Host("::1", 7)],
            "a:5432,b:6,[::1]:7/x",
        ),
        ("postgresql://ann@/team?host=/run/pg&port=9", [Host("/run/pg", 9)], "/run/pg:9/team"),
        ("postgresql://%2Frun%2Fpg/team", [Host("/run/pg", 5432)], "/run/pg:5432/team"),
        ("postgresql:///team", [], "the default PostgreSQL/team"),
        ("postgresql://?service=lean", [], "lean"),
    ],
)
def test_hosts(url: str, hosts: list[Host], shown: str) -> None:
    """Each form that PostgreSQL's clients know; the login is never shown."""
    address = TeamAddress.parse(url)
    assert list(address.hosts) == hosts
    assert str(address) == shown
    assert "pw" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "db/team",
        "https://db/team",
        "postgresql://db:port/team",
        "postgresql://[::1/x",
        "postgresql://a,b,c/team?port=1,2",
    ],
)
def test_not_a_url(url: str) -> None:
    """The message does not repeat what may hold a password."""
    with pytest.raises(ValueError, match="is not a URL of PostgreSQL") as caught:
        TeamAddress.parse(url)
    assert not url or url not in str(caught.value)


def test_tls_is_verified_on_a_network() -> None:
    """Beyond loopback the certificate is verified, name and all; another sslmode is refused."""
    context = TeamAddress.parse("postgresql://db.example.com/team").tls()
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    for mode in ("disable", "prefer", "require", "verify-ca"):
        with pytest.raises(RelayError) as caught:
            TeamAddress.parse(f"postgresql://db.example.com/team?sslmode={mode}")
        assert caught.value.word == "team-plain"


def test_one_host_beyond_loopback_is_enough() -> None:
    """A list of hosts is local only if all of them are."""
    assert TeamAddress.parse("postgresql://localhost,127.0.0.2/team").is_local
    assert not TeamAddress.parse("postgresql://localhost,db/team").is_local


def test_a_service_may_be_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a service file names is not known, so it is verified; the default socket needs nothing."""
    assert TeamAddress.parse("postgresql:///team").is_local
    assert not TeamAddress.parse("postgresql:///team?service=lean").is_local
    monkeypatch.setenv("PGSERVICE", "lean")
    assert not TeamAddress.parse("postgresql:///team").is_local


def test_plain_on_request() -> None:
    """allow_plain lets the URL decide, and is worth a warning unless it asks for verification itself."""
    address = TeamAddress.parse("postgresql://db/team?sslmode=disable", allow_plain=True)
    assert address.is_plain
    assert address.tls() is None
    assert not TeamAddress.parse("postgresql://db/team?sslmode=verify-full", allow_plain=True).is_plain
    assert not TeamAddress.parse("postgresql://localhost/team", allow_plain=True).is_plain


def test_revoked_certificates_are_refused_where_the_url_names_a_list(tmp_path: Path) -> None:
    """What the list is for is in force; one that is not there is told."""
    issuer = make("issuer", ca=True)
    crl = tmp_path / "revoked.pem"
    url = f"postgresql://db/team?sslcrl={crl}"
    with pytest.raises(UsageError, match="certificates for TLS cannot be used"):
        TeamAddress.parse(url).tls()
    builder = x509.CertificateRevocationListBuilder(
        issuer.certificate.subject, NOON, NOON + timedelta(days=1)
    )
    crl.write_bytes(builder.sign(issuer.key, SHA256()).public_bytes(Encoding.PEM))
    context = TeamAddress.parse(url).tls()
    assert context is not None
    assert context.verify_flags & ssl.VERIFY_CRL_CHECK_CHAIN


def test_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    """A named authority that is not there is told before anything is sent."""
    address = TeamAddress.parse(f"postgresql://db/team?sslrootcert={tmp_path}/ca.pem")
    with pytest.raises(UsageError, match="certificates for TLS cannot be used"):
        address.tls()
    assert TeamAddress.parse("postgresql://db/team?sslrootcert=system").tls() is not None
