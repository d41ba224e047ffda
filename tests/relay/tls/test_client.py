"""Targets over HTTPS that ask for a certificate: what is shown, and failures in words on the attempt.

The strict target is the relay's own door, whose verdicts the matrix has settled.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relay.cli import run as command
from relay.delivery.http.outcomes import Outcome
from relay.delivery.http.request import destination
from relay.delivery.http.sender import Sender, SendResult
from tests.support.certificates import Pki, make
from tests.support.https import serving
from tests.support.program import (
    lean_relay,
    running,
)
from tests.support.receiving import a_receiver
from tests.support.sending import a_request
from tests.support.waiting import wait_until

Run = Callable[[Any], Any]


async def tried(
    pki: Pki, folder: Path, host: str = "localhost", **tls: Any
) -> tuple[SendResult, list[dict[str, Any]]]:
    """One try at a door that requires a certificate, and what the door stored."""
    https = serving(pki, client_auth="required", client_ca=pki.folder / "root.pem")
    async with a_receiver(folder, tls=https) as running:
        to = destination(f"https://{host}:{running.port}", ca_file=pki.folder / "root.pem", **tls)
        async with Sender() as sender:
            found = await sender.send(a_request(to), to, timeout_s=10)
        return found, running.rows()


@pytest.mark.slow
def test_a_certificate_is_shown(run: Run, pki: Pki, tmp_path: Path) -> None:
    """A target that requires a certificate gets it, from two files or from one."""
    good = pki.client("good")
    assert good.cert is not None
    assert good.key is not None
    found, rows = run(tried(pki, tmp_path, cert_file=good.cert, key_file=good.key))
    assert (found.status, found.error) == (200, None)
    assert json.loads(rows[0]["tls"])["certificate"]["subject"] == "CN=good,O=Test"
    both = pki.file("both.pem", good.cert.read_bytes() + good.key.read_bytes())
    (tmp_path / "2").mkdir()
    assert run(tried(pki, tmp_path / "2", cert_file=both))[0].status == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("none", "it requires a client certificate, and none is set (target_cert)"),
        ("expired", "it says that the client certificate has expired"),
        ("missing intermediate", "it does not trust the CA of the client certificate"),
        ("wrong purpose", "it does not accept the type or purpose of the client certificate"),
        ("not yet valid", "it does not accept the client certificate"),
    ],
)
def test_a_certificate_that_is_not_taken(kind: str, words: str, run: Run, pki: Pki, tmp_path: Path) -> None:
    """The attempt says what the target said of the certificate, and nothing is stored there."""
    client = pki.client(kind)
    found, rows = run(tried(pki, tmp_path, cert_file=client.cert, key_file=client.key))
    assert (found.outcome, found.status) == (Outcome.TLS_FAILED, None)
    assert found.error is not None
    assert found.error.startswith(f"TLS failed: {words}")
    assert rows == []


@pytest.mark.slow
def test_another_server_name(run: Run, pki: Pki, tmp_path: Path) -> None:
    """With `target_server_name` that one is asked for and checked, whatever the URL's host is."""
    good = pki.client("good")
    shown: dict[str, Any] = {"cert_file": good.cert, "key_file": good.key}
    found, rows = run(tried(pki, tmp_path, host="127.0.0.1", server_name="localhost", **shown))
    assert found.status == 200
    assert json.loads(rows[0]["tls"])["sni"] == "localhost"
    (tmp_path / "2").mkdir()
    found, _ = run(tried(pki, tmp_path / "2", server_name="backend.internal", **shown))
    assert found.outcome is Outcome.TLS_FAILED
    assert found.error == "TLS failed: the certificate is for localhost, 127.0.0.1, ::1, not backend.internal"


def test_files_that_cannot_be_shown(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key that others can read keeps the relay from starting; one spoilt later is told on the try."""
    pki = Pki.make(tmp_path)
    good = pki.client("good")
    assert good.key is not None
    good.key.chmod(0o640)
    options = ["--port", "0", "--db", str(tmp_path / "x.db"), "--target-cert", str(good.cert)]
    assert command(["listen", *options, "--target-key", str(good.key)]) == 1
    assert f"[tls-key-mode] {good.key}: other users of this machine can read" in capsys.readouterr().err
    assert command(["listen", *options[:4], "--target-key", str(good.key)]) == 2
    assert "is a private key; name its certificate too" in capsys.readouterr().err
    (tmp_path / "door").mkdir()
    found, _ = run(tried(pki, tmp_path / "door", cert_file=good.cert, key_file=good.key))
    assert found.outcome is Outcome.TLS_FAILED
    assert found.target_down
    assert "could not use a certificate file: " in str(found.error)
    other = pki.file("other.key", make("other").key_pem)
    (tmp_path / "again").mkdir()
    found, _ = run(tried(pki, tmp_path / "again", cert_file=good.cert, key_file=other))
    assert "is not the certificate of the private key in" in str(found.error)


@pytest.mark.slow
def test_one_relay_to_another(tmp_path: Path) -> None:
    """Two real relays with mutual TLS between them: the second one's captures are authenticated."""
    (tmp_path / "pki").mkdir()
    pki = Pki.make(tmp_path / "pki")
    good = pki.client("good")
    root = str(pki.folder / "root.pem")
    door = ["--tls-cert", pki.folder / "server.pem", "--tls-key", pki.folder / "server.key"]
    door += ["--client-auth", "required", "--client-ca", root, "--client-pin", "san:good.example.com"]
    with running(tmp_path / "second", *map(str, door)) as second:
        out = ["--forward-to", f"https://localhost:{second.port}", "--target-ca", root]
        out += ["--target-cert", str(good.cert), "--target-key", str(good.key)]
        with running(tmp_path / "first", *out) as first:
            done = lean_relay(tmp_path / "first", "trigger", "results.ready", "--db", str(first.db))
            assert done.returncode == 0, done.stderr

            def found() -> str:
                arguments = ("list", "tls.verdict:trusted", "--db", str(second.db))
                return lean_relay(tmp_path / "second", *arguments).stdout

            wait_until(found, "the capture at the second relay")
            assert "results.ready" in found()
