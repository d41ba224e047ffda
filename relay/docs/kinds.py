"""Every kind of line that `--json` prints: its fields, and the commands that print it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One form of a line."""

    fields: str
    """Its fields in code ticks, explained where a name is not enough; `name?` is not always there."""
    printed_by: str
    """The commands, in code ticks."""


KINDS: Mapping[str, Kind] = {
    "capture": Kind(
        "as above: `id` `received_at` `method` `target` `http_version` `headers` `body` "
        "`body_base64?` `body_unpacked?` `body_unpacked_base64?` `body_coding?` `body_notes?` "
        "`size_bytes` `body_sha256` `client` `tls` `answer` `origin` `source` `position` `event` "
        "`signature` `signed_by` `app_token` `sender` `repeat_of` `shape` `undocumented` `starred` `note` "
        "`deliveries`",
        "`list`, `show`, `tail`, `wait`, `listen`, `export`",
    ),
    "attempt": Kind(
        "one attempt to deliver a capture: `id` `delivery_id` `capture_id` `target` "
        "`delivery_kind` (`live` or `replay`) `number` `started_at` `elapsed_ms` `outcome` "
        "`status` `verdict` `verdict_reason` `error` `address` (where the target's name has "
        "several) `sent_method` `sent_target` `sent_headers` `sent_body` `sent_body_base64?` "
        "`headers` `body` `body_base64?` `body_unpacked?` `body_unpacked_base64?` `body_coding?` "
        "`body_notes?` `body_size`; `as_expected` is null without "
        "`--expect`, `comparison` (`fixed`, `regressed`, `still-failing`, `unchanged`, `no-baseline`) "
        "without `--expect recorded`; `baseline_id` is the attempt that it was compared with, or would be "
        "(null where none was looked for)",
        "`show --attempts`, `replay`, `listen`, `export`",
    ),
    "ready": Kind("the first line of a listener: `url` `pid` `db`", "`listen`"),
    "web": Kind("the page of the screen: `url` (works once) `pid` `db`", "`web`"),
    "tunnel": Kind(
        "the tunnel, whenever it is up or down: `name` (as in the option) `state` (`up` or `down`) `url` "
        "(null while it is down) `previous_url` (null, or the last one of this database, where that was "
        "another) `reason` (null, or why it is down) `since` `next_at` (null, or when its program is started "
        "again)",
        "`listen --tunnel`",
    ),
    "error": Kind(
        "`word` (stable, as in the brackets on stderr; `usage` for wrong usage) `message` `exit`",
        "every command",
    ),
    "status": Kind(
        "`engine` (null where none runs) `store` `targets` `replays` `tunnel` (null without one) `refusals` "
        "`team` (null for an engine that works alone; `node` with what it published, `follower` with how far "
        "it is) `db` `log` (null where there is none)",
        "`status`",
    ),
    "stop": Kind("`pid` of the engine that has ended", "`stop`"),
    "reload": Kind(
        "`after_restart` (settings that wait for one) `parked` `untrusted` (settings of a project "
        "file that stay as they were)",
        "`reload`",
    ),
    "pause": Kind("`changed` `targets`", "`pause`"),
    "resume": Kind("`changed` `targets`", "`resume`"),
    "rehearsal_line": Kind(
        "one thing that was tried: `check` `case` `result` (`passed`, `note`, `warning`, `unknown`, "
        "`failed`) `sent` `received` `why` `captures` `command` (null or one that looks closer)",
        "`rehearse`",
    ),
    "rehearsal": Kind(
        "the last line of a rehearsal: `target` `seed` `captures` (how many) `samples` (whether they "
        "were made up) `results` (count of lines by result) `requests` `elapsed_s` `not_done` (null, or "
        "why it ended early)",
        "`rehearse`",
    ),
    "forward": Kind("`queued` `released` `targets`", "`forward`"),
    "replay": Kind(
        "how a replay has gone: `run` `by` `state` `reason` `targets` `captures` `total` `done` "
        "`tried` `delivered` `failed` `skipped` `left` `stale_signatures` `waits` `started_at` "
        "`elapsed_s`; `not_as_expected` is null without `--expect`, `comparisons` (how many "
        "of each) without `--expect recorded`",
        "`replay`, `replay --stop`",
    ),
    "replays_stopped": Kind("`count`, after the line of each", "`replay --stop`"),
    "request": Kind(
        "what would be sent: `capture_id` `to` `method` `target` `headers` `body` `body_base64?` "
        "`signature_is_stale`",
        "`replay --dry-run`",
    ),
    "post": Kind(
        "one sample that was posted: `type` `event_id` `note` `url` `size_bytes` `signed` "
        "`signed_with` `status` `elapsed_ms` `error` `verdict` `reason` `next_try_in_s`",
        "`trigger`",
    ),
    "event_type": Kind(
        "`type` `when` `regions` `versions` `messages` `confidence` `payload_confidence` "
        "`deprecated` `in_events_api` `notes` `summary` `sources`",
        "`trigger --list`",
    ),
    "event_type_details": Kind(
        "the same, with `fields` `example` `example_note` `schema`: `type` `when` `regions` "
        "`versions` `messages` `confidence` `payload_confidence` `deprecated` `in_events_api` "
        "`notes` `summary` `sources`",
        "`trigger --explain`",
    ),
    "difference": Kind("between two captures: `field` `a` `b`", "`diff`"),
    "journey": Kind("`id` `of` `captures` `ids` `left_out`", "`journey`"),
    "step": Kind(
        "one capture of a journey: `capture_id` `received_at` `event_at` `type` `gap_s` `status` "
        "`ids` `try` `stamped_before` `signature` `shape` `undocumented` `answer` `deliveries`",
        "`journey`",
    ),
    "refusal": Kind("`id` `at` `client` `reason` `detail` `count`", "`refusals`"),
    "refusal_reason": Kind("`reason` `count` `words` `behind` `advice`", "`refusals --explain`"),
    "verification": Kind(
        "`id` (null for a file) `name` `signature` `signed_by` `reason` `stored_signature` "
        "`stored_signed_by`",
        "`verify`",
    ),
    "attempt_verification": Kind(
        "what reached a backend: `capture_id` `attempt_id` `signature` `signed_by` `reason` "
        "`sent` `status` `mistakes`",
        "`verify --attempts`",
    ),
    "type_seen": Kind(
        "`type` `count` `first_at` `last_at` `confidence` `undocumented` `shapes` `fields` `differences`",
        "`shapes`",
    ),
    "checked": Kind(
        "one event type against a contract: `type` `compared` `drifted` `passed_over` `text`",
        "`shapes check`",
    ),
    "shape_difference": Kind(
        "from that contract: `type` `difference` `count` `first_in` `text`", "`shapes check`"
    ),
    "contract": Kind(
        "`types` `events` `path` (null without `-o`) `document` (null with it)", "`shapes freeze`"
    ),
    "schema": Kind("`types` `path` (null without `-o`) `document` (null with it)", "`shapes export`"),
    "recheck": Kind("`judged` `catalogue` `shapes`", "`shapes recheck`"),
    "star": Kind("`changed`", "`star`"),
    "note": Kind("`changed`", "`note`"),
    "prune": Kind("`removed` `emptied` (whether nothing of it is left in the WAL)", "`prune`"),
    "export": Kind(
        "the first line of an export: `version` (of the form) `program` `exported_at` `headers` (`masked`, "
        "`revealed` or `redacted`) `redacted` (null, or what was replaced) `secret` (null, or the throwaway "
        "one that signed it)",
        "`export`",
    ),
    "export_end": Kind("the last line of an export: `captures`", "`export`"),
    "exported": Kind("`captures` `format` `path`", "`export -o`"),
    "import": Kind(
        "one file: `file` `added` `known` (were here already) `bad` (lines that could not be read) "
        "`bundle` (null, or the name of the secret that came with it) `dry_run`",
        "`import`",
    ),
    "backfill": Kind(
        "a window of Lean's Events API: `environment` `region` `from` `to` `type` (null for all) "
        "`events` (at Lean) `known` (were here already) `compared` (of those, came as webhooks too) "
        "`same_bytes` (of those, have the same bytes) `taken` `types` (count of what was taken, by type) "
        "`pages` `forwarded` (deliveries) `complete` `dry_run`",
        "`backfill`, `listen` (with `catch_up`)",
    ),
    "bad_line": Kind("that was passed over: `file` `line` `reason`", "`import`"),
    "certificates": Kind(
        "`ca` `ca_key` `server` `server_key` `client` `client_key` `names` `new_authority` `not_after`",
        "`certs init`",
    ),
    "check": Kind(
        "`check` (what was looked at) `level` (`ok`, `warning`, `fault`) `text` `next_step` (or null)",
        "`certs check`, `doctor`",
    ),
    "certificate": Kind(
        "`number` `subject` `issuer` `san` `serial` `not_before` `not_after` `sha256` "
        "`spki_sha256` `purposes` `ca` `key`",
        "`certs show`",
    ),
    "server": Kind(
        "`host` `port` `version` `cipher` `asks_for_certificate` `fault`", "`certs show HOST:PORT`"
    ),
    "tls": Kind(
        "of the caller: `capture` `version` `cipher` `sni` `alpn` `client_auth` `authenticated` "
        "`verdict` `words` `why` `certificate`",
        "`certs show ID`",
    ),
    "setting": Kind("`name` `value` `source`", "`config show`"),
    "left_out": Kind(
        "a setting of a project file that is not in force: `name` `where` `reason` (`untrusted` "
        "or `other-database`)",
        "`config show`",
    ),
    "settings_file": Kind("`path`", "`config init`"),
    "team": Kind(
        "a team's log: `name` `address` `id` `version` `server_version` `login` `may_publish` `may_read` "
        "`tls` `copies` (in how many places a commit is) `newest` (position) `pruned` (position) `captures` "
        "`bytes` `oldest_at` `keep_s` (null for ever) `keep_bytes` (null without one) `connected` (programs) "
        "`position` (that this database has reached; null where it does not follow it) `behind`",
        "`team status`",
    ),
    "team_init": Kind(
        "`name` `address` (null with `--print`) `roles` `sql` (null without `--print`)",
        "`team init`",
    ),
    "trust": Kind(
        "`file` `state` (`trusted`, `changed`, `unreadable`, `removed` or `not-needed`) "
        "`settings` (their names) `trusted_at` (or null)",
        "`trust`",
    ),
    "completion": Kind("`shell` `script`", "`completion`"),
    "manual": Kind("a page of the manual: `topic` `text`", "`help`"),
    "version": Kind("`version`", "`--version`"),
}
"""Each has one form, whichever command prints it; a test compares them with what the commands print."""
