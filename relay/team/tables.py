"""The SQL of a team's log: one table, one counter row, the functions, three roles; executes nothing.

The counter row is updated in the statement that inserts, so that positions are taken in the order of commits
and have no holes: a sequence takes a number before its commit, and a reader then skips it (22 of 3,717 with
eight writers). Those who publish have no right but to call a function, whose owner is not them.
"""

from __future__ import annotations

from datetime import timedelta

VERSION = 1
OLDEST_SERVER = 130000
"""PostgreSQL 13, as `server_version_num`."""

NOT_DURABLE = "LR001"
"""SQLSTATE of `publish` where a commit would not be on disk."""

DEFAULT_KEEP = timedelta(days=30)
DEFAULT_KEEP_BYTES = 10 * 2**30

PRUNED_AT_ONCE = 500
PRUNED_BYTES_AT_ONCE = 256 * 2**20

ROW_BYTES = 250
"""About what a row takes apart from target, headers and body."""

PUBLISH_ARGUMENTS = (
    "text, bigint[], text[], bytea[], text[], text[], bytea[], integer[], text[], text[], bytea[], bytea[]"
)


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL text."""
    return "'" + text.replace("'", "''") + "'"


def roles(name: str) -> dict[str, str]:
    """The roles of a log, by what they are for."""
    return {each: f"{name}_{each}" for each in ("owner", "writer", "reader")}


def init(name: str, *, keep: timedelta | None = None, keep_bytes: int | None = None) -> str:
    """The statements that make a log, or bring one up to date; they can be run again.

    Args:
        keep: zero for ever; None for `DEFAULT_KEEP` in a new log, and no change in an existing one.
        keep_bytes: None likewise.
    """
    owner, writer, reader = (quoted(role) for role in roles(name).values())
    schema = quoted(name)
    changes = []
    if keep is not None:
        changes.append(f"keep_s = {_keep(keep)}")
    if keep_bytes is not None:
        changes.append(f"keep_bytes = {keep_bytes}")
    change = f"UPDATE {schema}.log SET {', '.join(changes)};\n" if changes else ""
    return f"""\
BEGIN;
SELECT pg_advisory_xact_lock(hashtext('lean-relay {name}'));

DO $do$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[{", ".join(literal(role) for role in roles(name).values())}] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    END IF;
  END LOOP;
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    BEGIN
      EXECUTE format('GRANT %I TO %I', {literal(roles(name)["owner"])}, current_user);
    EXCEPTION WHEN insufficient_privilege THEN
      NULL;  -- A member already, or the next statement says so.
    END;
  END IF;
END
$do$;

CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner};
SET LOCAL ROLE {owner};

CREATE TABLE IF NOT EXISTS {schema}.log (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version integer NOT NULL,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  newest bigint NOT NULL DEFAULT 0,
  pruned bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  keep_s bigint,
  keep_bytes bigint
) WITH (fillfactor = 10);

CREATE TABLE IF NOT EXISTS {schema}.captures (
  position bigint PRIMARY KEY,
  published_at timestamptz NOT NULL,
  size bigint NOT NULL,
  node text NOT NULL,
  received_at bigint NOT NULL,
  method text NOT NULL,
  target bytea NOT NULL,
  http_version text NOT NULL CHECK (http_version IN ('1.0', '1.1')),
  client text NOT NULL,
  tls bytea,
  answer integer NOT NULL CHECK (answer BETWEEN 200 AND 599),
  answer_reason text,
  origin text NOT NULL CHECK (origin IN ('received', 'sample')),
  headers bytea NOT NULL,
  body bytea NOT NULL
);
-- Not compressed: a body of 100 KiB is stored in a third of the time.
ALTER TABLE {schema}.captures ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX IF NOT EXISTS captures_published_at ON {schema}.captures (published_at);

