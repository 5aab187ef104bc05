"""One story that touches every service, to be told undisturbed and under every fault: its outline must be the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.support.live_world import HANA, SAM, LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.reached import press

MISSED = "visit.check_in_missed.v1"

RULES = policy(interval=seconds(3), grace=seconds(1), waits=(seconds(5), seconds(60)))
"""Short enough for a test, and so long that no step falls due while a service is being started again."""

Strike = Callable[[str], Awaitable[None]]
"""What happens at a moment of the story; each moment is named after the service that it matters to."""


async def undisturbed(_moment: str) -> None:
    """Let nothing happen."""


async def told(world: LiveWorld, strike: Strike) -> str:
    """Tell the story, and strike at its moments; return the visit's id."""
    visit = await world.start_visit()
    await world.check_in(visit)
    await world.happened(visit, "visit.reminder_due.v1", times=2)
    await strike("checkin")  # the deadline passes while nobody looks
    await world.happened(visit, MISSED, within=60)
    await strike("escalation")  # the miss is in the log, and somebody has to be told
    await world.is_told(visit, SAM, within=60)
    await strike("notifier")  # a message has arrived, and its outcome may not be in the log
    hana = await world.is_told(visit, HANA, within=60)
    await asyncio.gather(strike("front"), press(hana.data["link"], "acknowledge"))  # the press is under way
    await world.happened(visit, "escalation.acknowledged.v1", within=60)
    await press(hana.data["link"], "resolve", how="met_in_person", confirmed="yes")
    await world.happened(visit, "visit.watch_resumed.v1", within=60)
    await world.check_in(visit)
    await world.end(visit)
    await strike("audit")  # what it shows comes from the log
    for who in (SAM, HANA):
        await world.is_told(visit, who, "all_clear", within=60)
    return visit


async def outline(world: LiveWorld, visit: str) -> list[object]:
    """Return what two tellings must have in common: each stream's events in order, and who was told of what.

    Attempts are left out: a message whose outcome nobody knows goes again. So are reminders, of which there are more where
    somebody has to wait.
    """
    facts = [one for one in await world.live.log.facts(visit) if one.type != "visit.reminder_due.v1"]
    streams = [[one.type for one in facts if one.stream_id.startswith(kind)] for kind in ("visit-", "escalation-")]
    queued = [one.data for one in facts if one.type == "notification.queued.v1"]
    asks = [one for one in queued if one["kind"] != "reminder"]
    asked = sorted((one["recipient_id"].removeprefix(f"{world.site_id}-"), one["kind"]) for one in asks)
    summary = (await world.timeline(visit))["summary"]
    steps = [len(one["steps"]) for one in summary["escalations"]]
    return [*streams, asked, summary["status"], steps]
