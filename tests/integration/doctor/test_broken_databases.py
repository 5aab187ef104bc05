"""Databases that were broken for real: the doctor names each by its code, with a remedy, and finds nothing in a healthy one."""

from __future__ import annotations

import pytest

from deploy.doctor import examine
from deploy.local.installation import free_port
from shared.contracts.troubles import ClockAgreed, ClockDiffered, RecordDiscarded, RecordParked, trouble_stream
from tests.integration.doctor.conftest import Patient, named
from tests.support.history import record
from tests.support.services import Database, Installation
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

FINISH_CYCLES = "log.finish_cycles(text, text[])"
BODY = "LANGUAGE sql VOLATILE PARALLEL SAFE AS"

BROKEN = {
    "an event may be updated by a service": (
        "log_can_be_changed",
        "GRANT UPDATE ON log.event TO lonewatch_notifier",
        "REVOKE UPDATE ON log.event FROM lonewatch_notifier",
    ),
    "the owner of the log may remove events again": (
        "log_can_be_changed",
        "GRANT DELETE ON log.event TO lonewatch_log",
        "REVOKE DELETE ON log.event FROM lonewatch_log",
    ),
    "a service's role is a superuser": (
        "role_too_mighty",
        "ALTER ROLE lonewatch_audit SUPERUSER",
        "ALTER ROLE lonewatch_audit NOSUPERUSER",
    ),
    "a service's role may act as the owner of the log": (
        "role_too_mighty",
        "GRANT lonewatch_log TO lonewatch_checkin",
        "REVOKE lonewatch_log FROM lonewatch_checkin",
    ),
    "a service may not call what it has to": (
        "privilege_missing",
        f"REVOKE EXECUTE ON FUNCTION {FINISH_CYCLES} FROM lonewatch_service",
        f"GRANT EXECUTE ON FUNCTION {FINISH_CYCLES} TO lonewatch_service",
    ),
    "a function of the log has another name": (
        "function_missing",
        "ALTER FUNCTION log.append(jsonb, jsonb, jsonb, jsonb, bytea[], jsonb) RENAME TO append_once",
        "ALTER FUNCTION log.append_once(jsonb, jsonb, jsonb, jsonb, bytea[], jsonb) RENAME TO append",
    ),
    "a trigger of somebody else's stands before the log": (
        "foreign_trigger",
        "CREATE TRIGGER s BEFORE INSERT ON log.event FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger('a', 'b', 'c')",
        "DROP TRIGGER s ON log.event",
    ),
    "a service may not read what it has to": (
        "privilege_missing",
        "REVOKE SELECT ON log.head FROM lonewatch_service",
        "GRANT SELECT ON log.head TO lonewatch_service",
    ),
    "a paused process may hold a lock for ever": (
        "role_setting_missing",
        "ALTER ROLE lonewatch_checkin RESET idle_in_transaction_session_timeout",
        "ALTER ROLE lonewatch_checkin SET idle_in_transaction_session_timeout = '2s'",
    ),
    "a role does not wait for the disk": (
        "synchronous_commit_off",
        "ALTER ROLE lonewatch_escalation SET synchronous_commit = off",
        "ALTER ROLE lonewatch_escalation RESET synchronous_commit",
    ),
    "a database does not wait for its standby": (
        "synchronous_commit_off",
        "ALTER DATABASE lonewatch SET synchronous_commit = local",
        "ALTER DATABASE lonewatch RESET synchronous_commit",
    ),
    "a database is read-only": (
        "server_read_only",
        "ALTER DATABASE lonewatch SET default_transaction_read_only = on",
        "ALTER DATABASE lonewatch RESET default_transaction_read_only",
    ),
    "the log's clock is another": (
        "log_clock_replaced",
        f"CREATE OR REPLACE FUNCTION log.now() RETURNS timestamptz {BODY} 'SELECT clock_timestamp() - interval ''1 h'''",
        f"CREATE OR REPLACE FUNCTION log.now() RETURNS timestamptz {BODY} 'SELECT clock_timestamp()'",
    ),
    "a migration is not applied": (
        "migration_missing",
        "UPDATE lonewatch.migration SET name = 'gone/' || name WHERE name = 'audit/0001_audit.sql'",
        "UPDATE lonewatch.migration SET name = 'audit/0001_audit.sql' WHERE name LIKE 'gone/%'",
    ),
    "a migration was another when it was applied": (
        "migration_changed",
        "UPDATE lonewatch.migration SET sha256 = 'x' || sha256 WHERE name = 'log/0001_log.sql'",
        "UPDATE lonewatch.migration SET sha256 = substr(sha256, 2) WHERE name = 'log/0001_log.sql'",
    ),
    "a later release was here": (
        "migration_later",
        "INSERT INTO lonewatch.migration (name, sha256) VALUES ('log/9999_later.sql', '0')",
        "DELETE FROM lonewatch.migration WHERE name = 'log/9999_later.sql'",
    ),
    "a reaction does not know how far it has come": (
        "reaction_without_rows",
        "UPDATE log.applied SET consumer = 'gone' WHERE consumer = 'escalation' AND shard = 7",
        "UPDATE log.applied SET consumer = 'escalation' WHERE consumer = 'gone'",
    ),
    "a service is at work in no replica": (
        "service_not_at_work",
        "UPDATE log.cycle SET finished_at = finished_at - interval '12 s' WHERE service = 'notifier' AND loop = 'feed'",
        "UPDATE log.cycle SET finished_at = finished_at + interval '12 s' WHERE service = 'notifier' AND loop = 'feed'",
    ),
    "there is no room for the replicas that run": (
        "too_few_connections",
        "INSERT INTO log.cycle SELECT 'audit', 'extra-' || n, 'feed', clock_timestamp() FROM generate_series(1, 4) AS n",
        "DELETE FROM log.cycle WHERE replica LIKE 'extra-%'",
    ),
}


