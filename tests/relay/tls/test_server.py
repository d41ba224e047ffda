"""Starting with HTTPS: what is refused, in which words, and what mends it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.config import load
from relay.errors import Exit, RelayError
from relay.tls import server
from tests.support.certificates import CLIENT, SERVER, Pair, Pki, make
from tests.support.https import called, client_context, serving
from tests.support.receiving import a_receiver


def refused(**flags: Any) -> RelayError:
    """Why HTTPS does not start with these settings."""
    with pytest.raises(RelayError) as caught:
        server.serving(load(flags, environ={}))
    return caught.value


@pytest.fixture
def made(tmp_path: Path) -> Pki:
    """A PKI of this test's own, whose files may be spoilt."""
    return Pki.make(tmp_path)


def test_plain_http_without_a_certificate() -> None:
    """Nothing set, nothing served."""
    assert server.serving(load({}, environ={})) is None


def unreadable(pki: Pki) -> None:
    (pki.folder / "server.pem").unlink()


def empty(pki: Pki) -> None:
    pki.file("server.pem", b"\n")


def damaged(pki: Pki) -> None:
    pki.file("server.pem", pki.server.pem.replace(b"MII", b"MIZ", 1))


def swapped(pki: Pki) -> None:
    pki.file("server.pem", pki.server.key_pem)


def mismatched(pki: Pki) -> None:
    pki.file("server.key", make("other").key_pem)


def expired(pki: Pki) -> None:
    replace(pki, make("localhost", pki.root, purposes=SERVER, days=(-9, -1)))


def early(pki: Pki) -> None:
    replace(pki, make("localhost", pki.root, purposes=SERVER, days=(1, 9)))


def for_clients(pki: Pki) -> None:
    replace(pki, make("localhost", pki.root, purposes=CLIENT))


def readable_key(pki: Pki) -> None:
    (pki.folder / "server.key").chmod(0o640)


def wrong_order(pki: Pki) -> None:
    pki.file("server.pem", pki.root.pem + pki.server.pem)


def broken_chain(pki: Pki) -> None:
    pki.file("server.pem", pki.server.pem + pki.intermediate.pem)


def locked_key(pki: Pki) -> None:
    pki.file("server.key", pki.server.locked(b"canary-password"))


def no_key(pki: Pki) -> None:
    pki.file("server.key", pki.server.pem)


def replace(pki: Pki, pair: Pair) -> None:
    pki.file("server.pem", pair.pem)
    pki.file("server.key", pair.key_pem)


@pytest.mark.parametrize(
    ("spoil", "word", "said"),
    [
        (unreadable, "tls-unreadable", "server.pem: cannot be read (No such file or directory)"),
        (empty, "tls-unreadable", "server.pem: is empty"),
        (damaged, "tls-unreadable", "server.pem: its certificate number 1 is damaged"),
        (swapped, "tls-unreadable", "holds a private key and no certificate; are the two files swapped?"),
        (no_key, "tls-unreadable", "server.key: holds no private key; are the two files swapped?"),
        (mismatched, "tls-mismatch", "the pairs differ: lean-relay certs check --cert "),
        (expired, "tls-expired", "CN=localhost,O=Test expired on 20"),
        (early, "tls-not-yet-valid", "is the clock right? date -u"),
        (for_clients, "tls-purpose", "is only for clientAuth, and clients refuse a server"),
        (readable_key, "tls-key-mode", "(mode 0640): chmod 600 "),
        (wrong_order, "tls-chain", "the certificate of the key is number 2 in the file"),
        (broken_chain, "tls-chain", "certificate 2 (CN=Test Intermediate,O=Test) did not sign certificate 1"),
        (locked_key, "tls-password", "the private key is encrypted; name a file with its password"),
    ],
)
def test_no_start(spoil: Callable[[Pki], None], word: str, said: str, made: Pki) -> None:
    """A file that cannot serve keeps the relay from starting, with a stable word and what mends it."""
    spoil(made)
    error = refused(tls_cert=made.folder / "server.pem", tls_key=made.folder / "server.key")
    assert (error.word, error.exit_code) == (word, Exit.FAILED)
    assert said in str(error)
    assert "PRIVATE" not in str(error)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"tls_key": "k"}, "--tls-key: needs a certificate; name it with --tls-cert"),
        ({"client_ca": "c"}, "--client-ca: has no effect, because callers are not asked for a certificate"),
        (
            {"dev_tls": True, "client_pin": "san:x"},
            "--client-pin: has no effect, because callers are not asked for a certificate; add --client-auth",
        ),
        ({"client_auth": "optional"}, "--client-auth: callers can send a certificate only over HTTPS"),
        (
            {"tls_cert": "c", "client_auth": "required"},
            "--client-auth: no authorities are trusted; name a file of them with --client-ca",
        ),
    ],
)
def test_settings_that_do_not_go_together(flags: dict[str, str], said: str) -> None:
    """Half of what is needed is wrong usage, and the message names the other half."""
    error = refused(**flags)
    assert error.exit_code == Exit.USAGE
    assert said in str(error)


