"""Client certificates good and bad x client-auth x TLS 1.2 and 1.3: the exact verdict of each cell."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import KINDS, Client, Pki
from tests.support.https import call, client_context, serving
from tests.support.receiving import (
    Running,
    a_post,
    a_receiver,
)
from tests.support.waiting import until

VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}

PINS = ("subject:CN=good", "subject:CN=no purpose,O=Test", "subject:CN=deep")
"""Of those that are good otherwise, all but `wrong pin`."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What is found of a certificate."""

    verdict: str
    words: str
    why: str = ""
    """Stands in the explanation."""
    alert: str = ""
    """The end of what Python's ssl says where the certificate is required."""


TRUSTED = Cell("trusted", "ok")
CELLS = {
    "good": TRUSTED,
    "no purpose": TRUSTED,
    "with intermediate": TRUSTED,
    "none": Cell("no-certificate", "no certificate was sent", "has none", "CERTIFICATE_REQUIRED"),
    "missing intermediate": Cell(
        "unknown-issuer",
        "unable to get local issuer certificate",
        "its issuer CN=Test Intermediate,O=Test was not sent with it and is not in root.pem",
        "UNKNOWN_CA",
    ),
    "expired": Cell("expired", "certificate has expired", "it expired on 20", "CERTIFICATE_EXPIRED"),
    "not yet valid": Cell(
        "not-yet-valid", "certificate is not yet valid", "it is valid from 20", "BAD_CERTIFICATE"
    ),
    "wrong authority": Cell(
        "unknown-authority",
        "self-signed certificate in certificate chain",
        "it leads to CN=Foreign Root,O=Test, which is not in root.pem",
        "INTERNAL_ERROR",  # pyOpenSSL cannot name a fault above the caller's own certificate at its end
    ),
    "namesake": Cell(
        "unknown-authority",
        "unable to get local issuer certificate",
        "root.pem has an authority named CN=Test Root,O=Test, but with another key",
        "UNKNOWN_CA",
    ),
    "wrong purpose": Cell(
        "wrong-purpose",
        "unsuitable certificate purpose",
        "it is only for serverAuth",
        "UNSUPPORTED_CERTIFICATE",
    ),
    "self-signed": Cell(
        "self-signed", "self-signed certificate", "add it to root.pem if you trust", "UNKNOWN_CA"
    ),
    "wrong pin": Cell(
        "wrong-pin",
        "the certificate is good, but matches no pin",
        "the pins are subject:CN=good and subject:CN=no purpose,O=Test",
        "INTERNAL_ERROR",
    ),
}
assert tuple(CELLS) == KINDS

Caller = Callable[[Pki, int, Client, str], str]
"""Posts once; gives the status line of the answer, or why there is none."""


def by_python(pki: Pki, port: int, client: Client, version: str) -> str:
    try:
        return call(port, client_context(pki, client, VERSIONS[version])).decode().partition("\r\n")[0]
    except ssl.SSLError as error:
        return f"failed: {error.reason}"


def by_curl(pki: Pki, port: int, client: Client, version: str) -> str:
    number = version.removeprefix("TLSv")
    command = ["curl", "-sS", "-o", "-", "-w", "%{http_code}", "--data", "{}", "--max-time", "10"]
    command += [f"--tlsv{number}", "--tls-max", number, "--cacert", str(pki.folder / "root.pem")]
    if client.cert is not None:
        command += ["--cert", str(client.cert), "--key", str(client.key)]
    done = subprocess.run([*command, f"https://localhost:{port}/"], capture_output=True, text=True)
    return f"failed: {done.stderr}" if done.returncode else f"HTTP/1.1 {done.stdout[-3:]} OK"


