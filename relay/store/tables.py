"""The SQL of every table, index and view, migration by migration; executes nothing.

The tables are public (`lean-relay help database`): a migration that has been published is never edited, only
followed by another.
"""

from __future__ import annotations

from collections.abc import Mapping

APPLICATION_ID = 0x4C454157
"""`LEAW` in SQLite's header: this file is a lean-relay database."""

# Small columns come before headers and body: columns after a large BLOB can only be read through
# its overflow pages, and lists read all columns but these two.
CAPTURES = """
CREATE TABLE captures (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at   INTEGER NOT NULL,
    method        TEXT NOT NULL,
    target        TEXT NOT NULL,
    http_version  TEXT NOT NULL,
    client        TEXT NOT NULL,
    tls           TEXT,
    answer        INTEGER NOT NULL DEFAULT 200,
    answer_reason TEXT,
    origin        TEXT NOT NULL DEFAULT 'received',
    event_type    TEXT,
    event_id      TEXT,
    event_at      INTEGER,
    customer_id   TEXT,
    signature     TEXT NOT NULL DEFAULT 'unchecked'
                  CHECK (signature IN ('valid', 'invalid', 'missing', 'malformed', 'unchecked')),
    signed_by     TEXT,
    app_token     TEXT CHECK (app_token IN ('match', 'mismatch')),
    sender        TEXT CHECK (sender IN ('match', 'mismatch')),
    repeat_of     INTEGER,
    shape         TEXT CHECK (shape IN ('documented', 'drift', 'unknown', 'not-json')),
    shape_version TEXT,
    body_sha256   TEXT NOT NULL,
    headers       TEXT NOT NULL,
    body          BLOB NOT NULL
) STRICT
"""

# Instead of an index on captures.event_id: ids are random, so an index would change about one page per
# capture before its 200, half of all that a commit writes. This one is filled afterwards, in sorted
# groups, up to `marks.events_upto`.
EVENTS = """
CREATE TABLE events (
    event_id   TEXT NOT NULL,
    capture_id INTEGER NOT NULL,
    PRIMARY KEY (event_id, capture_id)
) STRICT, WITHOUT ROWID
"""

MARKS = """
CREATE TABLE marks (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""

DELIVERIES = """
CREATE TABLE deliveries (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    capture_id INTEGER NOT NULL REFERENCES captures (id) ON DELETE CASCADE,
    target     TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('live', 'replay')),
    state      TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'ended', 'parked')),
    reason     TEXT,
    created_at INTEGER NOT NULL,
    due_at     INTEGER NOT NULL
) STRICT
"""

ATTEMPTS = """
CREATE TABLE attempts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id  INTEGER NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    elapsed_us   INTEGER NOT NULL,
    outcome      TEXT NOT NULL,
    status       INTEGER,
    verdict      TEXT CHECK (verdict IN ('delivered', 'retry')),
    verdict_reason TEXT,
    error        TEXT,
    sent_headers TEXT,
    sent_body    BLOB,
    headers      TEXT,
    body         BLOB,
    body_size    INTEGER
) STRICT
"""

NOTES = """
CREATE TABLE notes (
    capture_id INTEGER PRIMARY KEY REFERENCES captures (id) ON DELETE CASCADE,
    starred    INTEGER NOT NULL DEFAULT 0 CHECK (starred IN (0, 1)),
    text       TEXT
) STRICT
"""

REFUSALS = """
CREATE TABLE refusals (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    client TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    count  INTEGER NOT NULL DEFAULT 1
) STRICT
"""


# What is not a number: an imported file's throwaway secret by its name, the last public URL.
FACTS = """
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""

# The response that later ones are compared with, where it is not a target's first live one.
BASELINES = """
CREATE TABLE baselines (
    capture_id INTEGER NOT NULL REFERENCES captures (id) ON DELETE CASCADE,
    target     TEXT NOT NULL,
    attempt_id INTEGER NOT NULL REFERENCES attempts (id) ON DELETE CASCADE,
    pinned     INTEGER NOT NULL CHECK (pinned IN (0, 1)),
    PRIMARY KEY (capture_id, target)
) STRICT, WITHOUT ROWID
"""


