"""Who may do what with the log: append only, by privilege, and each service to its own streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.database import LOG_DATABASE, SERVICES, address
from shared.contracts.topics import STREAM_KINDS, TOPIC_OF_SERVICE, shard_of
from shared.runtime.log import Outcome
from tests.store.appending import Writer, appends, outside, settled, to
from tests.support.services import TEMPLATE, Database

REFUSED = asyncpg.InsufficientPrivilegeError
TABLES = ("event", "command", "applied", "head", "deadline", "cycle", "owner", "stream_kind", "relay", "relay_offset")
CHANGES = (
    "INSERT INTO log.{} DEFAULT VALUES",
    "UPDATE log.{} SET {} = {}",
    "DELETE FROM log.{}",
    "TRUNCATE log.{}",
    "DO 'BEGIN LOCK TABLE log.{} IN ACCESS EXCLUSIVE MODE; END'",
    "DROP TABLE log.{}",
)
OTHER_WAYS = (
    "SET ROLE lonewatch_log",
    "SET SESSION AUTHORIZATION lonewatch_log",
    "SELECT log.start_reaction('mine', 'lonewatch.visits.v1')",
    "SELECT * FROM log.head FOR UPDATE",
    "CREATE TABLE log.mine ()",
    "CREATE SCHEMA mine",
    "CREATE OR REPLACE FUNCTION log.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()'",
    "ALTER TABLE log.event DISABLE TRIGGER ALL",
)
"""What else somebody might try who wants to change the log."""

FIRST_COLUMN = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = 'log' AND table_name = $1 AND ordinal_position = 1
"""
OTHERS_STREAM = {"checkin": "escalation-a", "escalation": "visit-a", "notifier": "visit-a", "audit": "recipient-a"}
SETTINGS = {
    "idle_in_transaction_session_timeout": "2s",
    "lock_timeout": "5s",
    "statement_timeout": "10s",
    "tcp_user_timeout": "5000",
}
"""What holds for every role, so that a paused or cut-off client holds nobody up for longer."""

# Call log.append as it is, with one event for a stream that is not written, or one deadline.
APPEND_EVENT = """
SELECT * FROM log.append('[{"command": 0}]', '[]', '[]', jsonb_build_array(jsonb_build_object(
    'command', 0, 'stream_id', $1::text, 'version', 1, 'type', 't', 'event_id', 'e', 'correlation_id', 'c',
    'actor', 'a', 'release', 'r', 'occurred_at', '2026-01-01T00:00:00Z')), ARRAY['"x":1}'::bytea], '[]')
"""
APPEND_DEADLINE = """
SELECT * FROM log.append('[{"command": 0}]', '[]', '[]', '[]', ARRAY[]::bytea[], jsonb_build_array(jsonb_build_object(
    'command', 0, 'stream_id', $1::text, 'kind', 'k', 'subject', 's', 'due_at', '2026-01-01T00:00:00Z')))
"""


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    """Each of the four services in turn."""
    name: str = request.param
    return name


