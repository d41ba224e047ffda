"""`verify`: check signatures again, with the current secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import click

from relay.cli.advice import say
from relay.cli.context import Invocation, run_async, shared_options
from relay.cli.json_lines import print_json
from relay.cli.option_rules import apart
from relay.cli.output import FilterCommand
from relay.cli.shapes.sources import is_file, read
from relay.config import Settings, read_secrets
from relay.errors import CheckFailed, UsageError
from relay.lean import signature
from relay.lean.diagnosis import why_not_valid
from relay.lean.envelope import read_event
from relay.lean.receivers import REFUSALS, AttemptVerification, verified_attempt
from relay.lean.records import WHY_NO_SIGNATURE, Wrapping, is_log_record, unwrapped, why_unsigned
from relay.models import Attempt, Capture, Signature
from relay.store.read.bundles import bundle_secrets, secrets_of
from relay.store.read.reader import Reader
from relay.store.read.related import other_bodies
from relay.store.read.selection import select
from relay.text.local_time import now
from relay.text.safe import visible

SAVED_AT_ONCE = 1_000
"""Results in one request to the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One signature, checked with the current secrets."""

    id: int | None
    """Of the capture; None for a file."""
    name: str
    """The event's type, or the file."""
    signature: Signature
    signed_by: str | None
    reason: str | None
    """Why it is not valid; None if it is."""
    has_none: bool = False
    """Whether there is nothing to check: it was not received here, and came without its request."""
    stored: tuple[Signature, str | None] | None = None
    """The stored state; None for a file."""
    attempts: tuple[tuple[Attempt, AttemptVerification], ...] = ()
    """The verified attempts, if they were requested."""

    @property
    def is_fine(self) -> bool:
        """Whether the signature is valid, here and at each backend, as far as there is one."""
        return (self.has_none or self.signature is Signature.VALID) and all(
            found.signature is Signature.VALID for _, found in self.attempts
        )

    @property
    def changed(self) -> bool:
        """Whether the stored state differs."""
        return self.stored is not None and self.stored != (self.signature, self.signed_by)

    def as_json(self) -> dict[str, Any]:
        """One line of `verify --json`."""
        before = self.stored or (None, None)
        return {
            "kind": "verification",
            "id": self.id,
            "name": self.name,
            "signature": self.signature,
            "signed_by": self.signed_by,
            "reason": self.reason,
            "stored_signature": before[0],
            "stored_signed_by": before[1],
        }

    def line(self) -> str:
        """`12 payment.updated valid by sandbox`, and the stored state if it differs."""
        words = [str(self.id)] if self.id is not None else []
        words += [self.name, self.signature]
        if self.signed_by is not None:
            words.append(f"by {self.signed_by}")
        if self.changed and self.stored is not None:
            before, by = self.stored
            words.append(f"(stored as {before}{f' by {by}' if by else ''})")
        line = " ".join(words)
        return visible(f"{line}: {self.reason}" if self.reason else line)


@click.command("verify", cls=FilterCommand)
@click.argument("words", nargs=-1, metavar="SELECTION|FILE")
@click.option(
    "--signature", "value", metavar="VALUE", help="Check FILE, a raw body (- is stdin), with this value."
)
@click.option(
    "--attempts",
    is_flag=True,
    help="Also check the requests to each backend, and explain rejections.",
)
@click.option("--save", is_flag=True, help="Store the new state of captures where it differs.")
@shared_options
@click.pass_obj
def verify_command(
    invocation: Invocation, words: tuple[str, ...], value: str | None, attempts: bool, save: bool
) -> None:
    """Check signatures again with the current secrets, one line each, and explain wrong ones.

    SELECTION is ids (12, 12..20, latest), a Lean event_id or a filter, such as sig:invalid; 1.. means all.
    With --signature it is a file instead, whose bytes are the body. An entry of Lean's own webhook log is
    recognised: its bytes differ from those that were sent, so its signature cannot be checked.

    Exit 3 if one is not valid.
    """
    settings = invocation.settings()
    secrets = read_secrets(settings, warn=say)
    if not secrets and (value is not None or not _bundles(settings)):
        raise UsageError(
            "no webhook secret is configured, so nothing can be checked; LEAN_WEBHOOK_SECRET sets one"
        )
    if value is not None:
        if save or attempts or len(words) != 1:
            raise UsageError("--signature needs exactly one FILE, and excludes --save and --attempts")
        checks: Iterator[Checked] = iter([check_file(words[0], value, secrets)])
    elif not words:
        raise UsageError("verify needs a SELECTION, such as latest or sig:invalid; 1.. selects all")
    elif len(words) == 1 and is_file(words[0]):
        apart("a file", "--save", "--attempts")
        record = check_record(words[0], read(words[0]))
        if record is None:
            raise UsageError(
                f"{words[0]} is a file; pass the value of its lean-signature header as --signature VALUE"
            )
        checks = iter([record])
    else:
        checks = checked_captures(settings, words, secrets, attempts=attempts)
    done = wrong = unsigned = 0
    changed: list[tuple[int, str, str | None]] = []
    for check in checks:
        _print(check, json_lines=invocation.json)
        done += 1
        wrong += not check.is_fine
        unsigned += check.has_none
        if check.changed and check.id is not None:
            changed.append((check.id, str(check.signature), check.signed_by))
    if save:
        say(f"updated in the database: {run_async(_save(settings, changed)) if changed else 0}")
    elif changed:
        say(f"the stored state of {len(changed)} of them differs; --save updates it")
    if unsigned:
        say(f"{unsigned} of {done} have no signature to check")
    if wrong:
        raise CheckFailed(f"not valid: {wrong} of {done}", word="signature")


