"""The tunnel programs that the relay can start: arguments, where to get each, and who can read the traffic.

Pure. Nothing is bundled or downloaded: the programs are the user's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from relay.config import TunnelChoice
from relay.text.safe import quoted

SSH_ALIVE_EVERY_S = 15
SSH_ALIVE_COUNT = 2
"""ssh ends a connection after this many unanswered questions, one every `SSH_ALIVE_EVERY_S`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalAddress:
    """The end of the tunnel: the receiver, as a program on this machine connects to it."""

    host: str
    """IPv6 in brackets."""
    port: int
    secure: bool
    """Whether it takes HTTPS."""
    server_port: int
    """The port on the user's own server, for `ssh`."""

    @classmethod
    def of(cls, host: str, port: int, *, secure: bool, server_port: int) -> LocalAddress:
        """The address of a receiver that is bound to `host`; for all interfaces, that of loopback."""
        if host in ("0.0.0.0", "::"):  # noqa: S104  # compared, not bound
            host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
        return cls(
            host=f"[{host}]" if ":" in host else host, port=port, secure=secure, server_port=server_port
        )

    @property
    def url(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One tunnel program."""

    install: str
    """Advice on how to get it."""
    privacy: str
    """A sentence: where TLS ends, who can read webhooks, and what does not get through."""
    names_url: bool
    """Whether the program says the URL; otherwise it is `public_url`."""
    passes_certificates: bool
    """Whether a client certificate of the caller can reach the relay."""
    arguments: Callable[[TunnelChoice, LocalAddress], tuple[str, ...]]


def _ssh(choice: TunnelChoice, local: LocalAddress) -> tuple[str, ...]:
    options = (
        "BatchMode=yes",
        "ExitOnForwardFailure=yes",
        f"ServerAliveInterval={SSH_ALIVE_EVERY_S}",
        f"ServerAliveCountMax={SSH_ALIVE_COUNT}",
        # A shared connection would keep the forwarding after this process has ended.
        "ControlPath=none",
    )
    forward = f"127.0.0.1:{local.server_port}:{local.host}:{local.port}"
    words = [word for option in options for word in ("-o", option)]
    # -v, because ssh says only then that the server has accepted the forwarding.
    return ("ssh", "-N", "-T", "-v", *words, "-R", forward, "--", str(choice.server))


def _cloudflared(_choice: TunnelChoice, local: LocalAddress) -> tuple[str, ...]:
    # The rules of a configuration file of the user's would lead the URL elsewhere.
    words = ("cloudflared", "tunnel", "--config", "/dev/null", "--no-autoupdate", "--url", local.url)
    return (*words, "--no-tls-verify") if local.secure else words


def _ngrok(_choice: TunnelChoice, local: LocalAddress) -> tuple[str, ...]:
    # Its local inspector would keep requests and show them to every program of this machine.
    return ("ngrok", "http", local.url, "--inspect=false", "--log=stdout", "--log-format=json")


def _tailscale(_choice: TunnelChoice, local: LocalAddress) -> tuple[str, ...]:
    target = local.url.replace("https://", "https+insecure://", 1)
    return ("tailscale", "funnel", target)


def _command(choice: TunnelChoice, local: LocalAddress) -> tuple[str, ...]:
    program, *words = choice.command
    places = {"{host}": local.host, "{port}": str(local.port), "{url}": local.url}
    for place, value in places.items():
        words = [word.replace(place, value) for word in words]
    return (program, *words)


_RECASED = "header names may arrive in another case and order; client certificates do not reach the relay"

KINDS: Mapping[str, Kind] = {
    "ssh": Kind(
        install="install the OpenSSH client (Debian: apt install openssh-client)",
        privacy="ssh passes every byte on unchanged; TLS ends at your server, which alone can read webhooks",
        names_url=False,
        passes_certificates=True,
        arguments=_ssh,
    ),
    "cloudflared": Kind(
        install="get it from https://developers.cloudflare.com/tunnel/downloads/",
        privacy=f"TLS ends at Cloudflare, which can read every webhook; {_RECASED}",
        names_url=True,
        passes_certificates=False,
        arguments=_cloudflared,
    ),
    "ngrok": Kind(
        install="get it from https://ngrok.com/download, and run `ngrok config add-authtoken` once",
        privacy=f"TLS ends at ngrok, which can read every webhook; {_RECASED}",
        names_url=True,
        passes_certificates=False,
        arguments=_ngrok,
    ),
    "tailscale": Kind(
        install="get it from https://tailscale.com/download, and run `tailscale up` once",
        privacy=f"TLS ends on this machine, in tailscaled; {_RECASED}",
        names_url=True,
        passes_certificates=False,
        arguments=_tailscale,
    ),
    "command": Kind(
        install="install it, or correct [tunnel] command",
        privacy="anybody who runs the server where TLS ends can read every webhook",
        names_url=True,
        passes_certificates=True,
        arguments=_command,
    ),
}
"""By the kind of a `TunnelChoice`."""


def program(choice: TunnelChoice) -> str:
    """The program that a tunnel needs."""
    return choice.command[0] if choice.command else choice.kind


def why_missing(choice: TunnelChoice) -> str:
    """The error where the program is not on PATH."""
    return f"--tunnel {choice.kind} needs {quoted(program(choice))}, which is not on PATH; " + (
        KINDS[choice.kind].install
    )


def why_not(choice: TunnelChoice, *, public_url: str | None, client_auth: str) -> str | None:
    """Why a tunnel cannot work with the other settings; None where it can.

    ssh knows no URL: without `public_url` the tunnel's could not be shown, tried or recognised.
    """
    kind = KINDS[choice.kind]
    if not kind.names_url and public_url is None:
        return (
            f"--tunnel {choice.name} needs the URL at which your server takes webhooks; set public_url, or "
            "--public-url https://..."
        )
    if not kind.passes_certificates and client_auth == "required":
        return (
            f"client certificates do not get through {choice.kind}, so client_auth = required would refuse "
            "every webhook; use --tunnel ssh:you@server, or another client_auth"
        )
    return None
