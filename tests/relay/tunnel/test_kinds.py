"""The arguments of each tunnel program, and the settings that it cannot work with."""

from __future__ import annotations

import pytest

from relay.config import TunnelChoice
from relay.tunnel.kinds import KINDS, LocalAddress, program, why_missing, why_not
from tests.support.loaded_settings import settings

HERE = LocalAddress.of("127.0.0.1", 5326, secure=False, server_port=5326)
HTTPS = LocalAddress.of("127.0.0.1", 5326, secure=True, server_port=5326)


def chosen(name: str) -> TunnelChoice:
    choice = settings(tunnel=name, public_url="https://x.example").tunnel
    assert choice is not None
    return choice


def argv(name: str, local: LocalAddress = HERE) -> str:
    choice = chosen(name)
    return " ".join(KINDS[choice.kind].arguments(choice, local))


def test_each_kind_of_the_settings_has_a_program() -> None:
    """What can be chosen can be started."""
    for name in ("ssh:me@server", "cloudflared", "ngrok", "tailscale"):
        assert argv(name).startswith(f"{program(chosen(name))} ")


def test_ssh_forwards_from_loopback_of_the_server_and_asks_nothing() -> None:
    """One connection of its own, ended where it cannot forward or nobody responds."""
    local = LocalAddress.of("0.0.0.0", 40001, secure=False, server_port=5326)
    words = argv("ssh:me@server", local)
    assert words.endswith("-R 127.0.0.1:5326:127.0.0.1:40001 -- me@server")
    for option in (
        "BatchMode=yes",
        "ExitOnForwardFailure=yes",
        "ServerAliveInterval=15",
        "ServerAliveCountMax=2",
        "ControlPath=none",
    ):
        assert f"-o {option} " in words
    assert "StrictHostKeyChecking" not in words


def test_addresses() -> None:
    """All interfaces mean loopback, and IPv6 stands in brackets."""
    assert LocalAddress.of("::", 1, secure=True, server_port=2).url == "https://[::1]:1"
    assert LocalAddress.of("::1", 1, secure=False, server_port=2).host == "[::1]"


def test_ngrok_keeps_no_requests() -> None:
    """Its local inspector is off, and its log is JSON."""
    words = argv("ngrok")
    assert words.startswith("ngrok http http://127.0.0.1:5326 ")
    assert "--inspect=false" in words
    assert "--log-format=json" in words


def test_https_here_is_not_checked_by_name() -> None:
    """The relay's certificate is for another name than 127.0.0.1; the way to it stays on this machine."""
    assert argv("cloudflared", HTTPS).endswith("--url https://127.0.0.1:5326 --no-tls-verify")
    assert argv("tailscale", HTTPS).endswith("funnel https+insecure://127.0.0.1:5326")
    assert "--no-tls-verify" not in argv("cloudflared")


def test_a_command_gets_the_address() -> None:
    """In each of its words, but the program."""
    choice = TunnelChoice(kind="command", command=("{port}", "-R0:{host}:{port}", "{url}"), pattern="x")
    assert KINDS["command"].arguments(choice, HERE) == (
        "{port}",
        "-R0:127.0.0.1:5326",
        "http://127.0.0.1:5326",
    )


@pytest.mark.parametrize(
    ("name", "public_url", "client_auth", "part"),
    [
        ("ssh:me@server", None, "off", "set public_url"),
        ("ssh:me@server", "https://x.example", "required", None),
        ("cloudflared", None, "required", "client certificates do not get through cloudflared"),
        ("cloudflared", None, "optional", None),
        ("ngrok", None, "off", None),
    ],
)
def test_what_excludes_a_tunnel(
    name: str, public_url: str | None, client_auth: str, part: str | None
) -> None:
    """ssh needs a URL, and a client certificate needs a way through."""
    reason = why_not(chosen(name), public_url=public_url, client_auth=client_auth)
    assert reason is None if part is None else part in str(reason)


def test_a_missing_program_says_how_to_get_it() -> None:
    """With its name and the place."""
    text = why_missing(chosen("ngrok"))
    assert '"ngrok", which is not on PATH' in text
    assert "https://ngrok.com/download" in text
