"""Visits that go on and on at one site while something is done to Kafka: check-ins without a pause, and missed ones.

Says what was accepted; whether it was kept and came of it what must, the checker says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.support.live_world import SAM, LiveWorld
from tests.support.operator_policy import policy, seconds
from tests.support.reached import press

LANES = 3
"""Visits that check in without a pause: enough to keep every service busy on two processors, with room for Kafka."""

SILENT = 2
"""Visits at a time whose worker says nothing: each is missed, taken, stood down and followed by another."""

RULES = policy(interval=seconds(60), grace=seconds(0.5), waits=(seconds(60),))
"""No step follows the first, so that who is told does not hang on how busy the machine is."""


@dataclass
class Load:
    """What came of the load so far."""

    world: LiveWorld
    accepted: dict[str, int] = field(default_factory=dict)
    """Check-ins, by visit."""
    alarms: int = 0
    """Missed check-ins that were taken and stood down."""
    slowest: timedelta = timedelta(0)
    """Of the alarms: from the deadline to the message in somebody's hands."""
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def goes_on(self, check_ins: int, alarms: int = 1, within: float = 60) -> None:
        """Wait until every lane has got on by so many."""
        before, alarms_before = dict(self.accepted), self.alarms

        async def enough() -> bool:
            alarmed = self.alarms >= alarms_before + alarms
            return alarmed and all(self.accepted[visit] >= done + check_ins for visit, done in before.items())

        try:
            await self.world.wait_for(enough, within, f"{check_ins} more check-ins of each visit, {alarms} alarms")
        except AssertionError as error:
            got_on = sorted(self.accepted[visit] - done for visit, done in before.items())
            message = f"{error}: there were {got_on} and {self.alarms - alarms_before}"
            raise AssertionError(message) from None

    async def kept(self) -> bool:
        """Say whether the log has each accepted check-in once."""
        found = {visit: await self.world.facts(visit, "visit.check_in_recorded.v1") for visit in self.accepted}
        return {visit: len(facts) for visit, facts in found.items()} == self.accepted

    async def check_in(self, visit: str) -> None:
        """Check in until it is over, then end the visit."""
        while not self.stopped.is_set():
            await self.world.check_in(visit)
            self.accepted[visit] += 1
        await self.world.end(visit)

    async def say_nothing(self) -> None:
        """Miss one check-in after another, each in a visit of its own."""
        while not self.stopped.is_set():
            visit = await self.world.start_visit(interval=seconds(1))
            deadline = datetime.fromisoformat((await self.world.visit(visit))["deadline_at"])
            missed = await self.world.is_told(visit, SAM, within=60)
            self.slowest = max(self.slowest, missed.at - deadline)
            await press(missed.data["link"], "stand_down", reason="test")
            await self.world.end(visit)
            self.alarms += 1


@asynccontextmanager
async def load(world: LiveWorld) -> AsyncIterator[Load]:
    """Keep the site busy for the length of the block; at its end every visit is ended."""
    await world.adopt(RULES)
    made = Load(world)
    made.accepted.update(dict.fromkeys([await world.start_visit() for _ in range(LANES)], 0))
    async with asyncio.TaskGroup() as lanes:
        for visit in made.accepted:
            lanes.create_task(made.check_in(visit))
        for _ in range(SILENT):
            lanes.create_task(made.say_nothing())
        try:
            yield made
        finally:
            made.stopped.set()