def _bundles(settings: Settings) -> bool:
    """Whether captures were imported with a secret of their own."""
    if not settings.db.exists():
        return False
    with Reader(settings.db) as reader:
        return bool(bundle_secrets(reader))


def _print(check: Checked, *, json_lines: bool) -> None:
    if json_lines:
        print_json(check.as_json())
    else:
        click.echo(check.line())
    for attempt, found in check.attempts:
        if json_lines:
            print_json({"kind": "attempt_verification", "capture_id": attempt.capture_id, **asdict(found)})
            continue
        came = attempt.status if attempt.status is not None else attempt.outcome
        said = f"attempt {attempt.number} to {attempt.target}, {came}: {found.summary}"
        if found.mistakes:
            said += f"; {found.status} would be explained if"
        click.echo(visible(f"  {said}"))
        for mistake in found.mistakes:
            click.echo(visible(f"    {mistake.text}"))


def checked_captures(
    settings: Settings, words: Sequence[str], secrets: Mapping[str, bytes], *, attempts: bool = False
) -> Iterator[Checked]:
    """Check the stored captures of a selection.

    Raises:
        UsageError, NotFound: as for `relay.store.read.selection.select`.
    """
    with Reader(settings.db) as reader:
        bundles = bundle_secrets(reader)
        for capture in select(reader, words, now()):
            own = secrets_of(capture, secrets, bundles)
            check = check_capture(capture, own, other_bodies(reader, capture.id))
            if attempts:
                check = replace(check, attempts=tuple(_attempts(reader, capture, own)))
            yield check


def _attempts(
    reader: Reader, capture: Capture, secrets: Mapping[str, bytes]
) -> Iterator[tuple[Attempt, AttemptVerification]]:
    for attempt in reader.attempts(capture.id):
        takes_others = attempt.status in REFUSALS and reader.has_taken(attempt.target)
        yield attempt, verified_attempt(capture, attempt, secrets, takes_others=takes_others)


def check_capture(
    capture: Capture,
    secrets: Mapping[str, bytes],
    others: Iterable[tuple[int, bytes]] = (),
) -> Checked:
    """Check one stored capture by its stored bytes.

    Args:
        others: ids and bodies of the other captures of its event.
    """
    values = [value.encode("latin-1") for name, value in capture.headers if name.lower() == signature.HEADER]
    state, signed_by = signature.Verifier(secrets).check(values, capture.body)
    unsigned = why_unsigned(capture.source.form) if capture.source is not None and not values else None
    if unsigned is not None:
        state = Signature.UNCHECKED
    kind = capture.event.type if capture.event is not None else None
    return Checked(
        id=capture.id,
        name=kind or f"{capture.method} {capture.target}",
        signature=state,
        signed_by=signed_by,
        has_none=unsigned is not None,
        reason=None
        if signed_by is not None
        else unsigned or why_not_valid(values, capture.body, secrets, capture.headers, others),
        stored=(capture.signature, capture.signed_by),
    )


def check_file(name: str, value: str, secrets: Mapping[str, bytes]) -> Checked:
    """Check the bytes of a file against a value of `lean-signature`.

    Raises:
        NotFound: the file cannot be read.
    """
    body = read(name)
    values = [value.encode("utf-8", "surrogateescape")]
    state, signed_by = signature.Verifier(secrets).check(values, body)
    if state is not Signature.VALID and (record := check_record(name, body)) is not None:
        return record
    reason = why_not_valid(values, body, secrets)
    return Checked(id=None, name=name, signature=state, signed_by=signed_by, reason=reason)


def check_record(name: str, text: bytes) -> Checked | None:
    """The remark on a copied entry of Lean's webhook log; None for anything else."""
    if not is_log_record(text):
        return None
    event = read_event(next(unwrapped(text)).body)
    kind = event.type if event is not None else None
    return Checked(
        id=None,
        name=f"{name} {kind}" if kind else name,
        signature=Signature.UNCHECKED,
        signed_by=None,
        reason=WHY_NO_SIGNATURE[Wrapping.LOG_RECORD],
    )


async def _save(settings: Settings, results: list[tuple[int, str, str | None]]) -> int:
    """Make the engine store new states; return the number changed.

    Args:
        results: capture, signature, and the name of the secret that matched.
    """
    from relay.control.messages import VerifyRequest
    from relay.engine import access  # loads the web server, which only this needs

    changed = 0
    async with access.connect(settings) as send:
        for start in range(0, len(results), SAVED_AT_ONCE):
            changed += (await send(VerifyRequest(results[start : start + SAVED_AT_ONCE]))).changed
    return changed
