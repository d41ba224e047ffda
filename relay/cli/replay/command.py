"""`replay`: sends chosen captures again, as they came or edited.

The running engine sends them; without one, this process is the engine for that time. This module asks the
questions and checks before; `follow` prints the attempts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import click
import msgspec

from relay.cli.advice import say
from relay.cli.context import Invocation, need_terminal, run_async, shared_options
from relay.cli.json_lines import print_json
from relay.cli.listen.options import target_tls
from relay.cli.option_rules import exclude, needs
from relay.cli.output import write_bytes
from relay.cli.replay.editor import edited_by_hand
from relay.cli.replay.follow import ReplayOutput, follow
from relay.cli.replay.options import ANY, ReplayCommand, replay_options
from relay.cli.replay.stop import only as stop_only
from relay.cli.replay.stop import stop as stop_replays
from relay.config import Settings
from relay.control.messages import Edits, FreshIds, Preview, PreviewRequest, ReplayRequest
from relay.delivery.edits import edited, is_signature_stale
from relay.delivery.replay_options import OptionError, ReplayOptions
from relay.delivery.replay_plan import rounds
from relay.engine import access
from relay.errors import NotFound, UsageError
from relay.models import Capture, body_as_json
from relay.store.read.bundles import bundle_secrets
from relay.store.read.reader import Reader
from relay.store.read.replayed import replayed_events
from relay.store.read.selection import fetched, select_ids
from relay.text.captures import named_captures
from relay.text.export import http_bytes
from relay.text.local_time import now
from relay.text.safe import mask_headers, visible


@click.command("replay", cls=ReplayCommand)
@click.argument("selection", nargs=-1)
@replay_options
@shared_options
@click.pass_obj
def replay_command(
    invocation: Invocation,
    /,
    selection: tuple[str, ...],
    by_hand: bool,
    resign: str | None,
    dry_run: bool,
    yes: bool,
    stop: str | None,
    insecure: bool | None,
    target_ca: Path | None,
    target_cert: Path | None,
    target_key: Path | None,
    reveal: bool,
    **written: Any,
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
    exclude("--dry-run", "--pin")
    needs("--reveal", "--dry-run", "--json")
    try:
        options = ReplayOptions.read(**written)
    except OptionError as error:
        raise UsageError(f"--{error.option.replace('_', '-')}: {error}") from error
    edits = options.edits
    settings = invocation.settings()
    with Reader(settings.db) as reader:
        ids = list(select_ids(reader, selection, now()))
        if by_hand:
            edits = _by_hand(reader, ids, edits)
        signs = resign is not None
        stale = _stale(reader, ids, edits) if edits.change_body else 0
        request = options.request(
            ids,
            by="command",
            edits=edits,
            resign=signs if resign in (None, ANY) else str(resign),
            fresh=_fresh_ids(reader, ids, options, settings, signs=signs) if options.fresh_ids else None,
            tls=target_tls(insecure, target_ca, target_cert, target_key),
        )
        if stale and not signs and not options.fresh_ids:
            which = "the body is" if len(ids) == 1 else f"{stale} of the bodies are"
            say(
                f"{which} changed but not signed again, so the signature will not verify; "
                "use --resign to sign again"
            )
            if by_hand and not (yes or dry_run):
                _confirm_unsigned()
        if dry_run:
            _print_previews(invocation, settings, reader, ids, request, reveal=reveal)
            return
        if len(ids) * options.times > 1 and not yes:
            _confirm(settings, ids, request)
        output = ReplayOutput(invocation, settings, reader, request, options.expected, reveal=reveal)
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


def _fresh_ids(
    reader: Reader, ids: Sequence[int], options: ReplayOptions, settings: Settings, *, signs: bool
) -> FreshIds | None:
    """The fresh ids of this replay; says on stderr what they do not change, and what is not signed again."""
    known = {*(source.name for source in settings.secrets), *bundle_secrets(reader)}
    events = replayed_events(reader, ids, known)
    if events.without_id:
        say(f"{events.without_id} of {events.captures} webhooks have no event_id, so they get no new one")
    if events.not_signable and not signs:
        say(
            f"{events.not_signable} of {events.captures} webhooks are signed with a secret that is not "
            "configured, so their signatures will not verify; name one with --resign"
        )
    return options.fresh(events.newest_at, datetime.now(UTC), token_hex(8))


def _confirm_unsigned() -> None:
    if not sys.stdin.isatty():
        raise UsageError(
            "nothing was sent; without a terminal to confirm, add --resign, or --yes to send it with the old "
            "signature"
        )
    click.confirm("Send it with the old signature?", err=True, abort=True)


def _confirm(settings: Settings, ids: Sequence[int], request: ReplayRequest) -> None:
    what = named_captures(ids)
    need_terminal(f"send {what}" + ("" if request.times == 1 else f" {request.times} times"))
    first = PreviewRequest(msgspec.structs.replace(request, ranges=((ids[0], ids[0]),)))
    targets = run_async(access.request(settings, first)).targets
    times = "" if request.times == 1 else f", {request.times} times"
    click.confirm(visible(f"Send {what} to {' and '.join(targets)}{times}?"), err=True, abort=True)


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
    say(f"capture {preview.capture_id} would go to {preview.to} as:")
    sent = replace(
        capture, method=preview.method, target=preview.target, http_version="1.1", body=preview.body
    )
    write_bytes(http_bytes(sent, headers), first=first)
    sys.stdout.flush()
