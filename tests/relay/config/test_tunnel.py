"""The setting `tunnel`: a name, or a table with a command; a project file needs trust for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.config import Settings, TunnelChoice, load, plain_values
from relay.config.project import UntrustedSettings, leave_out
from relay.errors import UsageError

TABLE = """\
[tunnel]
command = ["./mine", "{port}"]
url = 'https://\\S+'
"""


def of(text: str, folder: Path, **flags: object) -> Settings:
    file = folder / "own.toml"
    file.write_text(text)
    return load(flags, config=file, environ={})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ssh:me@server", TunnelChoice(kind="ssh", server="me@server")),
        ("ssh:[::1]", TunnelChoice(kind="ssh", server="[::1]")),
        ("cloudflared", TunnelChoice(kind="cloudflared")),
        ("off", None),
    ],
)
def test_names(name: str, expected: TunnelChoice | None) -> None:
    """As an option, a variable, and in a file."""
    assert load({"tunnel": name}, environ={}).tunnel == expected
    assert load({}, environ={"LEAN_RELAY_TUNNEL": name}).tunnel == expected


@pytest.mark.parametrize(
    "name", ["", "ssh", "ssh:", "ssh:-oProxyCommand=x", "ssh:a b", "ngrok:x", "telnet", "off:"]
)
def test_what_is_no_name(name: str) -> None:
    """It is refused with those that are."""
    with pytest.raises(UsageError, match=r"is not a valid tunnel; use ssh:you@server, cloudflared, ngrok"):
        load({"tunnel": name}, environ={})


def test_a_command(tmp_path: Path) -> None:
    """Its path starts at the file's folder, and `--tunnel command` asks for it."""
    expected = TunnelChoice(
        kind="command", command=(str(tmp_path / "mine"), "{port}"), pattern=r"https://\S+"
    )
    assert of(TABLE, tmp_path).tunnel == expected
    settings = of(TABLE, tmp_path, tunnel="command")
    assert settings.tunnel == expected
    assert settings.sources["tunnel"].endswith("own.toml: tunnel")
    assert plain_values(settings, ["tunnel"])["tunnel"] == {
        "command": [str(tmp_path / "mine"), "{port}"],
        "url": r"https://\S+",
    }
    assert of(TABLE, tmp_path, tunnel="off").tunnel is None
    with pytest.raises(UsageError, match="needs a table"):
        of('tunnel = "ngrok"', tmp_path, tunnel="command")


def test_a_wrong_table_lists_every_error(tmp_path: Path) -> None:
    """With the key of each."""
    with pytest.raises(UsageError) as refused:
        of('[tunnel]\ncommand = "mine"\nurl = "("\nurls = 1\n', tmp_path)
    text = str(refused.value)
    for part in ("own.toml: tunnel.command: is not a list", "tunnel.url: ", "tunnel.urls: no such key"):
        assert part in text
    with pytest.raises(UsageError, match=r"tunnel\.url: is not a regular expression"):
        of('[tunnel]\ncommand = ["mine"]\n', tmp_path)


@pytest.mark.parametrize("text", ['tunnel = "cloudflared"\n', TABLE])
def test_a_project_file_needs_trust_for_it(tmp_path: Path, text: str) -> None:
    """Also where the option asks for its command, which could be any program."""
    (tmp_path / "lean-relay.toml").write_text(text)
    flags = [{}] if "[" not in text else [{}, {"tunnel": "command"}]
    for each in flags:
        with pytest.raises(UntrustedSettings, match="tunnel = "):
            load(each, environ={}, cwd=tmp_path)
        settings = load(each, environ={}, cwd=tmp_path, untrusted=leave_out)
        assert settings.tunnel is None
        assert [left.name for left in settings.left_out] == ["tunnel"]
    assert load({"tunnel": "ngrok"}, environ={}, cwd=tmp_path).tunnel == TunnelChoice(kind="ngrok")


def test_a_project_file_may_turn_it_off(tmp_path: Path) -> None:
    """That reaches nowhere."""
    (tmp_path / "lean-relay.toml").write_text('tunnel = "off"\n')
    assert load({}, environ={}, cwd=tmp_path).tunnel is None