async def test_a_healthy_installation_has_no_error_and_shows_no_password(patient: Patient) -> None:
    findings = await examine(patient.target(ring="Ring 4711."))
    assert [one for one in findings if one.level == "error"] == []
    assert {one.code for one in findings if one.level == "warning"} == {
        "mail_not_set_up",
        "heartbeat_not_set",
        "operator_unreachable",
    }
    assert len([one for one in findings if one.level == "ok"]) >= 10
    assert "made-up" not in str([one.shown() for one in findings])


@pytest.mark.parametrize("how", BROKEN)
async def test_what_is_broken_is_named_and_what_is_mended_is_not(patient: Patient, how: str) -> None:
    code, breaking, mending = BROKEN[how]
    await patient.do(breaking)
    try:
        await named(patient.target(), code)
    finally:
        await patient.do(mending)
    assert code not in {one.code for one in await examine(patient.target())}


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_a_server_that_does_not_keep_what_it_was_given_is_named(patient: Patient, setting: str) -> None:
    async def is_now(value: str) -> None:
        async def seen() -> bool:
            return bool(await patient.installation.admin.fetchval("SELECT current_setting($1)", setting) == value)

        await until(seen)

    await patient.do(f"ALTER SYSTEM SET {setting} = off", "SELECT pg_reload_conf()")
    await is_now("off")
    try:
        assert (await named(patient.target(), f"{setting}_off")).level == "error"
    finally:
        await patient.do(f"ALTER SYSTEM RESET {setting}", "SELECT pg_reload_conf()")
        await is_now("on")


