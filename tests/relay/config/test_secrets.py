"""Secrets: where they may stand, and reading them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from relay.config import Settings, load, read_app_token, read_secrets
from relay.errors import UsageError

CANARY = "hunter2-canary"


def loaded(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Settings:
    (folder / "lean-relay.toml").write_text(text)
    return load({}, environ=environ or {}, cwd=folder, untrusted=lambda _: True)


def private(path: Path, content: bytes) -> Path:
    path.touch(0o600)
    path.write_bytes(content)
    return path


def test_named_secrets_come_from_files_and_the_environment(tmp_path: Path) -> None:
    """Several named secrets; files are meant from the settings' folder; the unnamed one is `default`."""
    private(tmp_path / "sandbox.txt", CANARY.encode() + b"\n")
    environ = {"PROD": "p", "LEAN_WEBHOOK_SECRET": "d"}
    text = '[secrets]\nsandbox = {file = "sandbox.txt"}\nproduction = {env = "PROD"}'
    settings = loaded(tmp_path, text, environ)
    warnings: list[str] = []
    secrets = read_secrets(settings, environ, warn=warnings.append)
    assert list(secrets.items()) == [("default", b"d"), ("sandbox", CANARY.encode()), ("production", b"p")]
    assert warnings == []
    assert settings.sources["secrets.sandbox"] == "lean-relay.toml: secrets.sandbox"
    assert settings.sources["secrets.default"] == "LEAN_WEBHOOK_SECRET"


def test_the_environment_wins_by_name(tmp_path: Path) -> None:
    """LEAN_WEBHOOK_SECRET stands in for `default` of a file; other names of the file stay."""
    environ = {"A": "a", "LEAN_WEBHOOK_SECRET": "d"}
    settings = loaded(tmp_path, '[secrets]\nother = {env = "A"}\ndefault = {env = "A"}', environ)
    assert read_secrets(settings, environ) == {"default": b"d", "other": b"a"}


def test_files_named_by_the_environment(tmp_path: Path) -> None:
    """LEAN_WEBHOOK_SECRET_FILE and LEAN_APP_TOKEN_FILE name files, meant from the working folder."""
    private(tmp_path / "s", b"secret")
    private(tmp_path / "t", b"token\n")
    environ = {"LEAN_WEBHOOK_SECRET_FILE": "s", "LEAN_APP_TOKEN_FILE": "t"}
    settings = loaded(tmp_path, "", environ)
    assert read_secrets(settings, environ) == {"default": b"secret"}
    assert read_app_token(settings, environ) == b"token"
    with pytest.raises(UsageError, match="LEAN_APP_TOKEN and LEAN_APP_TOKEN_FILE are both set"):
        loaded(tmp_path, "", environ | {"LEAN_APP_TOKEN": "x"})


def test_nothing_configured_is_no_secret(tmp_path: Path) -> None:
    """Without secrets there are none to read, and that is no fault."""
    settings = loaded(tmp_path, "")
    assert read_secrets(settings, {}) == {}
    assert read_app_token(settings, {}) is None


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"a\n", b"a"),
        (b"a\r\n", b"a"),
        (b"a\n\n", b"a\n"),
        (b" a ", b" a "),
        (b"\xff\x00", b"\xff\x00"),
        (b"a\r", b"a\r"),
    ],
)
def test_one_final_newline_is_dropped(tmp_path: Path, content: bytes, secret: bytes) -> None:
    """A file's bytes are the secret, but for one newline at the end, as editors and echo leave it."""
    private(tmp_path / "s", content)
    assert read_secrets(loaded(tmp_path, '[secrets]\na = {file = "s"}'), {}) == {"a": secret}


def test_bytes_of_the_environment_are_kept(tmp_path: Path) -> None:
    """A variable that is not UTF-8 is read as the bytes it holds."""
    environ = {"LEAN_WEBHOOK_SECRET": "ä\udcff"}
    assert read_secrets(loaded(tmp_path, "", environ), environ) == {"default": "ä".encode() + b"\xff"}


