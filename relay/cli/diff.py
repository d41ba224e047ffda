"""`diff`: compares two captures field by field."""

from __future__ import annotations

import click

from relay.analysis.diff import Difference, differences
from relay.cli.context import Invocation, shared_options
from relay.cli.json_lines import print_json
from relay.cli.output import one_capture, reveal_option
from relay.store.read.reader import Reader
from relay.text.captures import title
from relay.text.safe import latin1_shown, visible


@click.command("diff")
@click.argument("a")
@click.argument("b")
@reveal_option
@shared_options
@click.pass_obj
def diff_command(invocation: Invocation, a: str, b: str, reveal: bool) -> None:
    """Compare two captures field by field: `diff 12 15`, `diff 12 latest`. Exit 0 in any case.

    Compares method, target, headers and body: JSON value by value, with each number's own digits,
    anything else byte by byte.
    """
    settings = invocation.settings()
    with Reader(settings.db) as reader:
        left, right = (one_capture(reader, word) for word in (a, b))
    found = list(differences(left, right))
    if not reveal:
        found = [each.masked(settings.mask_headers) for each in found]
    if invocation.json:
        for each in found:
            print_json(each.as_json())
        return
    click.echo(f"a  {left.id}  {title(left)}\nb  {right.id}  {title(right)}")
    if not found:
        click.echo("same method, target, headers and body")
    for each in found:
        click.echo(visible(each.field))
        click.echo(f"  a  {_value(each, each.a)}")
        click.echo(f"  b  {_value(each, each.b)}")


def _value(difference: Difference, value: str | None) -> str:
    if value is None:
        return "absent"
    return visible(value) if difference.field.startswith("body") else latin1_shown(value)
