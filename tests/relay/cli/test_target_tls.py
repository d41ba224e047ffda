"""How `replay` and `trigger` say themselves what TLS they speak to a target."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.backends import Backend, answers, backend
from tests.support.certificates import Pki
from tests.support.factories import a_capture, insert_all, new_log
from tests.support.program import lean_relay_here

Run = Callable[..., str]


@pytest.fixture
def there(pki: Pki) -> Iterator[Backend]:
    """A backend that asks for a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.folder / "server.pem", pki.folder / "server.key")
    context.load_verify_locations(pki.folder / "root.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with backend(answers(), tls=context) as made:
        yield made


@pytest.fixture(params=["replay", "trigger"])
def command(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs one of the two to a target, and gives what it says."""
    with closing(new_log(tmp_path / "relay.db")) as log:
        insert_all(log, [a_capture(1)])
    (tmp_path / "relay.db").chmod(0o600)
    what = ["replay", "1"] if request.param == "replay" else ["trigger", "payment.updated"]

    def run(to: str, *options: str, code: int = 0, **env: str) -> str:
        words = [*what, "--to", to, *options, "--db", str(tmp_path / "relay.db")]
        done = lean_relay_here(tmp_path, *words, env=env)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.mark.slow
def test_options_say_whom_to_trust_and_what_to_show(command: Run, there: Backend, pki: Pki) -> None:
    """Without them the error names one that helps; with them it goes through, as with the settings."""
    to, client, root = f"https://localhost:{there.port}", pki.client("good"), str(pki.folder / "root.pem")
    pair = ("--target-cert", str(client.cert), "--target-key", str(client.key))
    said = command(to, *pair, code=5)
    assert "name the CA that signed it with target_ca (--target-ca FILE), or use --insecure" in said
    assert there.requests == []
    assert " -> 200 in " in command(to, "--target-ca", root, *pair)
    assert " -> 200 in " in command(to, "--insecure", *pair)
    settings = {
        "LEAN_RELAY_TARGET_CA": str(pki.folder / "client-without.pem"),
        "LEAN_RELAY_TARGET_CERT": str(client.cert),
        "LEAN_RELAY_TARGET_KEY": str(client.key),
    }
    assert " -> 200 in " in command(to, "--target-ca", root, **settings)
    assert len(there.requests) == 3


def test_options_without_effect_are_errors(command: Run, there: Backend, pki: Pki) -> None:
    """Over plain HTTP, or where nothing is checked; and a file that cannot be used is named at once."""
    root = str(pki.folder / "root.pem")
    assert "plain HTTP" in command(":1", "--target-ca", root, code=2)
    said = command(f"https://localhost:{there.port}", "--insecure", "--target-ca", root, code=2)
    assert "--insecure and --target-ca exclude each other" in said
    missing = str(pki.folder / "missing.pem")
    assert missing in command(f"https://localhost:{there.port}", "--target-ca", missing, code=1)
    assert there.connections == 0
