"""`trigger`: posts samples to the relay or a backend, as Lean posts events."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
from click.shell_completion import CompletionItem

from relay.cli.advice import say
from relay.cli.context import FILE, Invocation, NumberRange, shared_options
from relay.cli.json_lines import print_json
from relay.cli.listen.options import target_tls, target_tls_options
from relay.cli.option_rules import alone, exclude
from relay.errors import RelayError, Unreachable, UsageError
from relay.lean.catalogue import REGIONS, EventType, Region, catalogue
from relay.lean.samples import Sample, Sampler
from relay.text.captures import relay_response, response
from relay.text.safe import visible
from relay.text.targets import target_url
from relay.text.units import format_ms

if TYPE_CHECKING:
    from relay.config import Settings
    from relay.control.messages import TargetTls
    from relay.delivery.http.request import Destination
    from relay.delivery.samples import Post


def _types(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    known = catalogue().events
    return [
        CompletionItem(event.type, help=event.when) for event in known if event.type.startswith(incomplete)
    ]


@click.command("trigger")
@click.argument("types", metavar="TYPE...", nargs=-1, shell_complete=_types)
@click.option("--list", "listing", is_flag=True, help="List the types that Lean is known to send.")
@click.option("--explain", is_flag=True, help="Explain each TYPE: fields, values, an example.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change the sample: payload.status=FAILED, payload.items[0].id=5. VALUE is JSON if it parses as "
    "JSON, else text. Repeatable; a path that does not exist is an error.",
)
@click.option(
    "--count", type=click.IntRange(1), default=1, metavar="N", help="Number of samples of each type.  [1]"
)
@click.option(
    "--rate",
    type=NumberRange(0, 10_000, min_open=True),
    metavar="N",
    help="Posts per second, without waiting for responses; default one at a time.",
)
@click.option(
    "--region",
    type=click.Choice(REGIONS, case_sensitive=False),
    default=REGIONS[0],
    metavar="UAE/KSA",
    help="Region of banks and currency.  [UAE]",
)
@click.option(
    "--sign-with",
    metavar="NAME",
    help="Secret to sign with; default sandbox, else default, else the first. Without a secret, unsigned.",
)
@click.option(
    "--to",
    metavar="TARGET",
    help="Post to :3000, localhost:3000/hook or a URL, not to the relay; nothing is stored.",
)
@click.option("--client-cert", type=FILE, metavar="FILE", help="Present this certificate, as Lean may do.")
@click.option("--client-key", type=FILE, metavar="FILE", help="The private key of --client-cert.")
@click.option("--ca", type=FILE, metavar="FILE", help="Trust these authorities over HTTPS too.")
@target_tls_options
@shared_options
@click.pass_obj
def trigger_command(
    invocation: Invocation,
    types: tuple[str, ...],
    listing: bool,
    explain: bool,
    changes: tuple[str, ...],
    count: int,
    rate: float | None,
    region: str,
    sign_with: str | None,
    to: str | None,
    client_cert: Path | None,
    client_key: Path | None,
    ca: Path | None,
    insecure: bool | None,
    target_ca: Path | None,
    target_cert: Path | None,
    target_key: Path | None,
) -> None:
    """Act as Lean: post a realistic, signed webhook of each TYPE to the running relay.

    The ids of one run belong together: payment.created payment.updated creates a payment and updates the same
    one. Each sample carries X-Lean-Relay-Sample and is marked as a sample in the relay. Prints a line on
    stdout for each response.

    Exit 0 if each response was 200 within 10 s, which Lean counts as delivered; 1 if one was
    not; 5 if the receiver could not be reached.
    """
    alone("--list")
    alone("--explain", "TYPE...", "--region")
    for pair in (
        ("--client-cert", "--target-cert"),
        ("--client-key", "--target-key"),
        ("--ca", "--target-ca"),
    ):
        exclude(*pair)
    exclude("--insecure", "--ca")
    if listing:
        for event in catalogue().events:
            if invocation.json:
                print_json(event_as_json(event))
            else:
                click.echo(event_line(event))
        return
    if not types:
        raise UsageError("trigger needs a TYPE, such as payment.updated; --list prints all of them")
    if explain:
        _explain(types, cast(Region, region), json_lines=invocation.json)
        return
    settings = invocation.settings()
    try:
        samples = samples_of(types, changes, count, cast(Region, region))
        url = target_url(to) if to is not None else engine_url(settings.db)
    except ValueError as error:
        raise UsageError(str(error)) from error

    from relay.config import read_secrets

    name, secret = chosen_secret(read_secrets(settings, warn=say), sign_with)
    tls = target_tls(insecure, target_ca, target_cert or client_cert, target_key or client_key)
    if to is None:  # the settings are about targets, and this posts to the relay itself
        settings = replace(settings, insecure=False, target_ca=None, target_cert=None, target_key=None)
        settings = replace(settings, target_server_name=None)
    where = _where(url, settings, tls, ca)
    if to is not None:
        say(f"posting to {url} directly, not through the relay: nothing is stored")
    _post(samples, where, name, secret, rate, json_lines=invocation.json, to_backend=to is not None)


def _explain(types: Sequence[str], region: Region, *, json_lines: bool) -> None:
    from relay.cli.trigger.explain import explained, explained_as_json  # only needed here

    try:
        events = [catalogue().event(type_) for type_ in types]
    except ValueError as error:
        raise UsageError(str(error)) from error
    for event in events:
        if json_lines:
            print_json(explained_as_json(event, region))
        else:
            click.echo("\n".join(explained(event, region)) + "\n" * (event is not events[-1]))


def samples_of(types: Sequence[str], changes: Sequence[str], count: int, region: Region) -> Iterator[Sample]:
    """`count` rounds of samples of all types, made lazily.

    Raises:
        ValueError: an unknown type, or a change to a path that does not exist; raised before the first
            sample, so nothing is sent.
    """
    trial, sampler = (Sampler(random.SystemRandom(), lambda: datetime.now(UTC), region) for _ in range(2))
    for type_ in types:
        trial.sample(type_, changes)
    return (sampler.sample(type_, changes) for _ in range(count) for type_ in types)


def chosen_secret(secrets: Mapping[str, bytes], asked: str | None) -> tuple[str | None, bytes | None]:
    """The name and the secret to sign with; None for both if no secret is configured.

    Raises:
        UsageError: `asked` is not configured.
    """
    from relay.config import preferred_secret

    if not secrets and asked is None:
        return None, None
    name = preferred_secret(secrets, asked)
    if len(secrets) > 1 and asked is None:
        say(f"signing with {name}; --sign-with chooses another of {', '.join(secrets)}")
    return name, secrets[name]


def engine_url(db: Path) -> str:
    """URL at which the engine of the database receives webhooks.

    Raises:
        Unreachable: no engine is running, or it does not receive.
    """
    from relay.control.lock import holder

    engine = holder(db)
    if engine is None:
        raise Unreachable(
            f"no relay is running on {db}; start one with `lean-relay listen`, or post elsewhere with --to",
            word="no-engine",
        )
    if engine.url is None:
        raise Unreachable(
            f"the engine on {db} (pid {engine.pid}) does not receive webhooks now; try again in a moment",
            word="no-receiver",
        )
    return engine.url


def _where(url: str, settings: Settings, tls: TargetTls | None, ca: Path | None) -> Destination:
    """Destination of the posts, with the trusted authorities and the client certificate.

    Args:
        settings: their values for targets apply unless an option overrides them.
        ca: trusted in addition to the system's authorities; default the development authority.

    Raises:
        UsageError: an option has no effect over plain HTTP, or a key has no certificate.
        RelayError: `tls-...`, a file cannot be used.
    """
    from relay.delivery.destinations import destinations, over
    from relay.tls.client import development_authority
    from relay.tls.client_cert import for_targets

    chosen = settings if tls is None else over(settings, tls)
    (where,) = destinations([url], chosen).values()
    if not where.secure:
        if tls is not None or ca is not None:
            raise UsageError(
                f"{url} is plain HTTP, so --insecure, --ca and client certificates have no effect; write https://"
            )
        return where
    also_trust = None
    if chosen.target_ca is None and not chosen.insecure:
        also_trust = ca or development_authority()
    for note in for_targets(chosen.target_ca or also_trust, chosen.target_cert, chosen.target_key):
        say(note)
    return replace(where, also_trust=also_trust)


def _post(
    samples: Iterator[Sample],
    where: Destination,
    name: str | None,
    secret: bytes | None,
    rate: float | None,
    *,
    json_lines: bool,
    to_backend: bool,
) -> None:
    from relay.delivery.samples import (
        post_all,  # loads the sender, which --list and usage errors do not need
    )

    if secret is None:
        say(
            "no webhook secret is set here, so samples are not signed; set LEAN_WEBHOOK_SECRET in this shell "
            "to the secret that the relay verifies with"
        )
    posted = delivered = 0
    noted: set[str] = set()

    def report(post: Post) -> None:
        nonlocal posted, delivered
        posted += 1
        delivered += post.verdict.word == "delivered"
        note = post.sample.note
        if note is not None and note not in noted:
            noted.add(note)
            say(f"{post.sample.type}: {note}")
        if json_lines:
            print_json(post.as_json() | {"signed_with": name})
            sys.stdout.flush()
        else:
            click.echo(post_line(post, to_backend))

    try:
        asyncio.run(post_all(where, samples, report, secret=secret, rate=rate))
    except Unreachable as error:
        done = f" ({posted} earlier posts arrived)" if posted else ""
        raise Unreachable(f"{error}{done}", word="unreachable") from error
    except ValueError as error:
        raise UsageError(str(error)) from error
    if delivered < posted:
        raise RelayError(
            f"{posted - delivered} of {posted} got no 200 within 10 s, so Lean would not call them delivered",
            word="not-delivered",
        )


def post_line(post: Post, to_backend: bool) -> str:
    """`payment.updated 8ad3... relay took it: 200 in 5 ms`, `payment.updated 8ad3... -> 500 in 41 ms: ...`.

    Args:
        to_backend: posted with --to; then with Lean's conclusion, which otherwise comes only if it is bad.
    """
    if to_backend:
        answer = f"-> {response(post.status, post.error)}"
    else:
        answer = relay_response(post.status, post.error)
    line = f"{post.sample.type} {post.sample.event_id} {answer} in {format_ms(post.elapsed_s * 1000)}"
    if to_backend or post.verdict.word != "delivered":
        line += f": {post.verdict.outlook}"
        if post.verdict.word != "delivered":
            line += f" ({post.verdict.reason})"
    return visible(line)


def event_line(event: EventType) -> str:
    """One type as a line of --list: name, regions, confidence, and when Lean sends it."""
    width = max(len(known.type) for known in catalogue().events)
    known = event.confidence.words
    if event.payload_confidence is not event.confidence:
        known += f", payload {event.payload_confidence.words}"
    deprecated = " (deprecated)" if event.deprecated else ""
    return visible(f"{event.type:{width}}  {' '.join(event.regions):7}  {known:42}  {event.when}{deprecated}")


def event_as_json(event: EventType) -> dict[str, object]:
    """One type as a line of --list --json, without the payload (see --explain and `shapes export`)."""
    known = asdict(event)
    del known["payload"]
    return {"kind": "event_type", **known}