async def test_a_database_that_is_not_there_is_told_from_one_that_does_not_let_us_in(patient: Patient) -> None:
    database = patient.installation.database
    right = database.dsn("checkin")
    nowhere = f"postgresql://lonewatch_checkin:made-up@127.0.0.1:{free_port()}/lonewatch"
    for changes, code in (
        ({"database": nowhere}, "database_unreachable"),
        ({"database": right.replace("made-up", "wrong")}, "password_refused"),
        ({"database": f"{right}_gone"}, "database_missing"),
        ({"keys_database": nowhere}, "keys_unreachable"),
    ):
        target = patient.target("checkin")
        broken = target.services["checkin"].model_copy(
            update={name: type(target.any.database)(value) for name, value in changes.items()}
        )
        assert "made-up" not in (await named(type(target)({"checkin": broken}, patient.folder), code)).sentence


async def test_what_is_parked_or_goes_on_is_named_until_it_is_settled(patient: Patient) -> None:
    parked = RecordParked(
        service="audit",
        parked_id="audit.1",
        consumer="audit",
        topic="lonewatch.visits.v1",
        shard=0,
        position=1,
        record_type="visit.planned.v1",
        record_stream_id="visit-v1",
        visit_id=None,
        site_id=None,
        reason="malformed",
        detail="data",
        sha256="0" * 64,
    )
    differs = ClockDiffered(service="audit", replica="1", seconds=9)
    await record(patient.installation, "audit", trouble_stream("audit", "1"), parked, differs)
    assert "1 records" in (await named(patient.target(), "records_parked")).sentence
    await named(patient.target(), "troubles_unsettled")
    agreed = ClockAgreed(service="audit", replica="1")
    discarded = RecordDiscarded(parked_id="audit.1", by="dee", reason="test")
    await record(patient.installation, "audit", trouble_stream("audit", "1"), agreed, discarded)
    assert {"records_parked", "troubles_unsettled"} & {one.code for one in await examine(patient.target())} == set()


# A record past the head of the log, as only a superuser can put it there.
BROKEN_RECORD = """
INSERT INTO log.event (
    position, topic, shard, stream_id, version, type, event_id, correlation_id, actor, release, occurred_at, recorded_at,
    record
)
SELECT $1::bigint, 'lonewatch.visits.v1', 0, $2, 1000 + $1::bigint, $3, 'poison-' || $1::bigint, 'poison', 'poison',
    '0.1.0', clock_timestamp(), clock_timestamp(), $4
"""

RECORDS = (b"", b"\xff\xfe", b"[" * 100_000, b"null", b"[]", b"{}", b'{"data": 7}', b'{"data": {}}')
"""What no program of ours writes."""


@pytest.mark.parametrize(
    ("stream_id", "type_"),
    [
        ("audit_trouble-x", "trouble.record_parked.v1"),
        ("grant-operator", "grant.given.v1"),
        ("policy-x", "policy.adopted.v1"),
    ],
)
async def test_records_that_nobody_can_read_keep_no_check_from_being_made(
    patient: Patient, stream_id: str, type_: str
) -> None:
    admin = patient.installation.admin
    before = await admin.fetchval("SELECT position FROM log.head")
    for position, broken in enumerate(RECORDS, before + 1):
        await admin.execute(BROKEN_RECORD, position, stream_id, type_, broken)
    try:
        codes = {one.code for one in await examine(patient.target())}
        assert {"administrator_there", "ladders_reach_somebody"} <= codes
        assert "check_not_made" not in codes
    finally:
        async with admin.transaction():
            await admin.execute("SET LOCAL session_replication_role = replica")
            await admin.execute("DELETE FROM log.event WHERE position > $1", before)


async def test_an_operator_whom_nobody_can_reach_is_named(patient: Patient) -> None:
    await named(patient.target(), "operator_unreachable")


@pytest.mark.asyncio(loop_scope="function")
async def test_an_installation_in_which_nobody_administers_is_named(
    database: Database, installation: Installation, patient: Patient
) -> None:
    settings = installation.settings(
        "notifier", database=database.dsn("audit"), keys_database=database.keys_dsn("audit")
    )
    await named(type(patient.target())({"audit": settings}), "no_administrator")
