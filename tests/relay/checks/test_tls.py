"""HTTPS at the receiver."""

from __future__ import annotations

from pathlib import Path

from relay.checks import tls
from tests.support.certificates import SERVER, Pki, make
from tests.support.loaded_settings import settings


def test_tls_at_the_door(tmp_path: Path) -> None:
    """What HTTPS serves and asks for is looked through; what keeps the relay from starting is a fault."""
    pki = Pki.make(tmp_path)
    cert, key = pki.folder / "server.pem", pki.folder / "server.key"
    assert list(tls.receiver(settings())) == []
    served = {"tls_cert": cert, "tls_key": key}
    assert [each.level for each in tls.receiver(settings(**served))] == ["ok"]
    asked = {"client_auth": "required", "client_ca": pki.folder / "root.pem"}
    *fine, loose = tls.receiver(settings(**served, **asked))
    assert [each.level for each in fine] == ["ok", "ok"]
    assert (loose.level, loose.text) == (
        "warning",
        "any client with a certificate of these authorities is accepted, not only Lean",
    )
    pinned = tls.receiver(settings(**served, **asked, client_pin=["subject:CN=lean"]))
    assert [each.level for each in pinned] == ["ok", "ok"]
    old = make("localhost", pki.root, purposes=SERVER, days=(-80, 9))
    ending = {
        "tls_cert": pki.file("old.pem", old.pem),
        "tls_key": pki.file("old.key", old.key_pem),
    }
    warned, served_too = tls.receiver(settings(**ending))
    assert (warned.level, served_too.level) == ("warning", "ok")
    key.chmod(0o644)
    (broken,) = tls.receiver(settings(**served))
    assert (broken.level, broken.next_step) == ("fault", f"chmod 600 {key}")
    (development,) = tls.receiver(settings(dev_tls=True))
    assert development.level == "ok"
