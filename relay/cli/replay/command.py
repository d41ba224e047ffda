"""`replay`: sends chosen captures again, as they came or edited.

The running engine sends them; without one, this process is the engine for that time. This module asks the
questions and checks before; `follow` prints the attempts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from relay.cli.context import Invocation, run_async, shared_options
from relay.cli.json_lines import print_json
from relay.cli.listen.options import target_tls, target_tls_options
from relay.cli.option_rules import exclude, needs
from relay.cli.output import FilterCommand, reveal_option, write_bytes
from relay.cli.replay.editor import edited_by_hand
from relay.cli.replay.follow import ReplayOutput, follow
from relay.cli.replay.stop import only as stop_only
from relay.cli.replay.stop import stop as stop_replays
from relay.config import Settings
from relay.control.messages import (
    MOST_CONCURRENT,
    MOST_TIMES,
    Edits,
    Preview,
    PreviewRequest,
    ReplayRequest,
)
from relay.delivery.edits import edited, is_signature_stale
from relay.delivery.replay_options import OptionError, ReplayOptions
from relay.delivery.replay_plan import rounds
from relay.engine import access
from relay.errors import NotFound, UsageError
from relay.models import Capture, body_as_json
from relay.store.read.reader import Reader
from relay.store.read.selection import fetched, select_ids
from relay.text.export import http_bytes
from relay.text.local_time import now
from relay.text.safe import mask_headers, visible

ANY = "\0"
"""`--resign` without a name."""


@click.command("replay", cls=FilterCommand)
@click.argument("selection", nargs=-1)
@click.option(
    "--to", multiple=True, metavar="TARGET", help="Send to :3000, localhost:3000/hook or a URL instead."
)
@click.option("--edit", "by_hand", is_flag=True, help="Edit the request in $EDITOR first; one capture only.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change a value of the JSON body and no other byte: payload.amount=100.50. VALUE is JSON if it "
    "parses as JSON, else text. Repeatable; a path that does not exist is an error.",
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Replace or add a header; 'NAME:' removes it. Repeatable.",
)
@click.option(
    "--resign",
    is_flag=False,
    flag_value=ANY,
    metavar="[NAME]",
    help="Sign again with the secret of this name; default the one that signed the capture, else sandbox, "
    "default or the first.",
)
@click.option(
    "--times", default="1", metavar="N", help=f"Send all of them N times, up to {MOST_TIMES:,}.  [1]"
)
@click.option(
    "--shuffle", default="", metavar="SEED", help="Send in random order; the same seed gives the same order."
)
@click.option(
    "--rate",
    default="",
    metavar="N/original",
    help="Deliveries per second, or original: the intervals at which the captures came.",
)
@click.option(
    "--concurrency",
    default="1",
    metavar="N",
    help=f"Maximum deliveries in flight, up to {MOST_CONCURRENT}; 1 keeps them in order.  [1]",
)
@click.option(
    "--until-delivered", is_flag=True, help="Retry each delivery every 1 to 15 s until it gets a 200."
)
@click.option("--dry-run", is_flag=True, help="Print the requests that would be sent, and send nothing.")
@click.option(
    "--expect",
    default="",
    metavar="STATUS/2xx/delivered/recorded",
    help="Exit 3 if a response differs; recorded: from the last response to this capture before.",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--stop",
    metavar="ID/all",
    help="Stop a running replay, no matter who started it; `status` names them.",
)
@target_tls_options
@reveal_option
@shared_options
@click.pass_obj
def replay_command(
    invocation: Invocation,
    selection: tuple[str, ...],
    to: tuple[str, ...],
    by_hand: bool,
    changes: tuple[str, ...],
    headers: tuple[str, ...],
    resign: str | None,
    times: str,
    shuffle: str,
    rate: str,
    concurrency: str,
    until_delivered: bool,
    dry_run: bool,
    expect: str,
    yes: bool,
    stop: str | None,
    insecure: bool | None,
    target_ca: Path | None,
    target_cert: Path | None,
    target_key: Path | None,
    reveal: bool,
) -> None:
    """Send captures again: `replay latest`, `replay 12..20 --to :3000`, `replay verdict:retry`.

    Each is sent as it came, byte for byte, to the targets that the current routes choose, and is recorded
    as a new delivery. Prints a line on stdout for each response. The running engine sends them; without
    one, this command does.

    Exit 0 if all were sent, whatever the responses; 3 if a response is not as expected; 5 if a
    target cannot be reached.
    """
    if stop is not None:
        stop_only(stop)
        stop_replays(invocation, stop)
        return
    if not selection:
        raise UsageError(
            "no captures to replay; name ids or a filter, such as latest or verdict:retry; 1.. means all"
        )
    exclude("--dry-run", "--expect")
    needs("--reveal", "--dry-run", "--json")
    try:
        options = ReplayOptions.read(
            to=to,
            set=changes,
            header=headers,
            times=times,
            concurrency=concurrency,
            rate=rate,
            shuffle=shuffle,
            expect=expect,
            until_delivered=until_delivered,
        )
    except OptionError as error:
        raise UsageError(f"--{error.option}: {error}") from error
    edits = options.edits
    settings = invocation.settings()
    with Reader(settings.db) as reader:
        ids = list(select_ids(reader, selection, now()))
        if by_hand:
            edits = _by_hand(reader, ids, edits)
        stale = _stale(reader, ids, edits) if edits.change_body else 0
        request = options.request(
            ids,
            by="command",
            edits=edits,
            resign=resign is not None if resign in (None, ANY) else str(resign),
            tls=target_tls(insecure, target_ca, target_cert, target_key),
        )
        if stale and resign is None:
            which = "the body is" if len(ids) == 1 else f"{stale} of the bodies are"
            _say(
                f"{which} changed but not signed again, so the signature will not verify; "
                "use --resign to sign again"
            )
        if dry_run:
            _print_previews(invocation, settings, reader, ids, request, reveal=reveal)
            return
        if len(ids) * options.times > 1 and not yes:
            _confirm(settings, ids, request)
        output = ReplayOutput(invocation, settings, reader, options.expected, reveal=reveal)
        replay, interrupted = run_async(follow(settings, request, reader, output.print_attempt))
        output.finish(replay, interrupted=interrupted)


def _by_hand(reader: Reader, ids: Sequence[int], edits: Edits) -> Edits:
    if len(ids) > 1:
        raise UsageError(
            f"--edit takes one capture, but {len(ids)} were chosen; --set and --header can change many"
        )
    capture = reader.capture(ids[0])
    if capture is None:
        raise NotFound(f"no capture {ids[0]}")
    return edited_by_hand(_edited(capture, edits), capture)


def _edited(capture: Capture, edits: Edits) -> Capture:
    try:
        return edited(capture, edits)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _stale(reader: Reader, ids: Sequence[int], edits: Edits) -> int:
    """Check that the edits fit every capture, and count the signatures that they make invalid."""
    return sum(is_signature_stale(capture, _edited(capture, edits)) for capture in fetched(reader, ids))


def _confirm(settings: Settings, ids: Sequence[int], request: ReplayRequest) -> None:
    what = f"{len(ids)} captures (ids {ids[0]} to {ids[-1]})" if len(ids) > 1 else f"capture {ids[0]}"
    if not sys.stdin.isatty():
        often = "" if request.times == 1 else f" {request.times} times"
        raise UsageError(f"this would send {what}{often}; without a terminal to confirm, add --yes")
    first = PreviewRequest(msgspec.structs.replace(request, ranges=((ids[0], ids[0]),)))
    targets = run_async(access.request(settings, first)).targets
    times = "" if request.times == 1 else f", {request.times} times"
    if not click.confirm(visible(f"Send {what} to {' and '.join(targets)}{times}?"), err=True):
        raise click.Abort


# -- dry run ---------------------------------------------------------------------------------------


def _print_previews(
    invocation: Invocation,
    settings: Settings,
    reader: Reader,
    ids: Sequence[int],
    request: ReplayRequest,
    *,
    reveal: bool,
) -> None:
    captures = fetched(reader, rounds(ids, 1, request.shuffle))

    async def previewed() -> None:
        first = True
        async with access.connect(settings) as send:
            for capture in captures:
                one = msgspec.structs.replace(request, ranges=((capture.id, capture.id),))
                for preview in (await send(PreviewRequest(one))).requests:
                    _print_preview(invocation, settings, capture, preview, reveal=reveal, first=first)
                    first = False

    run_async(previewed())


def _print_preview(
    invocation: Invocation,
    settings: Settings,
    capture: Capture,
    preview: Preview,
    *,
    reveal: bool,
    first: bool,
) -> None:
    headers = preview.headers if reveal else mask_headers(preview.headers, settings.mask_headers)
    if invocation.json:
        print_json(
            {
                "kind": "request",
                "capture_id": preview.capture_id,
                "to": preview.to,
                "method": preview.method,
                "target": preview.target,
                "headers": [list(pair) for pair in headers],
                **body_as_json("body", preview.body),
                "signature_is_stale": preview.signature_is_stale,
            }
        )
        return
    _say(f"capture {preview.capture_id} would go to {preview.to} as:")
    sent = replace(
        capture, method=preview.method, target=preview.target, http_version="1.1", body=preview.body
    )
    write_bytes(http_bytes(sent, headers), first=first)
    sys.stdout.flush()


def _say(text: str) -> None:
    click.echo(f"lean-relay: {visible(text)}", err=True)
