"""The options of `replay`, and its help in groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from relay.cli.listen.options import target_tls_options
from relay.cli.output import FilterCommand, reveal_option
from relay.control.messages import MOST_CONCURRENT, MOST_TIMES
from relay.delivery.expectations import WORDS

F = TypeVar("F", bound=Callable[..., Any])

ANY = "\0"
"""`--resign` without a name."""

GROUPS = {
    "Which": ("--times", "--shuffle"),
    "How": (
        "--edit", "--set", "--header", "--method", "--path", "--fresh-ids", "--fresh-payload-ids", "--resign",
        "--rate", "--concurrency", "--until-delivered",
    ),
    "Where": ("--to", "--insecure", "--target-ca", "--target-cert", "--target-key"),
    "Check": ("--dry-run", "--reveal", "--expect", "--pin"),
}  # fmt: skip
"""Heading -> options; all others come last."""


class ReplayCommand(FilterCommand):
    """A command whose help shows its options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = [(each.opts[-1], each.get_help_record(ctx)) for each in self.get_params(ctx)]
        rows = {name: record for name, record in found if record is not None}
        for heading, names in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([rows.pop(name) for name in names])
        with formatter.section("Options"):
            formatter.write_dl(list(rows.values()))


def replay_options(function: F) -> F:
    """Add the options of `replay`; those that `ReplayOptions.read` reads have its names."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--times", default="1", metavar="N", help=f"Send all of them N times, up to {MOST_TIMES:,}.  [1]"
    ),
    click.option(
        "--shuffle",
        default="",
        metavar="SEED",
        help="Send in random order; the same seed gives the same order.",
    ),
    click.option(
        "--edit", "by_hand", is_flag=True, help="Edit the request in $EDITOR first; one capture only."
    ),
    click.option(
        "--set",
        multiple=True,
        metavar="PATH=VALUE",
        help="Change a value of the JSON body and no other byte: payload.amount=100.50. VALUE is JSON if it "
        "parses as JSON, else text. Repeatable; a path that does not exist is an error.",
    ),
    click.option(
        "--header",
        multiple=True,
        metavar="'NAME: VALUE'",
        help="Replace or add a header; 'NAME:' removes it. Repeatable.",
    ),
    click.option("--method", default="", metavar="METHOD", help="Send with this method, such as PUT."),
    click.option(
        "--path",
        default="",
        metavar="PATH",
        help="Send to this path and query, such as /hook?a=1, in place of the webhook's own.",
    ),
    click.option(
        "--fresh-ids",
        is_flag=True,
        help="New event_ids and current timestamps, so that a backend that dedupes takes them for new; a "
        "retry stays a retry of its event. Signs again what was signed.",
    ),
    click.option(
        "--fresh-payload-ids",
        is_flag=True,
        help="The same, and new ids inside payloads; events of one payment stay so.",
    ),
    click.option(
        "--resign",
        is_flag=False,
        flag_value=ANY,
        metavar="[NAME]",
        help="Sign again with the secret of this name; default the one that signed the capture, else "
        "sandbox, default or the first.",
    ),
    click.option(
        "--rate",
        default="",
        metavar="N/original",
        help="Deliveries per second, or original: the intervals at which the captures came.",
    ),
    click.option(
        "--concurrency",
        default="1",
        metavar="N",
        help=f"Maximum deliveries in flight, up to {MOST_CONCURRENT}; 1 keeps them in order.  [1]",
    ),
    click.option(
        "--until-delivered", is_flag=True, help="Retry each delivery every 1 to 15 s until it gets a 200."
    ),
    click.option(
        "--to", multiple=True, metavar="TARGET", help="Send to :3000, localhost:3000/hook or a URL instead."
    ),
    target_tls_options,
    click.option("--dry-run", is_flag=True, help="Print the requests that would be sent, and send nothing."),
    reveal_option,
    click.option(
        "--expect",
        default="",
        metavar=f"STATUS/{'/'.join(WORDS)}",
        help="Exit 3 if a response differs. refused means 400 to 499; recorded compares with the baseline, "
        "this target's first live response or the pinned one: 3 if it was delivered and now is not.",
    ),
    click.option(
        "--pin",
        is_flag=True,
        help="Make each response the baseline: what --expect recorded compares later ones with.",
    ),
    click.option("--yes", is_flag=True, help="Do not ask for confirmation."),
    click.option(
        "--stop",
        metavar="ID/all",
        help="Stop a running replay, no matter who started it; `status` names them.",
    ),
)
