"""What each tunnel program prints, read as the guard reads it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from relay.tunnel.output import LINE_CHARACTERS, Lines, Sign, is_noise, is_url, reader
from tests.support import tunnels


def signs(kind: str, text: str, pattern: str | None = None) -> list[Sign]:
    """The signs in a program's output."""
    read, lines = reader(kind, pattern), Lines()
    found = (read(line) for line in (*lines.feed(text.encode()), *lines.rest()))
    return [sign for sign in found if sign is not None]


def test_cloudflared_names_a_url_and_connects_later() -> None:
    """Only the connection makes the URL of use."""
    url = "https://quiet-lake.trycloudflare.com"
    assert signs("cloudflared", tunnels.BOX.format(name="quiet-lake")) == [Sign(url=url)]
    assert signs("cloudflared", tunnels.REGISTERED) == [Sign(connected=True)]
    (lost,) = signs("cloudflared", tunnels.RETRYING)
    assert lost.connected is False
    assert "lost its connection" in lost.reason


def test_cloudflareds_own_host_is_no_public_url() -> None:
    """It stands in its error messages."""
    assert not signs("cloudflared", 'Post "https://api.trycloudflare.com/tunnel": dial tcp: no such host')
    assert not signs("cloudflared", tunnels.TOO_MANY)


def test_colours_are_removed() -> None:
    """Also within what is looked for."""
    text = "\x1b[90m2026\x1b[0m \x1b[32mINF\x1b[0m |  https://\x1b[1ma-b\x1b[0m.trycloudflare.com  |\n"
    assert signs("cloudflared", text) == [Sign(url="https://a-b.trycloudflare.com")]
    assert list(Lines().feed(b"\x1b]0;title\x07plain\x1b[2K\n")) == ["plain"]


def test_ngrok_reports_an_object_a_line() -> None:
    """The one with the URL counts; what is no JSON, or another object, does not."""
    assert signs("ngrok", tunnels.NGROK) == [
        Sign(url="https://ab12-203-0-113-7.ngrok-free.app", connected=True)
    ]
    assert not signs("ngrok", tunnels.NGROK_WITHOUT_ACCOUNT)
    assert not signs(
        "ngrok", '{"msg":"started tunnel","url":7}\n{"msg":"started tunnel","url":"tcp://x:1"}\n[]\n{'
    )
    lost, again = signs(
        "ngrok", '{"msg":"session closed, starting reconnect loop"}\n{"msg":"client session established"}\n'
    )
    assert (lost.connected, again.connected) == (False, True)


def test_tailscale_names_many_urls_and_one_that_is_public() -> None:
    """The settings, and the tailnet's own, are none."""
    assert signs("tailscale", tunnels.FUNNEL) == [Sign(url="https://laptop.tail1234.ts.net", connected=True)]
    assert not signs("tailscale", tunnels.FUNNEL.replace("on the internet", "within your tailnet"))
    assert not signs(
        "tailscale", "Funnel is not enabled on your tailnet.\nhttps://login.tailscale.com/f/funnel?n=1\n"
    )


def test_ssh_says_when_the_server_forwards() -> None:
    """And nothing else of it is worth showing, but its errors."""
    line = "debug1: remote forward success for: listen 127.0.0.1:5326, connect 127.0.0.1:40001"
    assert signs("ssh", line) == [Sign(connected=True)]
    assert is_noise("ssh", line)
    assert not is_noise("ssh", "me@server: Permission denied (publickey).")
    assert not is_noise("cloudflared", line)


def test_a_command_has_a_pattern() -> None:
    """Its group or all of it; what is no URL says only that the tunnel is up."""
    assert signs("command", "url=https://x.example/ ready", r"https://\S+") == [
        Sign(url="https://x.example/", connected=True)
    ]
    assert signs("command", "at <https://x.example>", "<(.+)>") == [
        Sign(url="https://x.example", connected=True)
    ]
    assert signs("command", "connected", "connected") == [Sign(connected=True)]
    assert not signs("command", "nothing", "connected")


def test_only_a_plain_url_is_one() -> None:
    """Nothing that a terminal or a reader could take for something else."""
    assert is_url("https://x.example:8443/a?b")
    for text in (
        "",
        "x.example",
        "ftp://x",
        "https://",
        "https://a b",
        "https://me@x",
        "https://\u202e.example",
    ):
        assert not is_url(text)
    assert not is_url("https://[::1")
    assert not is_url(f"https://{'x' * 400}.example")


def test_tokens_are_masked() -> None:
    """ngrok quotes the user's token in its errors; others name a variable or a field."""
    assert list(Lines().feed(b"Your authtoken: 1yaP1QLD0cVVKBknmtX9TAduxr6_6BSa\n")) == [
        "Your authtoken: <masked>"
    ]
    for name in ("NGROK_AUTHTOKEN=", '"access_token": "'):
        assert list(Lines().feed(f"{name}1yaP1QLD0cVVKBknmtX9\n".encode())) == [f"{name}<masked>"]


def test_long_lines_are_cut() -> None:
    """A megabyte without a line feed takes no megabyte."""
    lines = Lines()
    for _ in range(20):
        assert not list(lines.feed(b"x" * 65_536))
    (line,) = lines.feed(b"\n")
    assert len(line) == LINE_CHARACTERS


@given(some.lists(some.binary(max_size=60), max_size=8))
def test_lines_do_not_depend_on_how_they_arrive(parts: list[bytes]) -> None:
    """In one piece or in many."""
    pieces, whole = Lines(), Lines()
    one_by_one = [line for part in parts for line in pieces.feed(part)]
    assert [*one_by_one, *pieces.rest()] == [*whole.feed(b"".join(parts)), *whole.rest()]
