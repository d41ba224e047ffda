"""`shapes`: compares the shapes of events with Lean's documentation and with contracts."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from relay.analysis.shape import judge
from relay.analysis.shape_summary import DifferenceStats, Summary, TypeStats
from relay.cli.advice import say
from relay.cli.context import Group, Invocation, past_shared_options, run_async, shared_options
from relay.cli.json_lines import print_json
from relay.cli.option_rules import apart
from relay.cli.output import FilterCommand
from relay.cli.shapes.sources import read, sources
from relay.config import Settings
from relay.errors import CheckFailed, NotFound, RelayError, UsageError
from relay.lean.catalogue import Confidence, catalogue, undocumented
from relay.models import Shape
from relay.store.read.reader import Reader
from relay.store.read.selection import select_ids
from relay.store.read.shapes import bodies, outdated
from relay.text.captures import MOST_NAME, shape_words
from relay.text.local_time import now
from relay.text.safe import visible, visible_start
from relay.text.units import format_time

SAVED_AT_ONCE = 50
"""Captures per request to the engine, which is one transaction."""

MOST_DIFFERENCE = 1_000
"""Characters of a difference shown: an untrusted key may be megabytes."""

SUMMARY = "seen"
"""The command for `shapes` without a subcommand."""


class Shapes(Group):
    """A group whose arguments are a selection, unless the first one names a subcommand."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = past_shared_options(args)
        word = args[at] if at < len(args) else None
        if not ctx.resilient_parsing and word not in self.commands and word not in ("--help", "-h"):
            args = [*args[:at], SUMMARY, *args[at:]]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in self.commands if name != SUMMARY]


@click.group("shapes", cls=Shapes, subcommand_metavar="[SELECTION|FILES] | COMMAND")
@shared_options
def shapes_command() -> None:
    """Compare events with Lean's documentation: `shapes`, `shapes type:payment`.

    For each event type it prints the number of events, the first and last, each field with its types, how
    often it was present and a few values, and the differences. A missing field, or one of another type than
    documented, is a warning, an extra one a note; only warnings are drift. FILES hold an event, an entry of
    Lean's webhook log, a page of its Events API, a list of these or one per line; - is stdin.
    """


@shapes_command.command(SUMMARY, cls=FilterCommand, hidden=True)
@click.argument("words", nargs=-1, metavar="[SELECTION|FILES]")
@shared_options
@click.pass_obj
def seen(invocation: Invocation, words: tuple[str, ...]) -> None:
    """Compare events with Lean's documentation."""
    summary = _summary(invocation.settings(), words)
    for number, each in enumerate(summary.types()):
        if invocation.json:
            print_json(each.as_json())
        else:
            click.echo("\n" * (number > 0) + "\n".join(_lines(each)))
    if summary.left_out:
        say(f"{summary.left_out} events of more types are not shown")


@shapes_command.command("freeze", cls=FilterCommand)
@click.argument("words", nargs=-1, metavar="[SELECTION|FILES]")
@click.option("-o", "--output", metavar="FILE", help="Output file; default stdout.")
@click.option("--force", is_flag=True, help="Overwrite FILE even if it was edited.")
@shared_options
@click.pass_obj
def freeze(invocation: Invocation, words: tuple[str, ...], output: str | None, force: bool) -> None:
    """Write a contract: JSON Schema of these events, as documented and as seen.

    Keep it with your code and review its changes; `shapes check --against FILE` checks events against it.
    It contains no values of your customers, only names, types and known words.
    """
    from relay.analysis.contract import frozen  # loads jsonschema, which the summary does not need

    summary = _summary(invocation.settings(), words)
    known = summary.contract_types()
    if not known:
        raise NotFound("no event with a type")
    events = sum(each.count for each in known)
    line = {"kind": "contract", "types": [each.type for each in known], "events": events}
    _write(invocation, line, frozen(known), output, force=force)
    if output is not None and output != "-":
        click.echo(f"wrote {visible(output)}: {len(known)} types, from {events} events", err=True)


