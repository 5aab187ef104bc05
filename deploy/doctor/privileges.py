"""Whether the log can only be appended to, and each service may do what it has to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.doctor.finding import Finding, error, ok

if TYPE_CHECKING:
    from deploy.doctor.target import Target
    from shared.runtime.postgres import Connection

# Roles of services that may do anything, or act as the owner of the log.
TOO_MIGHTY = """
SELECT r.rolname, r.rolsuper, pg_has_role(r.oid, 'lonewatch_log', 'MEMBER') AS owns
FROM pg_roles r JOIN log.owner o ON o.role = r.rolname
WHERE r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR pg_has_role(r.oid, 'lonewatch_log', 'MEMBER')
"""

# Who but a superuser may change an event or a known id, the owner included.
CHANGERS = """
SELECT r.rolname, c.relname, string_agg(p.privilege, ', ') AS privileges
FROM pg_roles r
CROSS JOIN (VALUES ('log.event'::regclass), ('log.command')) AS t(kept)
JOIN pg_class c ON c.oid = t.kept
CROSS JOIN (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS p(privilege)
WHERE r.rolname LIKE 'lonewatch%' AND NOT r.rolsuper
    AND CASE p.privilege WHEN 'UPDATE' THEN has_any_column_privilege(r.oid, t.kept, 'UPDATE')
        ELSE has_table_privilege(r.oid, t.kept, p.privilege) END
GROUP BY r.rolname, c.relname ORDER BY r.rolname, c.relname
"""

# What of the log a service may not call or read. Only migrations start reactions.
LACKING = """
SELECT o.role, 'EXECUTE on ' || p.oid::regprocedure AS what
FROM log.owner o CROSS JOIN pg_proc p
WHERE p.pronamespace = 'log'::regnamespace AND p.proname <> 'start_reaction'
    AND NOT has_function_privilege(o.role, p.oid, 'EXECUTE')
UNION ALL
SELECT o.role, 'SELECT on log.' || t.kept
FROM log.owner o
CROSS JOIN unnest(ARRAY['head', 'event', 'command', 'applied', 'deadline', 'cycle', 'owner', 'stream_kind',
    'relay', 'relay_offset']) AS t(kept)
WHERE NOT has_table_privilege(o.role, format('log.%I', t.kept), 'SELECT')
ORDER BY 1, 2
"""

# Functions that this release calls and that are not there, under another name or with other arguments.
MISSING = """
SELECT f.called FROM unnest(ARRAY[
    'log.append(jsonb, jsonb, jsonb, jsonb, bytea[], jsonb)', 'log.load(text[], integer[], text, text)',
    'log.claim_deadlines(text[], integer, interval, text[])', 'log.finish_cycles(text, text[])', 'log.now()',
    'log.shard(text)', 'log.own_topic()', 'log.lease_relay(text, interval)',
    'log.move_relay(bigint, bigint, integer[], bigint[])', 'log.restart_relay(bigint)', 'log.release_relay(bigint)',
    'log.read_relay(bigint, integer, integer)'
]) AS f(called) WHERE to_regprocedure(f.called) IS NULL ORDER BY 1
"""

# Triggers on the log: none is ours, and one could swallow or change what is appended.
TRIGGERS = """
SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'log'::regnamespace AND NOT t.tgisinternal ORDER BY 1
"""

# What of the keys database the own role may not do.
KEYS_LACKING = """
SELECT p.privilege || ' on ' || p.kept AS what
FROM (VALUES ('SELECT', 'key'), ('INSERT', 'key'), ('SELECT', 'secret'), ('INSERT', 'secret'), ('SELECT', 'credential'))
    AS p(privilege, kept)
WHERE NOT has_table_privilege(p.kept, p.privilege) ORDER BY 1
"""


async def log_is_append_only(_target: Target, log: Connection) -> list[Finding]:
    """Look for anybody who could change what happened."""
    findings = []
    for row in await log.fetch(TOO_MIGHTY):
        how = (
            "may act as the owner of the log"
            if row["owns"] and not row["rolsuper"]
            else "may do anything on the server"
        )
        findings.append(
            error(
                "role_too_mighty",
                f"{row['rolname']} {how}.",
                f"ALTER ROLE {row['rolname']} NOSUPERUSER NOBYPASSRLS NOCREATEROLE; REVOKE lonewatch_log FROM {row['rolname']}.",
            )
        )
    findings += await _one_each(
        log,
        CHANGERS,
        "log_can_be_changed",
        "{rolname} has {privileges} on log.{relname}: what happened could be changed.",
        "REVOKE UPDATE, DELETE, TRUNCATE ON log.{relname} FROM {rolname}, and from every group it is in.",
    )
    return findings or [ok("log_append_only", "Nobody but the server's administrator could change an event.")]


async def log_is_whole(_target: Target, log: Connection) -> list[Finding]:
    """Look for functions of the log that are gone, and for triggers that nobody of ours made."""
    findings = await _one_each(
        log,
        MISSING,
        "function_missing",
        "{called} is not in the database, so nothing can be recorded or watched.",
        "Restore the database from its backup, or make the function again from shared/runtime/migrations/log.",
    )
    findings += await _one_each(
        log,
        TRIGGERS,
        "foreign_trigger",
        "log.{relname} has a trigger {tgname} that is not of Lonewatch: it may change what is appended.",
        "DROP TRIGGER {tgname} ON log.{relname}; and find out who made it.",
    )
    return findings or [ok("log_whole", "Every function of the log is there, and nothing stands between.")]


async def services_may_work(_target: Target, log: Connection) -> list[Finding]:
    """Look for what a service may not do and has to."""
    findings = await _one_each(
        log,
        LACKING,
        "privilege_missing",
        "{role} lacks {what}.",
        "GRANT {what} TO lonewatch_service, and see that {role} is a member of it.",
    )
    return findings or [ok("privileges_held", "Every service may call and read what it has to.")]


async def keys_can_be_used(_target: Target, keys: Connection) -> list[Finding]:
    """Look for what a service may not do with keys and has to."""
    return await _one_each(
        keys,
        KEYS_LACKING,
        "privilege_missing",
        "The keys database refuses {what}.",
        "GRANT {what} TO lonewatch_service there.",
    )


async def _one_each(database: Connection, query: str, code: str, sentence: str, remedy: str) -> list[Finding]:
    """Return an error for each row; sentence and remedy name its columns in braces."""
    return [error(code, sentence.format_map(row), remedy.format_map(row)) for row in await database.fetch(query)]
