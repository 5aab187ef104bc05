"""Make every check of the table, in order. Decides nothing itself."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import asyncpg

from deploy.doctor import (
    channels,
    connections,
    kafka,
    kafka_work,
    keys,
    machine,
    mail,
    migrations,
    people,
    privileges,
    server,
    work,
)
from deploy.doctor.finding import Finding, error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from deploy.doctor.target import Target
    from shared.runtime.postgres import Connection

OF_THE_MACHINE = (
    keys.file_is_well,
    machine.disk_has_room,
    mail.can_be_sent,
    channels.people_can_follow_links,
    channels.somebody_outside_listens,
    channels.people_know_whom_to_ring,
    kafka.can_carry,
)
"""What is looked at without the database."""

OF_THE_LOG = (
    server.answers_for_good,
    server.settings_keep_data,
    server.has_room_for_connections,
    server.clock_agrees,
    migrations.log_is_of_this_release,
    privileges.log_is_append_only,
    privileges.log_is_whole,
    privileges.services_may_work,
    work.services_are_at_work,
    work.reactions_have_rows,
    work.log_clock_is_ours,
    work.nothing_is_unsettled,
    people.somebody_administers,
    people.operator_is_reachable,
    people.ladders_reach_somebody,
    kafka_work.records_are_published,
    kafka_work.services_follow,
)
"""What one connection to the log shows."""

OF_THE_KEYS = (keys.file_opens_what_is_stored, privileges.keys_can_be_used)
"""What one connection to the keys database shows."""


async def examine(target: Target) -> list[Finding]:
    """Return what was found, in the order of the tables."""
    async with AsyncExitStack() as stack:
        findings, logs, stores = await connections.open_all(target, stack)
        for check in OF_THE_MACHINE:
            findings += await _made(check(target))
        for service, connection in logs.items():
            findings += await _made(server.session_is_bounded(service, connection))
        findings += await _first(target, logs, OF_THE_LOG)
        findings += await _first(target, stores, OF_THE_KEYS)
    return list(dict.fromkeys(findings))


async def _first(
    target: Target,
    found: Mapping[str, Connection],
    checks: tuple[Callable[[Target, Connection], Awaitable[list[Finding]]], ...],
) -> list[Finding]:
    """Make checks by the first connection there is; by none where there is none, which is a finding already."""
    findings: list[Finding] = []
    for connection in list(found.values())[:1]:
        for check in checks:
            findings += await _made(check(target, connection))
    return findings


async def _made(check: Awaitable[list[Finding]]) -> list[Finding]:
    """Return what a check found; one that cannot be made is a finding, too: the others still are."""
    try:
        return await check
    except asyncpg.PostgresError as refused:
        what = f"The database did not let a check be made ({type(refused).__name__})."
    except (asyncpg.InterfaceError, OSError, ValueError) as failed:  # cut off, too slow, or not to be understood
        what = f"A check could not be made ({type(failed).__name__})."
    return [error("check_not_made", what, "Put right what else is found, then run this again.")]
