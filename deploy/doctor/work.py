"""Whether the services' reactions go on, by the right clock, and nothing is left to be settled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from deploy.database import SERVICES, log_migrations
from deploy.doctor.finding import Finding, error, ok, warning
from deploy.doctor.reading import data_of
from shared.runtime.watch import stale

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.doctor.target import Target
    from shared.runtime.postgres import Connection

SHARDS = 64

CLOCK = "SELECT clock_timestamp()"
"""The whole body of log.now() in every release; a test installs another."""

BODY = "SELECT prosrc FROM pg_proc WHERE oid = 'log.now()'::regprocedure"
ROWS = "SELECT consumer, topic, count(*) FROM log.applied GROUP BY consumer, topic"

# What services could not do, and what was put right, in order. Uses event_trouble.
TROUBLES = "SELECT type, record FROM log.event WHERE type LIKE 'trouble.%' ORDER BY position"

_STARTS = re.compile(r"log\.start_reaction\('([^']+)', '([^']+)'\)")

_OPENS = {
    "trouble.record_parked.v1": ("parked_id",),
    "trouble.deadline_failed.v1": ("service", "deadline_stream_id", "kind", "subject"),
    "trouble.clock_differed.v1": ("service", "replica"),
}
_SETTLES = {
    "trouble.record_replayed.v1": "trouble.record_parked.v1",
    "trouble.record_discarded.v1": "trouble.record_parked.v1",
    "trouble.deadline_recovered.v1": "trouble.deadline_failed.v1",
    "trouble.clock_agreed.v1": "trouble.clock_differed.v1",
}


async def reactions_have_rows(_target: Target, log: Connection) -> list[Finding]:
    """Compare the reactions that this release's migrations start with the rows that there are."""
    rows = {(row["consumer"], row["topic"]): row["count"] for row in await log.fetch(ROWS)}
    started = [found for _, path in log_migrations() for found in _STARTS.findall(path.read_text())]
    return [
        error(
            "reaction_without_rows",
            f"{consumer} has {rows.get((consumer, topic), 0)} of its {SHARDS} positions on {topic}, and does not start.",
            "Restore log.applied from the backup; a row made anew would skip or repeat what happened.",
        )
        for consumer, topic in started
        if rows.get((consumer, topic), 0) != SHARDS
    ] or [ok("reactions_have_rows", f"All {len(started)} reactions know how far they have come.")]


async def services_are_at_work(_target: Target, log: Connection) -> list[Finding]:
    """Look for services that have not finished their work lately in any replica: without one of them nobody is watched over."""
    return [
        error(
            "service_not_at_work",
            f"{sentence}.",
            "Start it; where it runs, its own lines (of 'lonewatch up': logs in the state folder) say what keeps it.",
        )
        for sentence in await stale(log, SERVICES)
    ] or [ok("services_at_work", "Every service finished its work lately.")]


async def log_clock_is_ours(_target: Target, log: Connection) -> list[Finding]:
    """Look at the only clock that decides anything."""
    if " ".join((await log.fetchval(BODY)).split()).rstrip(";") != CLOCK:
        return [
            error(
                "log_clock_replaced",
                "log.now() is not the release's: what is due may be late, or never come.",
                f"CREATE OR REPLACE FUNCTION log.now() with the body '{CLOCK}'.",
            )
        ]
    return [ok("log_clock_kept", "The log's clock is the database's.")]


async def nothing_is_unsettled(_target: Target, log: Connection) -> list[Finding]:
    """Look for records that are parked and troubles that have not ended."""
    open_ = unsettled([(row["type"], data_of(row["record"])) for row in await log.fetch(TROUBLES)])
    parked = open_.pop("trouble.record_parked.v1", 0)
    findings = []
    if parked:
        findings.append(
            warning(
                "records_parked",
                f"{parked} records are parked.",
                "See 'lonewatch parked list': mend, replay or discard them.",
            )
        )
    if troubles := sum(open_.values()):
        findings.append(
            warning(
                "troubles_unsettled",
                f"{troubles} troubles have not ended.",
                "See 'lonewatch status', and the services' lines.",
            )
        )
    return findings or [ok("nothing_unsettled", "Nothing is parked, and no trouble goes on.")]


def unsettled(troubles: list[tuple[str, Mapping[str, str]]]) -> dict[str, int]:
    """Return how many troubles of each type began and have not ended."""
    going_on: set[tuple[str, ...]] = set()
    for type_, data in troubles:
        kind = _SETTLES.get(type_, type_)
        if kind in _OPENS:
            which = (
                kind,
                *(str(data.get(field)) for field in _OPENS[kind]),
            )  # of one that is broken: None, which is one more
            (going_on.discard if type_ in _SETTLES else going_on.add)(which)
    return {kind: sum(one[0] == kind for one in going_on) for kind in _OPENS}
