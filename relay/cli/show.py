"""`show`: one capture in words, as exact bytes, as HTTP or as a curl line."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import click

from relay.analysis.diff import Difference
from relay.analysis.retries import EventRetries
from relay.analysis.shape import judge
from relay.analysis.shape_result import texts
from relay.cli.context import Invocation, shared_options
from relay.cli.json_lines import print_json
from relay.cli.option_rules import exclude
from relay.cli.output import (
    FilterCommand,
    attempt_as_json,
    capture_as_json,
    masked,
    masked_attempt,
    reveal_option,
    write_bytes,
)
from relay.control.address import curl
from relay.models import Attempt, Baseline, Capture, Comparison, Headers, iso
from relay.store.read.baselines import baseline
from relay.store.read.reader import Reader
from relay.store.read.related import other_bytes, tries
from relay.store.read.selection import select
from relay.text import tls_facts
from relay.text.captures import MOST_NAME, one_of_several, response, title
from relay.text.decoding import decoded, encoding_of, in_utf8
from relay.text.export import http_bytes
from relay.text.layout import hex_rows, laid_out
from relay.text.local_time import now
from relay.text.safe import latin1_shown, visible, visible_block, visible_start
from relay.text.units import format_bytes, format_ms, format_time

MOST_SHOWN = 64 * 1024
"""Characters of a body shown in the overview; `--body` prints all of it."""

MOST_NOTE = 4096
"""Characters of a note shown; only older versions stored longer ones."""

MOST_DIFFERENCES = 20
"""Shape differences shown in the overview; `shapes` prints all."""

MOST_DIFFERENCE = 1_000
"""Characters of a difference shown; `--json` has all of it."""

MOST_HEX = 512
"""Bytes of a binary body shown in the overview."""


@click.command("show", cls=FilterCommand)
@click.argument("selection", nargs=-1)
@click.option("--body", is_flag=True, help="Print the exact bytes of the body.")
@click.option("--headers", is_flag=True, help="Print the headers, in the order received.")
@click.option("--http", is_flag=True, help="Print the request as HTTP.")
@click.option("--curl", is_flag=True, help="Print a curl line that sends the same bytes.")
@click.option("--attempts", is_flag=True, help="Show each attempt of each delivery.")
@reveal_option
@shared_options
@click.pass_obj
def show_command(invocation: Invocation, /, selection: tuple[str, ...], reveal: bool, **parts: bool) -> None:
    """Show one capture: `show 12`, `show latest --body`, `show 12 --curl`.

    SELECTION is ids (12, 12..20, latest), a Lean event_id, or a filter; default the latest.
    JSON is formatted, with numbers unchanged. On a terminal control characters are made visible, also
    with --body and --http; redirected, these print the exact bytes.
    """
    exclude("--json", "--body", "--headers", "--http", "--curl")
    exclude("--attempts", "--body", "--headers", "--http", "--curl")
    exclude("--reveal", "--body")
    settings = invocation.settings()
    part = next((name for name, given in parts.items() if given), None)
    with Reader(settings.db) as reader:
        first = True
        for capture in select(reader, selection or ("latest",), now()):
            shown = masked(capture, settings, reveal=reveal)
            if part == "body":
                write_bytes(capture.body, first=first)
            elif part == "http":
                write_bytes(http_bytes(shown, shown.headers), first=first)
            elif part == "headers":
                _print(([] if first else [""]) + _header_lines(shown.headers))
            elif part == "curl":
                _print([curl(shown, settings)])
            elif part == "attempts":
                attempts = reader.attempts(capture.id)
                found = {
                    target: baseline(reader, capture.id, target)
                    for target in {each.target for each in attempts}
                }
                if invocation.json:
                    for each in attempts:
                        print_json(
                            attempt_as_json(each, settings, reveal=reveal, baseline=found[each.target])
                        )
                else:
                    masks = [masked_attempt(each, settings, reveal=reveal) for each in attempts]
                    _print_attempts(shown, masks, {each.attempt_id: each for each in found.values() if each})
            elif invocation.json:
                print_json(capture_as_json(capture, settings, reveal=reveal))
            else:
                of_event = tries(reader, capture.id)
                others = () if of_event is None else other_bytes(reader, of_event, capture, MOST_DIFFERENCES)
                _print(([] if first else [""]) + list(overview(shown, of_event, others)))
            first = False
        sys.stdout.flush()


def _print(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)


def overview(
    capture: Capture, tries: EventRetries | None = None, others: Sequence[Difference] = ()
) -> Iterator[str]:
    """A capture in words, with its headers and its formatted body; safe to show.

    Args:
        tries: the captures of its event.
        others: the differences of its body from the first one's.
    """
    yield f"{capture.id}  {title(capture)}  {format_time(capture.received_at)}"
    for name, value in (*_facts(capture), *_repeats(capture, tries, others)):
        yield f"{name:10} {value}"
    yield ""
    yield from _header_lines(capture.headers)
    yield ""
    yield from body_lines(capture.body, capture.headers)


def _facts(capture: Capture) -> Iterator[tuple[str, str]]:
    request = f"{visible(capture.method)} {latin1_shown(capture.target)} HTTP/{visible(capture.http_version)}"
    yield "request", request
    senders = {
        None: "",
        Comparison.MATCH: ", a sender of Lean's",
        Comparison.MISMATCH: ", not one of Lean's senders",
    }
    if capture.client:
        yield "from", visible(capture.client) + senders[capture.sender]
    if capture.tls is not None:
        yield from tls_facts.rows(capture.tls)
    event = capture.event
    if event is not None:
        if event.event_id is not None:
            yield "event_id", visible_start(event.event_id, MOST_NAME)
        if event.customer_id is not None:
            yield "customer", visible_start(event.customer_id, MOST_NAME)
        if event.at is not None:
            yield "event time", iso(event.at)
    yield "signature", capture.signature + (f" by {visible(capture.signed_by)}" if capture.signed_by else "")
    if capture.app_token is not None:
        yield "app token", str(capture.app_token)
    yield "origin", visible(str(capture.origin) + (f" from {capture.source.words}" if capture.source else ""))
    if capture.position is not None:
        yield "position", f"{capture.position} in the team's log"
    if capture.repeat_of is not None:
        yield "repeat of", str(capture.repeat_of)
    judgement = judge(capture.body, encoding_of(capture.headers))
    yield "shape", visible(judgement.summary)
    for text in islice(texts(judgement.differences), MOST_DIFFERENCES):
        yield "", visible_start(text, MOST_DIFFERENCE)
    if capture.source is None or capture.source.id is not None:
        yield "answered", visible(capture.answer.words) + (" there" if capture.source else "")
    if capture.starred:
        yield "starred", "yes"
    if capture.note is not None:
        yield "note", visible_start(capture.note, MOST_NOTE)
    for each in capture.deliveries:
        words = [f"{each.kind} to {each.target}: {each.state}"]
        if each.attempts:
            made = "1 attempt" if each.attempts == 1 else f"{each.attempts} attempts, the last"
            took = "" if each.elapsed_ms is None else f" in {format_ms(each.elapsed_ms)}"
            words.append(f"{made}: {response(each.status, each.error)}{took}")
        words += [f"Lean would conclude: {each.verdict}"] if each.verdict else []
        words += [each.reason] if each.reason else []
        yield "delivery", visible("; ".join(words))


def _repeats(
    capture: Capture, tries: EventRetries | None, others: Sequence[Difference]
) -> Iterator[tuple[str, str]]:
    own = None if tries is None else tries.of(capture.id)
    if tries is None or own is None:
        return
    yield "repeats", f"{len(tries.captures)} captures of this event; this one: {own.words}"
    for each in tries.before(capture.id):
        yield "", visible(f"{each.capture.id}, {each.words}: answered {each.answers}")
    alarm = tries.alarm(capture.id)
    if alarm is not None:
        yield "ALARM", alarm
        first = tries.sent.capture.id
        for difference in others:
            yield "", visible(f"{difference.field}: {difference.a} in {first}, {difference.b} here")


def _header_lines(headers: Headers) -> list[str]:
    return [f"{latin1_shown(name)}: {latin1_shown(value)}" for name, value in headers]


def body_lines(body: bytes, headers: Headers) -> Iterator[str]:
    """A readable body: decompressed, JSON formatted, text as it is, else hex; cut if it is long."""
    if not body:
        yield "no body"
        return
    came = format_bytes(len(body))
    found = decoded(body, encoding_of(headers))
    if found.coding:
        came += f", unpacked from {found.coding} here: {format_bytes(len(found.data))}"
    body, notes = in_utf8(found.data, "")
    yield "; ".join((f"body, {came}", *found.notes, *notes))
    text = laid_out(body) or _text(body)
    if text is None:
        yield from hex_rows(body[:MOST_HEX])
        left = len(body) - MOST_HEX
    else:
        yield visible_block(text[:MOST_SHOWN].replace("\r\n", "\n"))
        left = len(text) - MOST_SHOWN
    if left > 0:
        yield f"... and {left} more; --body prints all of it"


def _text(body: bytes) -> str | None:
    try:
        return None if b"\0" in body else body.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _print_attempts(capture: Capture, attempts: Sequence[Attempt], baselines: Mapping[int, Baseline]) -> None:
    if not attempts:
        click.echo(f"capture {capture.id} was not sent to any target", err=True)
    for attempt in attempts:
        _print(list(_attempt_lines(attempt, capture, baselines.get(attempt.id))))


def _attempt_lines(attempt: Attempt, capture: Capture, baseline: Baseline | None) -> Iterator[str]:
    came = response(attempt.status, attempt.error)
    mark = "" if baseline is None else " (baseline, pinned)" if baseline.is_pinned else " (baseline)"
    line = (
        f"{attempt.capture_id}  {attempt.kind} to {attempt.target}, attempt {attempt.number}{mark}"
        f"  {format_time(attempt.started_at)}  {attempt.outcome}: {came} in {format_ms(attempt.elapsed_ms)}"
    )
    if attempt.verdict or attempt.verdict_reason:
        line += f"  {attempt.verdict or 'no verdict'}"
        line += f": {attempt.verdict_reason}" if attempt.verdict_reason else ""
    yield visible(line)
    if attempt.address is not None:
        yield f"  connected to {one_of_several(attempt.address)}"
    if attempt.sent_method is not None or attempt.sent_target is not None:
        method, target = attempt.sent_method or capture.method, attempt.sent_target or capture.target
        yield f"  sent: {visible(method)} {latin1_shown(target)}"
    if attempt.sent_headers is not None:
        added = Counter(attempt.sent_headers) - Counter(capture.headers)
        dropped = Counter(capture.headers) - Counter(attempt.sent_headers)
        for word, headers in (("sent", added), ("not sent", dropped)):
            yield from (f"  {word}: {header}" for header in _header_lines(tuple(headers.elements())))
    if attempt.sent_body is not None:
        sent = capture.headers if attempt.sent_headers is None else attempt.sent_headers
        for block in body_lines(attempt.sent_body, sent):
            yield from (f"  sent: {row}" for row in block.split("\n"))
    if attempt.headers:
        yield from (f"  {header}" for header in _header_lines(attempt.headers))
    if attempt.body:
        for block in body_lines(attempt.body, attempt.headers or ()):
            yield from (f"  {row}" for row in block.split("\n"))
