"""`help`: the manual, a page for each topic, and the help of each command."""

from __future__ import annotations

import shutil
from typing import ClassVar

import click
from click.shell_completion import CompletionItem

from relay.cli.context import Invocation, at_a_terminal, shared_options
from relay.docs.pages import TOPICS, page
from relay.errors import UsageError

MOST_COLUMNS = 100
"""Width limit of lines, for reading."""


def _topics(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    group = ctx.find_root().command
    assert isinstance(group, click.Group)
    commands = [name for name in group.list_commands(ctx) if name not in TOPICS]
    items = [CompletionItem(name, help=summary) for name, summary in TOPICS.items()]
    items += [CompletionItem(name) for name in commands]
    return [item for item in items if item.value.startswith(incomplete)]


@click.command("help")
@click.argument("topic", metavar="[TOPIC/COMMAND]", required=False, shell_complete=_topics)
@shared_options
@click.pass_context
def help_command(ctx: click.Context, topic: str | None) -> None:
    """Show a page of the manual, or the help of a command.

    Without a topic it lists the topics. At a terminal a page is shown through your pager ($PAGER); elsewhere
    it is printed as Markdown.
    """
    root = ctx.find_root()
    group = root.command
    assert isinstance(group, click.Group)
    if topic is None:
        text, name = _contents(), "contents"
    elif topic in TOPICS:
        text, name = page(topic, {"keys": _keys, "commands": lambda: _commands(group, root)}), topic
    elif (command := group.get_command(root, topic)) is not None:
        with click.Context(command, info_name=topic, parent=root) as inner:
            text, name = command.get_help(inner), topic
    else:
        topics = ", ".join(TOPICS)
        raise UsageError(
            f"{topic!r} is not a topic or a command; topics: {topics}; `lean-relay --help` lists the commands"
        )
    if ctx.ensure_object(Invocation).json:
        from relay.cli.json_lines import print_json

        print_json({"kind": "manual", "topic": name, "text": text})
    elif at_a_terminal() and topic in TOPICS:
        click.echo_via_pager(drawn(text))
    else:
        click.echo(text)


def _contents() -> str:
    rows = "\n".join(f"  {topic:14}{summary}" for topic, summary in TOPICS.items())
    end = "`lean-relay help COMMAND` is that command's --help; `lean-relay --help` lists the commands."
    return f"Topics of the manual, for `lean-relay help TOPIC`:\n\n{rows}\n\n{end}"


def _commands(group: click.Group, root: click.Context) -> str:
    from relay.docs.tables import markdown

    rows = []
    for name in group.list_commands(root):
        command = group.get_command(root, name)
        assert command is not None
        rows.append((f"`{name}`", command.get_short_help_str(limit=1000)))
    return markdown(("command", "does"), rows)


def _keys() -> str:
    from relay.cli.tui import keys_table

    return keys_table()


def drawn(text: str) -> str:
    """Markdown, rendered for the terminal."""
    from io import StringIO

    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.markdown import Markdown, TableElement
    from rich.table import Table

    class FoldedTable(TableElement):
        """Breaks a word that is wider than its column, which rich cuts."""

        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            for table in super().__rich_console__(console, options):
                assert isinstance(table, Table)
                for column in table.columns:
                    column.overflow = "fold"
                yield table

    class Manual(Markdown):
        elements: ClassVar = {**Markdown.elements, "table_open": FoldedTable}

    out = StringIO()
    width = min(shutil.get_terminal_size().columns, MOST_COLUMNS)
    console = Console(file=out, width=width, force_terminal=True)
    console.print(Manual(text))
    return out.getvalue()
