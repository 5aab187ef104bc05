"""Whether the log's database is what this release's migrations make of it."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from deploy.database import log_migrations
from deploy.doctor.finding import Finding, error, ok, warning

if TYPE_CHECKING:
    from deploy.doctor.target import Target
    from shared.runtime.postgres import Connection

APPLIED = "SELECT name, sha256 FROM lonewatch.migration"


async def log_is_of_this_release(_target: Target, log: Connection) -> list[Finding]:
    """Compare what was applied with this release's files."""
    applied = {row["name"]: row["sha256"] for row in await log.fetch(APPLIED)}
    ours = {name: sha256(path.read_text().encode()).hexdigest() for name, path in log_migrations()}
    findings = []
    if missing := sorted(ours.keys() - applied.keys()):
        findings.append(
            error(
                "migration_missing",
                f"The database lacks {', '.join(missing)}.",
                "Run the migrations as the server's administrator; 'lonewatch up' does it at its start.",
            )
        )
    if changed := sorted(name for name in ours.keys() & applied.keys() if ours[name] != applied[name]):
        findings.append(
            error(
                "migration_changed",
                f"{', '.join(changed)} differs from what was applied under its name.",
                "Put the release's own file back; a change is a new migration.",
            )
        )
    if later := sorted(applied.keys() - ours.keys()):
        findings.append(
            warning(
                "migration_later",
                f"The database was brought further than this release knows: {', '.join(later)}.",
                "Update this machine to the later release; it may serve beside that one meanwhile.",
            )
        )
    return findings or [ok("migrations_applied", f"All {len(ours)} migrations of this release are applied.")]
