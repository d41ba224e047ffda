"""The options of `listen`, which `lean-relay` without a command takes too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from relay.cli.context import Invocation
from relay.cli.option_rules import given
from relay.config import Settings
from relay.errors import UsageError

if TYPE_CHECKING:
    from relay.delivery.destinations import TargetTls

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(path_type=Path, dir_okay=False)

_TARGET_TLS = (
    click.option("--insecure", is_flag=True, default=None, help="Do not check the certificates of targets."),
    click.option(
        "--target-ca",
        type=FILE,
        metavar="FILE",
        help="PEM file of authorities to check the certificates of targets against.",
    ),
    click.option(
        "--target-cert", type=FILE, metavar="FILE", help="Show this certificate to targets that ask for one."
    ),
    click.option("--target-key", type=FILE, metavar="FILE", help="The private key of --target-cert."),
)

_OPTIONS = (
    click.option("-p", "--port", type=int, metavar="PORT", help="TCP port; 0 takes any free one.  [5326]"),
    click.option("--host", metavar="ADDRESS", help="Address to listen on.  [127.0.0.1]"),
    click.option(
        "-f",
        "--forward-to",
        multiple=True,
        metavar="TARGET",
        help="Send captures on to :3000, localhost:3000/hook or a URL; can be given several times.",
    ),
    click.option(
        "--only", metavar="FILTER", help="Send on only what matches on arrival, such as type:payment."
    ),
    click.option(
        "--retry",
        metavar="none|fast|lean",
        help="When a target that answered otherwise than 200, or not in time, is tried again.  [none]",
    ),
    click.option(
        "--time-scale", metavar="FACTOR", help="What Lean's minutes are multiplied by in --retry lean.  [1]"
    ),
    click.option("--timeout", metavar="SECONDS", help="How long a target's answer is awaited.  [300]"),
    click.option("--in-flight", type=int, metavar="N", help="Most tries of one target at a time.  [1]"),
    *_TARGET_TLS,
    click.option(
        "--target-server-name", metavar="NAME", help="Name that targets' certificates must have, if another."
    ),
    click.option("--public-url", metavar="URL", help="The URL that Lean was given, for example a tunnel's."),
    click.option("--max-body", metavar="SIZE", help="Largest body taken, such as 512k or 10MiB.  [10MiB]"),
    click.option(
        "--respond", type=int, metavar="STATUS", help="Answer with this status instead of 200, on purpose."
    ),
    click.option(
        "--respond-delay", type=float, metavar="SECONDS", help="Wait so long before each answer, on purpose."
    ),
    click.option(
        "--tls-cert", type=FILE, metavar="FILE", help="Serve HTTPS with this certificate and its chain."
    ),
    click.option("--tls-key", type=FILE, metavar="FILE", help="The private key of --tls-cert."),
    click.option("--tls-key-password-file", type=FILE, metavar="FILE", help="The password of --tls-key."),
    click.option(
        "--dev-tls",
        is_flag=True,
        default=None,
        help="Serve HTTPS with a certificate made here, as `certs init` makes it.",
    ),
    click.option(
        "--client-ca",
        type=FILE,
        metavar="FILE",
        help="Authorities that callers' certificates are checked against.",
    ),
    click.option(
        "--client-auth",
        metavar="off|optional|required",
        help="Ask callers for a certificate; optional records without rejecting.  [off]",
    ),
    click.option(
        "--client-pin",
        multiple=True,
        metavar="PIN",
        help="Take only this certificate: subject:CN=NAME, san:NAME or spki:HEX; repeatable.",
    ),
    click.option(
        "--allow-cross-site", is_flag=True, default=None, help="Take requests that a web page sends."
    ),
)


class Remembering(click.Command):
    """A command that remembers its arguments as they were written, to pass them on."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta["written"] = list(args)
        return super().parse_args(ctx, args)


def to_pass_on(ctx: click.Context, invocation: Invocation) -> list[str]:
    """The arguments for a `listen` of its own: those that were written, and what came before the command."""
    shared = [("--db", invocation.db), ("--config", invocation.config)]
    before = [word for name, path in shared if path is not None for word in (name, str(path))]
    return [*before, *(word for word in ctx.meta["written"] if word not in ("--detach", "--json"))]


def check_in_force(settings: Settings) -> None:
    """Refuse options of the running `listen` that have no effect with the others and the settings.

    Raises:
        UsageError: it names the first.
    """
    for name in given():
        if name in ("--retry", "--time-scale", "--in-flight") and not settings.forward:
            raise UsageError(f"{name} has no effect without a target; name one with --forward-to")
        if name == "--time-scale" and settings.retry != "lean":
            raise UsageError("--time-scale has no effect without --retry lean")


def listen_options(function: F) -> F:
    """Give a command the options of `listen`; their names are those of settings, and None where not given."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def target_tls_options(function: F) -> F:
    """Give a command those of them that say how TLS is spoken to targets."""
    for option in reversed(_TARGET_TLS):
        function = option(function)
    return function


def target_tls(
    insecure: bool | None, ca: Path | None, cert: Path | None, key: Path | None
) -> TargetTls | None:
    """What was said with `target_tls_options`; None where nothing was.

    Raises:
        UsageError: one of them would have no effect.
    """
    from relay.delivery.destinations import TargetTls  # with the settings, which `--help` need not wait for

    if insecure and ca is not None:
        raise UsageError("--insecure and --target-ca exclude each other: nothing is checked with --insecure")
    if not insecure and (ca, cert, key) == (None, None, None):
        return None
    paths = [None if path is None else str(path.absolute()) for path in (ca, cert, key)]
    return TargetTls(insecure=bool(insecure), ca=paths[0], cert=paths[1], key=paths[2])