def by_openssl(pki: Pki, port: int, client: Client, version: str) -> str:
    command = ["openssl", "s_client", "-connect", f"localhost:{port}", "-servername", "localhost", "-quiet"]
    command += [
        f"-{version.lower().replace('v', '').replace('.', '_')}",
        "-CAfile",
        str(pki.folder / "root.pem"),
    ]
    if client.cert is not None:
        command += ["-cert", str(client.cert), "-cert_chain", str(client.cert), "-key", str(client.key)]
    request = a_post(headers=[("Connection", "close")])
    done = subprocess.run(command, input=request, capture_output=True, timeout=20)
    said = done.stdout.decode().partition("\r\n")[0]
    return said if said.startswith("HTTP/") else f"failed: {done.stderr.decode()}"


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_each_cell(mode: str, run: Callable[[Any], None], pki: Pki, tmp_path: Path) -> None:
    """On both loops, by Python's ssl: the verdict, the words, the reason, and the caller's alert."""
    run(every_cell(mode, by_python, pki, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["optional", "required"])
@pytest.mark.parametrize("caller", [by_curl, by_openssl])
async def test_each_cell_by_others(mode: str, caller: Caller, pki: Pki, tmp_path: Path) -> None:
    """curl and `openssl s_client`, which are other clients on another OpenSSL, come to the same verdicts."""
    program = caller.__name__.removeprefix("by_")
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    await every_cell(mode, caller, pki, tmp_path)


async def every_cell(mode: str, caller: Caller, pki: Pki, folder: Path) -> None:
    https = serving(pki, client_auth=mode, client_ca=pki.folder / "root.pem", client_pin=PINS)
    async with a_receiver(folder, tls=https) as running:
        for kind, cell in CELLS.items():
            client = pki.client(kind)
            for version in VERSIONS:
                said = await asyncio.to_thread(caller, pki, running.port, client, version)
                where = f"{kind}, {mode}, {version}: {said}"
                if mode == "optional" or cell is TRUSTED:
                    assert said == "HTTP/1.1 200 OK", where
                    see_facts(running.rows()[-1], cell, client, version, mode)
                    assert not running.refusals.take(), where
                else:
                    assert said.startswith("failed: "), where
                    await see_refusal(running, cell, client, where)
                    if caller is by_python:
                        see_alert(said, cell, version)
        await until(lambda: not running.receiver.connections.handshakes, "handshakes to end")


def see_facts(row: dict[str, Any], cell: Cell, client: Client, version: str, mode: str) -> None:
    """The capture's row has everything that the handshake showed."""
    facts = json.loads(row["tls"])
    assert facts["version"] == version
    assert facts["cipher"].startswith(("TLS_", "ECDHE-"))
    assert facts["sni"] == "localhost"
    assert facts["client_auth"] == mode
    assert (facts["verdict"], facts["words"]) == (cell.verdict, cell.words)
    assert facts["authenticated"] is (cell is TRUSTED)
    assert cell.why in (facts["why"] or "")
    assert (facts["why"] is None) is (cell is TRUSTED)
    if client.leaf is None:
        assert facts["certificate"] is None
    else:
        assert facts["certificate"]["serial"] == f"{client.leaf.serial_number:x}"
        assert facts["certificate"]["subject"] == client.leaf.subject.rfc4514_string()


async def see_refusal(running: Running, cell: Cell, client: Client, where: str) -> None:
    """One refusal with the reason and, where one was shown, the certificate's subject."""
    await until(lambda: running.refusals.unwritten > 0, f"the refusal of {where}", 1.0)
    (entry,) = running.refusals.take()
    assert (entry.client, entry.reason, entry.count) == ("127.0.0.1", f"tls-{cell.verdict}", 1), where
    assert cell.words in entry.detail
    assert cell.why in entry.detail
    if client.leaf is not None:
        assert f": {client.leaf.subject.rfc4514_string()}, issued by " in entry.detail


def see_alert(said: str, cell: Cell, version: str) -> None:
    """The caller learns as much as TLS has words for."""
    alert = cell.alert
    if alert == "CERTIFICATE_REQUIRED" and version == "TLSv1.2":
        alert = "HANDSHAKE_FAILURE"  # there is no better one before TLS 1.3
    assert said.endswith(f"ALERT_{alert}")