@pytest.mark.parametrize(
    "text",
    [
        f'[secrets]\nsandbox = "{CANARY}"',
        f'[secrets]\nsandbox = {{ value = "{CANARY}" }}',
        f'[secrets]\nsandbox = {{ file = "x", value = "{CANARY}" }}',
        f'[secrets]\nsandbox = {{ env = "{CANARY}" }}',
        f'[secrets]\nsandbox = ["{CANARY}"]',
        f'[secrets]\n"{CANARY} {CANARY}" = 1',
        f'secrets = "{CANARY}"',
        f'app_token = "{CANARY}"',
        f'secret = "{CANARY}"',
        f'webhook_secret = "{CANARY}"',
        '[secrets]\nsandbox = { file = "" }',
    ],
)
def test_a_secret_in_the_settings_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    """A secret written into a settings file is a fault that says what to write and does not show it again."""
    with pytest.raises(UsageError) as caught:
        loaded(tmp_path, text)
    assert CANARY not in str(caught.value)
    assert str(caught.value).startswith("lean-relay.toml: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xef\xbb\xbf" + CANARY.encode(), ["begins with a byte order mark"]),
        (CANARY.encode("utf-16"), ["contains NUL bytes or a UTF-16 mark"]),
        (CANARY.encode("utf-16-be"), ["contains NUL bytes or a UTF-16 mark"]),
        (CANARY.encode() + b"\0", ["contains NUL bytes or a UTF-16 mark"]),
        (f'"{CANARY}"'.encode(), ["is in quotes"]),
        (f"\u2018{CANARY}\u2019\n".encode(), ["is in quotes"]),
        (f"LEAN_WEBHOOK_SECRET={CANARY}\n".encode(), ["begins with a name and `=`"]),
        (f"export SECRET='{CANARY}'\n".encode(), ["begins with a name and `=`"]),
        (f" {CANARY}".encode(), ["begins or ends with white space"]),
        (f"{CANARY}\n{CANARY}\n".encode(), ["has several lines"]),
        (f"{CANARY}\u200b".encode(), ["contains invisible characters"]),
        (f"{CANARY[:4]}\xa0{CANARY[4:]}".encode(), ["contains invisible characters"]),
        (f'\ufeff "{CANARY}"'.encode(), ["begins with a byte order mark", "white space", "is in quotes"]),
        (CANARY.encode(), []),
        (b"two words", []),
        ("پسورد".encode(), []),
        (b"c2VjcmV0LXZhbHVlLXh4eA==", []),
        (b"abc=", []),
        (b"'", []),
    ],
)
def test_what_is_clearly_no_secret_is_warned_of(tmp_path: Path, content: bytes, said: list[str]) -> None:
    """Each oddity is told with where it is and nothing of the secret; its bytes stay what they are."""
    private(tmp_path / "s", content)
    settings = loaded(tmp_path, '[secrets]\na = {file = "s"}')
    warnings: list[str] = []
    secret = read_secrets(settings, {}, warn=warnings.append)["a"]
    assert content.startswith(secret)
    assert len(warnings) == len(said), warnings
    for warning, words in zip(warnings, said, strict=True):
        assert warning.startswith("lean-relay.toml: secrets.a: file ")
        assert words in warning
        assert CANARY not in warning
        assert CANARY[:4] not in warning


def test_variables_and_the_token_are_warned_of_too(tmp_path: Path) -> None:
    """A secret in a variable and the application token are looked at in the same way."""
    environ = {"LEAN_WEBHOOK_SECRET": f"'{CANARY}'", "LEAN_APP_TOKEN": f'"{CANARY}"'}
    settings = loaded(tmp_path, "", environ)
    warnings: list[str] = []
    read_secrets(settings, environ, warn=warnings.append)
    read_app_token(settings, environ, warn=warnings.append)
    assert [warning.partition(" is in quotes")[0] for warning in warnings] == [
        "LEAN_WEBHOOK_SECRET: environment LEAN_WEBHOOK_SECRET",
        "LEAN_APP_TOKEN: environment LEAN_APP_TOKEN",
    ]


def test_every_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Missing, empty, unreadable and oversized ones are all in one message, with where each was asked for."""
    private(tmp_path / "empty", b"\n")
    private(tmp_path / "big", b"x" * 70_000)
    (tmp_path / "folder").mkdir()
    settings = loaded(
        tmp_path,
        "[secrets]\na={file='none'}\nb={file='empty'}\nc={file='folder'}\nd={file='big'}\ne={env='NONE'}\nf={env='E'}",
    )
    with pytest.raises(UsageError) as caught:
        read_secrets(settings, {"E": ""})
    assert str(caught.value).splitlines() == [
        f"lean-relay.toml: secrets.a: file {tmp_path}/none could not be read: No such file or directory",
        f"lean-relay.toml: secrets.b: file {tmp_path}/empty is empty",
        f"lean-relay.toml: secrets.c: file {tmp_path}/folder could not be read: Is a directory",
        f"lean-relay.toml: secrets.d: file {tmp_path}/big is too large for a secret (at most 64 KiB)",
        "lean-relay.toml: secrets.e: environment NONE is not set",
        "lean-relay.toml: secrets.f: environment E is empty",
    ]


def test_what_is_unwise_is_warned_of(tmp_path: Path) -> None:
    """A file that others can read, and white space round a secret, are allowed, and said."""
    private(tmp_path / "s", CANARY.encode() + b" \n").chmod(0o640)
    warnings: list[str] = []
    read_secrets(loaded(tmp_path, "[secrets]\na={file='s'}"), {}, warn=warnings.append)
    assert len(warnings) == 2
    assert "can be read by other users of this machine; run `chmod 600`" in warnings[0]
    assert "begins or ends with white space, which counts as part of the secret; leave it out" in warnings[1]
    assert CANARY not in "".join(warnings)


def test_a_pipe_can_give_a_secret(tmp_path: Path) -> None:
    """A secret can come from a pipe, as a shell's `<(command)` makes one, and is read once."""
    read_end, write_end = os.pipe()
    os.write(write_end, b"piped\n")
    os.close(write_end)
    environ = {"LEAN_WEBHOOK_SECRET_FILE": f"/dev/fd/{read_end}"}
    try:
        assert read_secrets(loaded(tmp_path, "", environ), environ) == {"default": b"piped"}
    finally:
        os.close(read_end)


def test_settings_hold_no_secret(tmp_path: Path) -> None:
    """Neither `Settings` nor its text has a secret in it, only where it is."""
    environ = {"LEAN_WEBHOOK_SECRET": CANARY, "LEAN_APP_TOKEN": CANARY}
    settings = loaded(tmp_path, "", environ)
    assert read_app_token(settings, environ) == CANARY.encode()
    assert CANARY not in repr(settings) + str(settings) + "".join(map(str, settings.secrets))
