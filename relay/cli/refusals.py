"""`refusals`: rejected requests and connections, why, and what to do about it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import click

from relay.cli.advice import advice, say
from relay.cli.context import MOST_LIMIT, Invocation, shared_options
from relay.cli.json_lines import print_json
from relay.models import Refusal, RefusalTotals
from relay.store.read import refusals
from relay.store.read.reader import Reader
from relay.text.refusals import line, meaning
from relay.text.safe import visible

WRAP = 96


@click.command("refusals")
@click.option("--limit", type=click.IntRange(1), default=50, metavar="N", help="List the newest N.  [50]")
@click.option("--reason", metavar="WORD", help="Only refusals with this reason, such as tls-no-certificate.")
@click.option("--explain", is_flag=True, help="Explain each reason and what to do about it.")
@shared_options
@click.pass_obj
def refusals_command(invocation: Invocation, limit: int, reason: str | None, explain: bool) -> None:
    """List requests and connections that did not become captures, and why; oldest first.

    Equal ones within a second are one line with a count. The newest 10,000 lines are kept.
    """
    with Reader(invocation.settings().db) as reader:
        found = refusals.newest(reader, min(limit, MOST_LIMIT), reason)
        tally = refusals.tally(reader)
    for refusal in found:
        if invocation.json:
            print_json(refusal.as_json())
        else:
            click.echo(line(refusal))
    if explain:
        _explain(invocation, found, tally.by_reason)
    if not invocation.json:
        _count(found, tally, reason)


def _explain(invocation: Invocation, found: Sequence[Refusal], counts: Mapping[str, int]) -> None:
    for reason in dict.fromkeys(refusal.reason for refusal in found):
        means, count = meaning(reason), counts.get(reason, 0)
        if invocation.json:
            print_json(
                {
                    "kind": "refusal_reason",
                    "reason": reason,
                    "count": count,
                    "words": means.words,
                    "behind": means.cause,
                    "advice": means.advice,
                }
            )
            continue
        click.echo(f"\n{visible(reason)}, {count} in all: {means.words}")
        for text in (means.cause, means.advice):
            click.echo(_wrapped(advice(text, invocation)))


def _wrapped(text: str) -> str:
    # Keep paths whole, for copying.
    return textwrap.fill(
        text,
        WRAP,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _count(found: Sequence[Refusal], tally: RefusalTotals, reason: str | None) -> None:
    """Report on stderr the refusals that no line shows."""
    if not tally.rows:
        say("nothing was refused")
    elif not found:
        say(f"no refusal has the reason {reason}; there are {', '.join(tally.by_reason)}")
    elif len(found) < tally.rows and reason is None:
        say(f"{_lines(tally.rows - len(found), 'older')} not shown; --limit shows more")
    if tally.dropped:
        say(f"{_lines(tally.dropped, 'even older')} no longer stored")


def _lines(count: int, which: str) -> str:
    """`1 older line is`, `3 older lines are`."""
    return f"{count} {which} line is" if count == 1 else f"{count} {which} lines are"
