"""`journey`: all captures of one of Lean's ids, as a timeline."""

from __future__ import annotations

from collections.abc import Iterator

import click

from relay.analysis.diagram import sequence
from relay.analysis.journey import Journey
from relay.cli.advice import say
from relay.cli.context import Invocation, shared_options
from relay.cli.json_lines import print_json
from relay.cli.option_rules import exclude
from relay.cli.progress import Progress
from relay.lean.ids import Of
from relay.store.read.journeys import journey_of
from relay.store.read.reader import Reader
from relay.text.captures import MOST_NAME
from relay.text.local_time import local, now
from relay.text.safe import visible, visible_start
from relay.text.units import format_duration, format_time


@click.command("journey")
@click.argument("id")
@click.option("--mermaid", is_flag=True, help="Print a Mermaid diagram, for a ticket.")
@shared_options
@click.pass_obj
def journey_command(invocation: Invocation, id: str, mermaid: bool) -> None:
    """Show all captures of one Lean id: a customer, entity, payment, intent, consent or reconnect.

    The field of the id depends on the event; events without it are found by linked ids, such as the intent of
    a payment. One line per capture, in order of arrival: Lean guarantees no order, so no expected order is
    shown. An event_id names the object of its event.
    """
    exclude("--mermaid", "--json")
    settings = invocation.settings()
    with Reader(settings.db) as reader, Progress() as progress:
        journey, left_out = journey_of(reader, id, report=lambda looking: progress.show(looking.words))
    if mermaid:
        for line in sequence(journey):
            click.echo(line)
    elif invocation.json:
        print_json(journey.as_json() | {"left_out": left_out})
        for step in journey.steps:
            print_json(step.as_json())
    else:
        for line in _lines(journey):
            click.echo(line)
    if left_out:
        say(f"{left_out} newer captures of this id are not shown")


def _lines(journey: Journey) -> Iterator[str]:
    steps = journey.steps
    types = len({step.type for step in steps})
    yield visible(
        f"{journey.of} {journey.root_id}: {_count(len(steps), 'capture')} of {_count(types, 'type')}, "
        f"{format_time(steps[0].received_at)} to {format_time(steps[-1].received_at)}"
    )
    for of in Of:
        ids = [value for kind, value in journey.ids if kind is of]
        if ids:
            more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
            named = " ".join(visible_start(each, MOST_NAME) for each in ids[:5])
            yield f"{of:11} {named}{more}"
    yield ""
    number_width = len(str(steps[-1].capture_id))
    names = [visible_start(step.type or "no event", MOST_NAME) for step in steps]
    type_width = max(map(len, names))
    dated = now().date() != local(steps[0].received_at).date()
    for step, name in zip(steps, names, strict=True):
        here = local(step.received_at)
        at = f"{here:%Y-%m-%d} " if dated else ""
        at += f"{here:%H:%M:%S}.{here.microsecond // 1000:03}"
        gap = f"+{format_duration(step.gap)}" if step is not steps[0] else ""
        row = [
            str(step.capture_id).rjust(number_width),
            at,
            gap.ljust(10),
            name.ljust(type_width),
            visible(", ".join(step.words)),
        ]
        yield "  ".join(row).rstrip()


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
