"""Whether the server keeps what it was given, has room, and knows what time it is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from deploy.doctor.finding import Finding, error, ok, warning
from deploy.local.configuration import FOR_OTHERS, PER_REPLICA

if TYPE_CHECKING:
    from deploy.doctor.target import Target
    from shared.runtime.postgres import Connection

OLDEST = 15
"""The oldest PostgreSQL on which the migrations run."""

APART = timedelta(seconds=2)
"""How far this machine's clock and the database's may be apart: what every service alarms at, too."""

BOUNDS = {
    "idle_in_transaction_session_timeout": 2_000,
    "lock_timeout": 5_000,
    "statement_timeout": 10_000,
    "tcp_user_timeout": 5_000,
}
"""Milliseconds that every service's role is given by the installation: nobody paused holds the others up for longer."""

KEEPING = "SELECT current_setting($1)"
SOURCE = "SELECT setting, source FROM pg_settings WHERE name = $1"
READ_ONLY = "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')"

# Replicas that finished a cycle within the last hour.
REPLICAS = (
    "SELECT count(DISTINCT (service, replica)) FROM log.cycle WHERE finished_at > clock_timestamp() - interval '1 h'"
)


async def answers_for_good(_target: Target, log: Connection) -> list[Finding]:
    """Look at the release of the server, and whether it is one that can be written to."""
    standby, read_only = await log.fetchrow(READ_ONLY) or (False, "off")
    version = int(await log.fetchval(KEEPING, "server_version_num")) // 10_000
    findings = []
    if standby:
        findings.append(
            error(
                "server_is_standby",
                "The server is a standby: nothing can be written.",
                "Give the primary's address, or promote it.",
            )
        )
    elif read_only == "on":
        findings.append(
            error(
                "server_read_only",
                "What a service begins is read-only: nothing can be written.",
                "Reset default_transaction_read_only for the server, the database and the roles.",
            )
        )
    if version < OLDEST:
        findings.append(
            error(
                "server_too_old",
                f"PostgreSQL {version} is older than {OLDEST}.",
                f"Move to PostgreSQL {OLDEST} or a later one.",
            )
        )
    return findings or [ok("server_writable", f"PostgreSQL {version} can be written to.")]


async def settings_keep_data(_target: Target, log: Connection) -> list[Finding]:
    """Look at what makes an answered write outlive a crash."""
    findings = [
        error(
            f"{name}_off",
            f"{name} is off: what was answered may be gone, or broken, after a crash.",
            f"Set {name} = on (ALTER SYSTEM SET {name} = on) and reload the server.",
        )
        for name in ("fsync", "full_page_writes")
        if await log.fetchval(KEEPING, name) == "off"
    ]
    if await log.fetchval(KEEPING, "data_checksums") == "off":
        findings.append(
            warning(
                "checksums_off",
                "Data checksums are off: a page that the disk has changed is not noticed.",
                "Stop the server and run pg_checksums --enable.",
            )
        )
    return findings or [ok("data_kept", "What is answered is on the disk.")]


async def session_is_bounded(service: str, log: Connection) -> list[Finding]:
    """Look at what a service's own sessions are given: by its role, its database or the server."""
    findings = []
    commit, source = await log.fetchrow(SOURCE, "synchronous_commit") or ("on", "")
    if commit in {"off", "local"}:
        findings.append(
            error(
                "synchronous_commit_off",
                f"synchronous_commit is {commit} for {service} (set by: {source}): what was answered may be gone after a crash.",
                "Reset it where it is set: ALTER ROLE … RESET, ALTER DATABASE … RESET, or ALTER SYSTEM SET … = on.",
            )
        )
    for name, most in BOUNDS.items():
        given = int((await log.fetchrow(SOURCE, name) or ("0",))[0])
        if not 0 < given <= most:
            findings.append(
                error(
                    "role_setting_missing",
                    f"{name} is {given} ms for lonewatch_{service}: a paused process may hold up all the others.",
                    f"ALTER ROLE lonewatch_{service} SET {name} = '{most // 1000}s'.",
                )
            )
    return findings


async def has_room_for_connections(_target: Target, log: Connection) -> list[Finding]:
    """Compare the server's connections with what the replicas that ran lately may hold."""
    replicas = int(await log.fetchval(REPLICAS))
    most, needed = int(await log.fetchval(KEEPING, "max_connections")), replicas * PER_REPLICA + FOR_OTHERS
    if most < needed:
        return [
            error(
                "too_few_connections",
                f"max_connections is {most}, and {replicas} replicas and whoever else looks need {needed}.",
                f"Set max_connections to {needed} or more and restart PostgreSQL.",
            )
        ]
    return [ok("connections_suffice", f"max_connections is {most}; {needed} are needed.")]


async def clock_agrees(target: Target, log: Connection) -> list[Finding]:
    """Compare this machine's clock with the database's, which decides."""
    before = target.clock()
    there = await log.fetchval("SELECT clock_timestamp()")
    after = target.clock()
    apart = max(before - there, there - after, timedelta(0))
    if apart > APART:
        return [
            error(
                "clock_differs",
                f"This machine's clock and the database's are {apart.total_seconds():.0f} s apart.",
                "Let both follow the same time servers (NTP); the database's clock decides when somebody is missed.",
            )
        ]
    return [ok("clock_agrees", "This machine's clock and the database's agree.")]
