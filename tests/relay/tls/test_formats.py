"""Every form that certificates and keys come in, at every setting that names such a file."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from relay.cli import run as command
from relay.config import load
from relay.errors import RelayError
from relay.receiver.config import ReceiverConfig
from relay.tls import client_cert, pem
from tests.support.certificates import CLIENT, Pki, make
from tests.support.https import called, client_context, serving
from tests.support.receiving import a_receiver

FORMS: dict[str, Callable[[bytes], bytes]] = {
    "PEM": lambda pem: pem,
    "DER": lambda pem: ssl.PEM_cert_to_DER_cert(pem.decode()) if b"CERT" in pem else der_key(pem),
    "CRLF": lambda pem: pem.replace(b"\n", b"\r\n"),
    "CR alone": lambda pem: pem.replace(b"\n", b"\r"),
    "indented": lambda pem: b"".join(b"    \t" + line for line in pem.splitlines(keepends=True)),
    "byte order mark": lambda pem: b"\xef\xbb\xbf" + pem,
    "UTF-16, little end first": lambda pem: pem.decode().encode("utf-16"),
    "UTF-16, big end first": lambda pem: b"\xfe\xff" + pem.decode().encode("utf-16-be"),
    "UTF-16 without its mark": lambda pem: pem.decode().encode("utf-16-le"),
    "on one line": lambda pem: pem.replace(b"\n", b" "),
    "with text around": lambda pem: b"Bag Attributes\n  name: x\n" + pem + "Grüße\n".encode("latin-1"),
}
EACH = pytest.mark.parametrize("form", FORMS)


def der_key(pem: bytes) -> bytes:
    key = serialization.load_pem_private_key(pem, None)
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture
def made(tmp_path: Path) -> Pki:
    """Files of this test's own."""
    return Pki.make(tmp_path)


def put(pki: Pki, form: str, name: str, data: bytes) -> Path:
    return pki.file(f"{name}.file", FORMS[form](data))


@pytest.mark.slow
@EACH
@pytest.mark.parametrize("mode", ["off", "optional"])
async def test_at_the_door(form: str, mode: str, made: Pki, tmp_path: Path) -> None:
    """The own certificate, its key and the authorities are taken in each form, whoever speaks TLS."""
    https = serving(
        made,
        tls_cert=put(made, form, "cert", made.server.pem),
        tls_key=put(made, form, "key", made.server.key_pem),
        client_ca=put(made, form, "ca", made.root.pem),
        client_auth=mode,
    )
    async with a_receiver(tmp_path, tls=https) as running:
        context = client_context(made, made.client("good"))
        assert (await called(running.port, context)).startswith(b"HTTP/1.1 200 ")
    certs = (
        "--cert",
        tmp_path / "cert.file",
        "--key",
        tmp_path / "key.file",
        "--chain",
        tmp_path / "ca.file",
    )
    assert command(["certs", "check", *map(str, certs)]) == 0


@EACH
def test_towards_targets(form: str, made: Pki) -> None:
    """Whom to trust and what to show is taken in each form, and a handshake with it succeeds."""
    client = make("app", made.root, purposes=CLIENT)
    files = (
        put(made, form, "ca", made.root.pem),
        put(made, form, "cert", client.pem),
        put(made, form, "key", client.key_pem),
    )
    assert client_cert.for_targets(*files) == ()
    context = client_cert.trusting_only(files[0])
    client_cert.show(context, *files[1:])
    assert shown_to_a_server(made, context) == client.certificate.public_bytes(serialization.Encoding.DER)