def _utc(column: str) -> str:
    """SQL that shows integer microseconds as ISO 8601 with all six digits."""
    return (
        f"strftime('%Y-%m-%dT%H:%M:%S', {column} / 1000000, 'unixepoch')"
        f" || printf('.%06dZ', {column} % 1000000)"
    )


STEPS: Mapping[str, tuple[str, ...]] = {
    "m0001_first_tables": (
        CAPTURES,
        EVENTS,
        MARKS,
        DELIVERIES,
        ATTEMPTS,
        NOTES,
        REFUSALS,
        "CREATE INDEX deliveries_capture ON deliveries (capture_id)",
        "CREATE INDEX deliveries_waiting ON deliveries (target, due_at) WHERE state <> 'ended'",
        "CREATE INDEX attempts_delivery ON attempts (delivery_id)",
        f"""CREATE VIEW captures_readable AS SELECT id, {_utc("received_at")} AS received, method, target,
            answer, origin, event_type, event_id, {_utc("event_at")} AS event_time, customer_id, signature,
            signed_by, repeat_of, shape, length(body) AS size_bytes, client, headers FROM captures""",
        f"""CREATE VIEW attempts_readable AS SELECT attempts.id, deliveries.capture_id, deliveries.target,
            deliveries.kind, deliveries.state, attempts.number, {_utc("attempts.started_at")} AS started,
            attempts.elapsed_us / 1000.0 AS elapsed_ms, attempts.outcome, attempts.status, attempts.verdict,
            attempts.verdict_reason, attempts.error
            FROM attempts JOIN deliveries ON deliveries.id = attempts.delivery_id""",
        f"CREATE VIEW refusals_readable AS SELECT id, {_utc('at')} AS time, client, reason, detail, count"
        " FROM refusals",
        f"PRAGMA application_id = {APPLICATION_ID}",
    ),
    # An edited replay may have its own method and target; NULL if unchanged.
    "m0002_sent_request_line": (
        "ALTER TABLE attempts ADD COLUMN sent_method TEXT",
        "ALTER TABLE attempts ADD COLUMN sent_target TEXT",
    ),
    # Whether texts occur unescaped in a capture's bytes; NULL, unknown, for older captures. After the body,
    # where reading it is free for queries that read the body too.
    "m0003_plain": ("ALTER TABLE captures ADD COLUMN plain INTEGER",),
    # Older details had the parser's words, which quote the request: a token, or a whole body.
    "m0004_refusals_quote_nothing": (
        "UPDATE refusals SET detail = 'an earlier version told more, which may have quoted what came'"
        " WHERE reason IN ('malformed', 'internal')",
    ),
    # The address connected to; NULL if the target's name has only one, or without a connection.
    "m0005_attempt_address": ("ALTER TABLE attempts ADD COLUMN address TEXT",),
    "m0006_address_to_read": (
        "DROP VIEW attempts_readable",
        f"""CREATE VIEW attempts_readable AS SELECT attempts.id, deliveries.capture_id, deliveries.target,
            deliveries.kind, deliveries.state, attempts.number, {_utc("attempts.started_at")} AS started,
            attempts.elapsed_us / 1000.0 AS elapsed_ms, attempts.outcome, attempts.status, attempts.verdict,
            attempts.verdict_reason, attempts.error, attempts.address
            FROM attempts JOIN deliveries ON deliveries.id = attempts.delivery_id""",
    ),
    # The index finds what was imported before: each source begins with its digest. An index over json_extract
    # is refused where the schema is not trusted, as in our readers.
    "m0007_sources_and_baselines": (
        "ALTER TABLE captures ADD COLUMN source TEXT",
        "ALTER TABLE captures ADD COLUMN position INTEGER",
        "CREATE INDEX captures_source ON captures (source) WHERE source IS NOT NULL",
        FACTS,
        BASELINES,
        "CREATE INDEX baselines_attempt ON baselines (attempt_id)",
    ),
    # One capture has a position at most: what was followed before is not stored twice.
    "m0008_positions": (
        "CREATE UNIQUE INDEX captures_position ON captures (position) WHERE position IS NOT NULL",
    ),
}
"""Every migration that this version knows, in order."""