INSERT INTO {schema}.log (version, keep_s, keep_bytes)
VALUES ({VERSION}, {_keep(DEFAULT_KEEP)}, {DEFAULT_KEEP_BYTES}) ON CONFLICT DO NOTHING;
{change}
{_publish(name)}
{_prune(name)}
{_state(name)}
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {schema} FROM PUBLIC;
GRANT USAGE ON SCHEMA {schema} TO {writer}, {reader};
GRANT EXECUTE ON FUNCTION {schema}.state() TO {writer}, {reader};
GRANT EXECUTE ON FUNCTION {schema}.publish({PUBLISH_ARGUMENTS}) TO {writer};
GRANT EXECUTE ON FUNCTION {schema}.prune() TO {writer};
GRANT SELECT ON {schema}.log, {schema}.captures TO {reader};
COMMIT;
"""


def _keep(keep: timedelta) -> str:
    return str(int(keep.total_seconds())) if keep else "NULL"


def _publish(name: str) -> str:
    schema = quoted(name)
    return f"""\
CREATE OR REPLACE FUNCTION {schema}.publish(
  at_node text, p_received_at bigint[], p_method text[], p_target bytea[], p_http_version text[],
  p_client text[], p_tls bytea[], p_answer integer[], p_answer_reason text[], p_origin text[],
  p_headers bytea[], p_body bytea[]
) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $publish$
DECLARE
  added integer := cardinality(p_received_at);
  first bigint;
  total bigint;
BEGIN
  IF current_setting('fsync') <> 'on'
     OR current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
    RAISE EXCEPTION 'a commit would not be on disk: fsync is %, synchronous_commit is %',
      current_setting('fsync'), current_setting('synchronous_commit') USING ERRCODE = '{NOT_DURABLE}';
  END IF;
  UPDATE {schema}.log SET newest = newest + added RETURNING newest - added + 1 INTO first;
  WITH stored AS (
    INSERT INTO {schema}.captures
    SELECT first + at - 1, clock_timestamp(),
           {ROW_BYTES} + octet_length(target) + octet_length(headers) + octet_length(body),
           at_node, received_at, method, target, http_version, client, tls, answer, answer_reason, origin,
           headers, body
    FROM unnest(p_received_at, p_method, p_target, p_http_version, p_client, p_tls, p_answer,
                p_answer_reason, p_origin, p_headers, p_body)
         WITH ORDINALITY AS new (received_at, method, target, http_version, client, tls, answer,
                                 answer_reason, origin, headers, body, at)
    RETURNING size
  ) SELECT sum(size) INTO total FROM stored;
  UPDATE {schema}.log SET bytes = bytes + coalesce(total, 0);
  PERFORM pg_notify({literal(name)}, '');
  RETURN first;
END
$publish$;
"""


def _prune(name: str) -> str:
    # The counter row, for which all publishers wait, is taken last.
    schema = quoted(name)
    return f"""\
CREATE OR REPLACE FUNCTION {schema}.prune()
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $prune$
DECLARE
  kept record;
  upto bigint;
  gone integer;
  freed bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtext('lean-relay prune {name}')) THEN
    RETURN 0;
  END IF;
  SELECT * INTO kept FROM {schema}.log;
  SELECT max(position) INTO upto FROM (
    SELECT position, bool_and(due AND before < {PRUNED_BYTES_AT_ONCE}) OVER (ORDER BY position) AS due
    FROM (
      SELECT position, before,
             coalesce(published_at < now() - make_interval(secs => kept.keep_s), false)
               OR coalesce(kept.bytes - before > kept.keep_bytes, false) AS due
      FROM (
        SELECT position, published_at, sum(size) OVER (ORDER BY position) - size AS before
        FROM {schema}.captures ORDER BY position LIMIT {PRUNED_AT_ONCE}
      ) AS oldest
    ) AS looked_at
  ) AS in_order WHERE due;
  IF upto IS NULL THEN
    RETURN 0;
  END IF;
  WITH deleted AS (DELETE FROM {schema}.captures WHERE position <= upto RETURNING size)
  SELECT count(*), coalesce(sum(size), 0) INTO gone, freed FROM deleted;
  UPDATE {schema}.log SET pruned = upto, bytes = bytes - freed;
  RETURN gone;