@pytest.fixture
async def role(
    service: str, database: Database, admin: asyncpg.Connection[asyncpg.Record]
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection by the role of a service."""
    assert not admin.is_closed()
    connection = await asyncpg.connect(database.dsn(service))
    yield connection
    await connection.close()


async def changes(admin: asyncpg.Connection[asyncpg.Record], *tables: str) -> list[str]:
    """Return every statement that would change one of these tables, each with a column that exists."""
    found = []
    for table in tables:
        column = await admin.fetchval(FIRST_COLUMN, table)
        found += [change.format(table, column, column) for change in CHANGES]
    return found


async def test_a_service_reads_every_table_and_changes_none(
    role: asyncpg.Connection[asyncpg.Record], admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    for table in TABLES:
        await role.execute(f"SELECT * FROM log.{table} LIMIT 1")  # noqa: S608 -- names of this test
    for statement in await changes(admin, *TABLES):
        with pytest.raises(REFUSED):
            await role.execute(statement)


async def test_these_are_all_the_tables_of_the_log(admin: asyncpg.Connection[asyncpg.Record]) -> None:
    rows = await admin.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'log'")
    assert {row["tablename"] for row in rows} == {*TABLES, "shift"}  # the tests' own clock


async def test_a_service_cannot_become_the_owner_or_start_a_reaction(
    role: asyncpg.Connection[asyncpg.Record],
) -> None:
    for statement in OTHER_WAYS:
        with pytest.raises(REFUSED):
            await role.execute(statement)


async def test_even_the_owner_of_the_log_cannot_change_or_remove_what_was_appended(
    checkin: Writer, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    await checkin.append(to("worker-a"), origin=outside("id-1"))
    await admin.execute("SET ROLE lonewatch_log")
    for statement in (
        "UPDATE log.event SET record = record",
        "DELETE FROM log.event",
        "TRUNCATE log.event",
        "UPDATE log.command SET answer = answer",
        "DELETE FROM log.command",
        "TRUNCATE log.command",
    ):
        with pytest.raises(REFUSED):
            await admin.execute(statement)
    await admin.execute("RESET ROLE")
    assert await admin.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'lonewatch_log'") is False


async def test_a_service_cannot_append_to_a_stream_of_another_while_its_neighbours_succeed(
    service: str, database: Database, admin: asyncpg.Connection[asyncpg.Record]
) -> None:
    own = next(kind for kind, topic in STREAM_KINDS.items() if topic == TOPIC_OF_SERVICE[service])
    async with appends(database.dsn(service)) as writer:
        before, stray, after = await settled(
            writer.append(to(f"{own}-1")),
            writer.append(to(f"{own}-2"), to(OTHERS_STREAM[service])),
            writer.append(to(f"{own}-3")),
        )
    assert isinstance(before, Outcome)
    assert isinstance(stray, REFUSED)
    assert isinstance(after, Outcome)
    assert await admin.fetchval("SELECT max(position) FROM log.event WHERE topic = $1", TOPIC_OF_SERVICE[service]) == 2


@pytest.mark.parametrize("call", [APPEND_EVENT, APPEND_DEADLINE], ids=["event", "deadline"])
async def test_a_service_cannot_slip_an_event_or_a_deadline_into_the_stream_of_another(
    service: str, role: asyncpg.Connection[asyncpg.Record], call: str
) -> None:
    for stream_id in (OTHERS_STREAM[service], "unknown-a"):
        with pytest.raises(REFUSED):
            await role.fetch(call, stream_id)


async def test_a_role_that_owns_no_topic_appends_nothing(admin: asyncpg.Connection[asyncpg.Record]) -> None:
    with pytest.raises(REFUSED, match="owns no topic"):
        await admin.fetch(APPEND_DEADLINE, "visit-a")
    with pytest.raises(REFUSED, match="owns no topic"):
        await admin.fetch("SELECT * FROM log.claim_deadlines(1, '1s')")


async def test_every_session_of_a_service_is_bounded(role: asyncpg.Connection[asyncpg.Record]) -> None:
    assert {name: await role.fetchval(f"SHOW {name}") for name in SETTINGS} == SETTINGS


async def test_the_log_knows_the_same_owners_as_the_contracts(admin: asyncpg.Connection[asyncpg.Record]) -> None:
    owners = await admin.fetch("SELECT role::text, service, topic FROM log.owner")
    kinds = await admin.fetch("SELECT kind, topic FROM log.stream_kind")
    assert {row["service"]: row["topic"] for row in owners} == TOPIC_OF_SERVICE
    assert {row["role"] for row in owners} == {f"lonewatch_{name}" for name in TOPIC_OF_SERVICE}
    assert {row["kind"]: row["topic"] for row in kinds} == STREAM_KINDS


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@settings(max_examples=20)
@given(subjects=st.lists(TEXTS, min_size=20, max_size=200))
def test_the_log_and_the_contracts_agree_on_every_shard(template: str, subjects: list[str]) -> None:
    async def shards() -> list[int]:
        connection = await asyncpg.connect(address(template, LOG_DATABASE + TEMPLATE))
        try:
            rows = await connection.fetch("SELECT log.shard(s) AS shard FROM unnest($1::text[]) AS s", subjects)
        finally:
            await connection.close()
        return [row["shard"] for row in rows]

    assert asyncio.run(shards()) == [shard_of(subject) for subject in subjects]
