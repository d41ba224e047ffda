"""`completion`: a script that makes a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from relay.cli.context import COMPLETION_VARIABLE, PROGRAM, Invocation, shared_options


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@shared_options
@click.pass_context
def completion_command(ctx: click.Context, shell: str) -> None:
    """Print a script that completes commands and options.

    bash: `lean-relay completion bash >> ~/.bashrc`; zsh: the same with zsh and ~/.zshrc; fish: into
    ~/.config/fish/completions/lean-relay.fish.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(ctx.find_root().command, {}, PROGRAM, COMPLETION_VARIABLE).source()
    if ctx.ensure_object(Invocation).json:
        from relay.cli.json_lines import print_json

        print_json({"kind": "completion", "shell": shell, "script": script})
    else:
        click.echo(script)