END
$prune$;
"""


def _state(name: str) -> str:
    schema = quoted(name)
    return f"""\
CREATE OR REPLACE FUNCTION {schema}.state(
  OUT id text, OUT version integer, OUT newest bigint, OUT pruned bigint, OUT bytes bigint,
  OUT keep_s bigint, OUT keep_bytes bigint, OUT oldest_at timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $state$
  SELECT l.id::text, l.version, l.newest, l.pruned, l.bytes, l.keep_s, l.keep_bytes,
         (SELECT c.published_at FROM {schema}.captures AS c ORDER BY c.position LIMIT 1)
  FROM {schema}.log AS l
$state$;
"""


# -- statements of nodes and followers ----------------------------------------------------------------

COLUMNS = (
    "position",
    "node",
    "received_at",
    "method",
    "target",
    "http_version",
    "client",
    "tls",
    "answer",
    "answer_reason",
    "origin",
    "headers",
    "body",
)


def publish(name: str) -> str:
    """Takes the node's name and an array for each column from `received_at` on."""
    return f"SELECT {quoted(name)}.publish({', '.join(f'${at}' for at in range(1, 13))})"


def prune(name: str) -> str:
    """Returns the number of captures that were removed."""
    return f"SELECT {quoted(name)}.prune()"


def state(name: str) -> str:
    """Returns one row."""
    return f"SELECT * FROM {quoted(name)}.state()"


def read(name: str) -> str:
    """Takes a position, a number of rows and a number of bytes; returns `COLUMNS`."""
    columns = ", ".join(COLUMNS)
    return (
        f"SELECT {columns} FROM (SELECT {columns}, sum(size) OVER (ORDER BY position) - size AS before"
        f" FROM {quoted(name)}.captures WHERE position > $1 ORDER BY position LIMIT $2) AS next"
        " WHERE before < $3 ORDER BY position"
    )


def digest(name: str) -> str:
    """Takes a position."""
    return (
        "SELECT received_at, encode(sha256(body), 'hex') AS body_sha256"
        f" FROM {quoted(name)}.captures WHERE position = $1"
    )


def position_before(name: str) -> str:
    """Takes a time; the newest position where nothing was published since."""
    schema = quoted(name)
    return (
        f"SELECT coalesce((SELECT position - 1 FROM {schema}.captures WHERE published_at >= $1"
        f" ORDER BY published_at, position LIMIT 1), (SELECT newest FROM {schema}.log))"
    )


SERVER = """
SELECT current_setting('server_version') AS version,
       current_user::text AS login,
       current_setting('fsync') AS fsync,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('synchronous_standby_names') AS standbys,
       current_setting('full_page_writes') = 'on' AS full_page_writes,
       coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS tls,
       clock_timestamp() AS at,
       coalesce((SELECT has_function_privilege(p.oid, 'EXECUTE') FROM pg_proc AS p
                 JOIN pg_namespace AS n ON n.oid = p.pronamespace
                 WHERE n.nspname = $1 AND p.proname = 'publish' LIMIT 1), false) AS may_publish,
       coalesce((SELECT has_table_privilege(c.oid, 'SELECT') FROM pg_class AS c
                 JOIN pg_namespace AS n ON n.oid = c.relnamespace
                 WHERE n.nspname = $1 AND c.relname = 'captures'), false) AS may_read
"""
"""Takes the name of the log; `relay.team.log.Server` says what the columns mean."""

PROGRAM = "lean-relay "
"""Begins the names by which PostgreSQL lists our connections."""

CONNECTED = f"""
SELECT substr(application_name, {len(PROGRAM) + 1}) AS name FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND left(application_name, {len(PROGRAM)}) = '{PROGRAM}'
ORDER BY name
"""
