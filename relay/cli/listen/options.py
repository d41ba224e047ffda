"""The options of `listen` and of `lean-relay` without a command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from relay.cli.context import FILE, Invocation
from relay.cli.option_rules import given
from relay.config import SETTINGS, Setting, Settings
from relay.errors import UsageError

if TYPE_CHECKING:
    from relay.control.messages import TargetTls

F = TypeVar("F", bound=Callable[..., Any])

TARGET_TLS = ("insecure", "target_ca", "target_cert", "target_key")
"""Settings whose options `trigger` and `replay` have too."""


def setting_option(setting: Setting) -> Callable[[F], F]:
    """The option of a setting, with the name of its field; None if it is not given."""
    option = setting.option
    assert option is not None
    field = () if setting.key == "forward" else (setting.attribute,)  # which `--only` belongs to
    names = (*field, *filter(None, (option.short,)), setting.option_name)
    if option.metavar is None:
        return click.option(*names, is_flag=True, default=None, help=setting.meaning)
    default = f"  [{setting.default_text}]" if setting.default_text else ""
    return click.option(
        *names,
        type=FILE if option.metavar == "FILE" else str,
        metavar=option.metavar,
        multiple=option.repeatable,
        help=f"{setting.meaning}{' Repeatable.' if option.repeatable else ''}{default}",
    )


_ONLY = click.option(
    "--only", metavar="FILTER", help="Forward only webhooks that match on arrival, for example type:payment."
)


class Remembering(click.Command):
    """A command that remembers its arguments as they were written, to pass them on."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta["written"] = list(args)
        return super().parse_args(ctx, args)


def to_pass_on(ctx: click.Context, invocation: Invocation) -> list[str]:
    """Arguments for a `listen` in another process: those before the command, then its own."""
    return [
        *invocation.options(),
        *(word for word in ctx.meta["written"] if word not in ("--detach", "--json")),
    ]


def check_in_force(settings: Settings) -> None:
    """Refuse options that have no effect with the others and the settings.

    Raises:
        UsageError: names the first.
    """
    for name in given():
        if name == "--share-samples" and not settings.share:
            raise UsageError("--share-samples has no effect without --share")
        if name in ("--retry", "--time-scale", "--in-flight") and not settings.forward:
            raise UsageError(f"{name} has no effect without a target; name one with --forward-to")
        if name == "--from" and not settings.follow:
            raise UsageError("--from has no effect without --follow")
        if name == "--time-scale" and settings.retry != "lean":
            raise UsageError("--time-scale has no effect without --retry lean")
        tunnel = settings.tunnel
        if name == "--public-url" and tunnel is not None and tunnel.kind not in ("ssh", "command"):
            raise UsageError(
                f"--public-url has no effect with --tunnel {tunnel.kind}, which names its own URL"
            )


def listen_options(function: F) -> F:
    """Add the options of `listen`: those of the settings, and `--only`."""
    for key, setting in reversed(list(SETTINGS.items())):
        if key == "forward":
            function = _ONLY(function)
        if setting.option is not None and key != "db":  # --db is an option of every command.
            function = setting_option(setting)(function)
    return function


def target_tls_options(function: F) -> F:
    """Add the options for TLS to targets."""
    for key in reversed(TARGET_TLS):
        function = setting_option(SETTINGS[key])(function)
    return function


def target_tls(
    insecure: bool | None, ca: Path | None, cert: Path | None, key: Path | None
) -> TargetTls | None:
    """Values of `target_tls_options`; None if none is given.

    Raises:
        UsageError: one of them has no effect.
    """
    from relay.control.messages import TargetTls  # loads msgspec, which `--help` does not need

    if insecure and ca is not None:
        raise UsageError("--insecure and --target-ca exclude each other: nothing is checked with --insecure")
    if not insecure and (ca, cert, key) == (None, None, None):
        return None
    paths = [None if path is None else str(path.absolute()) for path in (ca, cert, key)]
    return TargetTls(insecure=bool(insecure), ca=paths[0], cert=paths[1], key=paths[2])