async def test_a_locked_key_and_one_file_for_both(made: Pki, tmp_path: Path) -> None:
    """A locked key serves with the file of its password, client certificates or not, and so does one file."""
    both = made.file("both.pem", made.server.pem + made.server.locked(b"canary-password"))
    password = made.file("password", b"canary-password\n")
    for auth in ("off", "optional"):
        https = serving(
            made,
            tls_cert=both,
            tls_key=None,
            tls_key_password_file=password,
            client_auth=auth,
            client_ca=made.folder / "root.pem",
        )
        folder = tmp_path / auth
        folder.mkdir()
        async with a_receiver(folder, tls=https) as running:
            assert (await called(running.port, client_context(made))).startswith(b"HTTP/1.1 200 ")
    made.file("password", b"canary-other")
    error = refused(tls_cert=both, tls_key_password_file=password)
    assert error.word == "tls-password"
    assert "this password does not open" in str(error)
    assert "canary" not in str(error)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_password_as_windows_saves_it(encoding: str, made: Pki) -> None:
    """A byte order mark and UTF-16 are no part of a key's password."""
    key = made.file("locked.key", made.server.locked("pässword".encode()))
    password = made.file("password", "pässword\r\n".encode(encoding))
    serving(made, tls_key=key, tls_key_password_file=password)


@pytest.mark.parametrize("auth", ["off", "optional"])
def test_no_room_for_temporary_files(
    auth: str, made: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL reads chains from files only; where none can be written, that is an error with its reason."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(RelayError, match="could not write a temporary file with certificates") as caught:
        serving(made, client_auth=auth, client_ca=made.folder / "root.pem")
    assert caught.value.word == "not-written"


def test_only_the_named_file_is_trusted(made: Pki) -> None:
    """A file of authorities that is missing, or holds none, keeps the relay from starting."""
    assert "nowhere.pem: cannot be read" in str(
        refused(
            tls_cert=made.folder / "server.pem",
            tls_key=made.folder / "server.key",
            client_auth="optional",
            client_ca=made.folder / "nowhere.pem",
        )
    )
    error = refused(
        tls_cert=made.folder / "server.pem",
        tls_key=made.folder / "server.key",
        client_auth="optional",
        client_ca=made.folder / "server.key",
    )
    assert error.word == "tls-unreadable"


def test_what_ends_soon_is_said(made: Pki) -> None:
    """The own certificate and the trusted ones are warned of thirty days before they end, and after that."""
    root = make("Old Root", ca=True, days=(-90, 5))
    https = serving(made, client_auth="optional", client_ca=made.file("old.pem", root.pem))
    now = datetime.now(UTC)
    assert [note.partition(", on ")[0] for note in https.notes(now)] == [
        "the authority CN=Old Root,O=Test ends in 4 days"
    ]
    later = https.notes(now + timedelta(days=100))
    assert [note.partition(" on ")[0] for note in later] == [
        "this relay's certificate expired",
        "the authority CN=Old Root,O=Test expired",
    ]
