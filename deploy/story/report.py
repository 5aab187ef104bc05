"""What the demo tells when its story has ended: the timeline of each visit, and how fast somebody was told."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg

from deploy.client import Client
from services.audit.domain import timeline_text

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.local.installation import Installation
    from deploy.story.story import Story

SETTLED_WITHIN = 10.0
"""Seconds for the last all-clear to be handed over; usually less than one."""

WIDEST = 160
"""Columns of a timeline at most: wider than that a sentence is hard to follow."""

_LOOK_EVERY = 0.3


async def tell(running: Installation, story: Story, console: Console) -> dict[str, Any]:
    """Print the timelines and how fast the first message was handed over; return what ``--json`` prints."""
    escalations: list[dict[str, Any]] = []
    async with Client(running.url, running.first_administrator) as client:
        for visit_id in story.visits:
            found = await _settled(client, visit_id)
            console.print()
            console.print(timeline_text(found, width=min(console.width, WIDEST)), markup=False)
            escalations += [
                {"id": one.pop("escalation_id"), "visit_id": visit_id, **one} for one in found["summary"]["escalations"]
            ]
    console.print()
    for one in escalations:
        since = datetime.fromisoformat(one["due_at"] or one["opened_at"])
        took = (datetime.fromisoformat(one["first_attempt_at"]) - since).total_seconds()
        of = "the deadline" if one["due_at"] else "the signal" if one["trigger"] == "duress" else "the call for help"
        console.print(f"{one['trigger']}: first message handed over {took:.2f} s after {of}")
    visits = [{"id": visit_id, "outcome": outcome} for visit_id, outcome in story.visits.items()]
    positions = await _positions(running)
    return {"policy": story.NAME, "visits": visits, "escalations": escalations, "positions": positions}


async def _settled(client: Client, visit_id: str) -> dict[str, Any]:
    """Return the timeline of an ended visit as soon as nothing that was expected in it is open."""
    loop = asyncio.get_running_loop()
    until = loop.time() + SETTLED_WITHIN
    while True:
        found: dict[str, Any] = await client.get(f"/audit/visits/{visit_id}/timeline")
        if loop.time() > until or not any(line["outcome"] == "open" for line in found["lines"]):
            return found
        await asyncio.sleep(_LOOK_EVERY)


async def _positions(running: Installation) -> int:
    """Return how many events the log has."""
    connection = await asyncpg.connect(running.dsn(), ssl=False)
    try:
        return int(await connection.fetchval("SELECT position FROM log.head"))
    finally:
        await connection.close()
