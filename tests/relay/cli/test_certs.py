"""`certs init`, `certs check` and `certs show`, `listen --dev-tls`, and `trigger` with a certificate."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from relay.cli import run
from tests.support.certificates import CLIENT, SERVER, Pki, make
from tests.support.factories import new_log
from tests.support.program import (
    lean_relay,
    reading,
    running,
)
from tests.support.waiting import wait_until

Output = pytest.CaptureFixture[str]


@pytest.fixture
def made(tmp_path: Path) -> Pki:
    """Files of this test's own."""
    return Pki.make(tmp_path)


def check(capsys: Output, *arguments: Any) -> tuple[int, list[dict[str, Any]]]:
    """`certs check --json` with these arguments: exit code and remarks."""
    code = run(["certs", "check", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert "PRIVATE" not in out + err
    lines = [json.loads(line) for line in out.splitlines()]
    return code, [line for line in lines if line["kind"] == "check"]


def levels(remarks: list[dict[str, Any]]) -> dict[str, str]:
    """What was looked at -> the worst that was found of it."""
    order = ["ok", "warning", "fault"]
    worst: dict[str, str] = {}
    for remark in remarks:
        worst[remark["check"]] = max(worst.get(remark["check"], "ok"), remark["level"], key=order.index)
    return worst


def test_check_of_files_as_lean_names_them(made: Pki, capsys: Output) -> None:
    """A pair with its whole chain in order has nothing wrong; each part says what it is good for."""
    leaf = make("my app", made.intermediate, purposes=CLIENT)
    cert = made.file("my_app_cert.crt", leaf.pem)
    key = made.file("my_app_private_key.pem", leaf.key_pem)
    chain = made.file("lean_public_cert_chain.pem", made.intermediate.pem + made.root.pem)
    code, remarks = check(capsys, "--cert", cert, "--key", key, "--chain", chain)
    assert code == 0
    assert set(levels(remarks).values()) == {"ok"}
    text = "\n".join(remark["text"] for remark in remarks)
    assert "certificate and private key belong together" in text
    assert "complete: CN=my app,O=Test < CN=Test Intermediate,O=Test < CN=Test Root,O=Test" in text
    assert "clientAuth: for clients; callers would refuse it as --tls-cert" in text
    assert run(["certs", "check", "--cert", str(cert)]) == 0
    assert "ok       dates     CN=my app,O=Test is valid until" in capsys.readouterr().out


def test_check_finds_what_is_wrong(made: Pki, capsys: Output) -> None:
    """Each kind of fault is found where it is, and any makes the exit code 3."""
    good = make("good", made.intermediate, purposes=CLIENT)
    cert, key = made.file("c.pem", good.pem), made.file("k.pem", good.key_pem)
    whole = made.file("chain.pem", made.intermediate.pem + made.root.pem)

    code, remarks = check(capsys, "--cert", cert, "--key", made.file("o.pem", make("x").key_pem))
    assert (code, levels(remarks)["pair"]) == (3, "fault")

    turned = made.file("turned.pem", made.root.pem + made.intermediate.pem)
    code, remarks = check(capsys, "--cert", cert, "--key", key, "--chain", turned)
    assert (code, levels(remarks)["chain"]) == (3, "fault")
    assert any("did not sign certificate 1" in remark["text"] for remark in remarks)

    code, remarks = check(capsys, "--cert", cert, "--chain", made.folder / "root.pem")
    assert (code, levels(remarks)["chain"]) == (3, "fault")
    assert "whose certificate is in none of the files" in remarks[-1]["text"]

    old = make("old", made.root, purposes=CLIENT, days=(-9, -1))
    code, remarks = check(capsys, "--cert", made.file("old.pem", old.pem))
    assert (code, levels(remarks)["dates"]) == (3, "fault")
    ending = make("ending", made.root, purposes=CLIENT, days=(-100, 5))
    code, remarks = check(capsys, "--cert", made.file("ending.pem", ending.pem))
    assert (code, levels(remarks)["dates"]) == (0, "warning")

    server = make("server", made.root, purposes=SERVER)
    code, remarks = check(capsys, "--cert", made.file("server.pem", server.pem))
    assert (code, levels(remarks)["purposes"]) == (0, "warning")
    mail = make("mail", made.root, purposes=(x509.oid.ExtendedKeyUsageOID.EMAIL_PROTECTION,))
    code, remarks = check(capsys, "--cert", made.file("mail.pem", mail.pem))
    assert (code, levels(remarks)["purposes"]) == (3, "fault")

    key.chmod(0o644)
    code, remarks = check(capsys, "--cert", cert, "--key", key, "--chain", whole)
    assert (code, levels(remarks)["key"]) == (0, "warning")
    assert f"chmod 600 {key}" in [remark["next_step"] for remark in remarks]

    no_authority = make("no authority", made.root)
    below = make("below", no_authority, purposes=CLIENT)
    chain = made.file("bad.pem", no_authority.pem + made.root.pem)
    code, remarks = check(capsys, "--cert", made.file("below.pem", below.pem), "--chain", chain)
    assert (code, levels(remarks)["chain"]) == (3, "fault")
    assert "OpenSSL refuses the chain" in remarks[-1]["text"]

    assert check(capsys, "--cert", key)[0] == 3
    assert check(capsys, "--cert", made.folder / "nowhere.pem")[0] == 3


def test_check_reads_other_forms(made: Pki, capsys: Output) -> None:
    """DER and PKCS#12, the latter with its password from a file, are read as PEM is."""
    pair = make("forms", made.root, purposes=CLIENT)
    der = made.file("c.der", pair.certificate.public_bytes(serialization.Encoding.DER))
    key = made.file(
        "k.der",
        pair.key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    assert check(capsys, "--cert", der, "--key", key, "--chain", made.folder / "root.pem")[0] == 0
    locked = serialization.BestAvailableEncryption(b"canary")
    data = pkcs12.serialize_key_and_certificates(
        b"n", pair.key, pair.certificate, [made.root.certificate], locked
    )
    p12, password = made.file("c.p12", data), made.file("password", b"canary\n")
    code, remarks = check(capsys, "--cert", p12, "--password-file", password)
    assert (code, levels(remarks)["pair"], levels(remarks)["chain"]) == (0, "ok", "ok")
    code, remarks = check(capsys, "--cert", p12)
    assert code == 3
    assert "the PKCS#12 file needs a password" in remarks[0]["text"]


def test_show_of_files(made: Pki, capsys: Output) -> None:
    """A file's certificates are explained, hostile names made visible; one that does not hold ends with 3."""
    evil = make("ev\x1b[31mil", made.root, purposes=CLIENT, names=("hooks.example.com",))
    path = made.file("evil.pem", evil.pem + made.root.pem)
    assert run(["certs", "show", str(path)]) == 0
    out = capsys.readouterr().out
    assert "PEM with 2 certificates" in out
    assert "CN=ev␛[31mil,O=Test" in out
    assert "\x1b" not in out
    assert "names      DNS:hooks.example.com" in out
    assert run(["certs", "show", str(path), "--json"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["number"], second["ca"]) == (1, True)
    old = made.file("old.pem", make("old", days=(-9, -1)).pem)
    assert run(["certs", "show", str(old)]) == 3
    assert run(["certs", "show", str(made.folder / "server.key")]) == 4
    captured = capsys.readouterr()
    assert "and no certificate to show" in captured.err
    assert "BEGIN" not in captured.out + captured.err
    assert run(["certs", "show", "nowhere.pem"]) == 2


def test_show_of_a_number_that_no_capture_has(tmp_path: Path, capsys: Output) -> None:
    """However long it is."""
    new_log(tmp_path / "relay.db").close()
    for number in ("7", "9" * 30):
        assert run(["certs", "show", number, "--db", str(tmp_path / "relay.db")]) == 4
        assert "no capture" in capsys.readouterr().err


@pytest.mark.slow
def test_development_tls_end_to_end(tmp_path: Path) -> None:
    """`listen --dev-tls` serves, `trigger` trusts it and shows a certificate, `certs show` explains both."""
    with running(tmp_path, "--dev-tls", "--client-auth", "optional") as relay:
        db = ("--db", str(relay.db))
        certs = tmp_path / "home/data/lean-relay/certs"
        assert (tmp_path / "stdout").read_text() == f"listening on https://127.0.0.1:{relay.port}\n"
        shown = ("--client-cert", str(certs / "client.crt"), "--client-key", str(certs / "client.key"))
        for arguments in ((), shown):
            done = lean_relay(tmp_path, "trigger", "results.ready", *arguments, *db)
            assert done.returncode == 0, done.stderr
        first, second = (lean_relay(tmp_path, "certs", "show", each, *db) for each in ("1", "2"))
        assert (first.returncode, second.returncode) == (3, 0)
        assert "not authenticated: no-certificate" in first.stdout
        assert "authenticated: trusted" in second.stdout
        found = lean_relay(tmp_path, "list", "tls.subject:lean-relay", "tls.verdict:trusted", "--json", *db)
        assert [json.loads(line)["id"] for line in found.stdout.splitlines()] == [2]
        place = f"localhost:{relay.port}"
        untrusted = lean_relay(tmp_path, "certs", "show", place, *db)
        assert untrusted.returncode == 3
        assert "not trusted by this machine's authorities" in untrusted.stdout
        trusted = lean_relay(tmp_path, "certs", "show", place, "--ca", str(certs / "ca.crt"), *db)
        assert trusted.returncode == 0, trusted.stderr
        assert "asks callers for a certificate" in trusted.stdout
        assert "certificate 2" not in trusted.stdout
        if shutil.which("curl") is not None:
            curl = ["curl", "-sS", "--cacert", str(certs / "ca.crt"), "--data", "{}", f"https://{place}/"]
            assert subprocess.run(curl, capture_output=True, text=True).stdout == "stored\n"
        loose = certs / "client.key"
        loose.chmod(0o640)
        done = lean_relay(tmp_path, "trigger", "results.ready", *shown, *db)
        assert done.returncode == 1
        assert f"[tls-key-mode] {loose}" in done.stderr
        assert relay.stop() == 0


@pytest.mark.slow
def test_a_refusal_is_in_the_log_within_a_second(made: Pki) -> None:
    """A handshake that is refused stands in the log with reason and subject a second later, and on stderr."""
    expired = made.client("expired")
    folder = made.folder
    options = ("--tls-cert", folder / "server.pem", "--tls-key", folder / "server.key")
    asked = ("--client-ca", folder / "root.pem", "--client-auth", "required")
    with running(folder, *map(str, (*options, *asked))) as relay:
        done = lean_relay(
            folder,
            "trigger",
            "results.ready",
            *map(
                str, ("--ca", folder / "root.pem", "--client-cert", expired.cert, "--client-key", expired.key)
            ),
            *("--db", str(relay.db)),
        )
        assert done.returncode != 0

        def rows() -> list[tuple[str, str]]:
            with reading(relay.db) as log:
                return log.execute("SELECT reason, detail FROM refusals").fetchall()

        wait_until(rows, "the refusal's row", 2.0)
        ((reason, detail),) = rows()
        assert reason == "tls-expired"
        assert "certificate has expired: CN=expired,O=Test, issued by CN=Test Root,O=Test" in detail
        assert "refused 127.0.0.1: tls-expired" in relay.said


@pytest.mark.slow
def test_reload_takes_a_new_certificate_or_keeps_the_old(made: Pki) -> None:
    """`reload` serves a renewed certificate; a bad one is refused with its word, and the old one goes on."""
    folder = made.folder
    cert, key = folder / "server.pem", folder / "server.key"
    with running(folder, "--tls-cert", str(cert), "--tls-key", str(key)) as relay:
        db = ("--db", str(relay.db))

        def shown() -> str:
            ca = ("--ca", str(folder / "root.pem"), "--json")
            done = lean_relay(folder, "certs", "show", f"localhost:{relay.port}", *ca)
            assert done.returncode == 0, done.stderr
            return str(json.loads(done.stdout.splitlines()[1])["serial"])

        before = shown()
        made.file("server.key", make("other").key_pem)
        refused = lean_relay(folder, "reload", *db)
        assert refused.returncode == 1
        assert "[tls-mismatch]" in refused.stderr
        assert shown() == before
        fresh = make("localhost", made.root, purposes=SERVER, names=("localhost",))
        made.file("server.pem", fresh.pem)
        made.file("server.key", fresh.key_pem)
        assert lean_relay(folder, "reload", *db).returncode == 0
        assert shown() == f"{fresh.certificate.serial_number:x}"


def test_trigger_over_plain_http_shows_nothing(capsys: Output) -> None:
    """A certificate for a plain URL is wrong usage."""
    arguments = ["trigger", "results.ready", "--to", ":1", "--client-cert", "x"]
    assert run(arguments) == 2
    assert "http://localhost:1/ is plain HTTP" in capsys.readouterr().err


def test_init_as_json(tmp_path: Path, capsys: Output) -> None:
    """For programs: where each file is; a name that is none is wrong usage."""
    assert run(["certs", "init", str(tmp_path / "c"), "--host", "relay.test", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["kind"] == "certificates"
    assert all(Path(line[name]).exists() for name in ("ca", "server", "server_key", "client", "client_key"))
    assert line["names"][-1] == "relay.test"
    assert run(["certs", "init", str(tmp_path / "d"), "--host", "a b"]) == 2
    assert run(["certs", "init", str(tmp_path / "e")]) == 0
    out = capsys.readouterr().out
    assert "NODE_EXTRA_CA_CERTS=" in out
    assert "keytool -importcert" in out


def test_advice_names_the_folder(tmp_path: Path, capsys: Output) -> None:
    """What renews certificates is said for the folder that they are in; without one it needs none."""
    folder = tmp_path / "my certs"
    assert run(["certs", "init", str(folder)]) == 0
    assert f"`lean-relay certs init '{folder}'` renews them" in capsys.readouterr().out
    assert run(["certs", "init"]) == 0
    assert "`lean-relay certs init` renews them" in capsys.readouterr().out