@shapes_command.command("check", cls=FilterCommand)
@click.argument("words", nargs=-1, metavar="[SELECTION|FILES]")
@click.option("--against", required=True, metavar="FILE", help="The contract, written by `shapes freeze`.")
@click.option("--junit", metavar="FILE", help="Also write the result as JUnit XML; - is stdout.")
@shared_options
@click.pass_obj
def check(invocation: Invocation, words: tuple[str, ...], against: str, junit: str | None) -> None:
    """Check events against a contract. Exit 3 if one has drifted, 4 if none could be checked."""
    if junit == "-":
        apart("--junit -, which is on stdout too", "--json")
    from relay.analysis.contract import Contract
    from relay.cli.shapes.contract_check import (  # loads jsonschema
        checked_against,
        junit_xml,
        report,
    )

    try:
        contract = Contract(read(against))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{against} is not a valid contract: {error}") from error
    checked = checked_against(contract, sources(invocation.settings(), words), against)
    for line in report(checked):
        if invocation.json:
            print_json(line)
        elif junit != "-":
            click.echo(visible_start(line["text"], MOST_DIFFERENCE))
    if junit is not None:
        _write_text(junit_xml(checked), junit)
    if not any(each.compared for each in checked.values()):
        raise NotFound(f"no event of a type in {against}")
    drifted = sum(each.drifted for each in checked.values())
    if drifted:
        of = sum(each.compared for each in checked.values())
        raise CheckFailed(f"drifted from {against}: {drifted} of {of}", word="shape")


@shapes_command.command("export")
@click.argument("types", nargs=-1, metavar="[TYPE...]")
@click.option("-o", "--output", metavar="FILE", help="Output file; default stdout.")
@click.option("--force", is_flag=True, help="Overwrite FILE even if it was edited.")
@shared_options
@click.pass_obj
def export(invocation: Invocation, types: tuple[str, ...], output: str | None, force: bool) -> None:
    """Write Lean's documentation as JSON Schema (draft 2020-12): of all event types, or of these."""
    from relay.lean.schemas import all_schemas

    try:
        events = [catalogue().event(type_) for type_ in types] or catalogue().events
    except ValueError as error:
        raise UsageError(str(error)) from error
    line = {"kind": "schema", "types": [event.type for event in events]}
    _write(invocation, line, all_schemas(events), output, force=force)


@shapes_command.command("recheck", cls=FilterCommand)
@click.argument("selection", nargs=-1)
@shared_options
@click.pass_obj
def recheck(invocation: Invocation, selection: tuple[str, ...]) -> None:
    """Check stored captures again with this catalogue; default those that it never checked."""
    settings = invocation.settings()
    with Reader(settings.db) as reader:
        version = catalogue().version
        ids = list(select_ids(reader, selection, now()) if selection else outdated(reader, version))
        changed, found = run_async(_recheck(settings, reader, ids, version)) if ids else (0, Counter[str]())
    if invocation.json:
        print_json({"kind": "recheck", "judged": changed, "catalogue": version, "shapes": dict(found)})
        return
    words = ", ".join(f"{found[shape]} {shape}" for shape in Shape if found[shape])
    click.echo(f"checked with catalogue {version}: {changed}{f' ({words})' if words else ''}")


async def _recheck(
    settings: Settings, reader: Reader, ids: Sequence[int], version: str
) -> tuple[int, Counter[str]]:
    """Check captures, and make the engine store their shapes.

    Returns:
        The number changed, and the number of each shape.
    """
    from relay.control.messages import ShapesRequest
    from relay.engine import access  # loads the web server, which only this needs

    found: Counter[str] = Counter()
    changed = 0
    async with access.connect(settings) as send:
        for start in range(0, len(ids), SAVED_AT_ONCE):
            # In a thread: this process may be the engine.
            shapes = await asyncio.to_thread(_judged, reader, ids[start : start + SAVED_AT_ONCE])
            changed += (await send(ShapesRequest(shapes, version))).changed
            found.update({shape: len(numbers) for shape, numbers in shapes.items()})
    return changed, found


