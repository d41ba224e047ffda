"""Certificates that only OpenSSL takes, read and explained as far as that goes; files that hold them."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relay.cli import run
from relay.tls import certificate, der, describe, pem
from relay.tls.certificate import Certificate, verification_code
from relay.tls.client_auth import LARGEST_BYTES, ClientAuth, HandshakeFindings
from tests.support import odd_certificates
from tests.support.backends import answers, backend
from tests.support.certificates import CLIENT, Pki, make

Output = pytest.CaptureFixture[str]
KINDS = pytest.mark.parametrize("kind", odd_certificates.KINDS)


@KINDS
def test_the_own_reading_and_the_parsers_agree(kind: str) -> None:
    """What is read without the parser is what it would have said, for odd certificates and for good ones."""
    root = make("Test Root", ca=True)
    edit, subject = odd_certificates.KINDS[kind]
    names = ("hooks.example.com", "192.0.2.7", "::1")
    good = make('g,o+o"d', root, purposes=CLIENT, names=names, ca=True).certificate
    for one in (certificate.of(good), Certificate.from_der(odd_certificates.odd(edit, root)[0])):
        own = Certificate(one.openssl)
        own.parsed = None
        told, by_own = describe.facts(one), describe.facts(own)
        assert by_own == told
    assert told["subject"] == subject
    assert told["issuer"] == "CN=Test Root,O=Test"


@KINDS
def test_issuers(kind: str) -> None:
    """Who signed an odd certificate is found by its signature, not by the name."""
    root, namesake = make("Test Root", ca=True), make("Test Root", ca=True)
    one = Certificate.from_der(odd_certificates.odd(odd_certificates.KINDS[kind][0], root)[0])
    assert certificate.of(root.certificate).is_issuer_of(one)
    assert not certificate.of(namesake.certificate).is_issuer_of(one)
    assert not one.is_self_signed


def test_an_extension_twice() -> None:
    """Nobody can say which of the two holds, so it is told as good for nothing rather than for all."""
    root = make("Test Root", ca=True)
    one = Certificate.from_der(odd_certificates.odd(odd_certificates.TWICE, root)[0])
    assert one.unparsed is not None
    assert describe.purposes(one) == []
    assert not describe.serves(one, "clientAuth")
    assert verification_code(one, (), certificate.of(root.certificate), now=datetime.now(UTC)) != 0


def test_what_a_stranger_makes_long_is_cut() -> None:
    """A serial number of kilobytes is cut, and a number of an extension that long is not read."""
    root = make("Test Root", ca=True)
    serial = odd_certificates.put(odd_certificates.SERIAL, odd_certificates.tlv(0x02, b"\x01" * 5_000))
    one = Certificate.from_der(odd_certificates.odd(serial, root)[0])
    assert len(describe.facts(one)["serial"]) == certificate.LONGEST
    with pytest.raises(ValueError, match="object identifier"):
        der.dotted(b"\xff" * 1_000 + b"\x01")


@pytest.mark.parametrize("ends", [b"4501010000xxZ", b"\xff" * 13])
def test_dates_that_nobody_can_read(ends: bytes) -> None:
    """They are missing, and all else is said of the certificate."""
    root = make("Test Root", ca=True)
    der, _ = odd_certificates.odd(odd_certificates.validity(b"250101000000Z", ends), root)
    facts = describe.facts(Certificate.from_der(der))
    assert (facts["subject"], facts["not_before"], facts["not_after"]) == (
        "CN=odd,O=Test",
        "2025-01-01T00:00:00Z",
        None,
    )


def test_the_parser_warns_nobody() -> None:
    """Not even of a country with four letters, which a caller could have printed at will."""
    country = odd_certificates.tlv(0x30, bytes.fromhex("0603550406"), odd_certificates.tlv(0x13, b"LEAN"))
    subject = odd_certificates.tlv(0x30, odd_certificates.tlv(0x31, country))
    edit = odd_certificates.put(odd_certificates.SUBJECT, subject)
    der, _ = odd_certificates.odd(edit, make("Test Root", ca=True))
    assert Certificate.from_der(der).unparsed is None


def test_a_strangers_large_certificate_is_not_read() -> None:
    """It would hold up the loop; one of a known authority is read whatever its size."""
    root = make("Test Root", ca=True)
    names = tuple(f"host-{number}.example.com" for number in range(LARGEST_BYTES // 20))
    large = certificate.of(make("large", root, purposes=CLIENT, names=names).certificate).openssl
    auth = ClientAuth(required=True, trusts="ca.pem", authorities=(certificate.of(root.certificate),))
    unknown, known = HandshakeFindings(), HandshakeFindings()
    unknown.add(large, 20, 0, ok=False)
    known.add(large, 0, 0, ok=True)
    facts = auth.judge(unknown).certificate
    assert facts is not None
    assert (facts["subject"], facts["san"], facts["key"]) == ("(unreadable)", [], "unknown")
    assert facts["unparsed"].endswith("more than 8,192 are not read")
    facts = auth.judge(known).certificate
    assert facts is not None
    assert facts["subject"] == "CN=large,O=Test"


@KINDS
def test_show_and_check(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`certs show` and `certs check` explain each of them, and neither fails nor lets a library speak."""
    pki = Pki.make(tmp_path)
    client = odd_certificates.client(kind, pki)
    assert run(["certs", "show", str(client.cert), "--json"]) == 0
    shown = json.loads(capfd.readouterr().out)
    assert shown["subject"] == odd_certificates.KINDS[kind][1]
    assert run(["certs", "show", str(client.cert)]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert ("stricter programs refuse it" in out) is ("unparsed" in shown)
    files = ("--cert", client.cert, "--key", client.key, "--chain", pki.folder / "root.pem")
    code = run(["certs", "check", *map(str, files), "--json"])
    out, err = capfd.readouterr()
    remarks = [line for line in map(json.loads, out.splitlines()) if line["kind"] == "check"]
    pairs = [remark["level"] for remark in remarks if remark["check"] == "pair"]
    assert pairs == ["ok"]
    faults = [remark["text"] for remark in remarks if remark["level"] == "fault"]
    if kind == "UTCTime with offset":
        assert code == 3
        assert "format error in certificate's notBefore field" in faults[0]
    else:
        assert (code, faults) == (0, [])


def test_one_bad_certificate_does_not_cost_the_file(tmp_path: Path, capsys: Output) -> None:
    """A damaged authority is left out with its number and reason; the others are trusted."""
    pki = Pki.make(tmp_path)
    damaged = pki.root.pem.replace(b"MII", b"MIZ", 1)
    path = pki.file("three.pem", pki.intermediate.pem + damaged + pki.root.pem)
    bundle = pem.authorities(path)
    assert [one.subject for one in bundle.certificates] == [
        "CN=Test Intermediate,O=Test",
        "CN=Test Root,O=Test",
    ]
    (problem,) = bundle.problems
    assert problem.startswith("its certificate number 2 is damaged (")
    assert run(["certs", "show", str(path)]) == 3
    out, err = capsys.readouterr()
    assert "certificate 2\n  subject    CN=Test Root,O=Test" in out
    assert problem in err


@pytest.mark.parametrize(
    "kind", ["T61String in Latin-1", "PrintableString with @", "critical FALSE written out"]
)
def test_servers_may_be_odd(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`certs show HOST:PORT` explains what a server shows, odd or not."""
    client = odd_certificates.client(kind, Pki.make(tmp_path))
    assert client.cert is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(client.cert, client.key)
    with backend(answers(), tls=context) as server:
        assert run(["certs", "show", f"127.0.0.1:{server.port}", "--json"]) == 3
    out, _ = capfd.readouterr()
    told, shown = (json.loads(line) for line in out.splitlines()[:2])
    assert told["fault"] is not None
    assert shown["subject"] == odd_certificates.KINDS[kind][1]
