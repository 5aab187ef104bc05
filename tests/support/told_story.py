"""The demo's own story, told on an installation of the tests: what came of each visit, its state, and how long alarms took.

The story is deploy's, people and policy included; here stand only the ways to strike in the middle of it and to look at
what is left when all is quiet. It can be told again and again on one installation, by the same people.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg

from deploy.story.choice import chosen
from deploy.story.messages import Messages
from deploy.story.stage import Stage
from deploy.story.story import Story
from shared.contracts.policy import Policy
from tests.support.campaign import size
from tests.support.live import Live
from tests.support.live_log import Fact
from tests.support.pace import reach
from tests.support.story_state import State, read_state, settled
from tests.support.waiting import until

SPEED = float(size(90, 60))
"""How much faster than the policy the story goes; at 60 as fast as the demo."""

SLACK = 3
"""How much longer than the policy says steps and tasks of a ladder last. From the task that passes on to the next step it is
four seconds then, at 90: longer than a slowed relay delays anybody, so that whoever acts is first in each telling."""

SETTLED_WITHIN = 60.0
"""Seconds until every service has taken in what the story left in the log."""

JUST_BEFORE = timedelta(milliseconds=300)
"""How long before the deadline a fault strikes: nothing of the alarm has been said yet, and all of it is still to come."""

STARTS = re.compile(r"(?P<who>\w+) starts a visit \((?P<visit>[0-9a-f]{32})\)")
"""The sentence in which the story names a visit."""

Strike = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Told:
    """One telling, looked at when all was quiet; each by the outcome that the story gives a visit."""

    visits: Mapping[str, str]
    """The visits' ids."""
    states: Mapping[str, State]
    took: Mapping[str, timedelta]
    """From each deadline, or call for help, to the first message in the hands of whoever is told first."""


@dataclass
class Teller:
    """Tells the story on an installation whose people are there."""

    live: Live
    story: Story
    said: list[str] = field(default_factory=list)

    async def tell(self, strike: Strike | None = None) -> Told:
        """Tell it once, and strike just before the check-in is missed; return what it came to when all is quiet."""
        before = set(self.story.visits)
        self.said.clear()
        if strike is None:
            await self.story.play()
        else:
            await asyncio.gather(self.story.play(), self._strike(strike))
        visits = {outcome: visit for visit, outcome in self.story.visits.items() if visit not in before}
        took = {outcome: found for outcome, visit in visits.items() if (found := await self._took(visit)) is not None}
        return Told(visits, await self._states(visits), took)

    async def _strike(self, strike: Strike) -> None:
        """Wait for the visit that is going to be missed, and strike just before it is."""
        found: list[str] = []

        async def begun() -> bool:
            starts = filter(None, map(STARTS.search, self.said))
            found[:] = [one["visit"] for one in starts if one["who"] == "ben"]
            return bool(found)

        await until(begun)
        deadline = (await self.live.admin.get(f"/checkin/visits/{found[0]}"))["deadline_at"]
        await reach(datetime.fromisoformat(deadline) - JUST_BEFORE)
        await strike()

    async def _states(self, visits: Mapping[str, str]) -> dict[str, State]:
        """Return the state of each visit, in one snapshot, as soon as every service has taken in the log."""
        connection = await asyncpg.connect(self.live.running.dsn(), ssl=False)
        try:
            await until(lambda: settled(connection), SETTLED_WITHIN)
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return {outcome: await read_state(connection, visit) for outcome, visit in visits.items()}
        finally:
            await connection.close()

    async def _took(self, visit: str) -> timedelta | None:
        """Return how long the first message of a visit's escalation took; None where there was no escalation."""
        facts = await self.live.log.facts(visit)
        began = next((began_at(one) for one in facts if began_at(one) is not None), None)
        step = next((one for one in facts if one.type == "escalation.step_started.v1"), None)
        if began is None or step is None:
            return None
        asked = {ask["notification_id"] for ask in step.data["asks"]}
        lines = [*self.live.mail.arrivals, *self.live.webhook.arrivals]
        return min(datetime.fromisoformat(one["at"]) for one in lines if asked & set(one["notifications"])) - began


def began_at(fact: Fact) -> datetime | None:
    """Return from when somebody waits to be told, where an event says so: the deadline, or the call for help."""
    if fact.type == "visit.check_in_missed.v1":
        return datetime.fromisoformat(fact.data["missed_at"])
    return fact.recorded_at if fact.type == "visit.help_requested.v1" else None


def unhurried(policy: Policy) -> Policy:
    """Return a copy whose steps and tasks take ``SLACK`` times as long; all else is as it was."""
    content = policy.model_dump()
    for step in (step for ladder in content["ladders"] for step in ladder["steps"]):
        step["wait"] *= SLACK
        for name in ("take_within", "finish_within") if step["task"] else ():
            step["task"][name]["span"] *= SLACK
    return Policy.model_validate(content)


@asynccontextmanager
async def teller(live: Live) -> AsyncIterator[Teller]:
    """Adopt the demo's policy on an installation, let its people join, and yield who tells the story there."""
    messages = Messages()
    said: list[str] = []
    live.mail.arrived, live.webhook.arrived = messages.mail, messages.webhook
    administrator = live.running.first_administrator
    assert administrator is not None, "an installation of the tests is new"
    kind, policy = chosen("stepping-stones")
    story = kind(Stage(live.url, administrator, SPEED, live.webhook.url), messages, said.append)
    try:
        await story.prepare(unhurried(policy))
        yield Teller(live, story, said)
    finally:
        await story.close()