def _judged(reader: Reader, ids: Sequence[int]) -> dict[str, list[int]]:
    """Captures by their shape."""
    shapes: dict[str, list[int]] = {}
    for number, body, encoding in bodies(reader, ids):
        shapes.setdefault(str(judge(body, encoding).shape), []).append(number)
    return shapes


def _summary(settings: Settings, words: Sequence[str]) -> Summary:
    summary = Summary()
    for source in sources(settings, words):
        summary.add(source.body, source.at, source.name)
    if not summary.types():
        raise NotFound("it contains no event")
    return summary


def _lines(seen: TypeStats) -> Iterator[str]:
    """One type in words; safe to show."""
    name = visible_start(seen.type, MOST_NAME) if seen.type else "bodies without a type"
    yield f"{name}: {visible(', '.join(_heading(seen)))}"
    fields = [each for each in seen.fields.values() if each.path != "type"]
    width = min(60, max((len(visible_start(each.path, MOST_NAME)) for each in fields), default=0))
    for each in fields:
        present = "" if seen.is_always(each) else f"{each.count} of {seen.objects[each.parent]}"
        types = " or ".join(each.type_names)
        values = ", ".join(f"{value} x{count}" for value, count in each.values.most_common())
        row = f"  {visible_start(each.path, MOST_NAME):{width}}  {types:18}  {present:12}  {visible(values)}"
        yield row.rstrip()
    for difference in sorted(seen.differences.values(), key=lambda each: not each.first.warning):
        yield "  " + visible_start(_difference(difference, seen.count), MOST_DIFFERENCE)


def _heading(seen: TypeStats) -> Iterator[str]:
    yield f"{seen.count} event{'' if seen.count == 1 else 's'}"
    if seen.first_at is not None and seen.last_at is not None:
        yield (
            format_time(seen.first_at)
            if seen.count == 1
            else f"{format_time(seen.first_at)} to {format_time(seen.last_at)}"
        )
    for shape in Shape:
        if seen.shapes[shape]:
            # All fields of an undocumented type are undocumented: say it once.
            yield f"{seen.shapes[shape]} {shape_words(shape, undocumented(seen.type)).partition(',')[0]}"
    known = seen.judgement.confidence if seen.judgement else None
    if known is not None and undocumented(seen.type):
        yield "undocumented"
    if known not in (None, Confidence.DOCUMENTED):
        assert known is not None
        yield f"its payload is {known.words}"


def _difference(seen: DifferenceStats, of: int) -> str:
    many = f" ({seen.count} of {of}, first in {seen.source})" if of > 1 else f" (in {seen.source})"
    return f"{seen.first.level}  {seen.first}{many}"


def _write(
    invocation: Invocation,
    line: Mapping[str, Any],
    document: dict[str, Any],
    output: str | None,
    *,
    force: bool,
) -> None:
    """Write a document to a file, or to stdout; with --json print a line about it.

    Args:
        line: for --json; the file's name is added, or without a file the document.
        force: overwrite a file that was edited or has other content.
    """
    from relay.lean.schemas import sealed

    file = None if output in (None, "-") else output
    if file is not None and not force:
        _refuse_an_edited(file)
    document = sealed(document)
    if file is not None or not invocation.json:
        _write_text(json.dumps(document, indent=2) + "\n", file or "-")
    if invocation.json:
        print_json({**line, "path": file, "document": document if file is None else None})


def _refuse_an_edited(file: str) -> None:
    """
    Raises:
        UsageError: the file exists, and its content is not from a command.
        RelayError: it cannot be read.
    """
    from relay.lean.schemas import is_as_written

    try:
        before = Path(file).read_bytes() if Path(file).is_file() else b""
    except OSError as error:
        raise RelayError(f"could not read {file}: {error.strerror}", word="not-written") from error
    if before and not is_as_written(before):
        raise UsageError(f"{file} was edited since it was written, or is another file; --force overwrites it")


def _write_text(text: str, output: str) -> None:
    if output == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RelayError(f"could not write {output}: {error.strerror}", word="not-written") from error
