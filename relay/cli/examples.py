"""Examples for the help of each command; a test runs them."""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "listen": (
        "lean-relay listen --forward-to :3000/webhooks/lean",
        "lean-relay listen -f :3000 -f :4000/payments --only type:payment",
        "lean-relay listen -f :3000 --retry lean --time-scale 0.01",
    ),
    "trigger": (
        "lean-relay trigger payment.created",
        "lean-relay trigger payment.updated --set payload.status=FAILED",
        "lean-relay trigger --list",
    ),
    "list": (
        "lean-relay list",
        "lean-relay list type:payment sig:valid since:2h",
        "lean-relay list verdict:retry --json",
    ),
    "show": (
        "lean-relay show latest",
        "lean-relay show latest --attempts",
        "lean-relay show 1 --body > body.json",
    ),
    "tail": (
        "lean-relay tail",
        "lean-relay tail type:payment",
        "lean-relay tail type:payment.updated --json",
    ),
    "wait": (
        "lean-relay wait type:payment",
        "lean-relay wait body.payload.status:ACCEPTED_BY_BANK --timeout 60",
        "lean-relay wait type:payment.updated --json",
    ),
    "diff": (
        "lean-relay diff 1 2",
        "lean-relay diff 2 latest",
        "lean-relay diff 1 2 --json",
    ),
    "status": (
        "lean-relay status",
        "lean-relay status --wait 10",
        "lean-relay status --json",
    ),
    "refusals": (
        "lean-relay refusals",
        "lean-relay refusals --limit 5",
        "lean-relay refusals --explain",
    ),
    "replay": (
        "lean-relay replay latest",
        "lean-relay replay type:payment since:1h --yes",
        "lean-relay replay 1 --set payload.amount=1.10 --resign",
    ),
    "rehearse": (
        "lean-relay rehearse all --yes",
        "lean-relay rehearse duplicates order --probe 'psql -tAc \"select count(*) from payments\"' --yes",
        "lean-relay rehearse retries type:payment --time-scale 0.001 --junit report.xml --yes",
    ),
    "forward": (
        "lean-relay forward latest",
        "lean-relay forward 1..2 --yes",
        "lean-relay forward 1,3 --yes --json",
    ),
    "star": (
        "lean-relay star latest",
        "lean-relay star type:payment",
        "lean-relay star 1 --remove",
    ),
    "note": (
        "lean-relay note 1 -m 'amount is a text'",
        "lean-relay note latest -m 'ask Lean'",
        "lean-relay note 1 --remove",
    ),
    "prune": (
        "lean-relay prune until:2026-01-01 --yes",
        "lean-relay prune shape:not-json --yes",
        "lean-relay prune 400..500 --yes",
    ),
    "export": (
        "lean-relay export > captures.ndjson",
        "lean-relay export type:payment since:1h -o payments.ndjson --reveal",
        "lean-relay export latest --format curl",
    ),
    "import": (
        "lean-relay export latest | lean-relay import - --dry-run",
        "lean-relay export type:payment | lean-relay import - --db copy.db",
    ),
    "backfill": (
        "lean-relay backfill --since 7d --dry-run",
        "lean-relay backfill --since 2d --type payment.updated",
        "lean-relay backfill --json",
    ),
    "verify": (
        "lean-relay verify latest",
        "lean-relay verify type:payment",
        "lean-relay verify 1 --attempts",
    ),
    "shapes": (
        "lean-relay shapes type:payment",
        "lean-relay shapes freeze -o lean.contract.json",
        "lean-relay shapes check --against lean.contract.json",
    ),
    "certs": (
        "lean-relay certs init",
        "lean-relay certs show fullchain.pem",
        "lean-relay certs check --cert my_app_cert.crt --key my_app_private_key.pem",
    ),
    "config": (
        "lean-relay config show",
        "lean-relay config show --json",
    ),
    "team": (
        "lean-relay team init --print",
        "lean-relay team init --print --json",
    ),
    "trust": (
        "lean-relay trust --list",
        "lean-relay trust --list --json",
    ),
    "doctor": (
        "lean-relay doctor",
        "lean-relay doctor --json",
    ),
    "completion": (
        "lean-relay completion bash",
        "lean-relay completion zsh",
    ),
    "help": (
        "lean-relay help",
        "lean-relay help filter",
        "lean-relay help replay",
    ),
}
"""Command -> example lines; none for commands without interesting options."""

WITH_FILTER = {
    "listen",
    "list",
    "tail",
    "wait",
    "forward",
    "replay",
    "shapes",
    "star",
    "note",
    "prune",
    "export",
    "verify",
}
"""Commands that take a filter."""


def epilog(command: str) -> str | None:
    """The end of a command's help; None if it has none."""
    paragraphs = []
    if command in EXAMPLES:
        paragraphs.append("\b\nExamples:\n" + "\n".join(f"  {line}" for line in EXAMPLES[command]))
    if command in WITH_FILTER:
        paragraphs.append("Filters: lean-relay help filter")
    return "\n\n".join(paragraphs) or None
