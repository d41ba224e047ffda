"""Follows a replay to its end: prints a line for each attempt as it is recorded, then a summary."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import click

from relay.cli.advice import say
from relay.cli.context import Invocation
from relay.cli.json_lines import fields_of, print_json
from relay.cli.listen.follower import conclusion
from relay.cli.output import attempt_as_json
from relay.config import Settings
from relay.control.messages import CancelRequest, ReplayQuery, ReplayRequest, ReplayState, ReplayStatus
from relay.delivery.expectations import Expectation, ExpectationCheck
from relay.delivery.http.outcomes import NOT_SENT
from relay.delivery.replay_summary import summary
from relay.engine import access
from relay.errors import CheckFailed, RelayError, Unreachable
from relay.models import AttemptEvent
from relay.store.read import attempts
from relay.store.read.baselines import baseline
from relay.store.read.reader import Reader
from relay.store.read.replayed import was_delivered_before
from relay.text.captures import attempt_outcome, event_or_request
from relay.text.safe import visible

NEWS_WITHIN_S = 0.5


async def follow(
    settings: Settings,
    request: ReplayRequest,
    reader: Reader,
    report: Callable[[AttemptEvent, ReplayStatus], None],
) -> tuple[ReplayStatus, bool]:
    """Start a replay in the engine, and pass each attempt to `report`.

    Ctrl-C, SIGTERM and SIGHUP cancel the run; it is still followed to its end.

    Returns:
        The last status, and whether the run was interrupted.

    Raises:
        RelayError: the engine's error; Unreachable if the engine goes away.
    """
    async with access.connect(settings) as send:
        with _cancelled_by_signals():
            begin = asyncio.ensure_future(send(request))
            interrupted = False
            try:
                replay = await asyncio.shield(begin)
            except asyncio.CancelledError:
                _take_back_cancelling()
                replay, interrupted = await begin, True
                await send(CancelRequest(replay.run))
            reported = 0
            while True:
                try:
                    news = await send(ReplayQuery(run=replay.run, after=reported, wait_s=NEWS_WITHIN_S))
                except asyncio.CancelledError:
                    _take_back_cancelling()
                    interrupted = True
                    await send(CancelRequest(replay.run))
                    continue
                (replay,) = news.runs
                ids = news.attempts
                for followed in attempts.in_pages(reader, ids):
                    report(followed, replay)
                reported += len(ids)
                if not replay.is_running and not ids:
                    return replay, interrupted


@contextmanager
def _cancelled_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP cancel the task, as Ctrl-C does already."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    signals = (signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _take_back_cancelling() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()


class ReplayOutput:
    """Prints the attempts and the summary of a replay."""

    def __init__(
        self,
        invocation: Invocation,
        settings: Settings,
        reader: Reader,
        request: ReplayRequest,
        expected: Expectation | None,
        *,
        reveal: bool,
    ) -> None:
        self._invocation = invocation
        self._settings = settings
        self._reader = reader
        self._reveal = reveal
        self._check = None if expected is None else ExpectationCheck(expected, partial(baseline, reader))
        self._unsent = 0
        self._before = reader.newest_attempt_id()
        self._all_repeats = request.fresh is None
        """Whether everything sent so far had been answered 200 by its target before this replay."""

    def print_attempt(self, followed: AttemptEvent, replay: ReplayStatus) -> None:
        """Print one attempt as a line on stdout."""
        attempt = followed.attempt
        self._unsent += attempt.outcome in NOT_SENT
        self._all_repeats = (
            self._all_repeats
            and attempt.sent_body is None
            and was_delivered_before(self._reader, followed, self._before)
        )
        result = None if self._check is None else self._check.add(attempt)
        if self._invocation.json:
            print_json(attempt_as_json(attempt, self._settings, reveal=self._reveal, result=result))
            sys.stdout.flush()
        else:
            words = None if result is None else result.words
            click.echo(answer_line(followed, words, name_target=len(replay.targets) > 1))

    def finish(self, replay: ReplayStatus, *, interrupted: bool) -> None:
        """Print the result as a line, and raise the error that it means.

        Raises:
            click.Abort: it was interrupted.
            Unreachable: a target could not be reached.
            CheckFailed: a response was not as expected.
            RelayError: some requests were not sent, for another reason.
        """
        if self._invocation.json:
            print_json(replay_as_json(replay, self._check))
        elif replay.total > 1:
            say(summary(replay))
        if self._check is not None and (words := self._check.changes_in_words) and not self._invocation.json:
            say(f"compared with the baseline: {words}")
        if self._all_repeats and replay.done and replay.state == ReplayState.ENDED:
            say(repeats_words(replay))
        if interrupted:
            raise click.Abort
        sent = f"{replay.tried} of {replay.total} were attempted"
        if replay.state == ReplayState.UNREACHABLE:
            raise Unreachable(f"{replay.reason}; {sent}", word="unreachable")
        if replay.state != ReplayState.ENDED:
            raise RelayError(
                f"the replay ended early: {replay.reason}; {sent}", word=f"replay-{replay.state}"
            )
        if self._check is not None and self._check.unmet:
            raise CheckFailed(self._check.mismatches, word="not-as-expected")
        if self._unsent:
            raise RelayError(f"{self._unsent} of {replay.total} could not be sent", word="not-sent")
        if replay.skipped and replay.skipped == replay.total:
            which = "this webhook" if replay.captures == 1 else "these webhooks"
            raise RelayError(
                f"nothing was sent: no target takes {which}; name one with --to", word="not-sent"
            )


def repeats_words(replay: ReplayStatus) -> str:
    """Why a replay of repeats alone may prove nothing."""
    which = "the body is a repeat" if replay.done == 1 else "all bodies are repeats"
    return (
        f"{which} of what this target answered 200 to before; a backend that dedupes does nothing; "
        "add --fresh-ids"
    )


def replay_as_json(replay: ReplayStatus, check: ExpectationCheck | None = None) -> dict[str, Any]:
    """A replay for `--json`.

    Args:
        check: with --expect.
    """
    line: dict[str, Any] = {"kind": "replay", **fields_of(replay)}
    line["not_as_expected"] = None if check is None else len(check.unmet)
    line["comparisons"] = (check.changes or None) if check is not None else None
    return line


def answer_line(followed: AttemptEvent, words_of_check: str | None, *, name_target: bool) -> str:
    """`12 payment.updated edited -> 500 in 4 ms: Lean would try again in 1 min; expected 200`; safe."""
    attempt = followed.attempt
    words = [
        str(attempt.capture_id),
        event_or_request(followed.event_type, followed.method, followed.request_target),
    ]
    if attempt.sent_body is not None:
        words.append("edited")
    where = f"{visible(attempt.target)}: " if name_target else ""
    number = f", attempt {attempt.number}" if attempt.number > 1 else ""
    line = f"{' '.join(words)} -> {where}{attempt_outcome(attempt)}{number}: {conclusion(followed)}"
    return line if words_of_check is None else f"{line}; {words_of_check}"