def shown_to_a_server(pki: Pki, context: ssl.SSLContext) -> bytes | None:
    """What a server that asks is shown by a client with this context, without a socket between them."""
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asking.load_cert_chain(pki.folder / "server.pem", pki.folder / "server.key")
    asking.load_verify_locations(pki.folder / "root.pem")
    asking.verify_mode = ssl.CERT_REQUIRED
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        context.wrap_bio(down, up, server_hostname="localhost"),
        asking.wrap_bio(up, down, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[1].getpeercert(binary_form=True)


def test_trusted_certificate_blocks(made: Pki) -> None:
    """OpenSSL's own block is read; one that is refused for some use is told, and trusted for none."""

    def trusted(*how: str) -> Path:
        command = ["openssl", "x509", "-in", str(made.folder / "root.pem"), "-trustout", *how]
        return made.file("trusted.pem", subprocess.run(command, check=True, capture_output=True).stdout)

    for how in ((), ("-setalias", "mine"), ("-addtrust", "clientAuth")):
        (one,) = pem.certificates(trusted(*how))
        assert one.der == made.root.certificate.public_bytes(serialization.Encoding.DER)
    with pytest.raises(RelayError, match="number 1 excludes some uses"):
        pem.authorities(trusted("-addreject", "clientAuth"))


@pytest.mark.parametrize("data", ["3003020100", "3007020100020100ff"])
def test_der_that_only_begins_as_a_key(data: str, tmp_path: Path) -> None:
    """It cannot be read, and that is said as of any other file."""
    path = tmp_path / "half.key"
    path.write_bytes(bytes.fromhex(data))
    with pytest.raises(RelayError, match="holds no private key that can be read"):
        pem.private_key(path)


SETTINGS = {
    "tls_cert": {},
    "tls_key": {},
    "client_ca": {"client_auth": "optional"},
    "target_ca": {},
    "target_cert": {},
    "target_key": {},
}


def bad_files(pki: Pki) -> dict[str, tuple[bytes, str]]:
    """What can be wrong with any of the files, and what is said of it."""
    locked = serialization.BestAvailableEncryption(b"canary")
    bundle = pkcs12.serialize_key_and_certificates(
        b"n", pki.server.key, pki.server.certificate, [pki.root.certificate], locked
    )
    p7 = pkcs7.serialize_certificates([pki.root.certificate], serialization.Encoding.DER)
    return {
        "empty": (b"\n", "is empty"),
        "neither": (b"hello\n", "neither PEM, DER nor PKCS#12|no private key that can be read"),
        "cut off": (pki.root.pem[:200], "does not end; is it cut off|no private key that can be read"),
        "PKCS#12": (
            bundle,
            r"is a PKCS#12 file, which the relay cannot use; convert it to PEM: openssl pkcs12 -in ",
        ),
        "PKCS#7": (p7, "is a PKCS#7 file, .* openssl pkcs7 -inform DER -in |no private key that can be read"),
    }


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(
    "wrong", ["missing", "empty", "neither", "cut off", "PKCS#12", "PKCS#7", "the other"]
)
def test_every_file_is_looked_at_before_the_start(setting: str, wrong: str, made: Pki) -> None:
    """A bad file keeps the relay from starting, with the right file and a reason; `doctor` says the same."""
    app = make("app", made.root, purposes=CLIENT)
    files: dict[str, Any] = {
        "tls_cert": made.folder / "server.pem",
        "tls_key": made.folder / "server.key",
        "target_cert": made.file("app.pem", app.pem),
        "target_key": made.file("app.key", app.key_pem),
        "target_ca": made.folder / "root.pem",
        "client_ca": made.folder / "root.pem",
        "client_auth": "optional",
    }
    ReceiverConfig.read(load(files, environ={}))
    if wrong == "missing":
        files[setting] = made.folder / "nowhere.pem"
        reason = "cannot be read .No such file or directory"
    elif wrong == "the other":
        is_key = setting.endswith("key")
        files[setting] = made.file("bad.pem", made.root.pem if is_key else app.key_pem)
        reason = "are the two files swapped"
    else:
        data, reason = bad_files(made)[wrong]
        files[setting] = made.file("bad.pem", data)
    with pytest.raises(RelayError, match=reason) as caught:
        ReceiverConfig.read(load(files, environ={}))
    assert caught.value.word == "tls-unreadable"
    assert str(caught.value).startswith(f"{files[setting]}: ")


def test_the_key_is_blamed_where_it_is_the_key(made: Pki) -> None:
    """An odd key beside a good certificate names the key's file."""
    cut = made.file("cut.key", made.server.key_pem.replace(b"\n", b"\n!", 2))
    with pytest.raises(RelayError, match=r"cut\.key: holds no private key that can be read"):
        ReceiverConfig.read(load({"tls_cert": made.folder / "server.pem", "tls_key": cut}, environ={}))


def test_an_encrypted_key_stays_encrypted(made: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """On its way to OpenSSL a key is never in a file that anybody could use, and the file is gone at once."""
    seen: list[tuple[Path, bytes, int]] = []
    load_cert_chain = ssl.SSLContext.load_cert_chain

    def spy(self: ssl.SSLContext, path: Path, **more: Any) -> None:
        seen.append((path, path.read_bytes(), path.parent.stat().st_mode & 0o777))
        load_cert_chain(self, path, **more)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spy)
    serving(made)
    ((path, data, mode),) = seen
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in data
    assert b"BEGIN PRIVATE KEY" not in data
    assert mode == 0o700
    assert not path.parent.exists()


def test_notes_of_what_was_left_out(made: Pki, caplog: pytest.LogCaptureFixture) -> None:
    """Authorities that had to be left out are told at start, at both sides."""
    spoilt = made.file("both.pem", made.root.pem.replace(b"MII", b"MIZ", 1) + made.root.pem)
    files = {
        "tls_cert": made.folder / "server.pem",
        "tls_key": made.folder / "server.key",
        "client_auth": "optional",
        "client_ca": spoilt,
        "target_ca": spoilt,
    }
    ReceiverConfig.read(load(files, environ={}))
    left = [record.getMessage() for record in caplog.records]
    assert len(left) == 2
    assert all(f"{spoilt}: its certificate number 1 is damaged (" in note for note in left)
    assert all(note.endswith(", and was left out") for note in left)
